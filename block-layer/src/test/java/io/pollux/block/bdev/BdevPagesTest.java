// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.bdev;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.fixture.HeldDisk;
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
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A block device through its pages and past them: both see the same bytes, whatever the order. */
class BdevPagesTest {
  private static final int PAGE = HostMemory.PAGE_SIZE;
  private static final int DISK_BYTES = 40 * PAGE + 3 * 512; // ends inside a page
  private static final int MEMORY_BYTES = 48 * PAGE;

  private final HeldDisk disk = new HeldDisk(DISK_BYTES).letThrough();
  private final BlockDevice bdev = disk.disk();
  private final FileTable table = new FileTable();
  private final BdevInode inode = new BdevInode(new Ramfs(1), 5, bdev);
  private final UserProcess process = new UserProcess();
  private final Task current = process.newTask();
  private final long memory = process.mm().mmap(MEMORY_BYTES, Mman.PROT_READ | Mman.PROT_WRITE);

  BdevPagesTest() {
    current.enterKernel();
  }

  @AfterEach
  void close() {
    current.leaveKernel();
    process.exit();
    bdev.pageCache().drop();
    assertThat(table.nrFiles()).isZero();
    assertThat(bdev.queue().busyTags()).isZero();
    assertThat(process.mm().pinnedPages()).isZero();
    disk.close();
  }

  private File open(int flags) {
    return new File(table, inode, null, flags);
  }

  private long rw(File file, boolean read, long pos, long bytes, int flags) {
    IovecIter iter = new IovecIter();
    assertThat(iter.importSingleRange(process.mm(), read, memory, bytes)).isZero();
    Kiocb iocb = new Kiocb();
    iocb.init(file, null);
    iocb.kiPos = pos;
    iocb.kiFlags |= flags | (read ? 0 : Kiocb.IOCB_WRITE);
    return read
        ? file.op().readIter(current, iocb, iter)
        : file.op().writeIter(current, iocb, iter);
  }

  private byte[] memory(int bytes) {
    return RawMemory.segment(memory, bytes).toArray(ValueLayout.JAVA_BYTE);
  }

  private void put(byte[] data) {
    MemorySegment.copy(
        data, 0, RawMemory.segment(memory, data.length), ValueLayout.JAVA_BYTE, 0, data.length);
  }

  @Test
  void bufferedAndDirectSeeTheSameBytes() {
    long seed = System.nanoTime();
    System.out.println("BdevPagesTest: seed " + seed);
    Random random = new Random(seed);
    byte[] model = new byte[DISK_BYTES];
    random.nextBytes(model);
    disk.contents().copyFrom(MemorySegment.ofArray(model));
    File buffered = open(Fcntl.O_RDWR);
    File direct = open(Fcntl.O_RDWR | Fcntl.O_DIRECT);
    for (int turn = 0; turn < 4000; turn++) {
      String what = "seed " + seed + ", turn " + turn;
      boolean past = random.nextInt(3) == 0;
      int unit = past ? 512 : 1;
      int pos = random.nextInt(DISK_BYTES / unit) * unit;
      int bytes =
          (1 + random.nextInt((random.nextBoolean() ? 5000 : MEMORY_BYTES) / unit - 1)) * unit;
      int inside = Math.min(bytes, DISK_BYTES - pos);
      File file = past ? direct : buffered;
      if (random.nextBoolean()) {
        assertThat(rw(file, true, pos, bytes, 0)).as(what).isEqualTo(inside);
        assertThat(memory(inside)).as(what).isEqualTo(Arrays.copyOfRange(model, pos, pos + inside));
      } else {
        byte[] data = new byte[bytes];
        random.nextBytes(data);
        put(data);
        assertThat(rw(file, false, pos, bytes, 0)).as(what).isEqualTo(inside);
        System.arraycopy(data, 0, model, pos, inside);
      }
    }
    buffered.fput(current);
    direct.fput(current);
    assertThat(disk.contents().toArray(ValueLayout.JAVA_BYTE)).as("seed " + seed).isEqualTo(model);
    assertThat(bdev.pageCache().nrPages()).isZero();
  }

  @Test
  void theEndOfTheDevice() {
    File file = open(Fcntl.O_RDWR);
    assertThat(rw(file, false, DISK_BYTES, 1, 0)).isEqualTo(-Errno.ENOSPC);
    assertThat(rw(file, true, DISK_BYTES, 1, 0)).isZero();
    RawMemory.segment(memory, 100).fill((byte) 9);
    assertThat(rw(file, false, DISK_BYTES - 10, 100, 0)).isEqualTo(10);
    assertThat(rw(file, true, DISK_BYTES - 11, 100, 0)).isEqualTo(11);
    assertThat(memory(11)).isEqualTo(new byte[] {0, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9});
    file.fput(current);
    assertThat(disk.contents().get(ValueLayout.JAVA_BYTE, DISK_BYTES - 1)).isEqualTo((byte) 9);
  }

