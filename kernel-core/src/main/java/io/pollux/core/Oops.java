// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core;

import io.pollux.uapi.LinuxSource;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Reports a failure of the kernel itself: a throwable that no caller can handle. Before it reports,
 * the caller limits the damage: it fails a request with EIO, or shuts a disk down.
 *
 * <p>Each failure is printed once, as one sentence; with -Dpollux.oops.trace=true its stack trace
 * follows. Failures at the same place are only counted after that. The console is shared by all
 * kernels of the Java process, as the standard error is.
 *
 * <p>All methods may be called from any context.
 */
@LinuxSource(
    file = "arch/x86/kernel/dumpstack.c",
    name = {"oops_begin", "__die"})
public final class Oops {
  /** Maximum number of places that are printed. */
  static final int MAX_PLACES = 100;

  private static final Sink STANDARD_ERROR = Oops::print;
  private static final AtomicLong COUNT = new AtomicLong();
  private static final AtomicLong LOST = new AtomicLong();
  private static final Set<String> PRINTED = ConcurrentHashMap.newKeySet();
  private static final List<Sink> LISTENERS = new CopyOnWriteArrayList<>();
  private static volatile Sink sink = STANDARD_ERROR;

  private Oops() {}

  /** Receives reports instead of the standard error. */
  @FunctionalInterface
  public interface Sink {
    /**
     * Receives one report. From any context; must not throw.
     *
     * @param sentence what failed, why, and the consequence
     * @param thrown the cause, or null for a warning
     */
    void oops(String sentence, @Nullable Throwable thrown);
  }

  /**
   * Reports a failure. Never throws.
   *
   * @param where the thread or the part that failed
   * @param thrown the cause
   * @param consequence what the kernel does about it, as a clause: "the request fails with EIO"
   */
  public static void report(String where, Throwable thrown, String consequence) {
    COUNT.getAndIncrement();
    try {
      String sentence = "kernel oops in " + where + ": " + thrown + "; " + consequence;
      for (Sink listener : LISTENERS) {
        listener.oops(sentence, thrown);
      }
      sink.oops(sentence, thrown);
    } catch (Throwable e) { // no memory for the sentence: only counted
      COUNT.getAndIncrement();
    }
  }

  /**
   * Prints a warning that is not a failure of the kernel. Never throws, and does not count.
   *
   * @param sentence what happens
   */
  @LinuxSource(file = "kernel/hung_task.c", name = "check_hung_task")
  public static void warn(String sentence) {
    try {
      sink.oops("kernel warning: " + sentence, null);
    } catch (Throwable e) { // no memory for the sentence
      COUNT.getAndIncrement();
    }
  }

  /**
   * Runs one step of a teardown and reports a throwable, so that later steps run.
   *
   * @param where the part that is torn down
   * @param step the step
   * @return whether the step returned
   */
  public static boolean contain(String where, Runnable step) {
    try {
      step.run();
      return true;
    } catch (Throwable e) {
      report(where, e, "the teardown goes on");
      return false;
    }
  }

  /**
   * Records that a callback threw, so that its request is lost: no code can complete it. The
   * teardown of each existing aio context then has a timeout, because the request may be its own.
   */
  public static void loseRequest() {
    LOST.getAndIncrement();
  }

  /**
   * Returns the number of lost requests, of all kernels of the Java process.
   *
   * @return calls of {@link #loseRequest} so far
   */
  public static long lostRequests() {
    return LOST.get();
  }

  /**
   * Returns the number of failures so far, of all kernels of the Java process.
   *
   * @return reports, printed or not
   */
  public static long count() {
    return COUNT.get();
  }

  /**
   * Redirects reports.
   *
   * @param to the new sink, or null for the standard error
   */
  public static void setSink(@Nullable Sink to) {
    sink = to == null ? STANDARD_ERROR : to;
  }

  /**
   * Adds a listener that receives the reports of failures besides the sink, of all kernels of the
   * Java process. Warnings are not failures.
   *
   * @param listener the listener, until {@link #removeListener}
   */
  public static void addListener(Sink listener) {
    LISTENERS.add(listener);
  }

  /**
   * Removes a listener. A report that another thread makes meanwhile may still reach it.
   *
   * @param listener as added
   */
  public static void removeListener(Sink listener) {
    LISTENERS.remove(listener);
  }

  private static void print(String sentence, @Nullable Throwable thrown) {
    if (thrown == null) {
      System.err.println(sentence);
      return;
    }
    StackTraceElement[] trace = thrown.getStackTrace();
    String place = thrown.getClass().getName() + (trace.length == 0 ? "" : trace[0]);
    if (PRINTED.contains(place) || PRINTED.size() >= MAX_PLACES || !PRINTED.add(place)) {
      return;
    }
    System.err.println(sentence);
    if (Boolean.getBoolean("pollux.oops.trace")) {
      thrown.printStackTrace();
    }
    if (PRINTED.size() == MAX_PLACES) {
      System.err.println(
          "kernel oops at " + MAX_PLACES + " places; further places are not printed");
    }
  }
}
