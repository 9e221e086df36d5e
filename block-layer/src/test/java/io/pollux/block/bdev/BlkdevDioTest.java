// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.bdev;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.Plug;
import io.pollux.block.QueueLimits;
import io.pollux.block.TagSet;
import io.pollux.block.fixture.HeldDisk;
import io.pollux.block.fixture.HeldDisk.Held;
import io.pollux.block.fixture.RecordingDriver;
import io.pollux.core.Oops;
import io.pollux.core.mm.HostMemory;
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
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** One direct request: its bios, its result, its errors, and the pages it drops. */
@Timeout(60)
class BlkdevDioTest {
  private static final int PAGE = HostMemory.PAGE_SIZE;
  private static final int MIB = 1 << 20;
  private static final int BYTES = 4 * MIB;
  private static final int MEMORY = BYTES;
  private static final TagSet TAGS = new TagSet(1, 1, 8, false);
  private static final QueueLimits PLAIN = QueueLimits.of(512).withWriteCache(false, false);

  private final List<Long> results = new ArrayList<>();
  private final List<String> said = new ArrayList<>();
  private final Kiocb iocb = new Kiocb();
  private final HeldDisk disk = new HeldDisk(BYTES).letThrough();
  private final FileTable table = new FileTable();
  private final UserProcess process = new UserProcess();
  private final Task current = process.newTask();
  private final long memory = process.mm().mmap(MEMORY, Mman.PROT_READ | Mman.PROT_WRITE);
  private BlockDevice bdev = disk.disk(TAGS, PLAIN);

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

  @BeforeEach
  void listen() {
    Oops.setSink((sentence, thrown) -> said.add(sentence));
  }

  @AfterEach
  void noOops() {
    Oops.setSink(null);
    assertThat(said).isEmpty();
  }

  private long rw(File file, boolean read, long pos, long bytes, int flags, boolean sync) {
    return rw(current, file, read, pos, bytes, flags, sync);
  }

  private long rw(
      Task task, File file, boolean read, long pos, long bytes, int flags, boolean sync) {
    IovecIter iter = new IovecIter();
    assertThat(iter.importSingleRange(process.mm(), read, memory, bytes)).isZero();
    iocb.init(file, sync ? null : (done, result, result2) -> results.add(result));
    iocb.kiFlags |= flags | (read ? 0 : Kiocb.IOCB_WRITE);
    iocb.kiPos = pos;
    return read ? file.op().readIter(task, iocb, iter) : file.op().writeIter(task, iocb, iter);
  }

  private File direct() {
    return open(Fcntl.O_RDWR | Fcntl.O_DIRECT);
  }

  @Test
  void severalBiosAreOneRequestThatCompletesWithTheLast() {
    disk.holdAgain();
    File file = direct();
    assertThat(rw(file, true, 0, 3 * MIB, 0, false)).isEqualTo(-Kiocb.EIOCBQUEUED);
    assertThat(disk.held()).hasSize(3);
    disk.release(2);
    disk.release(0);
    assertThat(results).isEmpty();
    assertThat(process.mm().pinnedPages()).as("of the bio in flight").isEqualTo(MIB / PAGE);
    disk.release(0);
    assertThat(results).containsExactly(3L * MIB);
    assertThat(iocb.kiPos).isEqualTo(3 * MIB);
    file.fput(current);
  }

  @Test
  void theFirstErrorOfABioIsTheResult() {
    disk.holdAgain();
    File file = direct();
    assertThat(rw(file, true, 512, 3 * MIB, 0, false)).isEqualTo(-Kiocb.EIOCBQUEUED);
    disk.fail(1, Errno.ENOSPC);
    disk.fail(0, Errno.EIO);
    disk.release(0);
    assertThat(results).containsExactly((long) -Errno.ENOSPC);
    assertThat(iocb.kiPos).as("unchanged").isEqualTo(512);
    file.fput(current);
  }

