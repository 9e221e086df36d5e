// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import static io.pollux.iomap.IomapRig.BLOCK;
import static io.pollux.iomap.IomapRig.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.BlkTypes;
import io.pollux.core.Oops;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Kiocb;
import io.pollux.iomap.fixture.ExtentFile;
import io.pollux.iomap.fixture.ExtentFile.Allocation;
import io.pollux.uapi.Errno;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The end of a direct write that allocates: when it runs, and what others see before and after. */
@Timeout(60)
class IomapDioEndTest {
  private static final long DISK = 64 * PAGE;
  private static final int DIRECT = Kiocb.IOCB_DIRECT | Kiocb.IOCB_WRITE;

  private final IomapRig rig = new IomapRig();
  private final ExtentFile file =
      new ExtentFile(rig.fs, 8 * PAGE).allocate(Allocation.UNWRITTEN, DISK);

  @AfterEach
  void close() {
    rig.fs.drain();
    Oops.setSink(null);
    rig.close();
  }

  private long write(Kiocb iocb, long bytes) {
    return file.fop().writeIter(rig.current, iocb, rig.iter(false, rig.memory, bytes));
  }

  private void awaitCompletion() throws InterruptedException {
    for (int i = 0; i < 30_000 && rig.completed.isEmpty(); i++) {
      Thread.sleep(1);
    }
  }

  @Test
  void anUnwrittenExtentIsConvertedBeforeTheRequestCompletes() throws InterruptedException {
    rig.fill(0x11);
    Kiocb iocb = rig.async(file, PAGE, DIRECT);
    List<Iomap.Type> seen = new ArrayList<>();
    iocb.kiComplete =
        (done, result, result2) -> {
          seen.add(file.typeAt(PAGE));
          rig.completed.add(result);
        };
    rig.disk.holdAgain();
    assertThat(write(iocb, PAGE)).isEqualTo(-Kiocb.EIOCBQUEUED);
    assertThat(file.typeAt(PAGE)).isEqualTo(Iomap.Type.UNWRITTEN);
    rig.disk.letThrough();
    awaitCompletion();
    assertThat(rig.completed).containsExactly((long) PAGE);
    assertThat(seen).containsExactly(Iomap.Type.MAPPED);
    assertThat(rig.onDisk(DISK, PAGE)).containsOnly(0x11);
  }

  /**
   * A buffered reader fills its page from the unwritten extent while the write is in flight. The
   * page is dropped after the conversion, so that the next reader sees the data.
   */
  @Test
  void aReaderThatCachedZeroesBeforeTheConversionDoesNotKeepThem()
      throws InterruptedException, ExecutionException, TimeoutException {
    rig.fill(0x22);
    CountDownLatch inEnd = new CountDownLatch(1);
    CountDownLatch readerDone = new CountDownLatch(1);
    file.onEnd(
        () -> {
          inEnd.countDown();
          await(readerDone);
        });
    rig.disk.holdAgain();
    assertThat(write(rig.async(file, 0, DIRECT), PAGE)).isEqualTo(-Kiocb.EIOCBQUEUED);
    rig.disk.letThrough();
    await(inEnd); // the data is on the disk, the extent is still unwritten
    CompletableFuture<Long> reader = rig.onOtherThread(task -> rig.buffered(task, file, 0, PAGE));
    assertThat(reader.get(30, TimeUnit.SECONDS)).isEqualTo(PAGE);
    assertThat(rig.memory(IomapRig.MEMORY_BYTES - PAGE, PAGE)).as("unwritten").containsOnly(0);
    readerDone.countDown();
    awaitCompletion();
    assertThat(rig.completed).containsExactly((long) PAGE);
    assertThat(rig.buffered(rig.current, file, 0, PAGE)).isEqualTo(PAGE);
    assertThat(rig.memory(IomapRig.MEMORY_BYTES - PAGE, PAGE)).as("written").containsOnly(0x22);
  }

