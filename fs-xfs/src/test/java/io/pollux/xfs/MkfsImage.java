// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pollux.block.fixture.HeldDisk;
import io.pollux.core.ErrnoException;
import io.pollux.xfs.mkfs.MadeImage;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** Has mkfs.xfs make a filesystem with directories of every form, a file, links and a fifo. */
final class MkfsImage {
  /** How many names each directory has: short, block, leaf, node with blocks of 4 KiB. */
  static final Map<String, Integer> DIRECTORIES =
      new TreeMap<>(Map.of("none", 0, "short", 3, "block", 60, "leaf", 400, "node", 3000));

  /** Short enough to stay in the inode: mkfs.xfs 6.1 writes longer ones without their header. */
  static final String LONG_TARGET = "./".repeat(160) + "file";

  /** Options that begin with this word are for {@link MadeImage}. */
  private static final String OURS = "ours ";

  private MkfsImage() {}

  static Stream<String> names(int count) {
    return IntStream.range(0, count).mapToObj(i -> "name-" + i);
  }

  /**
   * Makes an image; {@code contents} is the content of /file. With options that begin with "ours",
   * the mkfs of this project makes an empty filesystem.
   */
  static Path make(Path directory, String options, byte[] contents)
      throws IOException, InterruptedException {
    if (options.startsWith(OURS)) {
      return ours(directory.resolve("image"), options.substring(OURS.length()), 320L << 20);
    }
    Path file = Files.write(directory.resolve("contents"), contents);
    Path empty = Files.createFile(directory.resolve("empty"));
    StringBuilder proto = new StringBuilder("none\n0 0\nd--755 0 0\n");
    DIRECTORIES.forEach(
        (name, count) -> {
          proto.append(name).append(" d--755 0 0\n");
          names(count)
              .forEach(
                  child -> proto.append(child).append(" ---644 0 0 ").append(empty).append('\n'));
          proto.append("$\n");
        });
    proto.append("file ---640 7 8 ").append(file).append("\nlink l--777 0 0 file\n");
    proto.append("long l--777 0 0 ").append(LONG_TARGET).append("\nfifo p--644 0 0\n$\n");
    Path protofile = Files.writeString(directory.resolve("proto"), proto, StandardCharsets.UTF_8);
    Path image = directory.resolve("image");
    try (RandomAccessFile sparse = new RandomAccessFile(image.toFile(), "rw")) {
      sparse.setLength(320L << 20);
    }
    List<String> command =
        new ArrayList<>(List.of(requireMkfs(), "-q", "-p", protofile.toString()));
    Stream.of(options.split(" ", -1)).filter(option -> !option.isEmpty()).forEach(command::add);
    command.add(image.toString());
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(said).isZero();
    return image;
  }

  /** Makes an empty filesystem with the mkfs of this project. */
  static Path ours(Path image, String options, long bytes) throws IOException {
    try {
      return MadeImage.make(image, bytes, options);
    } catch (ErrnoException e) {
      throw new IOException(e);
    }
  }

  /**
   * Creates a disk with the contents of an image, which releases each request at once. Writes do
   * not reach the file.
   *
   * @param arena closed after the last use of the disk
   */
  static HeldDisk disk(Path image, Arena arena) throws IOException {
    try (FileChannel file =
        FileChannel.open(image, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      return new HeldDisk(file.map(FileChannel.MapMode.PRIVATE, 0, file.size(), arena))
          .letThrough();
    }
  }

  /**
   * The path of mkfs.xfs. Without it the test is skipped, or fails where POLLUX_REQUIRE_ORACLES
   * says so.
   */
  static String requireMkfs() {
    for (String path : List.of("/usr/sbin/mkfs.xfs", "/sbin/mkfs.xfs", "/usr/bin/mkfs.xfs")) {
      if (Files.isExecutable(Path.of(path))) {
        return path;
      }
    }
    if ("1".equals(System.getenv("POLLUX_REQUIRE_ORACLES"))) {
      fail("mkfs.xfs is not installed (Debian: xfsprogs)");
    }
    assumeTrue(false, "mkfs.xfs is not installed (Debian: xfsprogs)");
    return "";
  }
}
