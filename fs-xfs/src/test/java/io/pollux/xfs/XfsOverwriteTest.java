// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.block.BlkTypes;
import io.pollux.block.fixture.HeldDisk;
import io.pollux.core.ErrnoException;
import io.pollux.core.vfs.File;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Mman;
import io.pollux.uapi.Stat;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Writing to a file in place: what changes on the disk and what does not, and which files are left
 * alone.
 */
@Timeout(value = 1, unit = TimeUnit.MINUTES)
class XfsOverwriteTest {
  private static final long INO = 137; // the second inode of a block
  private static final int DATA_FSB = 300;
  private static final int BLOCK = TestImage.BLOCK;
  private static final String READ_WRITE = "rw";

  private final TestImage image = new TestImage();
  private final HeldDisk disk = image.writable();

  /**
   * A file of two blocks and a bit, then unwritten ones; inode flags and such are put in by the
   * caller.
   */
  private int makeFile(int mode) {
    image.rootEntry("file", INO);
    int inode = image.inode(INO, mode, 2, 2 * BLOCK + 100, 2, 5);
    image.extent(inode + 176, 0, DATA_FSB, 3, false);
    image.extent(inode + 192, 3, 310, 2, true);
    image.disk.putLong(inode + 104, 41); // changes so far
    image.sealInode(INO);
    for (int other = 136; other < 144; other++) {
      if (other != INO) {
        image.inode(other, 0100644, 2, 0, 0, 0);
        image.sealInode(other);
      }
    }
    return inode;
  }

  private MountedTree mount() throws ErrnoException {
    return new MountedTree(disk.disk(), READ_WRITE);
  }

  private static File open(MountedTree tree, int flags) throws ErrnoException {
    return tree.namei.open(tree.current, null, MountedTree.bytes("/file"), flags, 0);
  }

