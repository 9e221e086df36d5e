// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pollux.block.bdev.MountOptions;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.StatMode;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Filesystems as mkfs.xfs makes and fills them, in several shapes. */
final class XfsMkfsTest {
  private static final int FILE_BYTES = 300_001;

  /** Short enough to stay in the inode: mkfs.xfs 6.1 writes longer ones without their header. */
  private static final String LONG_TARGET = "./".repeat(160) + "file";

  /** How many names each directory has: short, block, leaf, node with blocks of 4 KiB. */
  private static final Map<String, Integer> DIRECTORIES =
      new TreeMap<>(Map.of("none", 0, "short", 3, "block", 60, "leaf", 400, "node", 3000));

  @ParameterizedTest(name = "mkfs.xfs {0}")
  @ValueSource(
      strings = {
        "",
        "-b size=1024",
        "-b size=16384",
        "-n size=65536",
        "-s size=4096",
        "-i size=2048",
        "-m rmapbt=1,reflink=1 -i nrext64=1",
        "-m finobt=0,reflink=0,bigtime=0,inobtcount=0 -i sparse=0",
        "-l su=32k"
      })
  void readsWhatMkfsWrote(String options, @TempDir Path directory) throws IOException, InterruptedException, ErrnoException {
    byte[] contents = new byte[FILE_BYTES];
    new Random(5).nextBytes(contents);
    Path image = mkfs(directory, options, contents);
    try (Arena arena = Arena.ofShared()) {
      SegmentDisk disk = SegmentDisk.ofImage(image, arena);
      try (MountedTree tree = new MountedTree(disk.device(), MountOptions.READ_ONLY)) {
        check(tree, contents);
      }
    }
  }

  private static void check(MountedTree tree, byte[] contents) throws ErrnoException {
    for (Map.Entry<String, Integer> entry : DIRECTORIES.entrySet()) {
      List<MountedTree.Entry> listed = tree.list("/" + entry.getKey(), 77);
      List<String> expected = Stream.concat(Stream.of(".", ".."), names(entry.getValue())).toList();
      assertThat(listed).extracting(MountedTree.Entry::name).containsExactlyInAnyOrderElementsOf(expected);
      for (MountedTree.Entry file : listed.subList(2, listed.size())) {
        assertThat(tree.find("/" + entry.getKey() + "/" + file.name()).inode().ino()).isEqualTo(file.ino());
        assertThat(file.type()).isEqualTo(StatMode.DT_REG);
      }
    }
    String sum = HexFormat.of().formatHex(MountedTree.sha256().digest(contents));
    assertThat(tree.sum("/file", true, 0, Long.MAX_VALUE)).isEqualTo(sum);
    assertThat(tree.sum("/file", false, 0, Long.MAX_VALUE)).isEqualTo(sum);
    assertThat(tree.sum("/link", false, 0, Long.MAX_VALUE)).isEqualTo(sum);
    assertThat(tree.find("/long").inode().readlink(tree.current)).asString().isEqualTo(LONG_TARGET);
    assertThat(tree.describe("/file", tree.find("/file").inode())).startsWith("f\t0640\t7\t8\t1\t" + FILE_BYTES + "\t");
    assertThat(tree.find("/fifo").inode().isType(StatMode.S_IFIFO)).isTrue();
  }

  private static Stream<String> names(int count) {
    return IntStream.range(0, count).mapToObj(i -> "name-" + i);
  }

  private static Path mkfs(Path directory, String options, byte[] contents) throws IOException, InterruptedException {
    Path file = Files.write(directory.resolve("contents"), contents);
    Path empty = Files.createFile(directory.resolve("empty"));
    StringBuilder proto = new StringBuilder("none\n0 0\nd--755 0 0\n");
    DIRECTORIES.forEach(
        (name, count) -> {
          proto.append(name).append(" d--755 0 0\n");
          names(count).forEach(child -> proto.append(child).append(" ---644 0 0 ").append(empty).append('\n'));
          proto.append("$\n");
        });
    proto.append("file ---640 7 8 ").append(file).append("\nlink l--777 0 0 file\n");
    proto.append("long l--777 0 0 ").append(LONG_TARGET).append("\nfifo p--644 0 0\n$\n");
    Path protofile = Files.writeString(directory.resolve("proto"), proto, StandardCharsets.UTF_8);
    Path image = directory.resolve("image");
    try (RandomAccessFile sparse = new RandomAccessFile(image.toFile(), "rw")) {
      sparse.setLength(320L << 20);
    }
    List<String> command = new ArrayList<>(List.of(requireMkfs(), "-q", "-p", protofile.toString()));
    Stream.of(options.split(" ", -1)).filter(option -> !option.isEmpty()).forEach(command::add);
    command.add(image.toString());
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(said).isZero();
    return image;
  }

  /** The path of mkfs.xfs. Without it the test is skipped, or fails where POLLUX_REQUIRE_ORACLES says so. */
  private static String requireMkfs() {
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