  @Test
  void fsyncWritesBackAndFlushes() {
    File file = open(Fcntl.O_RDWR);
    assertThat(rw(file, false, 100, 20, 0)).isEqualTo(20);
    assertThat(disk.count(BlkTypes.REQ_OP_WRITE)).isZero();
    assertThat(file.fsync(current, true)).isZero();
    assertThat(disk.count(BlkTypes.REQ_OP_WRITE)).isEqualTo(1);
    assertThat(disk.flushes()).isEqualTo(1);
    disk.failEach(BlkTypes.REQ_OP_WRITE);
    assertThat(rw(file, false, 100, 20, 0)).isEqualTo(20);
    assertThat(file.fsync(current, false)).isEqualTo(-Errno.EIO);
    assertThat(file.fsync(current, false)).isZero();
    file.fput(current);
  }

  @Test
  void everyOpenFileReportsAnErrorOfWriteBackOnce() {
    File first = open(Fcntl.O_RDWR);
    File second = open(Fcntl.O_RDONLY);
    disk.failEach(BlkTypes.REQ_OP_WRITE);
    assertThat(rw(first, false, 100, 20, 0)).isEqualTo(20);
    assertThat(first.fsync(current, true)).isEqualTo(-Errno.EIO);
    disk.failNone();
    File late = open(Fcntl.O_RDWR | Fcntl.O_DIRECT | Fcntl.O_DSYNC);
    assertThat(late.fsync(current, false)).as("opened after the report").isZero();
    assertThat(first.fsync(current, false)).isZero();
    assertThat(second.fsync(current, false))
        .as("the first file's report is its own")
        .isEqualTo(-Errno.EIO);
    assertThat(second.fsync(current, false)).isZero();
    disk.failEach(BlkTypes.REQ_OP_WRITE);
    assertThat(rw(first, false, 100, 20, 0)).isEqualTo(20);
    assertThat(rw(second, true, 8192, 512, Kiocb.IOCB_DIRECT))
        .as("not in that range")
        .isEqualTo(512);
    assertThat(rw(second, true, 0, 512, Kiocb.IOCB_DIRECT)).isEqualTo(-Errno.EIO);
    disk.failNone();
    assertThat(rw(second, true, 0, 512, Kiocb.IOCB_DIRECT)).as("once").isEqualTo(512);
    assertThat(rw(late, false, 0, 512, 0))
        .as("a durable write reports as fsync does")
        .isEqualTo(-Errno.EIO);
    assertThat(rw(late, false, 0, 512, 0)).isEqualTo(512);
    assertThat(first.fsync(current, false)).isEqualTo(-Errno.EIO);
    first.fput(current);
    second.fput(current);
    late.fput(current);
  }

  @Test
  void anErrorOfTheLastCloseIsReportedByTheNextFile() {
    for (boolean asked : new boolean[] {true, false}) {
      File file = open(Fcntl.O_RDWR);
      assertThat(rw(file, false, 100, 20, 0)).isEqualTo(20);
      disk.failEach(BlkTypes.REQ_OP_WRITE);
      file.fput(current);
      disk.failNone();
      assertThat(bdev.mapping().isEmpty()).isTrue();
      if (asked) {
        File next = open(Fcntl.O_RDWR);
        assertThat(next.fsync(current, false)).isEqualTo(-Errno.EIO);
        next.fput(current);
      }
      assertThat(bdev.sync(current))
          .as("at shutdown, if no file has reported it")
          .isEqualTo(asked ? 0 : -Errno.EIO);
      assertThat(bdev.sync(current)).isZero();
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, Fcntl.O_DIRECT})
  void aSyncWriteIsDurableWhenItReturns(int direct) {
    File file = open(Fcntl.O_RDWR | Fcntl.O_DSYNC | direct);
    RawMemory.segment(memory, 512).fill((byte) 4);
    assertThat(rw(file, false, 1024, 512, 0)).isEqualTo(512);
    assertThat(disk.contents().get(ValueLayout.JAVA_BYTE, 1024)).isEqualTo((byte) 4);
    assertThat(disk.flushes()).isEqualTo(1);
    disk.failEach(BlkTypes.REQ_OP_WRITE);
    assertThat(rw(file, false, 1024, 512, 0)).isEqualTo(-Errno.EIO);
    file.fput(current);
  }

