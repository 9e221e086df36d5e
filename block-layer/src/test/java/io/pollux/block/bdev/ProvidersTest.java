// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.bdev;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.block.BlockDevice;
import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.SuperBlock;
import io.pollux.uapi.Errno;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The types of filesystems and disks that a class loader finds, and those that it refuses. */
@Timeout(60)
class ProvidersTest {
  /** A filesystem with a name of its own. */
  public abstract static class Named implements FileSystemType {
    private final String name;

    Named(String name) {
      this.name = name;
    }

    @Override
    public String name() {
      return name;
    }

    @Override
    public boolean recognises(MemorySegment head) {
      return false;
    }

    @Override
    public SuperBlock mount(Task current, BlockDevice bdev, boolean readOnly, Options options)
        throws ErrnoException {
      throw new ErrnoException(Errno.EINVAL);
    }
  }

  /** Good. */
  public static final class Good extends Named {
    public Good() {
      super("good");
    }
  }

  /** Has the name of another. */
  public static final class Twin extends Named {
    public Twin() {
      super("good");
    }
  }

  /** Has a name that is no word. */
  public static final class Spaced extends Named {
    public Spaced() {
      super("two words");
    }
  }

  /** Has the name that stands for no filesystem. */
  public static final class None extends Named {
    public None() {
      super("none");
    }
  }

  /** Throws in its constructor. */
  public static final class Throwing extends Named {
    public Throwing() {
      super("throwing");
      throw new IllegalStateException("no\nway");
    }
  }

  /** Throws in its static initializer. */
  public static final class Stillborn extends Named {
    private static final int ZERO = Integer.parseInt("x");

    public Stillborn() {
      super("stillborn" + ZERO);
    }
  }

  /** Throws when it is asked for its name. */
  public static final class Nameless extends Named {
    public Nameless() {
      super("nameless");
    }

    @Override
    public String name() {
      throw new UnsupportedOperationException("guess");
    }
  }

  private static Providers load(Path directory, String... classes)
      throws IOException, ErrnoException {
    Path services = Files.createDirectories(directory.resolve("META-INF/services"));
    StringBuilder lines = new StringBuilder();
    for (String each : classes) {
      lines.append(ProvidersTest.class.getName()).append('$').append(each).append('\n');
    }
    Files.writeString(services.resolve(FileSystemType.class.getName()), lines);
    URL[] urls = {directory.toUri().toURL()};
    try (Loader loader = new Loader(urls)) {
      return Providers.of(loader, null);
    }
  }

  /** Loads the providers from files of their own: classes of a module provide through it only. */
  private static final class Loader extends URLClassLoader {
    private static final String NESTED = ProvidersTest.class.getName() + "$";

    Loader(URL[] urls) {
      super(urls, ProvidersTest.class.getClassLoader());
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
      if (!name.startsWith(NESTED)) {
        return super.loadClass(name, resolve);
      }
      Class<?> loaded = findLoadedClass(name);
      if (loaded != null) {
        return loaded;
      }
      String file = name.substring(name.lastIndexOf('.') + 1) + ".class";
      try (InputStream from = ProvidersTest.class.getResourceAsStream(file)) {
        if (from == null) {
          throw new ClassNotFoundException(name);
        }
        byte[] bytes = from.readAllBytes();
        return defineClass(name, bytes, 0, bytes.length);
      } catch (IOException e) {
        throw new ClassNotFoundException(name, e);
      }
    }
  }

  @Test
  void theDisksOfThisModuleComeInByTheSameDoor() throws ErrnoException {
    Providers found = Providers.builtIn();
    assertThat(found.disks().stream().map(DiskType::name)).contains("fault", "file", "null", "ram");
    assertThat(found.disk("ram").name()).isEqualTo("ram");
    assertThat(Providers.builtIn()).isSameAs(found);
  }

  @Test
  void aProviderOnTheClassPathIsFoundByName(@TempDir Path directory) throws Exception {
    Providers found = load(directory, "Good");
    assertThat(found.fileSystem("good").getClass().getName()).endsWith("$Good");
    assertThat(found.fileSystems()).contains(found.fileSystem("good"));
    assertThat(found.disk("ram").name()).isEqualTo("ram");
  }

  @Test
  void aNameThatNoTypeHasIsRefusedWithThoseThatThereAre() throws Exception {
    assertThatThrownBy(() -> Providers.builtIn().disk("tape"))
        .isInstanceOfSatisfying(
            ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ENODEV))
        .hasMessage("there is no type of disk 'tape'; there are fault, file, null, ram");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          Good Twin | good: two filesystems have this name: *Good and *Twin
          Good Spaced | *Spaced: 'two words' can't be the name of a filesystem
          None | *None: 'none' can't be the name of a filesystem
          Throwing | *Throwing: threw java.lang.IllegalStateException: no way as it was loaded
          Stillborn | *Stillborn: threw java.lang.NumberFormatException: * as it was loaded
          Nameless | *Nameless: threw java.lang.UnsupportedOperationException: guess as it was *
          Good Absent | *Absent not found
          Good ../x | *llegal *
          """)
  void aBadProviderIsOneSentenceThatNamesIt(
      String classes, String sentence, @TempDir Path directory) {
    String pattern = "\\Q" + sentence.replace("*", "\\E.*\\Q") + "\\E";
    assertThatThrownBy(() -> load(directory, classes.split(" ")))
        .isInstanceOf(ErrnoException.class)
        .hasMessageMatching(pattern);
  }
}
