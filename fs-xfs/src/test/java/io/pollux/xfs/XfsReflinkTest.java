// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.ErrnoException;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.RemapRange;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Files that share blocks. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
final class XfsReflinkTest {
  private static final int PUNCH = Fcntl.FALLOC_FL_PUNCH_HOLE | Fcntl.FALLOC_FL_KEEP_SIZE;

  private static final int BYTES = 300_000;

  private final byte[] contents = new byte[BYTES];

  XfsReflinkTest() {
    new Random(1).nextBytes(contents);
  }

  private static void write(WritableTree tree, File file, long pos, int bytes, int value) {
    assertThat(tree.write(file, pos, bytes, value)).isEqualTo(bytes);
  }

  private static int clone(WritableTree tree, File from, long pos, File to, long at, long length)
      throws ErrnoException {
    return RemapRange.clone(tree.tree.current, from, pos, to, at, length);
  }

  @ParameterizedTest(name = "mkfs.xfs {0}")
  @ValueSource(strings = {"", "-m rmapbt=1 -b size=1024", "-m rmapbt=1 -i nrext64=1"})
  void aWriteToSharedBlocksLeavesTheOtherFileAsItWas(String options, @TempDir Path directory)
      throws IOException, InterruptedException, ErrnoException {
    Path image = MkfsImage.make(directory, options, contents);
    byte[] changed = contents.clone();
    try (WritableTree tree = new WritableTree(image)) {
      File from = tree.open("/file", 0);
      File to = tree.open("/clone", Fcntl.O_CREAT);
      assertThat(clone(tree, from, 0, to, 0, 0)).isZero();
      File direct = tree.open("/clone", Fcntl.O_DIRECT);
      write(tree, to, 5000, 3000, 7);
      Arrays.fill(changed, 5000, 8000, (byte) 7);
      write(tree, direct, 65536, 8192, 8);
      Arrays.fill(changed, 65536, 65536 + 8192, (byte) 8);
      write(tree, direct, 131072, 512, 9);
      Arrays.fill(changed, 131072, 131072 + 512, (byte) 9);
      File again = tree.open("/again", Fcntl.O_CREAT);
      assertThat(clone(tree, to, 0, again, 0, 0)).isZero();
      for (File file : new File[] {from, to, direct, again}) {
        file.fput(tree.tree.current);
      }
      tree.tree.namei.unlink(tree.tree.current, null, MountedTree.bytes("/clone"));
    }
    LinuxXfs.assertSound(image);
    LinuxXfs.look(
        image,
        root -> {
          assertThat(Files.readAllBytes(root.resolve("file"))).isEqualTo(contents);
          assertThat(Files.readAllBytes(root.resolve("again"))).isEqualTo(changed);
        });
  }

  /** A write is longer than what one call checks; only its end is shared. */
  @Test
  void aLongWriteLeavesTheOtherFileAsItWas(@TempDir Path directory) throws Exception {
    byte[] all = new byte[3 << 20];
    new Random(2).nextBytes(all);
    Path image = MkfsImage.make(directory, "", all);
    try (WritableTree tree = new WritableTree(image)) {
      File from = tree.open("/file", Fcntl.O_DIRECT);
      File to = tree.open("/clone", Fcntl.O_CREAT);
      assertThat(clone(tree, from, 2 << 20, to, 0, 1 << 20)).isZero();
      write(tree, from, 0, 3 << 20, 7);
      from.fput(tree.tree.current);
      to.fput(tree.tree.current);
    }
    LinuxXfs.assertSound(image);
    LinuxXfs.look(
        image,
        root ->
            assertThat(Files.readAllBytes(root.resolve("clone")))
                .isEqualTo(Arrays.copyOfRange(all, 2 << 20, 3 << 20)));
  }

