// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.trace;

import io.pollux.core.Debug;
import io.pollux.core.Oops;
import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MutableCallSite;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The switch of all trace points, and the identities of requests.
 *
 * <p>Two switches decide. {@link #POSSIBLE} is read once. If it is false, the compiler removes the
 * points. Otherwise a static key decides: the compiler treats its value as a constant, and
 * recompiles the code that depends on it when a listener is added. A static key alone would be a
 * constant too, but the compiler inlines its method handle first, and then inlines less of the path
 * of a request. A point is written as
 *
 * <pre>{@code
 * if (Trace.on()) {
 *   Trace.event(...);
 * }
 * }</pre>
 *
 * <p>Code outside such a block neither reads nor writes an identity.
 */
@LinuxSource(file = "include/linux/tracepoint.h")
public final class Trace {
  /** The system property, read when this class is initialized. */
  public static final String PROPERTY = "pollux.trace";

  /** Whether listeners can be added: the property is {@code true}, or {@link Debug#ON}. */
  @LinuxSource(file = "init/Kconfig", name = "TRACEPOINTS")
  public static final boolean POSSIBLE = Debug.ON || Boolean.getBoolean(PROPERTY);

  private static final TraceListener[] NONE = {};
  private static final AtomicLong IDS = new AtomicLong();

  private static volatile TraceListener[] listeners = NONE; // replaced, never changed

  /** The first id of this period of tracing. An object may still have an older one. */
  private static volatile long firstId = 1;

  private Trace() {}

  /** The key. A class of its own, so that it is not made without need. */
  @LinuxSource(
      file = "include/linux/jump_label.h",
      name = {"static_key", "static_branch_unlikely"})
  private static final class Key {
    private static final MutableCallSite SITE =
        new MutableCallSite(MethodHandles.constant(boolean.class, false));
    private static final MethodHandle VALUE = SITE.dynamicInvoker();

    private Key() {}

    static boolean isOn() {
      try {
        return (boolean) VALUE.invokeExact();
      } catch (Throwable e) {
        throw new AssertionError("a constant that throws", e);
      }
    }

    static void turn(boolean on) {
      SITE.setTarget(MethodHandles.constant(boolean.class, on));
      MutableCallSite.syncAll(new MutableCallSite[] {SITE});
    }
  }

  /** Whether a listener exists. A constant for the compiler. */
  public static boolean on() {
    return POSSIBLE && Key.isOn();
  }

  /**
   * Adds a listener and turns the points on. A thread inside the kernel may pass some points before
   * it notices. Turning the points on or off recompiles the kernel's code.
   *
   * @param listener the listener
   * @throws IllegalStateException unless {@link #POSSIBLE}
   */
  @LinuxSource(file = "kernel/tracepoint.c", name = "tracepoint_probe_register")
  public static synchronized void addListener(TraceListener listener) {
    if (!POSSIBLE) {
      throw new IllegalStateException("tracing needs -D" + PROPERTY + "=true from the start");
    }
    TraceListener[] before = listeners;
    TraceListener[] after = new TraceListener[before.length + 1];
    System.arraycopy(before, 0, after, 0, before.length);
    after[before.length] = listener;
    if (before.length == 0) {
      firstId = IDS.get() + 1;
    }
    listeners = after;
    if (before.length == 0) {
      Key.turn(true);
    }
  }

  /**
   * Removes a listener. Turns the points off if it was the last. An event of another thread may
   * still reach it meanwhile. Does nothing if it is not there.
   *
   * @param listener as added
   */
  @LinuxSource(file = "kernel/tracepoint.c", name = "tracepoint_probe_unregister")
  public static synchronized void removeListener(TraceListener listener) {
    TraceListener[] before = listeners;
    int at = before.length - 1;
    while (at >= 0 && before[at] != listener) {
      at--;
    }
    if (at < 0) {
      return;
    }
    TraceListener[] after = new TraceListener[before.length - 1];
    System.arraycopy(before, 0, after, 0, at);
    System.arraycopy(before, at + 1, after, at, after.length - at);
    listeners = after;
    if (after.length == 0) {
      Key.turn(false);
    }
  }

  /** {@return a new identity, greater than all before} Only while the points are on. */
  public static long newId() {
    return IDS.incrementAndGet();
  }

  /**
   * Returns an identity that an object carries, unless it is from before the points were turned on.
   *
   * @param stored what the object's field contains
   * @return the identity, or 0
   */
  public static long known(long stored) {
    return stored >= firstId ? stored : 0;
  }

  /**
   * Returns the identity of the request that a task submits at the moment.
   *
   * @param task the task, or null
   * @return the identity, or 0
   */
  public static long idOf(@Nullable Task task) {
    return task == null ? 0 : known(task.traceId());
  }

  /**
   * Passes an event to the listeners. Only while the points are on. From any context.
   *
   * @param point the point
   * @param task the task of the calling thread, or null
   * @param id the request, or 0
   * @param subject the object that the event is about
   * @param numbers the values of the point's fields, in their order
   */
  public static void event(
      TracePoint point, @Nullable Task task, long id, Object subject, long... numbers) {
    TraceListener[] all = listeners;
    if (all.length == 0) {
      return; // turned off meanwhile
    }
    TraceEvent event = new TraceEvent(point, id, task, subject, numbers);
    for (TraceListener each : all) {
      try {
        each.onEvent(event);
      } catch (Throwable e) {
        removeListener(each);
        Oops.report("a trace listener", e, "it gets no more events");
      }
    }
  }
}
