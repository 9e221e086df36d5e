// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit;

import java.util.Arrays;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The thread of one test. It runs the test's methods one after the other, so that the test can use
 * a program that a BeforeEach method bound to the thread. Another thread waits for each method, and
 * can leave this thread behind if a method never returns.
 */
final class TestThread {
  private final BlockingQueue<Work<?>> work = new LinkedBlockingQueue<>();
  private final ThreadGroup threads; // with the threads that the test itself starts
  private final Thread thread;
  private final TestRun run;

  /** A method of a test, or a part of the kit, that may throw anything. */
  @FunctionalInterface
  interface Body<T extends @Nullable Object> {
    /** Runs it. */
    T run() throws Throwable;
  }

  /** A body and its outcome. */
  static final class Work<T extends @Nullable Object> {
    private final @Nullable Body<T> body; // null: the thread ends
    private final CountDownLatch done = new CountDownLatch(1);
    private @Nullable T result; // written before done, as the failure
    private @Nullable Throwable failure;

    private Work(@Nullable Body<T> body) {
      this.body = body;
    }

    private void execute(Body<T> mine) {
      try {
        result = mine.run();
      } catch (Throwable e) {
        failure = e;
      } finally {
        done.countDown();
      }
    }

    /** Waits for the outcome. Returns false if the time expires. */
    boolean await(long nanos) throws InterruptedException {
      return done.await(nanos, TimeUnit.NANOSECONDS);
    }

    /** Returns what the body threw, or null. Only after it has returned. */
    @Nullable Throwable failure() {
      return failure;
    }

    /** Returns the result. Only after the body has returned. */
    @Nullable T result() {
      return result;
    }
  }

  /** Starts the thread. */
  TestThread(String name, TestRun run) {
    this.run = run;
    threads = new ThreadGroup(name);
    thread = new Thread(threads, this::loop, name);
    thread.setDaemon(true);
    thread.start();
  }

  private void loop() {
    TestRun.setCurrent(run);
    boolean more = true;
    while (more) { // until end() adds its work
      try {
        more = runNext(work.take());
      } catch (InterruptedException e) {
        // meant for a body that has returned
      }
    }
  }

  private static <T extends @Nullable Object> boolean runNext(Work<T> next) {
    Body<T> body = next.body;
    if (body == null) {
      return false;
    }
    next.execute(body);
    return true;
  }

  /** Runs a body after all earlier ones. */
  <T extends @Nullable Object> Work<T> start(Body<T> body) {
    Work<T> started = new Work<>(body);
    work.add(started);
    return started;
  }

  /** Ends the thread after all bodies. */
  void end() {
    work.add(new Work<Void>(null));
  }

  /** Whether a thread that the test has started still runs. From any thread. */
  boolean hasLeftThreads() {
    Thread[] alive = new Thread[threads.activeCount() + 8];
    int count = threads.enumerate(alive);
    return Arrays.stream(alive, 0, count).anyMatch(each -> each != thread);
  }

  /** Returns the thread itself. */
  Thread thread() {
    return thread;
  }
}
