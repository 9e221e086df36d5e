// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A disk's thread sleeps without work, and serves what wakes it. */
@Timeout(60)
class DiskThreadTest {
  private static final long HOUR = 3_600_000_000_000L;

  private final List<Throwable> failures = new CopyOnWriteArrayList<>();
  private final AtomicLong work = new AtomicLong();
  private final AtomicLong done = new AtomicLong();
  private final AtomicLong left = new AtomicLong(-1);
  private final AtomicLong turns = new AtomicLong();

  private long expire() {
    turns.getAndIncrement();
    if (work.get() < 0) {
      throw new IllegalStateException("broken");
    }
    if (work.get() > 0) {
      work.getAndDecrement();
      done.getAndIncrement();
      return 0;
    }
    return left.get();
  }

  private static void await(BooleanSupplier condition) {
    while (!condition.getAsBoolean()) { // the timeout bounds the loop
      assertThat(Thread.currentThread().isInterrupted()).as("by the timeout").isFalse();
      Thread.onSpinWait();
    }
  }

  private static Thread thread(String name) {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(each -> each.getName().equals(name))
        .findAny()
        .orElseThrow();
  }

  private static void awaitSleep(Thread thread) {
    await(() -> LockSupport.getBlocker(thread) instanceof DiskThread);
  }

  @Test
  void aThreadWithoutWorkSleepsUntilItIsWoken() {
    try (DiskThread disk = new DiskThread("disk-idle", this::expire, failures::add)) {
      Thread thread = thread("disk-idle");
      for (int round = 1; round <= 3; round++) {
        awaitSleep(thread);
        work.set(2);
        disk.wake();
        long wanted = 2L * round;
        await(() -> done.get() == wanted);
      }
      assertThat(disk.isAlive()).isTrue();
    }
    assertThat(failures).isEmpty();
  }

  @Test
  void aThreadSleepsIfItsNextDeadlineIsFarAway() {
    left.set(HOUR);
    try (DiskThread disk = new DiskThread("disk-far", this::expire, failures::add)) {
      awaitSleep(thread("disk-far"));
      assertThat(disk.isAlive()).isTrue();
      assertThat(turns.get()).as("it does not spin").isLessThan(100);
    }
  }

  @Test
  void aThreadSpinsIfItsNextDeadlineIsNear() {
    left.set(1000);
    try (DiskThread disk = new DiskThread("disk-near", this::expire, failures::add)) {
      Thread thread = thread("disk-near");
      await(() -> turns.get() > 1000);
      assertThat(LockSupport.getBlocker(thread)).isNull();
      assertThat(disk.isAlive()).isTrue();
    }
  }

  @Test
  void aThreadWhoseWorkThrowsReportsItAndExits() {
    try (DiskThread disk = new DiskThread("disk-broken", this::expire, failures::add)) {
      Thread thread = thread("disk-broken");
      awaitSleep(thread);
      work.set(-1);
      disk.wake();
      await(() -> !disk.isAlive());
      assertThat(failures).singleElement().extracting(Throwable::getMessage).isEqualTo("broken");
    }
  }

  @Test
  void closeWaitsForTheThreadAndKeepsAnInterrupt() {
    DiskThread disk = new DiskThread("disk-closed", this::expire, failures::add);
    Thread.currentThread().interrupt();
    disk.close();
    assertThat(Thread.interrupted()).isTrue();
    assertThat(disk.isAlive()).isFalse();

    DiskThread other = new DiskThread("disk-closed", this::expire, failures::add);
    other.close();
    assertThat(Thread.interrupted()).isFalse();
    assertThat(other.isAlive()).isFalse();
  }

  @Test
  void aThreadDoesNotKeepTheProgramAlive() throws InterruptedException {
    Thread creator =
        Thread.ofPlatform()
            .daemon(false) // a thread inherits this
            .start(
                () -> {
                  try (DiskThread disk = new DiskThread("disk-bg", this::expire, failures::add)) {
                    left.set(thread("disk-bg").isDaemon() ? 1 : 0);
                    assertThat(disk.isAlive()).isTrue();
                  }
                });
    creator.join();
    assertThat(left).hasValue(1);
  }
}
