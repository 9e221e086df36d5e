// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.bdev;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.QueueLimits;
import io.pollux.block.TagSet;
import io.pollux.block.fixture.HeldDisk;
import io.pollux.block.fixture.HeldDisk.Held;
import io.pollux.core.ErrnoException;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.mm.IovecIter;
import io.pollux.core.ramfs.Ramfs;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileTable;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.BlkIoctl;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Mman;
import io.pollux.uapi.RawMemory;
import io.pollux.uapi.Stat;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The ioctls of a block device: values that programs read and set, and ranges. */
@Timeout(60)
class BlkdevIoctlTest {
  private static final int PAGE = HostMemory.PAGE_SIZE;
  private static final int BYTES = 64 * PAGE;
  private static final int MEMORY = 2 * BYTES;
  private static final long NOWHERE = 8; // an address that no program has
  private static final TagSet TAGS = new TagSet(1, 0, 8, true);
  private static final QueueLimits ABLE =
      QueueLimits.of(512)
          .withPhysicalBlockSize(2048)
          .withWriteCache(false, false)
          .withDiscard(512, 1 << 10, 1 << 10);

  private final HeldDisk disk = new HeldDisk(BYTES).letThrough();
  private final FileTable table = new FileTable();
  private final UserProcess process = new UserProcess();
  private final Task current = process.newTask();
  private final long memory = process.mm().mmap(MEMORY, Mman.PROT_READ | Mman.PROT_WRITE);
  private BlockDevice bdev = disk.disk(TAGS, ABLE);

  @BeforeEach
  void enter() {
    assertThat(current.enterKernel()).isTrue();
  }

  @AfterEach
  void nothingIsHeld() {
    current.leaveKernel();
    bdev.pageCache().drop();
    assertThat(disk.held()).isEmpty();
    assertThat(bdev.queue().busyTags()).isZero();
    assertThat(table.nrFiles()).isZero();
    assertThat(process.mm().pinnedPages()).isZero();
    process.exit();
    disk.close();
  }

  private File open(int flags) {
    return new File(table, new BdevInode(new Ramfs(1), 5, bdev), null, flags);
  }

  private long ioctl(File file, int cmd, long arg) {
    return file.op().ioctl(current, file, cmd, arg);
  }

  private void assertInt(File file, int cmd, int expected) {
    RawMemory.putInt(memory, -1);
    assertThat(ioctl(file, cmd, memory)).as("%x", cmd).isZero();
    assertThat(RawMemory.getInt(memory)).as("%x", cmd).isEqualTo(expected);
    assertThat(ioctl(file, cmd, NOWHERE)).as("%x", cmd).isEqualTo(-Errno.EFAULT);
  }

  private void assertShort(File file, int cmd, int expected) {
    RawMemory.putInt(memory, -1);
    assertThat(ioctl(file, cmd, memory)).as("%x", cmd).isZero();
    assertThat(RawMemory.getInt(memory)).as("%x: two bytes", cmd).isEqualTo(0xffff_0000 | expected);
    assertThat(ioctl(file, cmd, NOWHERE)).as("%x", cmd).isEqualTo(-Errno.EFAULT);
  }

  @Test
  void limitsAreRead() {
    File file = open(Fcntl.O_RDONLY);
    assertInt(file, BlkIoctl.BLKIOMIN, 2048);
    assertInt(file, BlkIoctl.BLKIOOPT, 0);
    assertInt(file, BlkIoctl.BLKALIGNOFF, 0);
    assertInt(file, BlkIoctl.BLKDISCARDZEROES, 0);
    assertInt(file, BlkIoctl.BLKGETZONESZ, 0);
    assertInt(file, BlkIoctl.BLKGETNRZONES, 0);
    assertInt(file, BlkIoctl.BLKROGET, 0);
    assertShort(file, BlkIoctl.BLKSECTGET, 2560);
    assertShort(file, BlkIoctl.BLKROTATIONAL, 0);
    file.fput(current);
    bdev = disk.disk(TAGS, ABLE.withTransfer(1 << 20, 256, 0));
    File large = open(Fcntl.O_RDONLY);
    assertShort(large, BlkIoctl.BLKSECTGET, 0xffff);
    large.fput(current);
  }

