// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.aio.fixture.AioEvent;
import io.pollux.aio.fixture.RingProgram;
import io.pollux.aio.fixture.UserAio;
import io.pollux.core.fixture.FakeFile;
import io.pollux.core.mm.IovecIter;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.EventfdCtx;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FilesStruct;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.PollBits;
import java.util.Objects;
import java.util.Queue;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Polls of eventfds: threads signal and drain the eventfds while the program cancels polls. Each
 * poll has one event. No wake-up is missed, and none reaches a request whose object was reused.
 * -Dpollux.seed=N repeats the random choices.
 */
@Tag("slow")
@Timeout(120)
class PollStressTest {
  private static final int POLLS = 24;
  private static final int EVENTFDS = 3;
  private static final int WANTED = 200_000;

  private final long seed = Long.getLong("pollux.seed", System.nanoTime());
  private final FakeFile disk = FakeFile.held(1 << 20).tags(8);
  private final UserAio program = new UserAio(disk);
  private final int[] fds = new int[EVENTFDS];
  private final File[] files = new File[EVENTFDS];
  private final AtomicBoolean stop = new AtomicBoolean();
  private final Queue<Throwable> failed = new ConcurrentLinkedQueue<>();
  private final boolean[] inFlight = new boolean[POLLS];
  private int flying;
  private long ended; // without being ready

  PollStressTest() {
    System.out.println("PollStressTest: -Dpollux.seed=" + seed);
    for (int i = 0; i < EVENTFDS; i++) {
      fds[i] = program.eventfd(0);
      files[i] = Objects.requireNonNull(FilesStruct.of(program.process).fget(fds[i]));
    }
  }

  @AfterEach
  void close() {
    program.close();
  }

  /** Something that a thread does again and again. */
  private interface Step {
    void go(Task task, SplittableRandom random);
  }

  private Thread start(int number, Step step) {
    Task task = program.process.newTask();
    SplittableRandom random = new SplittableRandom(seed + number);
    Thread thread =
        new Thread(
            () -> {
              while (!stop.get()) {
                step.go(task, random);
              }
            });
    thread.setUncaughtExceptionHandler((broken, e) -> failed.add(e));
    thread.start();
    return thread;
  }

  private void signal(int which) {
    Objects.requireNonNull(EventfdCtx.of(files[which])).signal(1);
  }

  /** Takes what there is to read. */
  private void drain(Task task, int which, long memory) {
    RingProgram.in(
        task,
        () -> {
          IovecIter iter = new IovecIter();
          assertThat(iter.importSingleRange(task.mm(), true, memory, Long.BYTES)).isZero();
          Kiocb iocb = new Kiocb();
          iocb.init(files[which], null);
          iocb.kiFlags |= Kiocb.IOCB_NOWAIT;
          return files[which].op().readIter(task, iocb, iter);
        });
  }

  private void submit(SplittableRandom random, int i) {
    long iocb =
        program.prepare(
            i, AioAbi.IOCB_CMD_POLL, fds[random.nextInt(EVENTFDS)], PollBits.POLLIN, 0, 0);
    if (random.nextInt(4) == 0) {
      Iocb.aioFlags(iocb, AioAbi.IOCB_FLAG_RESFD); // its completion wakes others
      Iocb.aioResfd(iocb, fds[random.nextInt(EVENTFDS)]);
    }
    assertThat(program.submit(i, i + 1)).isOne();
    inFlight[i] = true;
    flying++;
  }

  private void take(long events) {
    assertThat(events).as("seed %d", seed).isNotNegative();
    for (AioEvent event : program.events((int) events)) {
      int i = (int) event.data() - 1000;
      assertThat(inFlight[i]).as("seed %d: an event for each", seed).isTrue();
      if (event.res() != PollBits.POLLIN) {
        assertThat(event.res()).as("seed %d", seed).isZero();
        ended++;
      }
      inFlight[i] = false;
      flying--;
    }
  }

  @Test
  void eachPollHasOneEvent() throws InterruptedException {
    assertThat(program.setup(2 * POLLS, 0)).isZero();
    long memory = program.map(4096);
    AtomicLong cancelled = new AtomicLong();
    Thread[] threads = {
      start(1, (task, random) -> signal(random.nextInt(EVENTFDS))),
      start(2, (task, random) -> drain(task, random.nextInt(EVENTFDS), memory)),
      start(
          3,
          (task, random) -> {
            int i = random.nextInt(POLLS);
            long iocb = program.iocbs + i * Iocb.SIZE;
            long result =
                RingProgram.in(
                    task, () -> program.aio.ioCancel(task, program.ctx(), iocb, memory + 64));
            assertThat(result).isIn((long) -Errno.EINPROGRESS, (long) -Errno.EINVAL);
            if (result == -Errno.EINPROGRESS) {
              cancelled.incrementAndGet();
            }
          })
    };
    SplittableRandom random = new SplittableRandom(seed);
    long submitted = 0;
    while (submitted < WANTED && failed.isEmpty()) {
      for (int i = 0; i < POLLS; i++) {
        if (!inFlight[i] && random.nextBoolean()) {
          submit(random, i);
          submitted++;
        }
      }
      take(program.getevents(0, POLLS, 0));
    }
    stop.set(true);
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(failed).as("seed %d", seed).isEmpty();
    for (int i = 0; i < EVENTFDS; i++) {
      signal(i);
    }
    while (flying > 0) {
      take(program.getevents(1, POLLS, -1)); // if a wake-up is missed this has no end
    }
    assertThat(ended)
        .as("seed %d: as many at most as were cancelled", seed)
        .isBetween(1L, cancelled.get());
    for (File file : files) {
      file.fput();
    }
    assertThat(program.destroy()).isZero();
  }

  /** Contexts go while their polls are woken. */
  @Test
  void theEndOfAContextEndsItsPolls() throws InterruptedException {
    Thread signalling = start(1, (task, random) -> signal(random.nextInt(EVENTFDS)));
    long memory = program.map(4096);
    Thread draining = start(2, (task, random) -> drain(task, random.nextInt(EVENTFDS), memory));
    SplittableRandom random = new SplittableRandom(seed);
    for (int round = 0; round < 500 && failed.isEmpty(); round++) {
      assertThat(program.setup(2 * POLLS, 0)).isZero();
      for (int i = 0; i < POLLS; i++) {
        submit(random, i);
      }
      assertThat(program.destroy()).isZero();
    }
    stop.set(true);
    signalling.join();
    draining.join();
    assertThat(failed).as("seed %d", seed).isEmpty();
    for (File file : files) {
      file.fput();
    }
  }
}