  /** Every second block of one extent has another owner. */
  @Test
  void noTransactionChangesTheCountsOfManyParts(@TempDir Path directory) throws Exception {
    int parts = 5 * XfsBmapi.MOST / 2;
    byte[] all = new byte[2 * parts * 4096];
    new Random(3).nextBytes(all);
    Path image = MkfsImage.make(directory, "-m rmapbt=1,reflink=1", all);
    try (WritableTree tree = new WritableTree(image)) {
      File from = tree.open("/file", Fcntl.O_DIRECT);
      File parted = tree.open("/parted", Fcntl.O_CREAT);
      for (int i = 0; i < parts; i++) {
        assertThat(clone(tree, from, 8192L * i, parted, 8192L * i, 4096)).isZero();
      }
      File whole = tree.open("/whole", Fcntl.O_CREAT);
      long before = tree.mp.trans().commits();
      assertThat(clone(tree, from, 0, whole, 0, 0)).isZero();
      assertThat(tree.mp.trans().commits() - before).as("for the clone").isBetween(3L, 6L);
      File other = tree.open("/other", Fcntl.O_CREAT);
      write(tree, other, 0, all.length, 5);
      assertThat(other.fsync(tree.tree.current, false)).isZero();
      before = tree.mp.trans().commits();
      assertThat(clone(tree, other, 0, whole, 0, 0)).isZero();
      assertThat(tree.mp.trans().commits() - before).as("for another").isBetween(3L, 6L);
      before = tree.mp.trans().commits();
      assertThat(from.op().fallocate(tree.tree.current, from, PUNCH, 0, all.length)).isZero();
      assertThat(tree.mp.trans().commits() - before).as("for the hole").isBetween(4L, 8L);
      before = tree.mp.trans().commits();
      assertThat(clone(tree, parted, 0, from, 0, 0)).isZero();
      write(tree, from, 0, 64 * 8192, 9);
      assertThat(tree.mp.trans().commits() - before).as("for the copies").isGreaterThan(parts + 4);
      for (File file : new File[] {from, parted, whole, other}) {
        file.fput(tree.tree.current);
      }
    }
    LinuxXfs.assertSound(image);
    LinuxXfs.look(
        image,
        root -> {
          byte[] kept = Files.readAllBytes(root.resolve("parted"));
          for (int i = 0; i < parts; i++) {
            assertThat(Arrays.copyOfRange(kept, 8192 * i, 8192 * i + 4096))
                .isEqualTo(Arrays.copyOfRange(all, 8192 * i, 8192 * i + 4096));
          }
          byte[] fives = new byte[all.length];
          Arrays.fill(fives, (byte) 5);
          assertThat(Files.readAllBytes(root.resolve("whole"))).isEqualTo(fives);
        });
  }

  @Test
  void aWriteToBlocksThatAreNoLongerSharedChangesNoMetadata(@TempDir Path directory)
      throws Exception {
    Path image = MkfsImage.make(directory, "", contents);
    try (WritableTree tree = new WritableTree(image)) {
      File from = tree.open("/file", Fcntl.O_DIRECT);
      File to = tree.open("/clone", Fcntl.O_CREAT);
      assertThat(clone(tree, from, 0, to, 0, 0)).isZero();
      write(tree, from, 8192, 4096, 1);
      long commits = tree.mp.trans().commits();
      write(tree, from, 8192, 4096, 2);
      assertThat(tree.mp.trans().commits()).isEqualTo(commits);
      from.fput(tree.tree.current);
      to.fput(tree.tree.current);
    }
  }

  /** A hole of one file replaces many extents of another one. */
  @Test
  void aCloneReplacesFewExtentsInATransaction(@TempDir Path directory) throws Exception {
    int extents = 400;
    Path image = MkfsImage.make(directory, "", contents);
    try (WritableTree tree = new WritableTree(image)) {
      File hole = tree.open("/hole", Fcntl.O_CREAT);
      File to = tree.open("/file", Fcntl.O_DIRECT);
      write(tree, hole, 8192L * extents, 4096, 1);
      for (int i = 0; i < extents; i++) {
        write(tree, to, (1 << 20) + 8192L * i, 4096, 7);
      }
      long commits = tree.mp.trans().commits();
      assertThat(clone(tree, hole, 0, to, 1 << 20, 8192L * extents)).isZero();
      assertThat(tree.mp.trans().commits() - commits).isGreaterThan(extents / 100);
      assertThat(tree.inode("/file").extents(tree.tree.current).lastOffset()).isLessThan(256);
      hole.fput(tree.tree.current);
      to.fput(tree.tree.current);
    }
    LinuxXfs.assertSound(image);
  }

