// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.block.bdev.Providers;
import io.pollux.tools.console.Console;
import io.pollux.tools.console.Failure;
import io.pollux.tools.image.Modules;
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
    new NewFileSystem(fs, image, size, force, modules).make(words());
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
}
