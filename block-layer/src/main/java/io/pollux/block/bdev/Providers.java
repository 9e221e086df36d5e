// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.bdev;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import java.security.CodeSource;
import java.util.Collection;
import java.util.Collections;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The types of filesystems and disks that java.util.ServiceLoader finds, by name. A name has at
 * most 32 characters: lower-case letters, digits, '.', '_' and '-', the first a letter or digit.
 * {@link #NONE} is not a name. Immutable.
 */
@LinuxSource(
    file = "fs/filesystems.c",
    name = {"get_fs_type", "register_filesystem"})
public final class Providers {
  /** The word for the absence of a filesystem. */
  public static final String NONE = "none";

  private static final Pattern NAME = Pattern.compile("[a-z0-9][a-z0-9._-]{0,31}");
  private static final int MAX_PROVIDERS = 1000;

  private final Map<String, FileSystemType> fileSystems;
  private final Map<String, DiskType> disks;

  private Providers(Map<String, FileSystemType> fileSystems, Map<String, DiskType> disks) {
    this.fileSystems = Collections.unmodifiableMap(fileSystems);
    this.disks = Collections.unmodifiableMap(disks);
  }

  /** The providers of this build, found once. */
  private static final class BuiltIn {
    static final Providers INSTANCE = find();

    private static Providers find() {
      try {
        return of(Providers.class.getClassLoader(), null);
      } catch (ErrnoException e) {
        throw new IllegalStateException(e.getMessage(), e);
      }
    }
  }

  /**
   * Returns the providers of this build: its modules or its class path.
   *
   * @return the providers, found on the first call
   * @throws IllegalStateException if two have one name, or one can't be loaded
   */
  public static Providers builtIn() {
    return BuiltIn.INSTANCE;
  }

  /**
   * Finds providers.
   *
   * @param loader finds those of a class path, and those of the modules of its parents
   * @param layer finds those of its modules; null for none
   * @return the providers; each class is instantiated once
   * @throws ErrnoException EEXIST: two have one name. EINVAL: one has an invalid name or can't be
   *     loaded. The sentence names the class
   */
  public static Providers of(ClassLoader loader, @Nullable ModuleLayer layer)
      throws ErrnoException {
    Map<String, FileSystemType> fileSystems =
        byName(
            "filesystem",
            FileSystemType::name,
            ServiceLoader.load(FileSystemType.class, loader),
            layer == null ? null : ServiceLoader.load(layer, FileSystemType.class));
    Map<String, DiskType> disks =
        byName(
            "disk",
            DiskType::name,
            ServiceLoader.load(DiskType.class, loader),
            layer == null ? null : ServiceLoader.load(layer, DiskType.class));
    return new Providers(fileSystems, disks);
  }

  /**
   * Adds a filesystem to these providers, for a test of it that needs no jar.
   *
   * @param more the type
   * @return these providers and that type
   * @throws ErrnoException EEXIST: another type has that name. EINVAL: the name is invalid
   */
  public Providers with(FileSystemType more) throws ErrnoException {
    Map<String, FileSystemType> all = new TreeMap<>(fileSystems);
    add("filesystem", more.name(), more, all);
    return new Providers(all, disks);
  }

  /**
   * Adds a type of disk to these providers, for tests without a jar.
   *
   * @param more the type
   * @return these providers and that type
   * @throws ErrnoException EEXIST: another type has that name. EINVAL: the name is invalid
   */
  public Providers with(DiskType more) throws ErrnoException {
    Map<String, DiskType> all = new TreeMap<>(disks);
    add("disk", more.name(), more, all);
    return new Providers(fileSystems, all);
  }

  private static <T> Map<String, T> byName(
      String what,
      Function<T, String> nameOf,
      ServiceLoader<T> first,
      @Nullable ServiceLoader<T> second)
      throws ErrnoException {
    Set<Class<?>> classes = new LinkedHashSet<>(); // a layer finds those of its parents again
    Map<String, T> found = new TreeMap<>();
    addAll(what, nameOf, first, classes, found);
    if (second != null) {
      addAll(what, nameOf, second, classes, found);
    }
    return found;
  }

  private static <T> void addAll(
      String what,
      Function<T, String> nameOf,
      ServiceLoader<T> loader,
      Set<Class<?>> classes,
      Map<String, T> found)
      throws ErrnoException {
    Iterator<ServiceLoader.Provider<T>> each = loader.stream().iterator();
    String type = "a provider of a " + what;
    try {
      while (classes.size() < MAX_PROVIDERS && each.hasNext()) {
        ServiceLoader.Provider<T> provider = each.next();
        type = provider.type().getName();
        if (classes.add(provider.type())) {
          T made = provider.get();
          add(what, nameOf.apply(made), made, found);
        }
        type = "a provider after " + type;
      }
    } catch (ServiceConfigurationError e) {
      throw new ErrnoException(Errno.EINVAL, reasonOf(type, e));
    } catch (RuntimeException | LinkageError | AssertionError e) { // of name()
      throw new ErrnoException(Errno.EINVAL, type + ": threw " + oneLine(e) + " as it was loaded");
    }
  }

  /** Returns a sentence about a provider that could not be loaded: its own exception, if any. */
  private static String reasonOf(String type, ServiceConfigurationError e) {
    Throwable cause = e.getCause();
    if (cause instanceof ExceptionInInitializerError && cause.getCause() != null) {
      cause = cause.getCause();
    }
    return cause == null
        ? oneLine(e.getMessage())
        : type + ": threw " + oneLine(cause) + " as it was loaded";
  }

  private static String oneLine(@Nullable Object text) {
    return String.valueOf(text).replaceAll("\\s+", " ");
  }

  private static <T> void add(String what, @Nullable String name, T made, Map<String, T> found)
      throws ErrnoException {
    String type = made.getClass().getName();
    if (name == null || !NAME.matcher(name).matches() || name.equals(NONE)) {
      throw new ErrnoException(
          Errno.EINVAL, type + ": '" + oneLine(name) + "' can't be the name of a " + what);
    }
    T other = found.putIfAbsent(name, made);
    if (other != null) {
      throw new ErrnoException(
          Errno.EEXIST,
          name
              + ": two "
              + what
              + "s have this name: "
              + describe(other)
              + " and "
              + describe(made));
    }
  }

  /** Names a provider and its jar. */
  private static String describe(Object provider) {
    CodeSource from = provider.getClass().getProtectionDomain().getCodeSource();
    String path = from == null || from.getLocation() == null ? "" : from.getLocation().getPath();
    String file = path.substring(path.lastIndexOf('/') + 1);
    return provider.getClass().getName() + (file.isEmpty() ? "" : " of " + file);
  }

  /**
   * Returns the types of filesystems.
   *
   * @return the types, in the order of their names
   */
  public Collection<FileSystemType> fileSystems() {
    return fileSystems.values();
  }

  /**
   * Returns the types of disks.
   *
   * @return the types, in the order of their names
   */
  public Collection<DiskType> disks() {
    return disks.values();
  }

  /**
   * Finds a type of filesystem.
   *
   * @param name any text
   * @return the type of that name
   * @throws ErrnoException ENODEV if there is none
   */
  @LinuxSource(file = "fs/filesystems.c", name = "get_fs_type")
  public FileSystemType fileSystem(String name) throws ErrnoException {
    return find("filesystem", name, fileSystems);
  }

  /**
   * Finds a type of disk.
   *
   * @param name any text
   * @return the type of that name
   * @throws ErrnoException ENODEV if there is none
   */
  public DiskType disk(String name) throws ErrnoException {
    return find("disk", name, disks);
  }

  private static <T> T find(String what, String name, Map<String, T> found) throws ErrnoException {
    T type = found.get(name);
    if (type == null) {
      throw new ErrnoException(
          Errno.ENODEV,
          "there is no type of "
              + what
              + " '"
              + oneLine(name)
              + "'; there are "
              + String.join(", ", found.keySet()));
    }
    return type;
  }
}
