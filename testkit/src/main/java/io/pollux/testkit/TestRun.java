// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit;

import io.pollux.syscalls.Program;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.opentest4j.TestAbortedException;

/**
 * One test that runs: its kernel, its thread, its limit and its seed. The methods of the test run
 * on that thread; the thread of JUnit waits for them here, and stops them when the limit expires.
 */
final class TestRun {
  /** Minimum time for the cleanup of a test, even after its limit. */
  private static final Duration END = Duration.ofSeconds(10);

  private static final ThreadLocal<@Nullable TestRun> CURRENT = new ThreadLocal<>();

  private final TestKernel kernel;
  private final @Nullable Duration limit; // null for none
  private final long start = System.nanoTime();
  private final TestThread thread;
  private @Nullable Program program;
  private @Nullable Long seed;
  private boolean over; // the programs were killed
  private boolean abandoned; // the thread still runs and was left behind

  /**
   * Starts the thread.
   *
   * @param name the test's name
   * @param kernel its kernel, closed by end
   * @param limit the limit, or null for none
   */
  TestRun(String name, TestKernel kernel, @Nullable Duration limit) {
    this.kernel = kernel;
    this.limit = limit;
    thread = new TestThread("test " + name, this);
    kernel.keepWindowsIf(thread::hasLeftThreads);
  }

  /** Returns the test that the calling thread belongs to, or null. */
  static @Nullable TestRun current() {
    return CURRENT.get();
  }

  static void setCurrent(TestRun run) {
    CURRENT.set(run);
  }

  TestKernel kernel() {
    return kernel;
  }

  /** Whether a method of the test did not return and was left behind. */
  boolean isAbandoned() {
    return abandoned;
  }

  /** Returns the test's first program, to which its files and its ring belong. */
  Program program() {
    Program first = program;
    if (first == null) {
      first = kernel.newProgram();
      program = first;
    }
    return first;
  }

  /**
   * Returns the seed of the test: of the property pollux.seed, of the annotation, or a new one.
   *
   * @param wanted the annotation's value, or 0
   */
  long seed(long wanted) {
    Long chosen = seed;
    if (chosen == null) {
      long made = wanted != 0 ? wanted : new Random().nextLong();
      chosen = Long.getLong("pollux.seed", made);
      seed = chosen;
    }
    return chosen;
  }

  /**
   * Runs a part of the test on its thread and waits for it.
   *
   * @throws Throwable what the body threw; or, if the kernel reported a failure before, that
   *     failure; or an AssertionError with a dump if the limit expires
   */
  <T extends @Nullable Object> @Nullable T call(TestThread.Body<T> body) throws Throwable {
    if (abandoned) {
      return null; // the first failure says why
    }
    TestThread.Work<T> work = thread.start(body);
    String reason = null;
    try {
      if (!work.await(left())) {
        reason = "the test took longer than its limit of " + seconds() + " s";
      }
    } catch (InterruptedException e) {
      reason = "the test was interrupted, perhaps by its @Timeout";
    }
    if (reason != null) {
      boolean wasInterrupted = reason.startsWith("the test was");
      try {
        throw withSeed(stop(work, reason));
      } finally {
        if (wasInterrupted) {
          Thread.currentThread().interrupt();
        }
      }
    }
    Throwable failure = work.failure();
    if (failure != null) {
      throw withSeed(firstCause(failure));
    }
    return work.result();
  }

  /** Nanoseconds that are left of the limit. After the limit, cleanup still gets some time. */
  private long left() {
    Duration whole = limit;
    if (whole == null) {
      return Long.MAX_VALUE;
    }
    return over ? END.toNanos() : whole.toNanos() - (System.nanoTime() - start);
  }

  private long seconds() {
    Duration whole = limit;
    return whole == null ? 0 : whole.toSeconds();
  }

  /** Returns the first failure: one of the kernel or of a driver precedes the test's own. */
  private Throwable firstCause(Throwable failure) {
    if (failure instanceof TestAbortedException) {
      return failure;
    }
    Throwable oops = kernel.takeFailure();
    if (oops == null || oops == failure) {
      return failure;
    }
    oops.addSuppressed(failure);
    return oops;
  }

  /** Stops a body that does not return. Returns the failure of the test. */
  private Throwable stop(TestThread.Work<?> work, String reason) {
    over = true;
    StackTraceElement[] stack = thread.thread().getStackTrace();
    String dump = KernelDump.of(kernel);
    Throwable oops = kernel.takeFailure();
    boolean returned = kernel.rescue(thread.thread(), work::await);
    abandoned = !returned;
    String consequence =
        returned
            ? "; its programs were killed, and the requests of its disks failed with EIO"
            : "; it did not return even though its programs were killed, and was left behind";
    AssertionError failure = new AssertionError(reason + consequence + "\n" + dump);
    failure.setStackTrace(stack);
    Throwable own = returned ? work.failure() : null;
    // What failed first: the kernel or a driver; then a test that was closing what it uses, unless
    // the close itself throws; else the limit.
    List<Throwable> causes = new ArrayList<>();
    if (oops != null) {
      causes.add(oops);
    }
    boolean failedBefore =
        own != null && KernelDump.isClosing(stack) && !KernelDump.isClosing(own.getStackTrace());
    if (own != null && failedBefore) {
      causes.add(own);
    }
    causes.add(failure);
    if (own != null && !failedBefore) {
      causes.add(own);
    }
    Throwable first = causes.getFirst();
    for (Throwable later : causes) {
      if (later != first) {
        first.addSuppressed(later);
      }
    }
    return first;
  }

  private Throwable withSeed(Throwable failure) {
    Long used = seed;
    if (used != null && !(failure instanceof TestAbortedException)) {
      failure.addSuppressed(new Replay(used));
    }
    return failure;
  }

  /** Closes the kernel, which checks for leaks, and ends the thread. */
  void end() {
    try {
      if (abandoned) {
        return; // the kernel and its memory stay, because the thread still uses them
      }
      long patience = Math.min(Math.max(left(), END.toNanos()), TestKernel.PATIENCE.toNanos());
      kernel.close(TimeUnit.NANOSECONDS.toMillis(patience));
    } catch (RuntimeException | Error e) {
      withSeed(e);
      throw e;
    } finally {
      program = null;
      thread.end();
    }
  }
}
