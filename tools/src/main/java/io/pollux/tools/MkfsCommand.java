// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.block.bdev.FileSystemType;
import io.pollux.block.bdev.Providers;
import io.pollux.core.ErrnoException;
import io.pollux.tools.console.Console;
import io.pollux.tools.console.Failure;
import io.pollux.tools.console.IoReason;
import io.pollux.tools.image.Modules;
import io.pollux.tools.image.Target;
import io.pollux.tools.image.TargetSpec;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** pollux mkfs: makes an empty filesystem. */
@Command(
    name = "mkfs",
    sortOptions = false,
    description = {
      "Makes an empty filesystem on an image file or block device. A missing file is created with"
          + " --size."
    })
final class MkfsCommand implements Runnable {
  private static final int LEAST_BYTES = 512;

  @Option(names = "--fs", paramLabel = "NAME", required = true, description = "The filesystem.")
  private String fs = Providers.NONE;

  @Option(
      names = "--image",
      paramLabel = "FILE",
      required = true,
      description = "The file or block device.")
  private Path image = Path.of("");

  @Option(
      names = "--size",
      paramLabel = "SIZE",
      converter = SizeConverter.class,
      description = "Size of a new file, such as 64M or 1G.")
  private @Nullable Long size;

  @Option(names = "--label", paramLabel = "TEXT", description = "Its label: as -o label=TEXT.")
  private @Nullable String label;

  @Option(
      names = "-o",
      paramLabel = "KEY=VALUE,...",
      description = "Options in the filesystem's own words.")
  private @Nullable String options;

  @Option(
      names = {"-f", "--force"},
      description = "Overwrite a filesystem that the image contains.")
  private boolean force;

  @Option(
      names = Modules.OPTION,
      paramLabel = "JAR:JAR",
      description =
          "Jars with further filesystems. Default: the environment variable "
              + Modules.VARIABLE
              + ".")
  private @Nullable String modules;

  @Mixin final CommonOptions common = new CommonOptions();

  /**
   * Creates the command.
   *
   * @param console not used: a filesystem that was made needs no words
   */
  MkfsCommand(Console console) {}

  @Override
  public void run() {
    String jars = TargetOptions.modules(modules);
    Providers providers = Modules.load(jars);
    FileSystemType type;
    try {
      type = providers.fileSystem(fs);
    } catch (ErrnoException e) {
      throw Failure.couldNotRun("--fs " + fs, String.valueOf(e.getMessage()), e);
    }
    boolean created = create();
    boolean done = false;
    try {
      make(type, providers);
      done = true;
    } finally {
      if (created && !done) {
        delete();
      }
    }
  }

  private void make(FileSystemType type, Providers providers) {
    TargetSpec spec = TargetSpec.SAMPLE.withImage(image).withFs(Providers.NONE);
    try (Target target = Target.openUnmounted(spec, true, providers)) {
      FileSystemType there = target.kernel().recognise(target.device()).orElse(null);
      if (there != null && !force) {
        throw Failure.couldNotRun(
            image.toString(), "contains a filesystem of type " + there.name() + " (--force)");
      }
      target.kernel().mkfs(type, target.device(), words());
    } catch (ErrnoException e) {
      throw Failure.couldNotRun(image.toString(), String.valueOf(e.getMessage()), e);
    }
  }

  private String words() {
    String given = options == null ? "" : options;
    if (label == null) {
      return given;
    }
    if (label.contains(",")) {
      throw Failure.couldNotRun("--label", "has no commas");
    }
    return given + (given.isEmpty() ? "" : ",") + "label=" + label;
  }

  /** Creates the file if it is missing. Returns whether it was. */
  private boolean create() {
    if (Files.exists(image, LinkOption.NOFOLLOW_LINKS)) {
      if (size != null) {
        throw Failure.couldNotRun("--size", "is for a new file, and " + image + " exists");
      }
      return false;
    }
    if (size == null) {
      throw Failure.couldNotRun(image.toString(), "No such file or directory (--size makes one)");
    }
    if (size < LEAST_BYTES) {
      throw Failure.couldNotRun("--size", "a disk has at least " + LEAST_BYTES + " bytes");
    }
    try {
      Files.createFile(image);
    } catch (IOException e) {
      throw Failure.couldNotRun(image.toString(), IoReason.of(e), e);
    }
    try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
      file.setLength(size);
    } catch (IOException e) {
      delete();
      throw Failure.couldNotRun(image.toString(), IoReason.of(e), e);
    }
    return true;
  }

  private void delete() {
    try {
      Files.deleteIfExists(image);
    } catch (IOException e) {
      throw Failure.couldNotRun(image.toString(), IoReason.of(e), e);
    }
  }
}
