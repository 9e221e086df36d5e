// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.bdev;

import static io.pollux.uapi.Fcntl.FALLOC_FL_COLLAPSE_RANGE;
import static io.pollux.uapi.Fcntl.FALLOC_FL_KEEP_SIZE;
import static io.pollux.uapi.Fcntl.FALLOC_FL_NO_HIDE_STALE;
import static io.pollux.uapi.Fcntl.FALLOC_FL_PUNCH_HOLE;
import static io.pollux.uapi.Fcntl.FALLOC_FL_ZERO_RANGE;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.BlkTypes;
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
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Mman;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.ToIntFunction;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Positions on a block device, and ranges of it that are zeroed or discarded by fallocate. */
@Timeout(60)
class BdevRangesTest {
  private static final int BYTES = 256 << 10;
  private static final int PUNCH = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  private static final byte OLD = 5;
  private static final byte NEW = 7;
  private static final TagSet TAGS = new TagSet(1, 0, 64, true);
  private static final QueueLimits PLAIN = QueueLimits.of(512).withWriteCache(false, false);
  private static final QueueLimits ABLE = PLAIN.withDiscard(512, 1 << 10, 1 << 10);

  private final HeldDisk disk = new HeldDisk(BYTES);
  private final FileTable table = new FileTable();
  private final UserProcess process = new UserProcess();
  private final Task current = process.newTask();
  private final long memory = process.mm().mmap(BYTES, Mman.PROT_READ | Mman.PROT_WRITE);
  private BlockDevice bdev = disk.disk(TAGS, ABLE);
  private File file = open();

  @BeforeEach
  void enter() {
    assertThat(current.enterKernel()).isTrue();
    disk.contents().fill(OLD);
    RawMemory.segment(memory, BYTES).fill(NEW);
    disk.letThrough();
  }

  @AfterEach
  void nothingIsHeld() {
    file.fput(current);
    current.leaveKernel();
    bdev.pageCache().drop();
    assertThat(disk.held()).isEmpty();
    assertThat(bdev.queue().busyTags()).isZero();
    assertThat(table.nrFiles()).isZero();
    process.exit();
    disk.close();
  }

  private File open() {
    return new File(table, new BdevInode(new Ramfs(1), 5, bdev), null, Fcntl.O_RDWR);
  }

  private void on(QueueLimits limits, boolean readOnly) {
    file.fput(current);
    bdev = disk.disk(TAGS, limits, readOnly);
    file = open();
  }

  private int fallocate(int mode, long offset, long length) {
    return file.op().fallocate(current, file, mode, offset, length);
  }

  private long rw(Task task, boolean read, long pos, long bytes) {
    IovecIter iter = new IovecIter();
    assertThat(iter.importSingleRange(process.mm(), read, memory, bytes)).isZero();
    Kiocb iocb = new Kiocb();
    iocb.init(file, null);
    iocb.kiPos = pos;
    return read ? file.op().readIter(task, iocb, iter) : file.op().writeIter(task, iocb, iter);
  }

  /** What a reader finds, as stretches of equal bytes: "5*512 0*1024". */
  private String find(int bytes) {
    assertThat(rw(current, true, 0, bytes)).isEqualTo(bytes);
    return stretches(RawMemory.segment(memory, bytes).toArray(ValueLayout.JAVA_BYTE), bytes);
  }

  private String onDisk(int bytes) {
    return stretches(disk.contents().toArray(ValueLayout.JAVA_BYTE), bytes);
  }

  private static String stretches(byte[] bytes, int until) {
    StringBuilder found = new StringBuilder();
    int from = 0;
    for (int i = 1; i <= until; i++) {
      if (i == until || bytes[i] != bytes[from]) {
        found.append(found.isEmpty() ? "" : " ").append(bytes[from]).append('*').append(i - from);
        from = i;
      }
    }
    return found.toString();
  }

  private long seek(long offset, int whence) {
    return file.op().llseek(current, file, offset, whence);
  }

  @Test
  void aPositionIsNotBehindTheEnd() {
    assertThat(seek(BYTES, Fcntl.SEEK_SET)).isEqualTo(BYTES);
    assertThat(seek(0, Fcntl.SEEK_CUR)).isEqualTo(BYTES);
    assertThat(seek(1, Fcntl.SEEK_CUR)).isEqualTo(-Errno.EINVAL);
    assertThat(seek(Long.MAX_VALUE, Fcntl.SEEK_CUR)).isEqualTo(-Errno.EINVAL);
    assertThat(seek(BYTES + 1, Fcntl.SEEK_SET)).isEqualTo(-Errno.EINVAL);
    assertThat(seek(-1, Fcntl.SEEK_SET)).isEqualTo(-Errno.EINVAL);
    assertThat(seek(1, Fcntl.SEEK_END)).isEqualTo(-Errno.EINVAL);
    assertThat(seek(-BYTES - 1, Fcntl.SEEK_END)).isEqualTo(-Errno.EINVAL);
    assertThat(seek(0, Fcntl.SEEK_CUR)).as("where it was").isEqualTo(BYTES);
    assertThat(seek(-BYTES, Fcntl.SEEK_END)).isZero();
  }