  @Test
  void aRangeIsSharedInTheSameFile(@TempDir Path directory) throws Exception {
    Path image = MkfsImage.make(directory, "-m rmapbt=1", contents);
    byte[] expected = Arrays.copyOf(contents, 425_984);
    try (WritableTree tree = new WritableTree(image)) {
      File file = tree.open("/file", 0);
      assertThat(clone(tree, file, 8192, file, 393_216, 32_768)).isZero();
      assertThat(clone(tree, file, 0, file, 4096, 8192)).as("overlaps").isEqualTo(-Errno.EINVAL);
      assertThat(clone(tree, file, 100, file, 4096, 100)).as("unaligned").isEqualTo(-Errno.EINVAL);
      assertThat(clone(tree, file, 0, file, 1 << 20, 1 << 20))
          .as("behind the end")
          .isEqualTo(-Errno.EINVAL);
      file.fput(tree.tree.current);
    }
    System.arraycopy(contents, 8192, expected, 393_216, 32_768);
    LinuxXfs.assertSound(image);
    LinuxXfs.look(
        image, root -> assertThat(Files.readAllBytes(root.resolve("file"))).isEqualTo(expected));
  }

  @Test
  void equalRangesAreShared(@TempDir Path directory) throws Exception {
    Path image = MkfsImage.make(directory, "-m rmapbt=1", contents);
    try (WritableTree tree = new WritableTree(image)) {
      File from = tree.open("/file", 0);
      File to = tree.open("/copy", Fcntl.O_CREAT);
      assertThat(clone(tree, from, 0, to, 0, 0)).isZero();
      write(tree, to, 8192, 4096, 7); // a block of its own
      long free = tree.mp.trans().fdblocks();
      assertThat(dedupe(tree, from, 0, to, 0, 65536)).isEqualTo(-Errno.EBADE);
      assertThat(tree.mp.trans().fdblocks()).as("nothing was shared").isEqualTo(free);
      File third = tree.open("/third", Fcntl.O_CREAT);
      write(tree, third, 0, 4096, 7);
      assertThat(third.fsync(tree.tree.current, false)).isZero();
      long before = tree.mp.trans().fdblocks();
      assertThat(dedupe(tree, to, 8192, third, 0, 4096)).isZero();
      third.fput(tree.tree.current);
      assertThat(tree.mp.trans().fdblocks()).as("a block was freed").isGreaterThan(before);
      from.fput(tree.tree.current);
      to.fput(tree.tree.current);
    }
    LinuxXfs.assertSound(image);
    byte[] expected = contents.clone();
    Arrays.fill(expected, 8192, 12_288, (byte) 7);
    LinuxXfs.look(
        image,
        root -> {
          assertThat(Files.readAllBytes(root.resolve("copy"))).isEqualTo(expected);
          assertThat(Files.readAllBytes(root.resolve("third")))
              .isEqualTo(Arrays.copyOfRange(expected, 8192, 12_288));
        });
  }

  private static int dedupe(WritableTree tree, File from, long pos, File to, long at, long length)
      throws ErrnoException {
    return RemapRange.dedupe(tree.tree.current, from, pos, to, at, length);
  }

  @Test
  void aFilesystemWithoutReflinkSharesNothing(@TempDir Path directory) throws Exception {
    Path image = MkfsImage.make(directory, "-m reflink=0", contents);
    try (WritableTree tree = new WritableTree(image)) {
      File file = tree.open("/file", 0);
      File other = tree.open("/other", Fcntl.O_CREAT);
      assertThat(clone(tree, file, 0, other, 0, 0)).isEqualTo(-Errno.EOPNOTSUPP);
      file.fput(tree.tree.current);
      other.fput(tree.tree.current);
    }
  }
}
