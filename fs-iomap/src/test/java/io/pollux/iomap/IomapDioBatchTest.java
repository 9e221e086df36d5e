// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import static io.pollux.iomap.IomapRig.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.Oops;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Kiocb;
import io.pollux.iomap.fixture.ExtentFile;
import io.pollux.iomap.fixture.ExtentFile.Allocation;
import io.pollux.uapi.Errno;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Direct writes that a filesystem finishes together. */
@Timeout(60)
class IomapDioBatchTest {
  private static final int DIRECT = Kiocb.IOCB_DIRECT | Kiocb.IOCB_WRITE;

  private final IomapRig rig = new IomapRig();
  private final ExtentFile file =
      new ExtentFile(rig.fs, 8 * PAGE).allocate(Allocation.UNWRITTEN, 64 * PAGE);

  /** The positions of each batch. */
  private final List<List<Long>> batches = new CopyOnWriteArrayList<>();

  private final List<String> threads = new CopyOnWriteArrayList<>();
  private final List<Long> endedAlone = new CopyOnWriteArrayList<>();
  private final CountDownLatch inFirst = new CountDownLatch(1);
  private final CountDownLatch goOn = new CountDownLatch(1);
  private final IomapDioBatch batch = new IomapDioBatch(this::finish);
  private final IomapDioEnd end =
      new IomapDioEnd() {
        @Override
        public int endIo(@Nullable Task current, Kiocb iocb, long bytes, int error, int flags) {
          endedAlone.add(iocb.kiPos);
          return 0;
        }

        @Override
        public IomapDioBatch batch(Kiocb iocb) {
          return batch;
        }
      };

  private volatile boolean holdsFirst;
  private volatile long failing = -1; // the position of the write that fails
  private volatile boolean throwing;
  private volatile boolean takingAway;

  @AfterEach
  void close() {
    goOn.countDown();
    rig.fs.drain();
    Oops.setSink(null);
    rig.close();
  }

  private void finish(Task current, IomapDioBatch together) {
    List<Long> positions = new CopyOnWriteArrayList<>();
    for (int i = 0; i < together.count(); i++) {
      assertThat(together.bytes(i)).isEqualTo(PAGE);
      assertThat(together.flags(i)).isEqualTo(IomapDioEnd.IOMAP_DIO_UNWRITTEN);
      assertThat(together.error(i)).isZero();
      positions.add(together.iocb(i).kiPos);
    }
    batches.add(positions);
    threads.add(Thread.currentThread().getName());
    if (holdsFirst && batches.size() == 1) {
      inFirst.countDown();
      await(goOn);
    }
    if (takingAway) {
      together.at(0).complete(current);
      throw new IllegalStateException("broken");
    }
    if (throwing) {
      throw new IllegalStateException("broken");
    }
    for (int i = 0; i < together.count(); i++) {
      together.setResult(i, together.iocb(i).kiPos == failing ? -Errno.ENOSPC : 0);
    }
  }