  private static void await(CountDownLatch latch) {
    try {
      assertThat(latch.await(30, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void aTaskThatWaitsForDirectIoSeesTheNewSizeAndExtent() throws InterruptedException {
    rig.disk.holdAgain();
    assertThat(write(rig.async(file, 8 * PAGE, DIRECT), BLOCK)).isEqualTo(-Kiocb.EIOCBQUEUED);
    assertThat(file.size()).as("in flight").isEqualTo(8 * PAGE);
    rig.disk.letThrough();
    assertThat(InodeDioWait.awaitNone(rig.current, file, rig.bdev, false)).isZero();
    assertThat(file.size()).isEqualTo(8 * PAGE + BLOCK);
    assertThat(file.typeAt(8 * PAGE)).isEqualTo(Iomap.Type.MAPPED);
    awaitCompletion();
  }

  @Test
  void anEndThatSleepsRunsOnTheWorkQueueWithATask() throws InterruptedException {
    AtomicReference<@Nullable Thread> ran = new AtomicReference<>();
    file.onEnd(() -> ran.set(Thread.currentThread()));
    rig.disk.holdAgain();
    assertThat(write(rig.async(file, 0, DIRECT), PAGE)).isEqualTo(-Kiocb.EIOCBQUEUED);
    rig.disk.letThrough();
    awaitCompletion();
    assertThat(ran.get()).isNotNull().isNotSameAs(Thread.currentThread());
    assertThat(String.valueOf(ran.get())).contains("dio/");
  }

  @Test
  void anEndThatDoesNotSleepRunsInTheCompletion() {
    AtomicReference<@Nullable Thread> ran = new AtomicReference<>();
    file.setEndSleeps(false);
    file.onEnd(() -> ran.set(Thread.currentThread()));
    Kiocb iocb = rig.async(file, 0, DIRECT | Kiocb.IOCB_HIPRI);
    assertThat(write(iocb, PAGE)).isEqualTo(-Kiocb.EIOCBQUEUED);
    assertThat(ran.get()).isNull();
    assertThat(IomapDio.iopoll(iocb, true)).isEqualTo(1);
    assertThat(ran.get()).isSameAs(Thread.currentThread());
    assertThat(rig.completed).containsExactly((long) PAGE);
  }

  @Test
  void aFailedWriteConvertsNothingAndDoesNotGrowTheFile() {
    rig.disk.failEach(BlkTypes.REQ_OP_WRITE);
    assertThat(write(rig.sync(file, 8 * PAGE, DIRECT), PAGE)).isEqualTo(-Errno.EIO);
    rig.disk.failNone();
    assertThat(file.size()).isEqualTo(8 * PAGE);
    assertThat(file.typeAt(8 * PAGE)).isEqualTo(Iomap.Type.UNWRITTEN);
    assertThat(file.dioCount()).isZero();
  }

  @Test
  void theErrorOfTheEndIsTheErrorOfTheRequest() {
    IomapDioEnd end = (current, iocb, bytes, error, flags) -> -Errno.ENOSPC;
    assertThat(rw(end)).isEqualTo(-Errno.ENOSPC);
    assertThat(file.dioCount()).isZero();
  }

  @Test
  void anEndThatThrowsFailsTheRequestWithEioAndIsNamed() {
    List<String> said = new ArrayList<>();
    Oops.setSink((sentence, thrown) -> said.add(sentence));
    IomapDioEnd end =
        (current, iocb, bytes, error, flags) -> {
          throw new IllegalStateException("broken");
        };
    assertThat(rw(end)).isEqualTo(-Errno.EIO);
    assertThat(file.dioCount()).isZero();
    assertThat(said).singleElement().asString().contains("broken").contains("EIO");
  }

  @Test
  void theEndGetsTheBytesAndTheKindOfTheExtent() {
    List<Long> bytesSeen = new ArrayList<>();
    List<Integer> flagsSeen = new ArrayList<>();
    file.setExtent(Iomap.Type.MAPPED, 0, 2 * PAGE, 0);
    file.setExtent(
        new ExtentFile.Extent(Iomap.Type.MAPPED, 2 * PAGE, PAGE, 16 * PAGE, Iomap.IOMAP_F_SHARED));
    IomapDioEnd end =
        new IomapDioEnd() {
          @Override
          public int endIo(@Nullable Task current, Kiocb iocb, long bytes, int error, int flags) {
            bytesSeen.add(bytes);
            flagsSeen.add(flags);
            return 0;
          }
        };
    for (long pos : new long[] {0, 2 * PAGE, 3 * PAGE}) {
      assertThat(
              IomapDio.rw(
                  rig.current,
                  file,
                  rig.sync(file, pos, DIRECT),
                  rig.iter(false, rig.memory, PAGE),
                  file,
                  end))
          .isEqualTo(PAGE);
    }
    assertThat(bytesSeen).containsOnly((long) PAGE);
    assertThat(flagsSeen)
        .containsExactly(0, IomapDioEnd.IOMAP_DIO_COW, IomapDioEnd.IOMAP_DIO_UNWRITTEN);
  }

  private long rw(IomapDioEnd end) {
    return IomapDio.rw(
        rig.current, file, rig.sync(file, 0, DIRECT), rig.iter(false, rig.memory, PAGE), file, end);
  }
}
