// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.image;

import io.pollux.block.bdev.DiskType;
import io.pollux.block.bdev.FileSystemType;
import io.pollux.block.bdev.Providers;
import io.pollux.core.ErrnoException;
import io.pollux.tools.console.Failure;
import io.pollux.tools.console.IoReason;
import java.io.IOException;
import java.lang.module.Configuration;
import java.lang.module.FindException;
import java.lang.module.ModuleDescriptor;
import java.lang.module.ModuleFinder;
import java.lang.module.ModuleReference;
import java.lang.module.ResolutionException;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.jar.JarFile;
import java.util.zip.ZipException;
import org.jspecify.annotations.Nullable;

/**
 * Loads filesystems and disks from jars. Jars whose module-info has a provider are modules in a
 * layer above the application's; others are on a class path above the application's. A jar without
 * a provider is a library for the other jars in both cases. If the application itself is on a class
 * path, all jars are on that class path. The jars stay open until the process exits.
 */
public final class Modules {
  /** The option that lists jars. */
  public static final String OPTION = "--modules";

  /** The environment variable that lists jars. */
  public static final String VARIABLE = "POLLUX_MODULES";

  private static final Set<String> SERVICES =
      Set.of(FileSystemType.class.getName(), DiskType.class.getName());
  private static final int MAX_JARS = 256;

  /**
   * The providers of each list of jars, so that a command that opens many targets loads them once.
   */
  private static final Map<String, Providers> LOADED = new HashMap<>();

  private Modules() {}

  /**
   * Loads the providers of jars, besides those of this build.
   *
   * @param jars paths separated by colons; empty for none
   * @return all providers
   * @throws Failure if a jar is missing, no jar has a provider, or a provider can't be loaded
   */
  public static Providers load(String jars) {
    if (jars.isEmpty()) {
      return Providers.builtIn();
    }
    synchronized (LOADED) {
      Providers there = LOADED.get(jars);
      if (there == null) {
        there = read(jars);
        LOADED.put(jars, there);
      }
      return there;
    }
  }

  private static Providers read(String jars) {
    boolean modular = Modules.class.getModule().isNamed();
    List<Path> modules = new ArrayList<>();
    List<Path> libraries = new ArrayList<>();
    List<URL> classPath = new ArrayList<>();
    String[] paths = jars.split(":", -1);
    if (paths.length > MAX_JARS) {
      throw Failure.couldNotRun(OPTION, "it has more than " + MAX_JARS + " jars");
    }
    for (String path : paths) {
      Path jar = jar(path);
      Kind kind = kind(jar);
      if (kind == Kind.MODULE && modular) {
        modules.add(jar);
        continue;
      }
      classPath.add(url(jar));
      if (kind == Kind.LIBRARY) {
        libraries.add(jar);
      }
    }
    if (libraries.size() == paths.length) {
      String none = "has no provider of a FileSystemType or a DiskType";
      throw Failure.couldNotRun(jars, none);
    }
    try {
      ClassLoader loader =
          new URLClassLoader(
              "pollux-modules", classPath.toArray(URL[]::new), Modules.class.getClassLoader());
      return Providers.of(loader, modules.isEmpty() ? null : layer(modules, libraries, loader));
    } catch (ErrnoException e) {
      throw Failure.couldNotRun(OPTION, String.valueOf(e.getMessage()), e);
    }
  }

  private static Path jar(String path) {
    if (path.isEmpty()) {
      throw Failure.couldNotRun(OPTION, "a path of a jar is empty");
    }
    try {
      return Path.of(path);
    } catch (InvalidPathException e) {
      throw Failure.couldNotRun(OPTION + " " + path, "is not the path of a jar", e);
    }
  }

  private static URL url(Path jar) {
    try {
      return jar.toUri().toURL();
    } catch (MalformedURLException e) {
      throw Failure.couldNotRun(jar.toString(), "has no URL", e);
    }
  }

  /** How a jar is loaded. */
  private enum Kind {
    /** Its module-info has a provider. */
    MODULE,
    /** Its META-INF/services has a provider. */
    SERVICES,
    /** It has no provider. */
    LIBRARY
  }

  private static Kind kind(Path jar) {
    if (Files.isDirectory(jar)) {
      throw Failure.couldNotRun(jar.toString(), "is a directory, not a jar");
    }
    try (JarFile file = new JarFile(jar.toFile())) {
      boolean listed =
          SERVICES.stream().anyMatch(name -> file.getEntry("META-INF/services/" + name) != null);
      if (file.getEntry("module-info.class") != null && provides(jar)) {
        return Kind.MODULE;
      }
      return listed ? Kind.SERVICES : Kind.LIBRARY;
    } catch (ZipException e) {
      throw Failure.couldNotRun(jar.toString(), "is not a jar", e);
    } catch (IOException e) {
      throw Failure.couldNotRun(jar.toString(), IoReason.of(e), e);
    }
  }

  private static boolean provides(Path jar) {
    try {
      return ModuleFinder.of(jar).findAll().stream()
          .map(ModuleReference::descriptor)
          .flatMap(descriptor -> descriptor.provides().stream())
          .map(ModuleDescriptor.Provides::service)
          .anyMatch(SERVICES::contains);
    } catch (FindException e) {
      throw Failure.couldNotRun(jar.toString(), oneLine(e), e);
    }
  }

  /**
   * Makes the layer of the providers. The application's modules come before libraries of the same
   * name.
   */
  private static ModuleLayer layer(
      List<Path> jars, List<Path> libraries, @Nullable ClassLoader parent) {
    try {
      ModuleFinder finder = ModuleFinder.of(jars.toArray(Path[]::new));
      List<String> names =
          finder.findAll().stream().map(module -> module.descriptor().name()).toList();
      if (names.size() < jars.size()) { // a finder takes the first jar of a module
        throw Failure.couldNotRun(
            OPTION, "two jars are the same module; the modules are " + String.join(", ", names));
      }
      ModuleLayer below = ModuleLayer.boot();
      ModuleFinder after = ModuleFinder.of(libraries.toArray(Path[]::new));
      Configuration configuration = below.configuration().resolve(finder, after, names);
      return below.defineModulesWithOneLoader(configuration, parent);
    } catch (FindException | ResolutionException | LayerInstantiationException e) {
      throw Failure.couldNotRun(OPTION, oneLine(e), e);
    }
  }

  private static String oneLine(Exception e) {
    return String.valueOf(e.getMessage()).replaceAll("\\s+", " ");
  }
}
