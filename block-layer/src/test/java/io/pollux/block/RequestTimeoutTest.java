// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.block.fixture.BlockRig;
import io.pollux.core.Oops;
import io.pollux.uapi.Errno;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A driver is asked about requests that take longer than the timeout of its queue. */
@Timeout(60)
final class RequestTimeoutTest {
  private static final long TIMEOUT = 10_000_000;
  private static final int READ = BlkTypes.REQ_OP_READ;

  private final AtomicLong clock = new AtomicLong();
  private final List<String> said = new CopyOnWriteArrayList<>();
  private final Slow driver = new Slow();
  private final BlockDevice bdev =
      new BlockDevice(
          "slow0",
          1,
          1 << 20,
          false,
          new RequestQueue(
              driver,
              new TagSet(1, 1, 8, false).withTimeout(TIMEOUT),
              QueueLimits.of(512).withWriteCache(false, false),
              clock::get));
  private final BlockRig rig = new BlockRig(bdev);

  @AfterEach
  void close() {
    Oops.setSink(null);
    rig.close();
  }

  /** A driver that keeps its requests, and claims those that time out under its lock. */
  private static final class Slow implements BlkMqOps {
    private final List<Request> has = new ArrayList<>(); // under this object's lock
    private volatile boolean patient;
    private volatile boolean broken;
    private final AtomicInteger asked = new AtomicInteger();
    private volatile boolean full;

    @Override
    public void queueRqs(HwCtx hctx, Request chain) {
      if (full) {
        hctx.handBack(chain);
        return;
      }
      synchronized (this) {
        for (Request request = chain; request != null; request = request.next()) {
          has.add(request);
        }
      }
    }

    @Override
    public int poll(HwCtx hctx) {
      return 0;
    }

    @Override
    public EhTimerReturn timeout(Request request) {
      asked.getAndIncrement();
      if (broken) {
        throw new IllegalStateException("broken");
      }
      if (patient) {
        return EhTimerReturn.RESET_TIMER;
      }
      synchronized (this) {
        if (!request.timedOut() || !has.remove(request)) {
          return EhTimerReturn.RESET_TIMER;
        }
      }
      request.complete(-Errno.ETIMEDOUT);
      return EhTimerReturn.DONE;
    }

    Request take() {
      synchronized (this) {
        return has.remove(0);
      }
    }
  }

  private void submit(int number, int opf) {
    rig.submit("" + number, opf, number * 8L, 8);
  }

  private void awaitEnded(int count) throws InterruptedException {
    while (rig.ended().size() < count) {
      Thread.sleep(1); // the timeout bounds the loop
    }
  }

  private void awaitAsked(int count) throws InterruptedException {
    while (driver.asked.get() < count) {
      Thread.sleep(1);
    }
  }

  @Test
  void aRequestThatTakesTooLongIsCompletedByTheDriver() throws InterruptedException {
    submit(0, READ);
    submit(1, READ | BlkTypes.REQ_HIPRI);
    clock.set(TIMEOUT - 1);
    submit(2, READ);
    Thread.sleep(20); // a few ticks in which nothing is due
    assertThat(driver.asked).hasValue(0);
    clock.set(TIMEOUT);
    awaitEnded(2);
    assertThat(rig.ended()).containsExactlyInAnyOrder("0 -110", "1 -110");
    assertThat(driver.asked).hasValue(2);
    driver.take().complete(0);
    assertThat(rig.ended()).endsWith("2 0");
  }

  @Test
  void aRequestWhoseTimerIsResetGetsTheWholeTimeAgain() throws InterruptedException {
    driver.patient = true;
    submit(0, READ);
    clock.set(TIMEOUT);
    awaitAsked(1);
    clock.set(2 * TIMEOUT - 1);
    Thread.sleep(20);
    assertThat(driver.asked).hasValue(1);
    clock.set(2 * TIMEOUT);
    awaitAsked(2);
    driver.patient = false;
    clock.set(3 * TIMEOUT);
    awaitEnded(1);
    assertThat(rig.ended()).containsExactly("0 -110");
  }

  @Test
  void theTimerStartsAgainAfterTheQueueWasEmpty() throws InterruptedException {
    for (int i = 0; i < 5; i++) {
      submit(i, READ);
      clock.addAndGet(TIMEOUT);
      awaitEnded(i + 1);
      Thread.sleep(i * 4L);
    }
    assertThat(rig.ended()).hasSize(5).allMatch(each -> each.endsWith(" -110"));
  }

  @Test
  void aRequestThatWasHandedBackIsNotTheDrivers() throws InterruptedException {
    driver.full = true;
    submit(0, READ);
    clock.set(5 * TIMEOUT);
    Thread.sleep(20);
    assertThat(driver.asked).hasValue(0);
    driver.full = false;
    while (rig.ended().isEmpty()) {
      clock.addAndGet(TIMEOUT / 4);
      Thread.sleep(1);
    }
    assertThat(rig.ended()).containsExactly("0 -110");
  }

  @Test
  void aTimeoutThatThrowsShutsTheDiskDown() throws InterruptedException {
    Oops.setSink((sentence, thrown) -> said.add(sentence));
    driver.broken = true;
    submit(0, READ);
    submit(1, READ);
    clock.set(TIMEOUT);
    awaitEnded(2);
    assertThat(rig.ended()).containsExactlyInAnyOrder("0 -5", "1 -5");
    assertThat(said)
        .containsExactly(
            "kernel oops in the driver of slow0: java.lang.IllegalStateException: broken; slow0 is"
                + " shut down, and its requests fail with EIO");
    assertThat(driver.asked).hasValue(1);
  }

  @Test
  void aTimeoutIsNotNegative() {
    TagSet tags = new TagSet(1, 1, 8, false);
    assertThat(tags.timeoutNanos()).isZero();
    assertThatThrownBy(() -> tags.withTimeout(-1)).isInstanceOf(IllegalArgumentException.class);
  }
}
