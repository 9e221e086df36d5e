// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.tools.console.Console;
import io.pollux.tools.console.Failure;
import io.pollux.tools.image.Modules;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** pollux mkfs.xfs: makes an empty XFS filesystem, with the options of the program of that name. */
@Command(
    name = "mkfs.xfs",
    sortOptions = false,
    description = {
      "Makes an empty XFS filesystem on an image file or block device. A missing file is created"
          + " with --size.",
      "The options are those of mkfs.xfs; pollux mkfs --fs xfs takes the same by -o, with bsize for"
          + " -b size, and so on."
    })
final class MkfsXfsCommand implements Runnable {
  private static final String SIZE = "size";

  @Parameters(index = "0", arity = "0..1", paramLabel = "FILE", description = "As --image.")
  private @Nullable Path file;

  @Option(names = "--image", paramLabel = "FILE", description = "The file or block device.")
  private @Nullable Path image;

  @Option(
      names = "--size",
      paramLabel = "SIZE",
      converter = SizeConverter.class,
      description = "Size of a new file, such as 64M or 1G; at least 16M.")
  private @Nullable Long size;

  @Option(
      names = {"-L", "--label"},
      paramLabel = "TEXT",
      description = "Its label, up to 12 bytes.")
  private @Nullable String label;

  @Option(
      names = "-b",
      paramLabel = "size=SIZE",
      description = "Bytes of a block: a power of 2 from 1k to 64k. Default: 4k.")
  private List<String> block = new ArrayList<>();

  @Option(
      names = "-s",
      paramLabel = "size=SIZE",
      description = "Bytes of a sector, 512 to 32k. Default: those of the device.")
  private List<String> sector = new ArrayList<>();

  @Option(
      names = "-d",
      paramLabel = "KEY=VALUE,...",
      description =
          "size: bytes of the filesystem, if less than the device. agcount or agsize: number or"
              + " bytes of allocation groups.")
  private List<String> data = new ArrayList<>();

  @Option(
      names = "-i",
      paramLabel = "KEY=VALUE,...",
      description =
          "size: bytes of an inode, 512 to 2k. maxpct: percentage of space for inodes. sparse=0|1,"
              + " nrext64=0|1. Default: 512; 25, less from 1T on; 1; 1.")
  private List<String> inode = new ArrayList<>();

  @Option(
      names = "-l",
      paramLabel = "size=SIZE",
      description =
          "Bytes of the log. Default: 1/2048 of the filesystem, 64M at least from 300M on.")
  private List<String> log = new ArrayList<>();

  @Option(
      names = "-n",
      paramLabel = "size=SIZE",
      description = "Bytes of a directory block, up to 64k. Default: a block, 4k at least.")
  private List<String> naming = new ArrayList<>();

  @Option(
      names = "-m",
      paramLabel = "KEY=VALUE,...",
      description =
          "uuid; crc=1, and 0 or 1 for finobt, rmapbt, reflink, bigtime, inobtcount. Default: 1.")
  private List<String> metadata = new ArrayList<>();

  @Option(names = "-K", description = "Do not discard the old contents of the device.")
  private boolean keep;

  @Option(
      names = {"-f", "--force"},
      description = "Overwrite a filesystem that the image contains.")
  private boolean force;

  @Option(names = "-q", description = "Print nothing, as is the case anyway.")
  @SuppressWarnings("UnusedVariable") // it changes nothing
  private boolean quiet;

  @Option(
      names = Modules.OPTION,
      paramLabel = "JAR:JAR",
      description =
          "Jars with further filesystems, which --force can overwrite. Default: the environment"
              + " variable "
              + Modules.VARIABLE
              + ".")
  private @Nullable String modules;

  @Mixin final CommonOptions common = new CommonOptions();

  /**
   * Creates the command.
   *
   * @param console not used: a filesystem that was made needs no words
   */
  MkfsXfsCommand(Console console) {}

  @Override
  public void run() {
    Path target = image == null ? file : image;
    if (target == null) {
      throw Failure.couldNotRun("mkfs.xfs", "no FILE is given");
    }
    if (image != null && file != null) {
      throw Failure.couldNotRun(file.toString(), "--image is given, too");
    }
    new NewFileSystem("xfs", target, size, force, modules).make(words());
  }

  private String words() {
    List<String> words = new ArrayList<>();
    add(words, "-b", block, List.of(SIZE));
    add(words, "-s", sector, List.of(SIZE));
    add(words, "-d", data, List.of(SIZE, "agcount", "agsize"));
    add(words, "-i", inode, List.of(SIZE, "maxpct", "sparse", "nrext64"));
    add(words, "-l", log, List.of(SIZE));
    add(words, "-n", naming, List.of(SIZE));
    add(
        words,
        "-m",
        metadata,
        List.of("crc", "finobt", "rmapbt", "reflink", "bigtime", "inobtcount", "uuid"));
    if (label != null) {
      if (label.contains(",")) {
        throw Failure.couldNotRun("--label", "has no commas");
      }
      words.add("label=" + label);
    }
    if (keep) {
      words.add("nodiscard");
    }
    return String.join(",", words);
  }

  /** Adds the words of an option: the size of -b is bsize, all others keep their names. */
  private static void add(
      List<String> words, String option, List<String> given, List<String> known) {
    for (String list : given) {
      for (String word : list.split(",", -1)) {
        int equals = word.indexOf('=');
        String key = equals < 0 ? word : word.substring(0, equals);
        if (!known.contains(key)) {
          throw Failure.couldNotRun(
              option + " " + word, "there is only " + String.join(", ", known));
        }
        words.add(key.equals(SIZE) ? option.charAt(1) + word : word);
      }
    }
  }
}
