// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.bdev;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.BlockDevice;
import io.pollux.block.QueueLimits;
import io.pollux.block.TagSet;
import io.pollux.block.fixture.HeldDisk;
import io.pollux.block.fixture.HeldDisk.Held;
import io.pollux.core.mm.IovecIter;
import io.pollux.core.ramfs.Ramfs;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileTable;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.BlkIoctl;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Mman;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Direct writes that must be durable when they complete, and the ioctls, on a disk that the test
 * controls.
 */
@Timeout(60)
class BdevDurableTest {
  private static final int BYTES = 4 << 20;
  private static final long NOT_DONE = Long.MIN_VALUE;
  private static final QueueLimits CACHED = QueueLimits.of(512);

  private final HeldDisk disk = new HeldDisk(BYTES);
  private final FileTable table = new FileTable();
  private final UserProcess process = new UserProcess();
  private final Task current = process.newTask();
  private final long memory = process.mm().mmap(BYTES, Mman.PROT_READ | Mman.PROT_WRITE);
  private final Kiocb iocb = new Kiocb();
  private final IovecIter iter = new IovecIter();
  private long result = NOT_DONE;
  private BlockDevice bdev = disk.disk(new TagSet(1, 1, 64, true), CACHED);

  @BeforeEach
  void enter() {
    assertThat(current.enterKernel()).isTrue();
  }

  @AfterEach
  void nothingIsHeld() {
    current.leaveKernel();
    assertThat(disk.held()).isEmpty();
    assertThat(bdev.queue().busyTags()).isZero();
    assertThat(table.nrFiles()).isZero();
    assertThat(process.mm().pinnedPages()).isZero();
    process.exit();
    disk.close();
  }

  private byte onDisk(long at) {
    return disk.contents().get(ValueLayout.JAVA_BYTE, at);
  }

  private File open(int flags) {
    return new File(table, new BdevInode(new Ramfs(1), 5, bdev), null, flags);
  }

  private long write(File file, int rwf, boolean sync, long bytes) {
    assertThat(iter.importSingleRange(process.mm(), false, memory, bytes)).isZero();
    iocb.init(file, sync ? null : (done, ret, ret2) -> result = ret);
    assertThat(iocb.setRwFlags(rwf)).isZero();
    iocb.kiPos = 0;
    iocb.kiFlags |= Kiocb.IOCB_WRITE;
    return file.op().writeIter(current, iocb, iter);
  }

  @Test
  void anAsynchronousDurableWriteCompletesAfterTheFlushBehindIt() {
    for (int flags : new int[] {Fcntl.O_DSYNC, Fcntl.O_SYNC, 0}) {
      File file = open(Fcntl.O_RDWR | Fcntl.O_DIRECT | flags);
      result = NOT_DONE;
      assertThat(write(file, flags == 0 ? AioAbi.RWF_DSYNC : 0, false, 4096))
          .isEqualTo(-Kiocb.EIOCBQUEUED);
      assertThat(disk.held()).map(Held::line).containsExactly("write 0+8");
      disk.release(0);
      assertThat(result).as("not durable yet").isEqualTo(NOT_DONE);
      assertThat(disk.held()).map(Held::line).containsExactly("flush 0+0");
      disk.release(0);
      assertThat(result).isEqualTo(4096);
      file.fput(current);
    }
  }

  @Test
  void withFuaItIsTheWriteItself() {
    bdev = disk.disk(new TagSet(1, 1, 64, true), CACHED.withWriteCache(true, true));
    File file = open(Fcntl.O_RDWR | Fcntl.O_DIRECT);
    assertThat(write(file, AioAbi.RWF_SYNC, false, 4096)).isEqualTo(-Kiocb.EIOCBQUEUED);
    assertThat(disk.held()).map(Held::line).containsExactly("write 0+8 fua");
    disk.release(0);
    assertThat(result).isEqualTo(4096);
    file.fput(current);
  }

  @Test
  void polledItIsPolledUntilItIsDurable() {
    File file = open(Fcntl.O_RDWR | Fcntl.O_DIRECT);
    assertThat(write(file, AioAbi.RWF_DSYNC | AioAbi.RWF_HIPRI, false, 4096))
        .isEqualTo(-Kiocb.EIOCBQUEUED);
    disk.release(0);
    assertThat(file.op().iopoll(iocb, false)).isEqualTo(1);
    assertThat(result).isEqualTo(NOT_DONE);
    disk.release(0);
    assertThat(file.op().iopoll(iocb, false)).isEqualTo(1);
    assertThat(result).isEqualTo(4096);
    file.fput(current);
  }

  @Test
  void aFailedFlushIsAFailedWrite() {
    File file = open(Fcntl.O_RDWR | Fcntl.O_DIRECT | Fcntl.O_DSYNC);
    assertThat(write(file, 0, false, 4096)).isEqualTo(-Kiocb.EIOCBQUEUED);
    disk.release(0);
    disk.fail(0, Errno.EIO);
    assertThat(result).isEqualTo(-Errno.EIO);
    file.fput(current);
  }

  @Test
  void aLongDurableWriteCompletesWhenAllOfItIsDurable() {
    File file = open(Fcntl.O_RDWR | Fcntl.O_DIRECT | Fcntl.O_DSYNC);
    assertThat(write(file, 0, false, 3 << 20)).isEqualTo(-Kiocb.EIOCBQUEUED);
    int writes = disk.held().size();
    for (int i = 0; i < writes; i++) {
      disk.release(0);
    }
    assertThat(disk.held()).as("flushes").hasSize(writes);
    assertThat(result).isEqualTo(NOT_DONE);
    disk.releaseAll();
    assertThat(result).isEqualTo(3 << 20);
    file.fput(current);
  }

