// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.testkit.Oracles;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The tools that make, check and recognise filesystems, on a disk of this kernel as on a loop
 * device of the same size.
 */
@Timeout(600)
@Execution(ExecutionMode.CONCURRENT)
final class ExecMkfsTest {
  private static final long BYTES = 320L << 20; // the least that mkfs.xfs takes
  private static final int WORD = 8;
  private static final String UUID = "12345678-1234-4321-8765-123456789abc";

  /** Of the programs that know such variables: nothing that they write depends on the time. */
  private static final String TIME =
      "env E2FSPROGS_FAKE_TIME=1700000000 E2FSCK_TIME=1700000000 SOURCE_DATE_EPOCH=1700000000 ";

  private static final Pattern AG_LINES = Pattern.compile("( - agno = \\d+\n)+");

  private final Path dir;

  ExecMkfsTest(@TempDir Path dir) {
    this.dir = dir;
  }

  /**
   * A filesystem: the command that creates it, those that inspect it, and those that may change it.
   * DEV is the disk.
   */
  private enum Tools {
    XFS(
        "mkfs.xfs -f -m uuid=" + UUID + " DEV",
        "xfs_repair -n DEV; xfs_db -r -c sb\t0 -c p DEV; xfs_db -r -c agi\t0 -c p DEV",
        "xfs_repair DEV"),
    EXT4(
        "mkfs.ext4 -F -U " + UUID + " -E hash_seed=" + UUID + " DEV",
        "e2fsck -fn DEV; dumpe2fs DEV; tune2fs -l DEV; debugfs -R stat\t<2> DEV",
        "e2fsck -fy DEV"),
    GFS2(
        "mkfs.gfs2 -O -p lock_nolock -J 8 -U " + UUID + " DEV",
        "fsck.gfs2 -n DEV; tunegfs2 -l DEV",
        "fsck.gfs2 -y DEV");

    private static final List<String> OF_ALL =
        List.of("blkid -p DEV", "blkid -p -i DEV", "blkid -o udev -p DEV", "wipefs --no-act DEV");

    private final String make;
    private final String look;
    private final String repair;

    Tools(String make, String look, String repair) {
      this.make = make;
      this.look = look;
      this.repair = repair;
    }

    /** The commands that inspect the filesystem, the checker first. */
    private List<String> looks() {
      return List.of(look.split("; ", -1));
    }
  }

  @BeforeAll
  static void needsTools() {
    Oracles.needPrograms("gcc", "cc");
    Oracles.needPrograms("xfsprogs", "mkfs.xfs", "xfs_repair", "xfs_db");
    Oracles.needPrograms("e2fsprogs", "mkfs.ext4", "e2fsck", "dumpe2fs", "tune2fs", "debugfs");
    Oracles.needPrograms("gfs2-utils", "mkfs.gfs2", "fsck.gfs2", "tunegfs2");
    Oracles.needPrograms("util-linux", "blkid", "wipefs");
    LoopDevice.need();
  }