  @Test
  void theReadOnlyFlagIsSetAndCleared() {
    File file = open(Fcntl.O_RDWR);
    RawMemory.putInt(memory, 1);
    assertThat(ioctl(file, BlkIoctl.BLKROSET, memory)).isZero();
    assertThat(bdev.readOnly()).isTrue();
    assertInt(file, BlkIoctl.BLKROGET, 1);
    RawMemory.putLong(memory, 0);
    RawMemory.putLong(memory + 8, 512);
    assertThat(ioctl(file, BlkIoctl.BLKZEROOUT, memory)).isEqualTo(-Errno.EPERM);
    assertThat(rw(file, false, 0, 512, 0)).isEqualTo(-Errno.EPERM);
    RawMemory.putInt(memory, 0);
    assertThat(ioctl(file, BlkIoctl.BLKROSET, memory)).isZero();
    assertThat(bdev.readOnly()).isFalse();
    assertThat(ioctl(file, BlkIoctl.BLKROSET, NOWHERE)).isEqualTo(-Errno.EFAULT);
    file.fput(current);
  }

  @Test
  void theBlockSizeNeedsAClaim() {
    File file = open(Fcntl.O_RDWR);
    assertInt(file, BlkIoctl.BLKBSZGET, PAGE);
    RawMemory.putInt(memory, 1024);
    assertThat(ioctl(file, BlkIoctl.BLKBSZSET, memory)).isZero();
    assertInt(file, BlkIoctl.BLKBSZGET, 1024);
    assertThat(bdev.claimedBy(file)).as("the claim ends with the call").isFalse();
    assertThat(ioctl(file, BlkIoctl.BLKBSZSET, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(ioctl(file, BlkIoctl.BLKBSZSET, NOWHERE)).isEqualTo(-Errno.EFAULT);
    RawMemory.putInt(memory, 1000);
    assertThat(ioctl(file, BlkIoctl.BLKBSZSET, memory)).isEqualTo(-Errno.EINVAL);
    RawMemory.putInt(memory, 2048);
    assertThat(bdev.claim(file)).isTrue();
    assertThat(ioctl(file, BlkIoctl.BLKBSZSET, memory)).isZero();
    assertThat(bdev.claimedBy(file)).as("the file keeps its own claim").isTrue();
    bdev.unclaim(file);
    assertThat(bdev.claim(this)).isTrue();
    assertThat(ioctl(file, BlkIoctl.BLKBSZSET, memory)).isEqualTo(-Errno.EBUSY);
    bdev.unclaim(this);
    file.fput(current);
  }

  @Test
  void readAheadIsInSectors() {
    File file = open(Fcntl.O_RDONLY);
    for (int[] pair :
        new int[][] {
          {BlkIoctl.BLKRASET, BlkIoctl.BLKRAGET}, {BlkIoctl.BLKFRASET, BlkIoctl.BLKFRAGET}
        }) {
      assertThat(ioctl(file, pair[0], 8 * 21 + 7)).isZero();
      assertThat(bdev.readAheadPages()).isEqualTo(21);
      assertThat(ioctl(file, pair[1], memory)).isZero();
      assertThat(RawMemory.getLong(memory)).as("whole pages").isEqualTo(8 * 21);
      assertThat(ioctl(file, pair[1], 0)).isEqualTo(-Errno.EINVAL);
      assertThat(ioctl(file, pair[1], NOWHERE)).isEqualTo(-Errno.EFAULT);
      bdev.setReadAheadPages(0);
    }
    file.fput(current);
  }

  @Test
  void thereAreNoPartitionsAndNoGeometry() {
    File file = open(Fcntl.O_RDWR);
    assertThat(ioctl(file, BlkIoctl.BLKRRPART, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(ioctl(file, BlkIoctl.BLKPG, NOWHERE)).isEqualTo(-Errno.EFAULT);
    RawMemory.putLong(memory + 16, NOWHERE); // data of struct blkpg_ioctl_arg
    assertThat(ioctl(file, BlkIoctl.BLKPG, memory)).isEqualTo(-Errno.EFAULT);
    RawMemory.putLong(memory + 16, memory + 64);
    assertThat(ioctl(file, BlkIoctl.BLKPG, memory)).isEqualTo(-Errno.EINVAL);
    assertThat(ioctl(file, BlkIoctl.HDIO_GETGEO, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(ioctl(file, BlkIoctl.HDIO_GETGEO, memory)).isEqualTo(-Errno.ENOTTY);
    assertThat(ioctl(file, BlkIoctl.BLKSECDISCARD, memory)).isEqualTo(-Errno.EOPNOTSUPP);
    file.fput(current);
    File reader = open(Fcntl.O_RDONLY);
    assertThat(ioctl(reader, BlkIoctl.BLKSECDISCARD, memory)).isEqualTo(-Errno.EBADF);
    reader.fput(current);
  }

  private long rw(File file, boolean read, long pos, long bytes, int fill) {
    RawMemory.segment(memory, bytes).fill((byte) fill);
    IovecIter iter = new IovecIter();
    assertThat(iter.importSingleRange(process.mm(), read, memory, bytes)).isZero();
    Kiocb iocb = new Kiocb();
    iocb.init(file, null);
    iocb.kiPos = pos;
    return read
        ? file.op().readIter(current, iocb, iter)
        : file.op().writeIter(current, iocb, iter);
  }

  private long range(File file, int cmd, long start, long length) {
    RawMemory.putLong(memory, start);
    RawMemory.putLong(memory + 8, length);
    return ioctl(file, cmd, memory);
  }

  private byte read(File file, long pos) {
    assertThat(rw(file, true, pos, 1, 77)).isEqualTo(1);
    return RawMemory.getByte(memory);
  }

  @Test
  void theWholeDeviceMayBeZeroedAndDiscarded() {
    File file = open(Fcntl.O_RDWR);
    disk.contents().fill((byte) 5);
    assertThat(range(file, BlkIoctl.BLKDISCARD, 0, BYTES)).isZero();
    assertThat(range(file, BlkIoctl.BLKZEROOUT, 0, BYTES)).isZero();
    assertThat(disk.done()).map(Held::line).containsExactly("discard 0+512", "zero 0+512");
    assertThat(read(file, BYTES - 1)).isZero();
    file.fput(current);
  }

  @Test
  void onlyTheCachedPagesOfTheRangeAreDropped() {
    File file = open(Fcntl.O_RDWR);
    assertThat(rw(file, false, 0, 3 * PAGE, 7)).isEqualTo(3 * PAGE);
    assertThat(range(file, BlkIoctl.BLKZEROOUT, PAGE, PAGE)).isZero();
    assertThat(read(file, PAGE - 1)).isEqualTo((byte) 7);
    assertThat(read(file, PAGE)).isZero();
    assertThat(read(file, 2 * PAGE - 1)).isZero();
    assertThat(read(file, 2 * PAGE)).isEqualTo((byte) 7);
    file.fput(current);
  }

  @Test
  void pagesReadWhileTheRangeIsZeroedAreDropped() {
    File file = open(Fcntl.O_RDWR);
    disk.contents().fill((byte) 5);
    assertThat(rw(file, true, 0, 1, 0)).isEqualTo(1);
    assertThat(rw(file, true, 2 * PAGE, 1, 0)).isEqualTo(1);
    UserProcess other = new UserProcess();
    disk.beforeNext(BlkTypes.REQ_OP_WRITE_ZEROES, () -> readBy(other, file));
    assertThat(range(file, BlkIoctl.BLKZEROOUT, PAGE, PAGE)).isZero();
    assertThat(read(file, PAGE)).isZero();
    assertThat(bdev.mapping().rangeHasPage(0, 0)).as("the pages outside the range stay").isTrue();
    assertThat(bdev.mapping().rangeHasPage(2 * PAGE, 2 * PAGE)).isTrue();
    other.exit();
    file.fput(current);
  }

  /** Another program reads the second page. */
  private static void readBy(UserProcess other, File file) {
    Thread thread =
        new Thread(
            () -> {
              Task task = other.newTask();
              task.enterKernel();
              long address = other.mm().mmap(PAGE, Mman.PROT_READ | Mman.PROT_WRITE);
              IovecIter iter = new IovecIter();
              assertThat(iter.importSingleRange(other.mm(), true, address, 100)).isZero();
              Kiocb iocb = new Kiocb();
              iocb.init(file, null);
              iocb.kiPos = PAGE;
              file.op().readIter(task, iocb, iter);
              task.leaveKernel();
            });
    thread.start();
    try {
      thread.join();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void anErrorOfTheDeviceIsReturned() {
    File file = open(Fcntl.O_RDWR);
    disk.failEach(BlkTypes.REQ_OP_DISCARD);
    assertThat(range(file, BlkIoctl.BLKDISCARD, 0, 512)).isEqualTo(-Errno.EIO);
    file.fput(current);
  }

  /** As in Linux, stat of a block device has no size. Programs get the size by ioctl or lseek. */
  @Test
  void statHasTheDeviceNumberAndNoSize() throws ErrnoException {
    File file = open(Fcntl.O_RDONLY);
    RawMemory.segment(memory, Stat.SIZE).fill((byte) 0);
    file.inode().fillStat(current, memory);
    assertThat(Stat.stNlink(memory)).isEqualTo(1);
    assertThat(Stat.stRdev(memory)).isEqualTo(bdev.dev());
    assertThat(Stat.stSize(memory)).isZero();
    assertThat(Stat.stBlksize(memory)).isEqualTo(PAGE);
    assertThat(file.inode().size()).isEqualTo(BYTES);
    file.fput(current);
  }
}