  @Test
  void anOrdinaryWriteFlushesNothing() {
    File file = open(Fcntl.O_RDWR | Fcntl.O_DIRECT);
    assertThat(write(file, 0, false, 4096)).isEqualTo(-Kiocb.EIOCBQUEUED);
    disk.release(0);
    assertThat(result).isEqualTo(4096);
    file.fput(current);
  }

  @Test
  void withoutPolledQueuesASynchronousPolledWriteSleeps() {
    bdev = disk.disk(new TagSet(1, 0, 64, true), CACHED);
    disk.letThrough();
    File file = open(Fcntl.O_RDWR | Fcntl.O_DIRECT | Fcntl.O_DSYNC);
    assertThat(write(file, AioAbi.RWF_HIPRI, true, 1 << 20)).isEqualTo(1 << 20);
    assertThat(write(file, AioAbi.RWF_HIPRI, true, 3 << 20)).isEqualTo(3 << 20);
    file.fput(current);
  }

  private long ioctl(File file, int cmd) {
    return file.op().ioctl(current, file, cmd, memory);
  }

  @Test
  void sizesByIoctl() {
    bdev =
        disk.disk(
            new TagSet(1, 1, 64, true), QueueLimits.of(1024).withPhysicalBlockSize(4096), true);
    File file = open(Fcntl.O_RDONLY);
    assertThat(ioctl(file, BlkIoctl.BLKSSZGET)).isZero();
    assertThat(RawMemory.getInt(memory)).isEqualTo(1024);
    assertThat(ioctl(file, BlkIoctl.BLKPBSZGET)).isZero();
    assertThat(RawMemory.getInt(memory)).isEqualTo(4096);
    assertThat(ioctl(file, BlkIoctl.BLKROGET)).isZero();
    assertThat(RawMemory.getInt(memory)).isEqualTo(1);
    assertThat(ioctl(file, BlkIoctl.BLKGETSIZE)).isZero();
    assertThat(RawMemory.getLong(memory)).isEqualTo(BYTES / 512);
    assertThat(ioctl(file, BlkIoctl.BLKGETSIZE64)).isZero();
    assertThat(RawMemory.getLong(memory)).isEqualTo(BYTES);
    for (int cmd : new int[] {BlkIoctl.BLKSSZGET, BlkIoctl.BLKGETSIZE}) {
      assertThat(file.op().ioctl(current, file, cmd, 8)).isEqualTo(-Errno.EFAULT);
    }
    file.fput(current);
  }

  private long range(File file, int cmd, long start, long length) {
    RawMemory.putLong(memory, start);
    RawMemory.putLong(memory + 8, length);
    return ioctl(file, cmd);
  }

  @Test
  void zeroingAndDiscardingByIoctl() {
    disk.letThrough();
    disk.contents().fill((byte) 5);
    File file = open(Fcntl.O_RDWR);
    assertThat(range(file, BlkIoctl.BLKZEROOUT, 512, 8192)).isZero();
    assertThat(onDisk(511)).isEqualTo((byte) 5);
    assertThat(onDisk(512)).isZero();
    assertThat(onDisk(8703)).isZero();
    assertThat(onDisk(8704)).isEqualTo((byte) 5);
    assertThat(range(file, BlkIoctl.BLKDISCARD, 0, 512)).isEqualTo(-Errno.EOPNOTSUPP);
    for (long[] bad :
        new long[][] {
          {1, 512}, {0, 100}, {0, 0}, {-512, 512}, {0, -512}, {BYTES, 512}, {512, BYTES}
        }) {
      assertThat(range(file, BlkIoctl.BLKZEROOUT, bad[0], bad[1])).isEqualTo(-Errno.EINVAL);
    }
    assertThat(file.op().ioctl(current, file, BlkIoctl.BLKZEROOUT, 8)).isEqualTo(-Errno.EFAULT);
    file.fput(current);
    File reader = open(Fcntl.O_RDONLY);
    assertThat(range(reader, BlkIoctl.BLKZEROOUT, 0, 512)).isEqualTo(-Errno.EBADF);
    reader.fput(current);
  }

  @Test
  void whatIsCachedGoesWithTheRange() {
    disk.letThrough();
    bdev = disk.disk(new TagSet(1, 1, 64, true), CACHED.withDiscard(512, 1 << 20, 1 << 20));
    File file = open(Fcntl.O_RDWR);
    RawMemory.putLong(memory, -1);
    assertThat(write(file, 0, true, 4096)).isEqualTo(4096);
    assertThat(range(file, BlkIoctl.BLKZEROOUT, 0, 4096)).isZero();
    assertThat(iter.importSingleRange(process.mm(), true, memory, 8)).isZero();
    iocb.init(file, null);
    iocb.kiPos = 0;
    assertThat(file.op().readIter(current, iocb, iter)).isEqualTo(8);
    assertThat(RawMemory.getLong(memory)).isZero();
    assertThat(range(file, BlkIoctl.BLKDISCARD, 0, 4096)).isZero();
    assertThat(ioctl(file, BlkIoctl.BLKFLSBUF)).isZero();
    assertThat(bdev.mapping().isEmpty()).isTrue();
    file.fput(current);
  }
}