  private Path image(String name) throws IOException {
    Path image = dir.resolve(name);
    try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
      file.setLength(BYTES);
    }
    return image;
  }

  private static List<String> words(String line) {
    return Arrays.stream(line.split(" ")).map(word -> word.replace('\t', ' ')).toList();
  }

  /** Runs a command on a loop device over an image. */
  private static ExecRun onLinux(Path image, String command)
      throws IOException, InterruptedException {
    try (LoopDevice loop = LoopDevice.over(image)) {
      ExecRun run = ExecRun.program(words((TIME + command).replace("DEV", loop.name())));
      return plain(run, loop.name());
    }
  }

  /** Runs a command on this kernel's disk over an image. */
  private static ExecRun onPollux(Path image, String command)
      throws IOException, InterruptedException {
    String disk = "/pollux/dev/file0";
    ExecRun run =
        ExecRun.direct(
            words(
                "--fs none --disk file --image "
                    + image
                    + " -- "
                    + (TIME + command).replace("DEV", disk)));
    return plain(run, disk);
  }

  /**
   * The output of a program, without the disk's name, the columns that depend on its length, and
   * the times that it took. The threads of xfs_repair print their lines in any order: neighbours of
   * that kind are sorted.
   */
  private static ExecRun plain(ExecRun run, String disk) {
    return new ExecRun(run.status(), plain(run.out(), disk), plain(run.err(), disk));
  }

  private static String plain(String text, String disk) {
    String name = disk.substring(disk.lastIndexOf('/') + 1);
    String plain = text.replace(disk, "DEV").replace(name, "DEV").replaceAll(" +", " ");
    return AG_LINES
        .matcher(plain.replaceAll("completed in [0-9.m]+s", "completed"))
        .replaceAll(
            lines -> lines.group().lines().sorted().collect(Collectors.joining("\n", "", "\n")));
  }

  /**
   * Made three times on Linux, some words differ: times, and numbers that are drawn. Everything
   * else is compared. Two times are not enough: mkfs.gfs2 draws the first number of a journal below
   * 2048.
   */
  @ParameterizedTest
  @EnumSource(Tools.class)
  void whatIsMadeIsTheSameByteForByte(Tools tools) throws Exception {
    Path first = image("first");
    Path second = image("second");
    Path third = image("third");
    Path ours = image("ours");
    ExecRun wanted = onLinux(first, tools.make);
    assertThat(wanted.status()).as(wanted.err()).isZero();
    Thread.sleep(1100); // another second, for the times
    onLinux(second, tools.make);
    Thread.sleep(1100);
    onLinux(third, tools.make);
    assertThat(onPollux(ours, tools.make)).isEqualTo(wanted);
    compare(first, second, third, ours);
    for (String command : tools.looks()) {
      assertThat(onPollux(ours, command)).as(command).isEqualTo(onLinux(ours, command));
    }
    for (String command : Tools.OF_ALL) {
      assertThat(onPollux(ours, command)).as(command).isEqualTo(onLinux(ours, command));
    }
    assertThat(onPollux(ours, tools.looks().getFirst()).status())
        .as("the checker finds nothing")
        .isZero();
  }

  private static void compare(Path first, Path second, Path third, Path ours) throws IOException {
    long drawn = 0;
    try (RandomAccessFile a = new RandomAccessFile(first.toFile(), "r");
        RandomAccessFile b = new RandomAccessFile(second.toFile(), "r");
        RandomAccessFile other = new RandomAccessFile(third.toFile(), "r");
        RandomAccessFile c = new RandomAccessFile(ours.toFile(), "r")) {
      byte[] pieceA = new byte[1 << 20];
      byte[] pieceB = new byte[1 << 20];
      byte[] pieceOther = new byte[1 << 20];
      byte[] pieceC = new byte[1 << 20];
      for (long at = 0; at < BYTES; at += pieceA.length) {
        a.readFully(pieceA);
        b.readFully(pieceB);
        other.readFully(pieceOther);
        c.readFully(pieceC);
        if (Arrays.equals(pieceA, pieceC)) {
          continue;
        }
        for (int word = 0; word < pieceA.length; word += WORD) {
          if (!Arrays.equals(pieceA, word, word + WORD, pieceB, word, word + WORD)
              || !Arrays.equals(pieceA, word, word + WORD, pieceOther, word, word + WORD)
              || (isRemnant(pieceA, word) && isRemnant(pieceC, word))) {
            drawn++;
          } else {
            assertThat(Arrays.copyOfRange(pieceC, word, word + WORD))
                .as("the word at %d", at + word)
                .isEqualTo(Arrays.copyOfRange(pieceA, word, word + WORD));
          }
        }
      }
    }
    assertThat(drawn)
        .as("words that differ from one time to the next on Linux")
        .isLessThan(BYTES / WORD / 1000);
  }

  /**
   * Whether a word ends as an address of a program does: mkfs.gfs2 writes some bytes that it never
   * set.
   */
  private static boolean isRemnant(byte[] bytes, int word) {
    byte high = bytes[word + 5];
    boolean address = high == 0x7f || high == 0x55 || high == 0x56;
    return address && bytes[word + 6] == 0 && bytes[word + 7] == 0;
  }

  /** The tools that may write to what is damaged: the same repairs. */
  @ParameterizedTest
  @EnumSource(Tools.class)
  void whatIsRepairedIsTheSame(Tools tools) throws Exception {
    Path image = image("image");
    assertThat(onLinux(image, tools.make).status()).isZero();
    try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
      for (long at = 4096 * 40L; at < 4096 * 44L; at += 512) {
        file.seek(at);
        file.write(new byte[64]); // somewhere in the metadata, or nowhere
      }
    }
    Path copy = Files.copy(image, dir.resolve("copy"));
    assertThat(withoutProgress(onPollux(copy, tools.repair)))
        .isEqualTo(withoutProgress(onLinux(image, tools.repair)));
    assertThat(onPollux(copy, tools.looks().getFirst()))
        .isEqualTo(onLinux(image, tools.looks().getFirst()));
  }

  /** Removes what fsck.gfs2 prints only if a pass takes long. */
  private static ExecRun withoutProgress(ExecRun run) {
    String out = run.out().replaceAll("\\d+ percent complete\\.\\r?", "");
    return new ExecRun(run.status(), out, run.err());
  }

  @Test
  void signaturesAreWiped() throws Exception {
    Path image = image("image");
    assertThat(onLinux(image, Tools.EXT4.make).status()).isZero();
    Path copy = Files.copy(image, dir.resolve("copy"));
    assertThat(onPollux(copy, "wipefs -a DEV")).isEqualTo(onLinux(image, "wipefs -a DEV"));
    assertThat(Files.mismatch(copy, image)).isEqualTo(-1);
    assertThat(onPollux(copy, "blkid -p DEV")).isEqualTo(onLinux(image, "blkid -p DEV"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "mkfs.xfs -f",
        "mkfs.ext4 -F",
        "mkfs.gfs2 -O -p lock_nolock",
        "mkfs.ext4 -F -D",
        "mkfs.ext2 -F -b 1024",
        "mkfs.xfs -f -K -b size=1024"
      })
  void aDiskInMemoryIsFormatted(String tool) throws Exception {
    ExecRun run =
        ExecRun.of(words("--fs none --size 512M -- " + tool + " /pollux/dev/ram0")).succeeded();
    assertThat(run.err()).doesNotContain("pollux:", "warning: unable");
  }

  /** A filesystem that is mounted here has its disk for itself. */
  @ParameterizedTest
  @ValueSource(strings = {"mkfs.xfs -f", "mkfs.ext4 -F", "wipefs -a"})
  void aMountedDiskIsRefused(String tool) throws Exception {
    ExecRun run = ExecRun.of(words("-- " + tool + " /pollux/dev/ram0"));
    assertThat(run.status()).as(run.out() + run.err()).isNotZero();
    assertThat(run.err()).containsAnyOf("mounted", "in use", "busy");
  }
}