  @Test
  void thereIsNothingToFind() {
    for (int whence : new int[] {Fcntl.SEEK_DATA, Fcntl.SEEK_HOLE, 5, -1}) {
      for (long offset : new long[] {0, 100, BYTES - 1, BYTES, -1}) {
        assertThat(seek(offset, whence)).as("%s from %s", whence, offset).isEqualTo(-Errno.EINVAL);
      }
    }
  }

  @Test
  void zeroesOrPunchesOrDiscards() {
    disk.holdAgain();
    for (int mode :
        new int[] {FALLOC_FL_ZERO_RANGE, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, PUNCH}) {
      boolean keeps = mode != PUNCH;
      CompletableFuture<Integer> result = inTheBackground(mode, 512, 1024);
      assertThat(disk.held()).map(Held::line).containsExactly("zero 1+2");
      assertThat(disk.held().get(0).has(BlkTypes.REQ_NOUNMAP)).isEqualTo(keeps);
      disk.release(0);
      assertThat(result.join()).isZero();
    }
    CompletableFuture<Integer> result = inTheBackground(PUNCH | FALLOC_FL_NO_HIDE_STALE, 512, 1024);
    assertThat(disk.held()).map(Held::line).containsExactly("discard 1+2");
    disk.release(0);
    assertThat(result.join()).isZero();
    assertThat(onDisk(2048)).isEqualTo("5*512 0*1024 5*512");
  }

  /** By another task, up to the request. */
  private CompletableFuture<Integer> inTheBackground(int mode, long offset, long length) {
    CompletableFuture<Integer> result = new CompletableFuture<>();
    by(task -> file.op().fallocate(task, file, mode, offset, length), result);
    while (disk.held().isEmpty() && !result.isDone()) {
      Thread.onSpinWait();
      assertThat(Thread.currentThread().isInterrupted()).as("by the timeout").isFalse();
    }
    return result.orTimeout(30, TimeUnit.SECONDS);
  }

  private Thread by(ToIntFunction<Task> call, CompletableFuture<Integer> result) {
    return Thread.ofPlatform()
        .start(
            () -> {
              Task other = process.newTask();
              other.enterKernel();
              result.complete(call.applyAsInt(other));
              other.leaveKernel();
            });
  }

  @Test
  void rangesHaveToBeBlocksOfTheDevice() {
    for (int mode :
        new int[] {FALLOC_FL_ZERO_RANGE, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, PUNCH}) {
      boolean cut = (mode & FALLOC_FL_KEEP_SIZE) != 0;
      int behind = cut ? 0 : -Errno.EINVAL;
      assertThat(fallocate(mode, 100, 512)).isEqualTo(-Errno.EINVAL);
      assertThat(fallocate(mode, 512, 100)).isEqualTo(-Errno.EINVAL);
      assertThat(fallocate(mode, BYTES, 512)).isEqualTo(-Errno.EINVAL);
      assertThat(fallocate(mode, Long.MAX_VALUE - 1023, 512)).isEqualTo(-Errno.EINVAL);
      assertThat(fallocate(mode, BYTES - 512, 512)).isZero();
      assertThat(fallocate(mode, BYTES - 512, 1024)).isEqualTo(behind);
      assertThat(fallocate(mode, BYTES - 512, 1000)).as("it is cut first").isEqualTo(behind);
      assertThat(fallocate(mode, BYTES - 1024, 700)).isEqualTo(-Errno.EINVAL);
      assertThat(fallocate(mode, 0, Long.MAX_VALUE)).isEqualTo(behind);
    }
    assertThat(onDisk(BYTES)).isEqualTo("0*" + BYTES);
  }

  @Test
  void otherModesAreNotSupportedAndLeaveWhatIsCachedAlone() {
    assertThat(rw(current, false, 0, 4096)).isEqualTo(4096);
    int[] modes = {
      0,
      FALLOC_FL_KEEP_SIZE,
      FALLOC_FL_PUNCH_HOLE,
      FALLOC_FL_NO_HIDE_STALE,
      FALLOC_FL_COLLAPSE_RANGE,
      FALLOC_FL_ZERO_RANGE | FALLOC_FL_NO_HIDE_STALE,
      FALLOC_FL_ZERO_RANGE | FALLOC_FL_PUNCH_HOLE
    };
    for (int mode : modes) {
      assertThat(fallocate(mode, 0, 4096)).as("mode %s", mode).isEqualTo(-Errno.EOPNOTSUPP);
    }
    assertThat(fallocate(0, 100, 4096)).as("the range is looked at first").isEqualTo(-Errno.EINVAL);
    assertThat(fallocate(FALLOC_FL_COLLAPSE_RANGE, 100, 4096))
        .as("but not for these")
        .isEqualTo(-Errno.EOPNOTSUPP);
    assertThat(find(4096)).isEqualTo("7*4096");
  }

