// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.trace;

/** Receives the events of all kernels of the Java process. */
@FunctionalInterface
public interface TraceListener {
  /**
   * Called at the place of the point, in its thread, before the kernel continues. Several threads
   * may call at once. From any context, also with locks held that are not held across a sleep. The
   * listener may block, which stops this thread of the kernel there. It makes no system call and
   * changes no object of the kernel. A listener that throws is removed, and the kernel continues.
   *
   * @param event the event; its subjects are valid only during the call, its numbers for ever
   */
  void onEvent(TraceEvent event);
}
