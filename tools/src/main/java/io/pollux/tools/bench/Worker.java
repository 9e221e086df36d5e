// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.bench;

import io.pollux.syscalls.Program;
import io.pollux.tools.console.Failure;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.userland.SyscallException;
import io.pollux.userland.UserFiles;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A bench thread: opens the file, creates its engine, waits for the others, runs, and cleans up.
 */
final class Worker {
  private final Plan plan;
  private final Program program;
  private final Opener opener;
  private final Job job;
  private final int slots;
  private final CountDownLatch go;
  private final CountDownLatch ready = new CountDownLatch(1);
  private final CountDownLatch ended = new CountDownLatch(1);
  private volatile @Nullable RuntimeException failure;

  /** Opens the file of the run. */
  @FunctionalInterface
  interface Opener {
    /** Returns the descriptor. */
    int open(UserFiles files, int access);
  }

  Worker(Plan plan, Program program, Opener opener, Job job, int slots, CountDownLatch go) {
    this.plan = plan;
    this.program = program;
    this.opener = opener;
    this.job = job;
    this.slots = slots;
    this.go = go;
  }

  void start(String name) {
    Thread.ofPlatform().daemon().name(name).start(this::work);
  }

  private void work() {
    try {
      if (!job.idle()) {
        work(opener);
      }
    } catch (RuntimeException e) {
      failure = e;
    } catch (Error e) {
      failure = new IllegalStateException(e); // reported by the watching thread
    } finally {
      program.close();
      ready.countDown();
      ended.countDown();
    }
  }

  private void work(Opener from) {
    try (UserFiles files = new UserFiles(program)) {
      int fd = from.open(files, plan.pattern().writes() ? Fcntl.O_RDWR : Fcntl.O_RDONLY);
      try (Engine engine = engine(fd)) {
        ready.countDown();
        go.await();
        job.begin();
        engine.run();
        job.end();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e); // a bench thread is never interrupted
      } finally {
        files.close(fd);
      }
    }
  }

  private Engine engine(int fd) {
    try {
      return switch (plan.mode()) {
        case RING -> new RingEngine(plan, program, fd, job, slots);
        case AIO, USERIOCB -> new AioEngine(plan, program, fd, job);
        case SYNC -> new SyncEngine(plan, program, fd, job);
      };
    } catch (SyscallException e) {
      if (e.errno() == Errno.ENOSYS || e.errno() == Errno.EINVAL) {
        throw Failure.couldNotRun(
            way(), "this kernel does not offer it (" + e.getMessage() + ")", e);
      }
      throw e;
    }
  }

  /** Returns the options that require a feature which the kernel may lack. */
  private String way() {
    String mode = "--mode " + plan.mode();
    return plan.sqPoll() ? "--sq-poll" : plan.sqThread() ? "--sq-thread" : mode;
  }

  void awaitReady() {
    await(ready);
  }

  void awaitEnd() {
    await(ended);
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e); // the watching thread is never interrupted
    }
  }

  /** Waits with a timeout. Returns whether all threads have ended. */
  static boolean awaitAll(List<Worker> workers, long nanos) {
    long until = System.nanoTime() + nanos;
    try {
      for (Worker worker : workers) {
        if (!worker.ended.await(until - System.nanoTime(), TimeUnit.NANOSECONDS)) {
          return false;
        }
      }
      return true;
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  Job job() {
    return job;
  }

  @Nullable RuntimeException failure() {
    return failure;
  }
}