  @Test
  void whatADeviceCanNotDo() {
    on(PLAIN, false);
    assertThat(fallocate(FALLOC_FL_ZERO_RANGE, 0, 4096)).as("by writing").isZero();
    assertThat(fallocate(PUNCH, 4096, 4096)).isEqualTo(-Errno.EOPNOTSUPP);
    assertThat(fallocate(PUNCH | FALLOC_FL_NO_HIDE_STALE, 4096, 4096)).isEqualTo(-Errno.EOPNOTSUPP);
    assertThat(onDisk(12288)).isEqualTo("0*4096 5*8192");
    on(ABLE, true);
    for (int mode : new int[] {FALLOC_FL_ZERO_RANGE, PUNCH, PUNCH | FALLOC_FL_NO_HIDE_STALE}) {
      assertThat(fallocate(mode, 4096, 4096)).isEqualTo(-Errno.EPERM);
    }
    on(ABLE, false);
    disk.failEach(BlkTypes.REQ_OP_WRITE_ZEROES);
    assertThat(fallocate(PUNCH, 4096, 4096)).isEqualTo(-Errno.EIO);
    assertThat(fallocate(FALLOC_FL_ZERO_RANGE, 4096, 4096)).as("by writing").isZero();
    assertThat(onDisk(12288)).isEqualTo("0*8192 5*4096");
  }

  @Test
  void whatIsCachedOfTheRangeGoesAndNothingElse() {
    for (long[] range :
        new long[][] {
          {0, 4096}, {512, 1024}, {512, 4096}, {3584, 8704}, {8192, 4608}, {0, 20480}
        }) {
      for (int dirty = 0; dirty < 3; dirty++) {
        disk.contents().fill(OLD);
        bdev.pageCache().drop();
        RawMemory.segment(memory, BYTES).fill(NEW);
        assertThat(dirty == 0 ? 20480 : rw(current, dirty == 1, 0, 20480)).isEqualTo(20480);
        int other = dirty == 2 ? NEW : OLD;
        assertThat(fallocate(FALLOC_FL_ZERO_RANGE, range[0], range[1])).isZero();
        byte[] expected = new byte[20480];
        Arrays.fill(expected, (byte) other);
        Arrays.fill(expected, (int) range[0], (int) (range[0] + range[1]), (byte) 0);
        String all = stretches(expected, 20480);
        assertThat(find(20480)).as("%s %s", range[0], dirty).isEqualTo(all);
        assertThat(file.fsync(current, false)).isZero();
        assertThat(onDisk(20480)).as("%s %s, on the disk", range[0], dirty).isEqualTo(all);
      }
    }
  }

  @Test
  void aWriterInTheRangeMakesItBusyAndKeepsItsData() {
    disk.holdAgain();
    CompletableFuture<Integer> result = inTheBackground(FALLOC_FL_ZERO_RANGE, 0, 8192);
    assertThat(rw(current, false, 4096, 4096))
        .as("a page whole, which asks nothing of the disk")
        .isEqualTo(4096);
    disk.letThrough();
    assertThat(result.join()).isEqualTo(-Errno.EBUSY);
    assertThat(find(12288)).isEqualTo("0*4096 7*4096 5*4096");
  }

  @Test
  void whatIsBeingWrittenBackIsWaitedFor() throws InterruptedException {
    assertThat(rw(current, false, 0, 4096)).isEqualTo(4096);
    disk.holdAgain();
    CompletableFuture<Integer> written = new CompletableFuture<>();
    by(task -> file.fsync(task, false), written);
    disk.awaitHeld(1);
    CompletableFuture<Integer> zeroed = new CompletableFuture<>();
    Thread zeroing =
        by(task -> file.op().fallocate(task, file, FALLOC_FL_ZERO_RANGE, 0, 4096), zeroed);
    while (zeroing.getState() != Thread.State.WAITING) {
      Thread.sleep(1);
    }
    assertThat(disk.held())
        .map(Held::line)
        .as("no zeroes before the data")
        .containsExactly("write 0+8");
    disk.letThrough();
    assertThat(written.orTimeout(30, TimeUnit.SECONDS).join()).isZero();
    assertThat(zeroed.orTimeout(30, TimeUnit.SECONDS).join()).isZero();
    assertThat(onDisk(8192)).isEqualTo("0*4096 5*4096");
  }
}
