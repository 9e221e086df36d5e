// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.mkfs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.uapi.Errno;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Filesystems of ours beside those of mkfs.xfs, and options that it refuses. */
final class XfsMkfsMakeTest {
  private static final String UUID = "11111111-2222-3333-4444-555555555555";
  private static final ValueLayout.OfLong BE64 =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
  private static final ValueLayout.OfInt BE32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
  private static final ValueLayout.OfShort BE16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

  private static final List<String> FEATURES =
      List.of("finobt", "rmapbt", "reflink", "bigtime", "inobtcount");

  @TempDir private Path directory = Path.of("");

  @ParameterizedTest(name = "{0} MiB, {1}")
  @CsvSource(
      delimiter = '|',
      value = {
        "16  | ",
        "17  | rmapbt=0",
        "24  | reflink=0,nrext64=0,ssize=4096",
        "33  | label=twelve bytes",
        "47  | isize=1024",
        "64  | rmapbt=0,nrext64=0",
        "64  | bsize=1024,nsize=16384,sparse=0",
        "64  | bsize=2048,agsize=20971520",
        "64  | rmapbt=0,reflink=0,finobt=0,inobtcount=0,bigtime=0,sparse=0,nrext64=0",
        "100 | bsize=1024,nrext64=0,rmapbt=0,reflink=0",
        "100 | agcount=5,maxpct=33",
        "130 | bsize=1024,ssize=1024,agcount=2",
        "150 | dsize=100m,lsize=14m",
        "200 | bsize=65536,agcount=1",
        "200 | bsize=32768,isize=1024,agcount=1,ssize=4096",
        "200 | bsize=16384,sparse=0,isize=2048",
        "300 | ",
        "500 | agsize=20971520"
      })
  void equalsThatOfTheHost(int mebibytes, String options)
      throws IOException, InterruptedException, ErrnoException {
    String ours = options == null ? "" : options + ",";
    Path theirs = MadeImage.sparse(directory.resolve("theirs"), (long) mebibytes << 20);
    HostTool.run(command(theirs, ours).toArray(String[]::new));
    Path mine =
        MadeImage.make(directory.resolve("ours"), (long) mebibytes << 20, ours + "uuid=" + UUID);
    try (MadeImage a = new MadeImage(theirs, 512);
        MadeImage b = new MadeImage(mine, 512)) {
      maskTimes(a.contents());
      maskTimes(b.contents());
      long differs = a.contents().mismatch(b.contents());
      assertThat(differs).as("the first byte that differs").isEqualTo(-1);
    }
  }

  private static List<String> command(Path image, String ours) {
    List<String> words = new ArrayList<>(List.of("mkfs.xfs", "-q", "-m", "uuid=" + UUID));
    // defaults of newer versions than 6.1
    words.addAll(List.of("-m", "rmapbt=" + (ours.contains("rmapbt=0") ? 0 : 1)));
    words.addAll(List.of("-i", "nrext64=" + (ours.contains("nrext64=0") ? 0 : 1)));
    for (String option : ours.split(",", -1)) {
      String key = option.substring(0, Math.max(0, option.indexOf('=')));
      String value = option.substring(option.indexOf('=') + 1);
      if (key.matches(".size")) {
        words.addAll(List.of("-" + key.charAt(0), "size=" + value));
      } else if (key.startsWith("ag")) {
        words.addAll(List.of("-d", option));
      } else if (key.equals("label")) {
        words.addAll(List.of("-L", value));
      } else if (FEATURES.contains(key) && !key.equals("rmapbt")) {
        words.addAll(List.of("-m", option));
      } else if (key.equals("sparse") || key.equals("maxpct")) {
        words.addAll(List.of("-i", option));
      }
    }
    words.add(image.toString());
    return words;
  }

  /** Clears the times of the first three inodes and their checksums, which depend on the times. */
  private static void maskTimes(MemorySegment image) {
    long root = image.get(BE64, 56);
    int inodesLog = image.get(ValueLayout.JAVA_BYTE, 123);
    long block = root >> inodesLog;
    int inodeBytes = image.get(BE16, 104);
    long first = block * image.get(BE32, 4);
    for (int i = 0; i < 3; i++) {
      long at = first + (long) i * inodeBytes;
      for (int field : new int[] {40, 48, 144}) {
        image.set(BE64, at + field, 0);
      }
      image.set(BE32, at + 100, 0);
    }
  }

  @ParameterizedTest(name = "options: {0}")
  @ValueSource(
      strings = {
        "",
        "bsize=16384,ssize=4096,agcount=1",
        "bsize=1024,isize=512,agcount=2",
        "dsize=17m,bsize=4096"
      })
  void repairFindsNothing(String options) throws IOException, InterruptedException, ErrnoException {
    HostTool.repairFindsNothing(MadeImage.make(directory.resolve("image"), 64 << 20, options));
  }