  private static void await(CountDownLatch latch) {
    try {
      assertThat(latch.await(30, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private Kiocb write(long pos, int flags) {
    boolean polled = (flags & Kiocb.IOCB_HIPRI) != 0;
    if (!polled) { // or the submitter would complete it
      rig.disk.holdAgain();
    }
    Kiocb iocb = rig.async(file, pos, DIRECT | flags);
    long result =
        IomapDio.rw(rig.current, file, iocb, rig.iter(false, rig.memory, PAGE), file, end);
    assertThat(result).isEqualTo(-Kiocb.EIOCBQUEUED);
    if (!polled) {
      rig.disk.letThrough();
    }
    return iocb;
  }

  private void awaitCompletions(int count) throws InterruptedException {
    for (int i = 0; i < 30_000 && rig.completed.size() < count; i++) {
      Thread.sleep(1);
    }
    assertThat(rig.completed).hasSize(count);
  }

  /** Holds the first batch until several requests wait. */
  private void writeDuringFirst(int count) throws InterruptedException {
    holdsFirst = true;
    write(0, 0);
    await(inFirst);
    for (int i = 1; i <= count; i++) {
      write((long) (i % 8) * PAGE, 0);
    }
    assertThat(rig.completed).as("while the first is held").isEmpty();
    assertThat(file.dioCount()).isEqualTo(1 + count);
    goOn.countDown();
    awaitCompletions(1 + count);
    assertThat(file.dioCount()).isZero();
  }

  @Test
  void requestsThatCompleteDuringABatchAreFinishedTogetherByTheNext() throws InterruptedException {
    writeDuringFirst(3);
    assertThat(batches).containsExactly(List.of(0L), List.of((long) PAGE, 2L * PAGE, 3L * PAGE));
    assertThat(rig.completed).containsOnly((long) PAGE);
    assertThat(endedAlone).isEmpty();
    assertThat(threads).allMatch(name -> name.contains("dio/"));
  }

  @Test
  void aBatchHasABound() throws InterruptedException {
    writeDuringFirst(IomapDioBatch.MOST + 2);
    assertThat(batches).extracting(List::size).containsExactly(1, IomapDioBatch.MOST, 2);
  }

  @Test
  void theErrorOfOneIsNotThatOfAnother() throws InterruptedException {
    failing = 2 * PAGE;
    writeDuringFirst(3);
    assertThat(rig.completed)
        .containsExactly((long) PAGE, (long) PAGE, (long) -Errno.ENOSPC, (long) PAGE);
  }

  @Test
  void aBatchThatThrowsFailsItsRequestsAndTheNextOneRuns() throws InterruptedException {
    List<String> said = new CopyOnWriteArrayList<>();
    Oops.setSink((sentence, thrown) -> said.add(sentence));
    throwing = true;
    write(0, 0);
    awaitCompletions(1);
    assertThat(rig.completed).containsExactly((long) -Errno.EIO);
    assertThat(said).singleElement().asString().contains("broken").contains("EIO");
    throwing = false;
    write(PAGE, 0);
    awaitCompletions(2);
    assertThat(rig.completed).containsExactly((long) -Errno.EIO, (long) PAGE);
  }

  /** Its first request is gone, so that even the report of the failure fails. */
  @Test
  void aBatchThatCannotBeReportedLeavesTheQueueToTheNextOne() throws InterruptedException {
    CountDownLatch reported = new CountDownLatch(1);
    Oops.setSink(
        (sentence, thrown) -> {
          if (sentence.contains("the completion of a direct request")) {
            reported.countDown();
          }
        });
    takingAway = true;
    write(0, 0);
    await(reported);
    takingAway = false;
    write(PAGE, 0);
    awaitCompletions(1);
    assertThat(rig.completed).containsExactly((long) PAGE);
  }

  @Test
  void aDurableWriteIsFinishedAlone() throws InterruptedException {
    write(PAGE, Kiocb.IOCB_DSYNC);
    awaitCompletions(1);
    assertThat(endedAlone).containsExactly((long) PAGE);
    assertThat(batches).isEmpty();
  }

  @Test
  void aPollerFinishesWhatItFinds() {
    batch.expect();
    write(0, Kiocb.IOCB_HIPRI);
    Kiocb iocb = write(PAGE, Kiocb.IOCB_HIPRI);
    assertThat(IomapDio.iopoll(rig.current, iocb, true, batch)).isEqualTo(2);
    assertThat(rig.completed).containsExactly((long) PAGE, (long) PAGE);
    assertThat(batches).containsExactly(List.of(0L, (long) PAGE));
    assertThat(threads).containsExactly(Thread.currentThread().getName());
  }

  /** The submission thread has no task that may sleep. */
  @Test
  void aWorkerFinishesForAPollerThatMustNotSleep() throws InterruptedException {
    batch.expect();
    Kiocb iocb = write(0, Kiocb.IOCB_HIPRI);
    assertThat(IomapDio.iopoll(null, iocb, true, batch)).isEqualTo(1);
    awaitCompletions(1);
    assertThat(threads).singleElement().asString().contains("dio/");
  }

  @Test
  void aPollerLeavesRequestsToAWorkerThatRuns() throws InterruptedException {
    holdsFirst = true;
    write(0, 0);
    await(inFirst);
    batch.expect();
    Kiocb iocb = write(PAGE, Kiocb.IOCB_HIPRI);
    assertThat(IomapDio.iopoll(rig.current, iocb, true, batch)).isEqualTo(1);
    assertThat(rig.completed).isEmpty();
    goOn.countDown();
    awaitCompletions(2);
    assertThat(threads).allMatch(name -> name.contains("dio/"));
  }

  /** A request that arrives while a poller completes others gets a worker. */
  @Test
  void whatArrivesDuringTheCompletionsOfAPollerGetsAWorker() throws InterruptedException {
    batch.expect();
    Kiocb iocb = rig.async(file, 0, DIRECT | Kiocb.IOCB_HIPRI);
    iocb.kiComplete =
        (done, result, result2) -> {
          rig.completed.add(result);
          write(PAGE, 0);
        };
    long queued =
        IomapDio.rw(rig.current, file, iocb, rig.iter(false, rig.memory, PAGE), file, end);
    assertThat(queued).isEqualTo(-Kiocb.EIOCBQUEUED);
    assertThat(IomapDio.iopoll(rig.current, iocb, true, batch)).isEqualTo(1);
    awaitCompletions(2);
    assertThat(threads.getFirst()).isEqualTo(Thread.currentThread().getName());
    assertThat(Objects.requireNonNull(threads.getLast())).contains("dio/");
  }
}
