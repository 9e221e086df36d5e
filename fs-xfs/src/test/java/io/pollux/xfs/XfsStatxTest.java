// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.fixture.HeldDisk;
import io.pollux.core.ErrnoException;
import io.pollux.core.vfs.Inode;
import io.pollux.uapi.Stat;
import io.pollux.uapi.Statx;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * stat and statx of inodes of each type, compared with Linux on a loop device with the same
 * filesystem. Since 6.11, Linux asks the device itself for st_blksize of its node; before that it
 * is 4,096, as here.
 */
@Timeout(value = 2, unit = TimeUnit.MINUTES)
class XfsStatxTest {
  private static final List<String> NODES =
      List.of("file", "dir", "link", "fifo", "chr", "blk", "imm", "app", "nod", "all");

  /** Has mkfs.xfs make a file of each type, and marks some. */
  private static Path make(Path directory, String options)
      throws IOException, InterruptedException {
    Path contents = Files.write(directory.resolve("contents"), new byte[] {1, 2, 3});
    StringBuilder proto = new StringBuilder("none\n0 0\nd--755 0 0\n");
    proto.append("file ---644 0 0 ").append(contents).append('\n');
    proto.append(
        """
        dir d--755 0 0
        $
        link l--777 0 0 abc
        fifo p--644 0 0
        chr c--644 0 0 1 3
        blk b--644 0 0 7 5
        """);
    for (String marked : List.of("imm", "app", "nod", "all")) {
      proto.append(marked).append(" ---644 0 0 ").append(contents).append('\n');
    }
    Path protofile =
        Files.writeString(directory.resolve("proto"), proto.append("$\n"), StandardCharsets.UTF_8);
    Path image = directory.resolve("image");
    try (RandomAccessFile sparse = new RandomAccessFile(image.toFile(), "rw")) {
      sparse.setLength(320L << 20);
    }
    List<String> command =
        new ArrayList<>(List.of(MkfsImage.requireMkfs(), "-q", "-p", protofile.toString()));
    command.addAll(Arrays.asList(options.split(" ", -1)));
    command.add(image.toString());
    run(command);
    run(
        List.of(
            "xfs_db",
            "-x",
            "-c",
            "path /imm",
            "-c",
            "write core.immutable 1",
            "-c",
            "path /app",
            "-c",
            "write core.append 1",
            "-c",
            "path /nod",
            "-c",
            "write core.nodump 1",
            "-c",
            "path /all",
            "-c",
            "write core.immutable 1",
            "-c",
            "write core.append 1",
            "-c",
            "write core.nodump 1",
            image.toString()));
    return image;
  }

  private static void run(List<String> command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(said).isZero();
  }

  private static long attributes(String name) {
    long all = Statx.STATX_ATTR_IMMUTABLE | Statx.STATX_ATTR_APPEND | Statx.STATX_ATTR_NODUMP;
    return switch (name) {
      case "imm" -> Statx.STATX_ATTR_IMMUTABLE;
      case "app" -> Statx.STATX_ATTR_APPEND;
      case "nod" -> Statx.STATX_ATTR_NODUMP;
      case "all" -> all;
      default -> 0;
    };
  }

  @ParameterizedTest
  @CsvSource({
    "-b size=1024,4096",
    "-b size=4096,4096",
    "-b size=16384,16384",
    "-m bigtime=0 -b size=4096,4096"
  })
  void eachTypeOfInode(String options, long blksize, @TempDir Path directory)
      throws IOException, InterruptedException, ErrnoException {
    long before = System.currentTimeMillis() / 1000;
    Path image = make(directory, options);
    long after = System.currentTimeMillis() / 1000;
    try (Arena arena = Arena.ofShared()) {
      HeldDisk disk = MkfsImage.disk(image, arena);
      long stat = arena.allocate(Stat.SIZE, Long.BYTES).address();
      long statx = arena.allocate(Statx.SIZE, Long.BYTES).address();
      try (MountedTree tree = new MountedTree(disk.disk(true), "ro")) {
        for (String name : NODES) {
          Inode inode = tree.find("/" + name).inode();
          inode.fillStat(tree.current, stat);
          boolean device = name.equals("chr") || name.equals("blk");
          assertThat(Stat.stBlksize(stat)).as(name).isEqualTo(device ? 4096 : blksize);
          assertThat(Stat.stRdev(stat))
              .as(name)
              .isEqualTo(name.equals("chr") ? 0x103 : name.equals("blk") ? 0x705 : 0);
          boolean data = Stat.stSize(stat) == 3 && !name.equals("link");
          assertThat(Stat.stBlocks(stat)).as(name).isEqualTo(data ? blockSize(options) / 512 : 0);
          inode.fillStatx(statx, Statx.STATX_BASIC_STATS | Statx.STATX_BTIME);
          assertThat(Statx.stxMask(statx)).as(name).isEqualTo(Statx.STATX_BTIME);
          assertThat(Statx.stxBtime(statx)).as(name).isBetween(before, after);
          assertThat(Statx.stxBtimeNsec(statx)).as(name).isBetween(0, 999_999_999);
          assertThat(Statx.stxAttributesMask(statx)).as(name).isEqualTo(0x70);
          assertThat(Statx.stxAttributes(statx)).as(name).isEqualTo(attributes(name));
        }
      }
    }
  }

  private static long blockSize(String options) {
    return Long.parseLong(options.substring(options.indexOf("size=") + "size=".length()));
  }

  @Test
  void theBirthTimeIsToldWhereItIsAskedFor(@TempDir Path directory)
      throws IOException, InterruptedException, ErrnoException {
    Path image = make(directory, "-b size=4096");
    try (Arena arena = Arena.ofShared()) {
      HeldDisk disk = MkfsImage.disk(image, arena);
      long statx = arena.allocate(Statx.SIZE, Long.BYTES).address();
      try (MountedTree tree = new MountedTree(disk.disk(true), "ro")) {
        tree.find("/file").inode().fillStatx(statx, Statx.STATX_BASIC_STATS);
        assertThat(Statx.stxMask(statx)).isZero();
        assertThat(Statx.stxBtime(statx)).isZero();
      }
    }
  }
}