  @Test
  void aSynchronousRequestSleepsUntilAnotherThreadCompletesIt() throws Exception {
    File file = direct();
    for (long bytes : new long[] {4096, 3 * MIB}) {
      disk.holdAgain();
      Task other = process.newTask();
      FutureTask<Long> reads =
          new FutureTask<>(
              () -> {
                other.enterKernel();
                long result = rw(other, file, true, 0, bytes, 0, true);
                other.leaveKernel();
                return result;
              });
      Thread thread = Thread.ofPlatform().daemon().start(reads);
      disk.awaitHeld(bytes == 4096 ? 1 : 3);
      while (thread.getState() != Thread.State.WAITING) {
        assertThat(reads.isDone()).isFalse();
        Thread.onSpinWait();
      }
      disk.letThrough();
      assertThat(reads.get(30, TimeUnit.SECONDS)).isEqualTo(bytes);
    }
    file.fput(current);
  }

  @Test
  void aSynchronousRequestInsideAPlugCompletes() {
    File file = direct();
    Plug plug = new Plug();
    assertThat(plug.start(current)).isTrue();
    assertThat(rw(file, true, 0, 4096, 0, true)).isEqualTo(4096);
    assertThat(rw(file, true, 0, 3 * MIB, 0, true)).isEqualTo(3 * MIB);
    plug.finish(current);
    file.fput(current);
  }

  @Test
  void aLongSynchronousRequestReachesTheDriverInOneCall() {
    RecordingDriver driver = new RecordingDriver().completingAtOnce();
    bdev = driver.disk("disk0", BYTES);
    File file = direct();
    assertThat(rw(file, true, 0, 3 * MIB, 0, true)).isEqualTo(3 * MIB);
    assertThat(driver.calls()).hasSize(1);
    assertThat(rw(file, true, 0, 4096, 0, true)).isEqualTo(4096);
    assertThat(driver.calls()).hasSize(2);
    file.fput(current);
  }

  @Test
  void unmappedMemoryIsAnError() {
    File file = direct();
    process.mm().munmap(memory + MIB, PAGE); // inside the second bio
    for (boolean sync : new boolean[] {true, false}) {
      assertThat(rw(file, true, 0, 2 * MIB, 0, sync)).isEqualTo(-Errno.EFAULT);
      assertThat(process.mm().pinnedPages()).isZero();
    }
    assertThat(results).as("the call returns the error instead").isEmpty();
    disk.holdAgain();
    assertThat(rw(file, true, 0, 2 * MIB, 0, false)).isEqualTo(-Kiocb.EIOCBQUEUED);
    assertThat(disk.held()).map(Held::line).containsExactly("read 0+2048");
    assertThat(results).as("the device may still write there").isEmpty();
    disk.release(0);
    assertThat(results).containsExactly((long) -Errno.EFAULT);
    file.fput(current);
  }

  /** EAGAIN for lack of a tag is marked, because only that EAGAIN may be retried. */
  @Test
  void nowaitWithoutATagFailsAndIsMarked() {
    bdev = disk.disk(new TagSet(1, 1, 1, false), PLAIN);
    File file = direct();
    disk.holdAgain();
    Kiocb first = new Kiocb();
    IovecIter iter = new IovecIter();
    assertThat(iter.importSingleRange(process.mm(), true, memory, 512)).isZero();
    first.init(file, (done, result, result2) -> results.add(result));
    first.kiFlags |= Kiocb.IOCB_NOWAIT;
    first.kiPos = 0;
    assertThat(file.op().readIter(current, first, iter)).isEqualTo(-Kiocb.EIOCBQUEUED);
    assertThat(disk.held().getFirst().has(BlkTypes.REQ_NOWAIT)).isTrue();
    assertThat(rw(file, true, 0, 512, Kiocb.IOCB_NOWAIT, true)).isEqualTo(-Errno.EAGAIN);
    assertThat(iocb.has(Kiocb.IOCB_NO_TAG)).isTrue();
    disk.fail(0, Errno.EAGAIN);
    assertThat(results).containsExactly((long) -Errno.EAGAIN);
    assertThat(first.has(Kiocb.IOCB_NO_TAG)).isFalse();
    file.fput(current);
  }

