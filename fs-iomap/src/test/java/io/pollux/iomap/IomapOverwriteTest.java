// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.fixture.HeldDisk;
import io.pollux.block.fixture.HeldDisk.Held;
import io.pollux.core.filemap.Filemap;
import io.pollux.core.mm.BvecIter;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.mm.IovIter;
import io.pollux.core.mm.IovecIter;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileTable;
import io.pollux.core.vfs.Kiocb;
import io.pollux.iomap.fixture.ExtentFile;
import io.pollux.iomap.fixture.ExtentFileSystem;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Mman;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Writes in place: what arrives on the disk, where they end, when they wait, and when the disk is
 * flushed.
 */
@Timeout(value = 2, unit = TimeUnit.MINUTES)
class IomapOverwriteTest {
  private static final int PAGE = HostMemory.PAGE_SIZE;
  private static final int BLOCK = 1024;
  private static final int DISK_BYTES = 1 << 20;
  private static final int MEMORY_BYTES = 64 * PAGE;
  private static final List<Iomap.Type> KINDS =
      List.of(
          Iomap.Type.MAPPED,
          Iomap.Type.MAPPED,
          Iomap.Type.MAPPED,
          Iomap.Type.HOLE,
          Iomap.Type.UNWRITTEN);

  private final HeldDisk disk = new HeldDisk(DISK_BYTES).letThrough();
  private final BlockDevice bdev = disk.disk();
  private final UserProcess process = new UserProcess();
  private final Task current = process.newTask();
  private final long memory = process.mm().mmap(MEMORY_BYTES, Mman.PROT_READ | Mman.PROT_WRITE);
  private final FileTable files = new FileTable();

  IomapOverwriteTest() {
    current.enterKernel();
  }

  @AfterEach
  void close() {
    current.leaveKernel();
    process.exit();
    bdev.pageCache().drop();
    disk.close();
  }

  /** A filesystem of one file. */
  private static final class Fs {
    final ExtentFile inode;

    Fs(ExtentFile inode) {
      this.inode = inode;
    }

    long writeIter(Task task, Kiocb iocb, IovIter from) {
      return inode.fop().writeIter(task, iocb, from);
    }

    int fsync(Task task, File file) {
      return file.fsync(task, false);
    }

    void drain() {
      ((ExtentFileSystem) inode.sb()).drain();
    }
  }

  private ExtentFile file(long size) {
    return new ExtentFile(new ExtentFileSystem(bdev, BLOCK).withWorkQueue(current), size);
  }

  /** Makes a file of contiguous written blocks, from the start of the disk. */
  private Fs written(int blocks) {
    return new Fs(file((long) blocks * BLOCK).mapBlocks(BLOCK, block -> block * BLOCK));
  }

  private File open(Fs fs) {
    return new File(files, fs.inode, null, Fcntl.O_RDWR);
  }

  private Kiocb request(Fs fs, int flags) {
    Kiocb iocb = new Kiocb();
    iocb.init(open(fs), null);
    iocb.kiFlags = flags | Kiocb.IOCB_WRITE;
    return iocb;
  }

  private IovIter iter(boolean read, long bytes) {
    IovecIter iter = new IovecIter();
    assertThat(iter.importSingleRange(process.mm(), read, memory, bytes)).isZero();
    return iter;
  }

  private long write(Task task, Fs fs, int pos, int bytes, int flags) {
    Kiocb iocb = request(fs, flags);
    iocb.kiPos = pos;
    long result = fs.writeIter(task, iocb, iter(false, bytes));
    if (result >= 0 && !iocb.has(Kiocb.IOCB_APPEND)) {
      assertThat(iocb.kiPos).isEqualTo(pos + result);
    }
    return result;
  }

  private long write(Fs fs, int pos, int bytes, int flags) {
    return write(current, fs, pos, bytes, flags);
  }

