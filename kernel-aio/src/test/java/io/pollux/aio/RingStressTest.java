// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.aio.fixture.RingProgram;
import io.pollux.core.fixture.FakeFile;
import io.pollux.core.sched.Task;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.AioIoEventRing;
import io.pollux.uapi.AioIocbRing;
import io.pollux.uapi.Errno;
import io.pollux.uapi.IoEvent;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.Patch;
import io.pollux.uapi.RawMemory;
import java.util.BitSet;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The rings under load: a producer and a consumer run on threads of their own. The submission
 * thread or the producer's calls connect them. Each request has exactly one event, and no thread
 * hangs.
 */
@Patch(26)
@Tag("slow")
@Timeout(120)
class RingStressTest {
  private static final int BLOCKS = 64;
  private static final int SQPOLL = AioAbi.IOCTX_FLAG_SQPOLL;

  /** Takes events as a program does, with nothing but loads and stores. */
  private static final class Consumer implements Runnable {
    private final RingProgram program;
    private final int requests;
    private final BitSet seen = new BitSet();
    private final AtomicInteger taken = new AtomicInteger();
    private final AtomicReference<String> wrong = new AtomicReference<>("");

    Consumer(RingProgram program, int requests) {
      this.program = program;
      this.requests = requests;
    }

    @Override
    public void run() {
      int head = 0;
      while (taken.get() < requests && wrong.get().isEmpty()) {
        int tail = AioIoEventRing.tail(program.cq);
        if (head == tail) {
          LockSupport.parkNanos(1);
          continue;
        }
        long event = AioIoEventRing.event(program.cq, head);
        int number = (int) IoEvent.data(event);
        if (IoEvent.res(event) != 512 || seen.get(number)) {
          wrong.set(
              "request "
                  + number
                  + (seen.get(number) ? " came twice" : " answered " + IoEvent.res(event)));
        }
        seen.set(number);
        head = program.next(head);
        AioIoEventRing.head(program.cq, head);
        taken.getAndIncrement();
      }
    }
  }

  /**
   * Fills the entry at a tail with a read of one sector. All requests share one buffer: what they
   * read is the same.
   */
  private static void fill(RingProgram program, int tail, int number, boolean hipri) {
    long iocb = AioIocbRing.iocb(program.sq, tail);
    RawMemory.zero(iocb, Iocb.SIZE);
    Iocb.aioData(iocb, number);
    Iocb.aioFildes(iocb, program.fd);
    Iocb.aioBuf(iocb, program.buffers);
    Iocb.aioNbytes(iocb, 512);
    Iocb.aioOffset(iocb, number % BLOCKS * 4096L);
    Iocb.aioFlags(iocb, hipri ? AioAbi.IOCB_FLAG_HIPRI : 0);
  }

  @ParameterizedTest
  @CsvSource({
    // SQPOLL
    "2, 72",
    "3, 74",
    "7, 74",
    "16, 74",
    "33, 72",
    "100, 74",
    "1000, 74",
    "4096, 72",
    "4095, 74",
    "2, 8",
    "3, 10",
    "5, 8",
    "17, 10",
    "64, 8",
    "1000, 10",
    "4096, 8"
  })
  void nothingIsLostAndNothingComesTwice(int nr, int flags) throws InterruptedException {
    boolean polled = (flags & AioAbi.IOCTX_FLAG_IOPOLL) != 0;
    boolean thread = (flags & SQPOLL) != 0;
    FakeFile ram = FakeFile.immediate(BLOCKS * 4096).tags(256);
    RingProgram program = new RingProgram(ram, nr);
    assertThat(program.setup(flags)).isZero();
    int requests = Math.min(20_000, 1_000 * nr); // a small ring is a handover for each request
    Consumer consumer = new Consumer(program, requests);
    Thread taking = new Thread(consumer);
    taking.start();
    int tail = 0;
    int made = 0;
    while ((made < requests || consumer.taken.get() < requests) && taking.isAlive()) {
      if (Thread.currentThread().isInterrupted()) {
        consumer.wrong.set(
            "the timeout came at request " + made + ", and " + consumer.taken + " events");
        break;
      }
      int next = program.next(tail);
      if (made < requests && next != AioIocbRing.head(program.sq)) {
        fill(program, tail, made++, polled);
        tail = next;
        AioIocbRing.tail(program.sq, tail);
      } else {
        LockSupport.parkNanos(1);
      }
      if (!thread || (AioIocbRing.sqFlags(program.sq) & AioAbi.IORING_SQ_NEED_WAKEUP) != 0) {
        long result = program.enter(nr, 0, RingProgram.ENTER);
        assertThat(result >= 0 || result == -Errno.EOVERFLOW || result == -Errno.EAGAIN)
            .as("%d", result)
            .isTrue();
        if (result == -Errno.EAGAIN) { // the device has no request free: reap first
          program.enter(0, 0, AioAbi.IORING_FLAG_GETEVENTS);
        }
      }
    }
    taking.join();
    assertThat(consumer.wrong).hasValue("");
    assertThat(consumer.seen.cardinality()).isEqualTo(requests);
    program.close();
  }

  @ParameterizedTest
  @ValueSource(ints = {8, 10, 72, 74, 24, 40})
  void aHostileThreadScribblesOnEverything(int flags) throws InterruptedException {
    long seed = Long.getLong("pollux.seed", System.nanoTime());
    System.out.println("RingStressTest flags " + flags + ": -Dpollux.seed=" + seed);
    FakeFile ram = FakeFile.immediate(BLOCKS * 4096).tags(256);
    RingProgram program = new RingProgram(ram, 13);
    assertThat(program.setup(flags)).isZero();
    AtomicReference<Boolean> stop = new AtomicReference<>(false);
    Thread hostile = new Thread(() -> scribble(program, new SplittableRandom(seed), stop));
    hostile.start();
    Task task = program.process.newTask();
    SplittableRandom random = new SplittableRandom(seed + 1);
    Thread caller =
        new Thread(
            () -> {
              for (int i = 0; i < 20_000; i++) {
                program.enter(task, random.nextInt(20), 0, RingProgram.ENTER);
              }
            });
    caller.start();
    caller.join();
    stop.set(true);
    hostile.join();
    // ends the context with whatever is in flight, and looks whether anything is left
    program.close();
  }

  private static void scribble(
      RingProgram program, SplittableRandom random, AtomicReference<Boolean> stop) {
    long[] targets = {
      program.sq,
      program.sq + 4,
      program.sq + 8,
      program.sq + 16,
      program.cq,
      program.cq + 4,
      program.cq + 8
    };
    while (!stop.get()) {
      int small = random.nextInt(-2, 16);
      RawMemory.putInt(
          targets[random.nextInt(targets.length)],
          random.nextInt(4) == 0 ? random.nextInt() : small);
      int entry = random.nextInt(13);
      fill(program, entry, random.nextInt(1000), random.nextBoolean());
      if (random.nextInt(4) == 0) {
        RawMemory.putLong(
            AioIocbRing.iocb(program.sq, entry) + random.nextInt(8) * 8L, random.nextLong());
      }
    }
  }
}