  @Test
  void nowaitBufferedAndDirect() {
    File buffered = open(Fcntl.O_RDWR);
    File direct = open(Fcntl.O_RDWR | Fcntl.O_DIRECT);
    int nowait = Kiocb.IOCB_NOWAIT;
    assertThat(rw(buffered, true, 0, 512, nowait)).isEqualTo(-Errno.EAGAIN);
    assertThat(rw(direct, true, 0, 512, nowait)).isEqualTo(512);
    assertThat(rw(buffered, true, 0, 1, 0)).isEqualTo(1);
    assertThat(rw(buffered, true, 0, 512, nowait)).isEqualTo(512);
    assertThat(rw(direct, true, 0, 512, nowait))
        .as("something is cached there")
        .isEqualTo(-Errno.EAGAIN);
    assertThat(rw(direct, false, 0, 512, nowait)).isEqualTo(-Errno.EAGAIN);
    assertThat(rw(direct, true, 36 * PAGE, 512, nowait)).isEqualTo(512);
    buffered.fput(current);
    direct.fput(current);
  }

  @Test
  void aDirectWriteIsNotHiddenByWhatWasReadMeanwhile() {
    File buffered = open(Fcntl.O_RDWR);
    File direct = open(Fcntl.O_RDWR | Fcntl.O_DIRECT);
    // the old data, after the range was invalidated and before it is written
    disk.beforeNext(BlkTypes.REQ_OP_WRITE, this::bringIn);
    RawMemory.segment(memory, 512).fill((byte) 8);
    assertThat(rw(direct, false, 0, 512, 0)).isEqualTo(512);
    assertThat(rw(buffered, true, 0, 1, 0)).isEqualTo(1);
    assertThat(RawMemory.getByte(memory)).isEqualTo((byte) 8);
    buffered.fput(current);
    direct.fput(current);
  }

  /** Another program reads the first page. */
  private void bringIn() {
    Thread other =
        new Thread(
            () -> {
              try (OtherReader reader = new OtherReader()) {
                reader.read();
              }
            });
    other.start();
    try {
      other.join();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private final class OtherReader implements AutoCloseable {
    private final UserProcess otherProcess = new UserProcess();
    private final Task task = otherProcess.newTask();
    private final File file = open(Fcntl.O_RDONLY);

    OtherReader() {
      task.enterKernel();
    }

    void read() {
      IovecIter iter = new IovecIter();
      long address = otherProcess.mm().mmap(PAGE, Mman.PROT_READ | Mman.PROT_WRITE);
      assertThat(iter.importSingleRange(otherProcess.mm(), true, address, 100)).isZero();
      Kiocb iocb = new Kiocb();
      iocb.init(file, null);
      iocb.kiPos = 0;
      assertThat(file.op().readIter(task, iocb, iter)).isEqualTo(100);
    }

    @Override
    public void close() {
      file.fput(task);
      task.leaveKernel();
      otherProcess.exit();
    }
  }

  @Test
  void theLastCloseWritesBackAndForgets() {
    File first = open(Fcntl.O_RDWR);
    File second = open(Fcntl.O_RDWR);
    assertThat(rw(first, false, 3, 5, 0)).isEqualTo(5);
    first.fput(current);
    assertThat(disk.count(BlkTypes.REQ_OP_WRITE)).isZero();
    second.fput(current);
    assertThat(disk.count(BlkTypes.REQ_OP_WRITE)).isEqualTo(1);
    assertThat(bdev.mapping().isEmpty()).isTrue();
  }

  @Test
  void aCloseThatMayNotSleepLosesNothing() {
    File file = open(Fcntl.O_RDWR);
    RawMemory.segment(memory, 5).fill((byte) 6);
    assertThat(rw(file, false, 3, 5, 0)).isEqualTo(5);
    file.fput();
    assertThat(disk.count(BlkTypes.REQ_OP_WRITE)).isZero();
    assertThat(bdev.sync(current)).isZero();
    assertThat(disk.contents().get(ValueLayout.JAVA_BYTE, 3)).isEqualTo((byte) 6);
    assertThat(disk.flushes()).isEqualTo(1);
    assertThat(bdev.mapping().isEmpty()).isTrue();
  }

  @Test
  void theSizeByIoctl() {
    File file = open(Fcntl.O_RDONLY);
    assertThat(file.op().ioctl(current, file, BlkIoctl.BLKGETSIZE64, memory)).isZero();
    assertThat(RawMemory.getLong(memory)).isEqualTo(DISK_BYTES);
    assertThat(file.op().ioctl(current, file, BlkIoctl.BLKGETSIZE64, 8)).isEqualTo(-Errno.EFAULT);
    assertThat(file.op().ioctl(current, file, 1, memory)).isEqualTo(-Errno.ENOTTY);
    file.fput(current);
  }
}