  private long read(Fs fs, int pos, int bytes, int flags) {
    Kiocb iocb = request(fs, flags);
    iocb.kiFlags &= ~Kiocb.IOCB_WRITE;
    iocb.kiPos = pos;
    IovIter iter = iter(true, bytes);
    return iocb.has(Kiocb.IOCB_DIRECT)
        ? IomapDio.rw(current, fs.inode, iocb, iter, fs.inode, null)
        : Filemap.read(current, iocb, iter, fs.inode.mapping());
  }

  private void fill(Random random, int bytes) {
    byte[] data = new byte[bytes];
    random.nextBytes(data);
    MemorySegment.copy(data, 0, RawMemory.segment(memory, bytes), ValueLayout.JAVA_BYTE, 0, bytes);
  }

  private static byte[] bytes(long address, int count) {
    return RawMemory.segment(address, count).toArray(ValueLayout.JAVA_BYTE);
  }

  private byte[] memory(int count) {
    return bytes(memory, count);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4})
  void randomWritesGoWhereTheyBelongAndNowhereElse(int n) {
    long seed = Long.getLong("pollux.seed", System.nanoTime()) + n;
    System.out.println("IomapOverwriteTest: -Dpollux.seed=" + (seed - n));
    Random random = new Random(seed);
    fill(random, MEMORY_BYTES);
    int blocks = 60;
    int size = blocks * BLOCK - (n == 1 ? 0 : random.nextInt(BLOCK));
    Fs fs = new Fs(file(size));
    for (int i = 0; i < blocks; i++) {
      Iomap.Type type = n == 2 ? Iomap.Type.MAPPED : KINDS.get(random.nextInt(KINDS.size()));
      long place = (blocks - i) * 2L * BLOCK; // never one behind the other
      fs.inode.setExtent(type, (long) i * BLOCK, BLOCK, place);
    }
    byte[] expected = new byte[DISK_BYTES];
    random.nextBytes(expected);
    disk.contents().copyFrom(MemorySegment.ofArray(expected));
    for (int turn = 0; turn < 3000; turn++) {
      String what = "seed " + (seed - n) + ", turn " + turn;
      boolean direct = random.nextBoolean();
      int unit = direct ? 512 : 1;
      int pos = random.nextInt(size) / unit * unit;
      int bytes = (1 + random.nextInt(random.nextBoolean() ? 2 * BLOCK : 20 * BLOCK)) / unit * unit;
      int flags = direct ? Kiocb.IOCB_DIRECT | (random.nextBoolean() ? Kiocb.IOCB_HIPRI : 0) : 0;
      if (random.nextInt(3) == 0) {
        readAndCompare(fs, pos, bytes, flags, expected, what);
        continue;
      }
      if (random.nextInt(20) == 0) {
        flags |= Kiocb.IOCB_DSYNC;
      }
      fill(random, Math.max(bytes, 1));
      int can = (int) Math.min(bytes, fs.inode.mappedFrom(pos));
      can = direct ? can / 512 * 512 : can;
      long result = write(fs, pos, bytes, flags);
      assertThat(result).as(what).isEqualTo(bytes == 0 ? 0 : can == 0 ? -Errno.EOPNOTSUPP : can);
      byte[] data = memory(Math.max(can, 1));
      for (int i = 0; i < can; i++) {
        expected[place(fs, pos + i)] = data[i];
      }
    }
    assertThat(fs.fsync(current, open(fs))).isZero();
    int last = (blocks - 1) * BLOCK;
    // after the end of the file the last block may be zeroed
    if (fs.inode.typeAt(last) == Iomap.Type.MAPPED) {
      int from = place(fs, size - 1) + 1;
      int to = place(fs, last) + BLOCK;
      System.arraycopy(
          bytes(disk.contents().address() + from, to - from), 0, expected, from, to - from);
    }
    assertThat(disk.contents().toArray(ValueLayout.JAVA_BYTE))
        .as("seed " + (seed - n))
        .isEqualTo(expected);
    assertThat(fs.inode.dioCount()).isZero();
    assertThat(bdev.queue().busyTags()).isZero();
  }

  private static int place(Fs fs, int pos) {
    return (int) fs.inode.placeAt(pos);
  }

  private void readAndCompare(Fs fs, int pos, int bytes, int flags, byte[] expected, String what) {
    int inside = (int) Math.min(bytes, fs.inode.size() - pos);
    assertThat(read(fs, pos, bytes, flags)).as(what).isEqualTo(inside);
    byte[] data = memory(Math.max(inside, 1));
    for (int i = 0; i < inside; i++) {
      boolean there = fs.inode.typeAt(pos + i) == Iomap.Type.MAPPED;
      if (data[i] != (there ? expected[place(fs, pos + i)] : 0)) {
        assertThat(i).as(what).isEqualTo(-1);
      }
    }
  }

  @Test
  void theEdges() {
    Fs fs = written(8);
    int direct = Kiocb.IOCB_DIRECT;
    assertThat(write(fs, 0, 0, 0)).isZero();
    assertThat(write(fs, 8 * BLOCK, 1, 0)).isEqualTo(-Errno.EOPNOTSUPP);
    assertThat(write(fs, 8 * BLOCK, 512, direct)).isEqualTo(-Errno.EOPNOTSUPP);
    assertThat(write(fs, 0, 1, Kiocb.IOCB_APPEND)).isEqualTo(-Errno.EOPNOTSUPP);
    assertThat(write(fs, 100, 512, direct)).isEqualTo(-Errno.EINVAL);
    assertThat(write(fs, 0, 100, direct)).isEqualTo(-Errno.EINVAL);
    Kiocb last = request(fs, 0);
    last.kiPos = Long.MAX_VALUE;
    assertThat(fs.writeIter(current, last, iter(false, 1))).isEqualTo(-Errno.EFBIG);
    assertThat(disk.done()).isEmpty();
    assertThat(fs.inode.iRwsem.isLocked()).isFalse();
  }

  @Test
  void pagesArePutAwayForDirectRequestsWhichSeeWhatWasWritten() {
    Fs fs = written(16);
    fill(new Random(1), PAGE);
    byte[] data = memory(PAGE);
    assertThat(write(fs, 100, 300, 0)).isEqualTo(300);
    assertThat(disk.count(BlkTypes.REQ_OP_WRITE)).as("in memory only").isZero();
    assertThat(read(fs, 0, 512, Kiocb.IOCB_DIRECT | Kiocb.IOCB_NOWAIT)).isEqualTo(-Errno.EAGAIN);
    assertThat(read(fs, 0, 512, Kiocb.IOCB_DIRECT)).isEqualTo(512);
    assertThat(bytes(memory + 100, 300)).isEqualTo(Arrays.copyOf(data, 300));
    assertThat(fs.inode.mapping().isEmpty()).as("a read leaves the pages").isFalse();
    fill(new Random(2), PAGE);
    assertThat(write(fs, 0, 512, Kiocb.IOCB_DIRECT | Kiocb.IOCB_NOWAIT)).isEqualTo(-Errno.EAGAIN);
    assertThat(write(fs, 0, 512, Kiocb.IOCB_DIRECT)).isEqualTo(512);
    assertThat(fs.inode.mapping().rangeHasPage(0, PAGE - 1)).as("a write does not").isFalse();
    assertThat(write(fs, 0, 512, Kiocb.IOCB_DIRECT | Kiocb.IOCB_NOWAIT)).isEqualTo(512);
    byte[] direct = memory(512);
    assertThat(read(fs, 0, 512, 0)).isEqualTo(512);
    assertThat(memory(512)).isEqualTo(direct);
  }

  @Test
  void noWaiting() {
    Fs fs = written(16);
    fs.inode.refuseNowait(true);
    assertThat(write(fs, 0, BLOCK, Kiocb.IOCB_DIRECT | Kiocb.IOCB_NOWAIT)).isEqualTo(-Errno.EAGAIN);
    assertThat(write(fs, 0, BLOCK, Kiocb.IOCB_NOWAIT)).isEqualTo(-Errno.EAGAIN);
    fs.inode.refuseNowait(false);
    assertThat(write(fs, 0, BLOCK, Kiocb.IOCB_NOWAIT)).as("to be read").isEqualTo(-Errno.EAGAIN);
    assertThat(read(fs, 0, BLOCK, 0)).isEqualTo(BLOCK);
    assertThat(write(fs, 0, BLOCK, Kiocb.IOCB_NOWAIT)).as("a cached page").isEqualTo(BLOCK);
    fs.inode.mapping().invalidateRange(PAGE, Long.MAX_VALUE); // read ahead
    fs.inode.iRwsem.downRead(null);
    assertThat(write(fs, 4096, BLOCK, Kiocb.IOCB_DIRECT | Kiocb.IOCB_NOWAIT))
        .as("aligned: shared")
        .isEqualTo(BLOCK);
    assertThat(write(fs, 4096, 512, Kiocb.IOCB_DIRECT | Kiocb.IOCB_NOWAIT))
        .as("exclusive")
        .isEqualTo(-Errno.EAGAIN);
    assertThat(write(fs, 4096, 512, Kiocb.IOCB_NOWAIT)).isEqualTo(-Errno.EAGAIN);
    fs.inode.iRwsem.upRead();
    fs.inode.inodeDioBegin();
    assertThat(write(fs, 4096, 512, Kiocb.IOCB_DIRECT | Kiocb.IOCB_NOWAIT))
        .isEqualTo(-Errno.EAGAIN);
    fs.inode.inodeDioEnd();
    assertThat(write(fs, 4096, 512, Kiocb.IOCB_DIRECT | Kiocb.IOCB_NOWAIT)).isEqualTo(512);
  }

  @Test
  void aPartOfABlockWaitsForDirectIoInFlight()
      throws InterruptedException, ExecutionException, TimeoutException {
    Fs fs = written(16);
    for (boolean interrupted : new boolean[] {false, true}) {
      fs.inode.inodeDioBegin();
      Task other = process.newTask();
      CompletableFuture<Long> result = new CompletableFuture<>();
      Thread thread =
          new Thread(
              () -> {
                other.enterKernel();
                result.complete(write(other, fs, 512, 512, Kiocb.IOCB_DIRECT));
                other.deliverSignals();
                other.leaveKernel();
              });
      thread.start();
      Thread.sleep(50);
      assertThat(result).isNotDone();
      if (interrupted) {
        other.sendSignal(2);
        assertThat(result.get(30, TimeUnit.SECONDS)).isEqualTo(-Errno.EINTR);
        fs.inode.inodeDioEnd();
      } else {
        fs.inode.inodeDioEnd();
        assertThat(result.get(30, TimeUnit.SECONDS)).isEqualTo(512);
      }
      thread.join();
    }
    assertThat(fs.inode.iRwsem.isLocked()).isFalse();
  }

  @Test
  void aTaskThatWaitsForItsOwnPolledRequestPollsForIt() {
    Fs fs = written(16);
    long[] told = new long[1];
    Kiocb first = request(fs, Kiocb.IOCB_DIRECT | Kiocb.IOCB_HIPRI);
    first.kiComplete = (iocb, result, result2) -> told[0] = result;
    assertThat(fs.writeIter(current, first, iter(false, BLOCK))).isEqualTo(-Kiocb.EIOCBQUEUED);
    assertThat(told[0]).isZero();
    assertThat(write(fs, 512, 512, Kiocb.IOCB_DIRECT)).isEqualTo(512);
    assertThat(told[0]).isEqualTo(BLOCK);
    assertThat(fs.inode.dioCount()).isZero();
  }

  @Test
  void durableWritesAreFlushedBeforeTheyAreDone()
      throws InterruptedException, ExecutionException, TimeoutException {
    Fs fs = written(16);
    assertThat(write(fs, 0, BLOCK, Kiocb.IOCB_DIRECT)).isEqualTo(BLOCK);
    assertThat(disk.done()).map(Held::op).containsExactly(BlkTypes.REQ_OP_WRITE);
    assertThat(write(fs, 0, BLOCK, Kiocb.IOCB_DIRECT | Kiocb.IOCB_DSYNC)).isEqualTo(BLOCK);
    assertThat(disk.done()).map(Held::op).endsWith(BlkTypes.REQ_OP_WRITE, BlkTypes.REQ_OP_FLUSH);
    disk.takeDone();
    assertThat(write(fs, 10, 10, Kiocb.IOCB_DSYNC)).isEqualTo(10);
    assertThat(disk.done())
        .map(Held::op)
        .containsExactly(BlkTypes.REQ_OP_READ, BlkTypes.REQ_OP_WRITE, BlkTypes.REQ_OP_FLUSH);
    assertThat(write(fs, 10, 10, 0)).isEqualTo(10);
    disk.takeDone();
    assertThat(fs.fsync(current, open(fs))).isZero();
    assertThat(disk.done())
        .map(Held::op)
        .containsExactly(BlkTypes.REQ_OP_WRITE, BlkTypes.REQ_OP_FLUSH);
    assertThat(fs.fsync(current, open(fs))).isZero();
    assertThat(disk.done())
        .as("others may have written past us")
        .map(Held::op)
        .containsExactly(BlkTypes.REQ_OP_WRITE, BlkTypes.REQ_OP_FLUSH, BlkTypes.REQ_OP_FLUSH);
    for (int flags : new int[] {0, Kiocb.IOCB_HIPRI}) {
      disk.takeDone();
      disk.holdAgain();
      CompletableFuture<Long> told = new CompletableFuture<>();
      Kiocb iocb = request(fs, Kiocb.IOCB_DIRECT | Kiocb.IOCB_DSYNC | flags);
      iocb.kiComplete = (request, result, result2) -> told.complete(result);
      BvecIter fixed = new BvecIter();
      fixed.init(false, memory, BLOCK);
      assertThat(fs.writeIter(current, iocb, fixed)).isEqualTo(-Kiocb.EIOCBQUEUED);
      assertThat(told).isNotDone();
      disk.letThrough();
      if (flags != 0) {
        assertThat(IomapDio.iopoll(iocb, true)).isEqualTo(1);
      }
      assertThat(told.get(30, TimeUnit.SECONDS)).isEqualTo(BLOCK);
      assertThat(disk.done())
          .map(Held::op)
          .containsExactly(BlkTypes.REQ_OP_WRITE, BlkTypes.REQ_OP_FLUSH);
      fs.drain();
      assertThat(fs.inode.dioCount()).isZero();
    }
  }

  @Test
  void anErrorOfAWriteIsToldOnce() {
    Fs fs = written(16);
    disk.failEach(BlkTypes.REQ_OP_WRITE);
    assertThat(write(fs, 0, BLOCK, Kiocb.IOCB_DIRECT)).isEqualTo(-Errno.EIO);
    assertThat(write(fs, 0, BLOCK, Kiocb.IOCB_DIRECT | Kiocb.IOCB_DSYNC)).isEqualTo(-Errno.EIO);
    assertThat(disk.count(BlkTypes.REQ_OP_FLUSH)).as("nothing to flush").isZero();
    File file = open(fs);
    File other = open(fs);
    assertThat(write(fs, 0, 10, 0)).isEqualTo(10);
    assertThat(read(fs, 0, 512, Kiocb.IOCB_DIRECT))
        .as("it can't be brought to the disk")
        .isEqualTo(-Errno.EIO);
    disk.failNone();
    assertThat(read(fs, 0, 512, Kiocb.IOCB_DIRECT)).isEqualTo(512);
    assertThat(fs.fsync(current, file)).isEqualTo(-Errno.EIO);
    assertThat(fs.fsync(current, file)).isZero();
    disk.failEach(BlkTypes.REQ_OP_WRITE);
    assertThat(write(fs, 0, 10, Kiocb.IOCB_DSYNC)).isEqualTo(-Errno.EIO);
    disk.failNone();
    assertThat(fs.fsync(current, file)).as("another file's write").isEqualTo(-Errno.EIO);
    assertThat(fs.fsync(current, file)).isZero();
    assertThat(fs.fsync(current, other)).as("the last one").isEqualTo(-Errno.EIO);
    assertThat(fs.fsync(current, other)).isZero();
    assertThat(fs.fsync(current, open(fs))).as("opened after the report").isZero();
  }

  /** A durable write reports what fsync would. */
  @ParameterizedTest
  @ValueSource(ints = {0, Kiocb.IOCB_DIRECT, Kiocb.IOCB_DIRECT | Kiocb.IOCB_HIPRI})
  void aDurableWriteReportsAnEarlierError(int flags) {
    Fs fs = written(16);
    Kiocb iocb = request(fs, flags | Kiocb.IOCB_DSYNC);
    disk.failEach(BlkTypes.REQ_OP_WRITE);
    assertThat(write(fs, 0, 10, 0)).isEqualTo(10);
    assertThat(fs.inode.mapping().writeBack(current, 0, Long.MAX_VALUE)).isEqualTo(-Errno.EIO);
    disk.failNone();
    assertThat(fs.inode.mapping().checkErrors())
        .as("nothing is in the way of direct I/O")
        .isEqualTo(-Errno.EIO);
    assertThat(fs.writeIter(current, iocb, iter(false, 512))).isEqualTo(-Errno.EIO);
    iocb.kiPos = 0;
    iocb.kiFlags = flags | Kiocb.IOCB_DSYNC | Kiocb.IOCB_WRITE;
    assertThat(fs.writeIter(current, iocb, iter(false, 512))).isEqualTo(512);
  }

  @Test
  void seekingFindsDataAndHoles() {
    ExtentFile inode =
        new ExtentFile(bdev, 5 * BLOCK + 5)
            .setExtent(Iomap.Type.MAPPED, BLOCK, BLOCK, 0)
            .setExtent(Iomap.Type.UNWRITTEN, 2 * BLOCK, BLOCK, BLOCK)
            .setExtent(Iomap.Type.MAPPED, 5 * BLOCK, BLOCK, 2 * BLOCK);
    assertThat(IomapSeek.data(current, inode, 0, inode, Long.MAX_VALUE)).isEqualTo(BLOCK);
    assertThat(IomapSeek.data(current, inode, BLOCK + 1, inode, Long.MAX_VALUE))
        .isEqualTo(BLOCK + 1);
    assertThat(IomapSeek.hole(current, inode, BLOCK, inode, Long.MAX_VALUE)).isEqualTo(2 * BLOCK);
    assertThat(IomapSeek.data(current, inode, 2 * BLOCK, inode, Long.MAX_VALUE))
        .isEqualTo(5 * BLOCK);
    assertThat(IomapSeek.hole(current, inode, 5 * BLOCK, inode, Long.MAX_VALUE))
        .isEqualTo(5 * BLOCK + 5);
    inode.setExtent(Iomap.Type.HOLE, 5 * BLOCK, BLOCK, 0);
    assertThat(IomapSeek.data(current, inode, 2 * BLOCK, inode, Long.MAX_VALUE))
        .isEqualTo(-Errno.ENXIO);
    for (long outside : new long[] {-1, 5 * BLOCK + 5, Long.MAX_VALUE}) {
      assertThat(IomapSeek.data(current, inode, outside, inode, Long.MAX_VALUE))
          .isEqualTo(-Errno.ENXIO);
      assertThat(IomapSeek.hole(current, inode, outside, inode, Long.MAX_VALUE))
          .isEqualTo(-Errno.ENXIO);
    }
  }
}