  private static void assertErrno(int errno, ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(
            ErrnoException.class, e -> assertThat(e.errno()).as(e.getMessage()).isEqualTo(errno));
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void onlyTheDataAndTheTimesChange(boolean bigtime) throws ErrnoException {
    int inode = makeFile(0100644);
    if (!bigtime) {
      image.disk.putLong(inode + 120, 0x10);
      image.sealInode(INO);
    }
    byte[] before = image.disk.array().clone();
    long from = System.currentTimeMillis() / 1000;
    long told;
    try (MountedTree tree = mount()) {
      File file = open(tree, Fcntl.O_RDWR);
      assertThat(tree.write(file, 10, 20, 7)).isEqualTo(20);
      assertThat(tree.write(file, BLOCK + 1, 2, 8)).isEqualTo(2);
      File direct = open(tree, Fcntl.O_RDWR | Fcntl.O_DIRECT);
      assertThat(tree.write(direct, 512, 512, 9)).isEqualTo(512);
      assertThat(image.disk.array()[inode + 111]).as("in memory only").isEqualTo((byte) 41);
      assertThat(file.fsync(tree.current, false)).isZero();
      told = times(tree, file);
      file.fput(tree.current);
      direct.fput(tree.current);
      assertThat(tree.sb.sync(tree.current)).isZero();
      long written = disk.count(BlkTypes.REQ_OP_WRITE);
      assertThat(tree.sb.sync(tree.current)).isZero();
      assertThat(disk.count(BlkTypes.REQ_OP_WRITE)).as("nothing more to write").isEqualTo(written);
    }
    assertThat(image.disk.getLong(inode + 104)).isEqualTo(42);
    assertThat(told).isGreaterThanOrEqualTo(from);
    byte[] expected = before.clone();
    int data = DATA_FSB * BLOCK;
    Arrays.fill(expected, data + 10, data + 30, (byte) 7);
    Arrays.fill(expected, data + BLOCK + 1, data + BLOCK + 3, (byte) 8);
    Arrays.fill(expected, data + 512, data + 1024, (byte) 9);
    System.arraycopy(image.disk.array(), inode + 40, expected, inode + 40, 16); // mtime, ctime
    // checksum, changes
    System.arraycopy(image.disk.array(), inode + 100, expected, inode + 100, 12);
    // the LSN of the inode, and the log
    System.arraycopy(image.disk.array(), inode + 112, expected, inode + 112, 8);
    int log = TestImage.byteOf(TestImage.LOG_FSB);
    System.arraycopy(image.disk.array(), log, expected, log, TestImage.LOG_BBS * 512);
    assertThat(image.disk.array()).isEqualTo(expected);
    assertThat(image.disk.getLong(inode + 40))
        .isNotZero()
        .isEqualTo(image.disk.getLong(inode + 48));
    try (MountedTree tree = image.mount()) {
      File file = open(tree, Fcntl.O_RDONLY);
      assertThat(times(tree, file)).as("as the disk has it").isEqualTo(told);
      file.fput(tree.current);
    }
  }

  /** Seconds of the last write. */
  private static long times(MountedTree tree, File file) throws ErrnoException {
    long stat = tree.current.mm().mmap(4096, Mman.PROT_READ | Mman.PROT_WRITE);
    file.inode().fillStat(tree.current, stat);
    assertThat(Stat.stMtime(stat)).isEqualTo(Stat.stCtime(stat));
    assertThat(Stat.stMtimeNsec(stat)).isEqualTo(Stat.stCtimeNsec(stat));
    return Stat.stMtime(stat);
  }

  @Test
  void someFilesAreLeftAlone() throws ErrnoException {
    int inode = makeFile(0100644);
    image.disk.putShort(inode + 90, (short) (1 << 3)); // immutable
    image.sealInode(INO);
    try (MountedTree tree = mount()) {
      assertErrno(Errno.EPERM, () -> open(tree, Fcntl.O_RDWR));
      open(tree, Fcntl.O_RDONLY).fput(tree.current);
    }
    image.disk.putShort(inode + 90, (short) (1 << 4)); // append only
    image.sealInode(INO);
    try (MountedTree tree = mount()) {
      assertErrno(Errno.EPERM, () -> open(tree, Fcntl.O_RDWR));
      assertErrno(Errno.EPERM, () -> open(tree, Fcntl.O_RDWR | Fcntl.O_APPEND | Fcntl.O_TRUNC));
      File file = open(tree, Fcntl.O_RDWR | Fcntl.O_APPEND);
      assertThat(file.setFl(0)).isEqualTo(-Errno.EPERM);
      file.fput(tree.current);
    }
    assertThat(disk.count(BlkTypes.REQ_OP_WRITE)).isZero();
  }

  private void assertWrite(long result, boolean unprivileged) throws ErrnoException {
    try (MountedTree tree = mount()) {
      if (unprivileged) {
        tree.current.process().dropPrivileges();
      }
      for (int flags : new int[] {0, Fcntl.O_DIRECT}) {
        File file = open(tree, Fcntl.O_RDWR | flags);
        assertThat(tree.write(file, 0, 512, 1)).isEqualTo(result);
        file.fput(tree.current);
      }
    }
  }

  @Test
  void aWriteByTheUnprivilegedRemovesTheSetIdBits() throws ErrnoException {
    for (int mode : new int[] {04644, 02654}) {
      makeFile(0100000 | mode);
      assertMode(mode, false, mode);
      assertMode(mode & 0777, true, mode);
    }
    makeFile(0102644); // without x the bit means something else
    assertMode(02644, false, 02644);
  }

  private void assertMode(int expected, boolean unprivileged, int mode) throws ErrnoException {
    makeFile(0100000 | mode);
    assertWrite(512, unprivileged);
    try (MountedTree tree = new MountedTree(disk.disk(), "ro")) {
      assertThat(tree.find("/file").inode().mode() & 07777).isEqualTo(expected);
    }
  }

  @Test
  void aFileThatIsAlwaysSynchronousIsFlushed() throws ErrnoException {
    int inode = makeFile(0100644);
    image.disk.putShort(inode + 90, (short) (1 << 5));
    image.sealInode(INO);
    try (MountedTree tree = mount()) {
      File file = open(tree, Fcntl.O_RDWR);
      assertThat(tree.write(file, 0, 512, 1)).isEqualTo(512);
      assertThat(disk.flushes()).isEqualTo(1);
      assertThat(image.disk.array()[DATA_FSB * BLOCK]).isEqualTo((byte) 1);
      file.fput(tree.current);
    }
  }

  @Test
  void unmountTellsWhatWasLost() throws ErrnoException {
    makeFile(0100644);
    MountedTree tree = mount();
    File file = open(tree, Fcntl.O_RDWR);
    assertThat(tree.write(file, 0, 512, 1)).isEqualTo(512);
    file.fput(tree.current);
    disk.failEach(BlkTypes.REQ_OP_WRITE);
    assertThat(tree.sb.sync(tree.current)).isEqualTo(-Errno.EIO);
    assertErrno(Errno.EIO, tree::close);
    disk.failNone();
    try (MountedTree again = mount()) {
      assertThat(again.sb.sync(again.current)).isZero();
    }
  }
}