  @Test
  void aDirectWriteDropsThePagesOfItsRangeOnly() {
    File buffered = open(Fcntl.O_RDWR);
    File file = direct();
    assertThat(rw(buffered, true, 0, 3 * PAGE, 0, true)).isEqualTo(3 * PAGE);
    RawMemory.segment(memory, PAGE).fill((byte) 7);
    assertThat(rw(file, false, PAGE, PAGE, 0, true)).isEqualTo(PAGE);
    assertThat(bdev.mapping().rangeHasPage(0, PAGE - 1)).isTrue();
    assertThat(bdev.mapping().rangeHasPage(PAGE, 2 * PAGE - 1)).isFalse();
    assertThat(bdev.mapping().rangeHasPage(2 * PAGE, 3 * PAGE - 1)).isTrue();
    buffered.fput(current);
    file.fput(current);
  }

  /** A page after the range neither delays nor fails a direct request. */
  @Test
  void onlyPagesUnderADirectRequestCount() {
    File buffered = open(Fcntl.O_RDWR);
    File file = direct();
    assertThat(rw(buffered, false, PAGE, PAGE, 0, true)).isEqualTo(PAGE);
    assertThat(rw(file, true, PAGE - 512, 512, Kiocb.IOCB_NOWAIT, true)).isEqualTo(512);
    assertThat(rw(file, true, 2 * PAGE, 512, Kiocb.IOCB_NOWAIT, true)).isEqualTo(512);
    assertThat(rw(file, true, PAGE - 512, 1024, Kiocb.IOCB_NOWAIT, true)).isEqualTo(-Errno.EAGAIN);
    assertThat(bdev.mapping().nrDirty()).isEqualTo(1);
    buffered.fput(current);
    file.fput(current);
  }

  @Test
  void aDurableBufferedWriteWritesItsOwnPages() {
    File buffered = open(Fcntl.O_RDWR);
    File durable = open(Fcntl.O_RDWR | Fcntl.O_DSYNC);
    assertThat(rw(buffered, false, 0, PAGE, 0, true)).isEqualTo(PAGE);
    assertThat(rw(buffered, false, 2 * PAGE, PAGE, 0, true)).isEqualTo(PAGE);
    assertThat(rw(durable, false, PAGE, PAGE, 0, true)).isEqualTo(PAGE);
    assertThat(disk.done()).map(Held::line).containsExactly("write 8+8");
    buffered.fput(current);
    durable.fput(current);
  }

  @Test
  void aFileOpenedExclusivelyHoldsTheDisk() {
    File first = open(Fcntl.O_RDWR);
    File second = open(Fcntl.O_RDWR);
    assertThat(first.op().claim(first, Fcntl.O_EXCL | Fcntl.O_RDWR)).isZero();
    assertThat(second.op().claim(second, Fcntl.O_EXCL)).isEqualTo(-Errno.EBUSY);
    assertThat(second.op().claim(second, Fcntl.O_RDWR)).as("without O_EXCL").isZero();
    first.fput(current);
    assertThat(second.op().claim(second, Fcntl.O_EXCL)).isZero();
    second.fput(); // in a context that must not sleep
    File third = open(Fcntl.O_RDWR);
    assertThat(third.op().claim(third, Fcntl.O_EXCL)).isZero();
    third.fput(current);
  }

  @Test
  void aBlockDeviceHasTheseOperations() {
    File file = open(Fcntl.O_RDWR);
    assertThat(file.op().hasReadIter()).isTrue();
    assertThat(file.op().hasWriteIter()).isTrue();
    assertThat(file.op().hasFsync()).isTrue();
    assertThat(file.op().hasIopoll()).isTrue();
    assertThat(file.op().canDirect()).isTrue();
    assertThat(file.op().canNowait()).isTrue();
    file.fput(current);
  }
}
