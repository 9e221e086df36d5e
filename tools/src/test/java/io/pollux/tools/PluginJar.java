// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.spi.ToolProvider;
import java.util.stream.Stream;

/** Compiles filesystems and disks of a test into a jar, as their author would. */
final class PluginJar {
  private static final String FILE_SYSTEM = "io.pollux.block.bdev.FileSystemType";
  private static final String DISK = "io.pollux.block.bdev.DiskType";

  private final Path directory;
  private final String name;
  private final Map<String, String> files = new LinkedHashMap<>();
  private final List<String> sources = new ArrayList<>();
  private final List<String> missing = new ArrayList<>();

  PluginJar(Path directory, String name) {
    this.directory = directory;
    this.name = name;
  }

  /**
   * A filesystem that its mkfs marks by its name, with one directory. Its options are {@code
   * throw=mount} and {@code size}.
   *
   * @param type name of the class
   * @param fs name of the filesystem
   */
  PluginJar fileSystem(String type, String fs) {
    source(
        type,
        """
        package plugin;

        import io.pollux.block.BlkTypes;
        import io.pollux.block.BlockDevice;
        import io.pollux.block.bdev.FileSystemType;
        import io.pollux.core.ErrnoException;
        import io.pollux.core.Options;
        import io.pollux.core.mm.HostMemory;
        import io.pollux.core.ramfs.Ramfs;
        import io.pollux.core.sched.Task;
        import io.pollux.core.vfs.SuperBlock;
        import io.pollux.uapi.RawMemory;
        import java.lang.foreign.MemorySegment;
        import java.lang.foreign.ValueLayout;
        import java.util.function.Consumer;

        public final class TYPE implements FileSystemType {
          private static final int MAGIC = "NAME".hashCode();

          @Override
          public String name() {
            return "NAME";
          }

          @Override
          public boolean recognises(MemorySegment head) {
            return head.byteSize() >= 4 && head.get(ValueLayout.JAVA_INT, 0) == MAGIC;
          }

          @Override
          public SuperBlock mount(Task current, BlockDevice bdev, boolean readOnly, Options options)
              throws ErrnoException {
            String wrong = options.text("throw");
            options.requireAllKnown(name());
            if (wrong != null) {
              throw new ArithmeticException("a mistake");
            }
            Ramfs files = new Ramfs(bdev.dev());
            files.mkdir("made-by-NAME");
            return files;
          }

          @Override
          public void mkfs(Task current, BlockDevice bdev, Options options) throws ErrnoException {
            String label = options.text("label");
            options.requireAllKnown(name());
            long page = HostMemory.map(4096);
            RawMemory.putInt(page, MAGIC);
            RawMemory.putInt(page + 4, label == null ? 0 : label.length());
            int result = bdev.transferAndWait(current, 0, page, 4096, BlkTypes.REQ_OP_WRITE);
            HostMemory.unmap(page, 4096);
            if (result != 0) {
              throw new ErrnoException(-result);
            }
          }

          @Override
          public void check(
              Task current, BlockDevice bdev, Options options, Consumer<String> damage) {
            long page = HostMemory.map(4096);
            bdev.transferAndWait(current, 0, page, 4096, BlkTypes.REQ_OP_READ);
            if (RawMemory.getInt(page + 4) != 0) {
              damage.accept("block 0 has a label");
            }
            HostMemory.unmap(page, 4096);
          }
        }
        """
            .replace("TYPE", type)
            .replace("NAME", fs));
    return provider(FILE_SYSTEM, type);
  }

  /**
   * A disk in memory, over any number of others that it ignores. Its option is {@code chunk}.
   *
   * @param type name of the class
   * @param disk name of the disk
   */
  PluginJar disk(String type, String disk) {
    source(
        type,
        """
        package plugin;

        import io.pollux.block.BlockDevice;
        import io.pollux.block.bdev.DiskParameters;
        import io.pollux.block.bdev.DiskType;
        import io.pollux.block.bdev.OpenedDisk;
        import io.pollux.block.driver.RamDisk;
        import io.pollux.core.ErrnoException;
        import io.pollux.core.sched.Task;
        import java.util.List;

        public final class TYPE implements DiskType {
          @Override
          public String name() {
            return "NAME";
          }

          @Override
          public OpenedDisk open(Task current, DiskParameters parameters) throws ErrnoException {
            long chunk = parameters.options().size("chunk", 4096, 512, 1 << 20);
            RamDisk memory = new RamDisk(parameters.requireBytes("NAME"));
            BlockDevice device =
                memory.disk(parameters.name(), parameters.dev(), parameters.readOnly());
            return new OpenedDisk() {
              @Override
              public BlockDevice device() {
                return device;
              }

              @Override
              public List<String> traits() {
                return List.of("chunk=" + chunk, parameters.lower().size() + " below");
              }

              @Override
              public void close() {
                memory.close();
                parameters.lower().forEach(OpenedDisk::close);
              }
            };
          }
        }
        """
            .replace("TYPE", type)
            .replace("NAME", disk));
    return provider(DISK, type);
  }

  /** Adds a class of the package {@code plugin}. */
  PluginJar source(String type, String text) {
    files.put("src/plugin/" + type + ".java", text);
    sources.add(type);
    return this;
  }

  /** Adds a line to META-INF/services. */
  PluginJar provider(String service, String type) {
    files.merge("classes/META-INF/services/" + service, "plugin." + type + "\n", (a, b) -> a + b);
    return this;
  }

  /** Adds a line for a filesystem whose source was added. */
  PluginJar fileSystemProvider(String type) {
    return provider(FILE_SYSTEM, type);
  }

  /** Adds a line for a disk whose source was added. */
  PluginJar diskProvider(String type) {
    return provider(DISK, type);
  }

  /** Leaves out a class whose source was added, which another jar has. */
  PluginJar without(String type) {
    missing.add(type);
    return this;
  }

  /** Compiles and packs. Returns the jar. */
  Path build() throws IOException {
    Path root = Files.createDirectories(directory.resolve(name + ".d"));
    Path classes = Files.createDirectories(root.resolve("classes"));
    for (Map.Entry<String, String> file : files.entrySet()) {
      Path to = root.resolve(file.getKey());
      Files.createDirectories(to.getParent());
      Files.writeString(to, file.getValue());
    }
    String path =
        String.join(
            ":",
            Stream.of("java.class.path", "jdk.module.path")
                .map(key -> System.getProperty(key, ""))
                .filter(value -> !value.isEmpty())
                .toList());
    if (!sources.isEmpty()) {
      List<String> arguments =
          new ArrayList<>(List.of("-nowarn", "-proc:none", "-cp", path, "-d", classes.toString()));
      sources.forEach(
          type -> arguments.add(root.resolve("src/plugin/" + type + ".java").toString()));
      run("javac", arguments);
    }
    for (String type : missing) {
      Files.delete(classes.resolve("plugin/" + type + ".class"));
    }
    Path jar = directory.resolve(name + ".jar");
    run("jar", List.of("--create", "--file", jar.toString(), "-C", classes.toString(), "."));
    return jar;
  }

  private static void run(String tool, List<String> arguments) {
    StringWriter said = new StringWriter();
    PrintWriter out = new PrintWriter(said);
    int status =
        ToolProvider.findFirst(tool).orElseThrow().run(out, out, arguments.toArray(String[]::new));
    assertThat(status).as(said.toString()).isZero();
  }
}