  @Test
  void largeFilesystemsHaveGroupsOfATebibyte() throws ErrnoException { // as mkfs.xfs -N has it
    MkfsGeometry geo = MkfsGeometry.of(Options.parse("rmapbt=0"), 5L << 40, 512);
    assertThat(geo.agBlocks).isEqualTo(268_435_455);
    assertThat(geo.dblocks).isEqualTo(1_342_177_275);
    assertThat(geo.logBlocks).isEqualTo(521_728);
    assertThat(geo.maxPct).isEqualTo(5);
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource(
      delimiter = '|',
      value = {
        "crc=0 | option crc: only version 5 of the format, which has checksums, can be made",
        "bsize=512 | option bsize: 512 is out of range, from 1024 to 65536",
        "bsize=5000 | option bsize: 5000 is not a power of 2",
        "bsize=1024,ssize=4096 | option bsize: 1024 is less than a sector of 4096 bytes",
        "bsize=1024,isize=1024 | option isize: a block of 1024 bytes must hold two inodes",
        "isize=4096 | option isize: 4096 is out of range, from 512 to 2048",
        "nsize=1024 | option nsize: 1024 is out of range, from 4096 to 65536",
        "agcount=2,agsize=16m | option agsize: agcount is given, too",
        "agcount=9999999999 | option agcount: 9999999999 is out of range, from 0 to 4294967295",
        "agsize=16777217 | option agsize: 16777217 is not a multiple of the block size, 4096",
        "agsize=1g | option agsize: 1073741824 is larger than the filesystem",
        "dsize=1g | option dsize: 1073741824 is larger than the device, 67108864 bytes",
        "dsize=1m | 1048576 bytes are too few: an XFS filesystem has at least 16777216",
        "lsize=1m | option lsize: 1048576 is out of range, from 12595200 to 16728064",
        "lsize=12000000 | option lsize: 12000000 is not a multiple of the block size, 4096",
        "finobt=0,inobtcount=1 | option inobtcount: needs finobt=1",
        "maxpct=101 | option maxpct: 101 is out of range, from 1 to 100",
        "label=thirteen bytes | option label: 'thirteen bytes' is longer than 12 bytes",
        "uuid=1 | option uuid: '1' is not a UUID",
        "reflink=yes | option reflink: 'yes' is not a whole number",
        "colour=red | xfs has no option 'colour'"
      })
  void refusesInOneSentence(String options, String sentence) throws IOException {
    Path file = MadeImage.sparse(directory.resolve("image"), 64 << 20);
    try (MadeImage image = new MadeImage(file, 512)) {
      image.contents().fill((byte) 0x5a);
      ErrnoException refused =
          catchThrowableOfType(ErrnoException.class, () -> image.mkfs(options));
      assertThat(refused).hasMessageStartingWith(sentence);
      assertThat(refused.errno()).isEqualTo(Errno.EINVAL);
      byte[] unchanged = new byte[64 << 20];
      Arrays.fill(unchanged, (byte) 0x5a);
      assertThat(image.contents().mismatch(MemorySegment.ofArray(unchanged))).isEqualTo(-1);
    }
  }

  @Test
  void takesTheSectorsOfTheDevice() throws IOException, InterruptedException, ErrnoException {
    Path file = MadeImage.sparse(directory.resolve("image"), 64 << 20);
    try (MadeImage image = new MadeImage(file, 4096)) {
      ErrnoException refused =
          catchThrowableOfType(ErrnoException.class, () -> image.mkfs("ssize=512"));
      assertThat(refused).hasMessage("option ssize: the device has sectors of 4096 bytes");
      image.contents().fill((byte) 0x5a);
      image.mkfs("");
      assertThat(image.contents().get(BE16, 102)).isEqualTo((short) 4096);
    }
    HostTool.repairFindsNothing(file);
  }

  @Test
  void removesTheSuperblocksOfAnOlderOne()
      throws IOException, InterruptedException, ErrnoException {
    Path file = MadeImage.make(directory.resolve("image"), 128 << 20, "agcount=8,nodiscard");
    try (MadeImage image = new MadeImage(file, 512)) {
      assertThat(image.contents().get(BE32, 16 << 20)).isEqualTo(0x58465342);
      image.mkfs("agcount=4");
      assertThat(image.contents().get(BE32, 16 << 20)).isZero();
      assertThat(image.contents().get(BE32, 32 << 20)).isEqualTo(0x58465342);
    }
    HostTool.repairFindsNothing(file);
  }
}
