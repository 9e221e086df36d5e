// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.trace;

import io.pollux.core.trace.JfrTrace;
import io.pollux.core.trace.Trace;
import io.pollux.core.trace.TraceEvent;
import io.pollux.core.trace.TraceListener;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Keeps events up to a limit, and then turns the trace points off. The Flight Recorder gets the
 * same events.
 */
final class Recorder implements TraceListener {
  private final int limit;
  private final @Nullable JfrTrace jfr;
  private final List<Recorded> events = new ArrayList<>(); // under its own lock
  private boolean full; // under that lock

  Recorder(int limit, @Nullable JfrTrace jfr) {
    this.limit = limit;
    this.jfr = jfr;
  }

  void start() {
    Trace.addListener(this);
  }

  void stop() {
    Trace.removeListener(this);
  }

  @Override
  public void onEvent(TraceEvent event) {
    synchronized (events) {
      if (events.size() >= limit) {
        full = true;
      } else {
        events.add(Recorded.of(events.size() + 1, event));
        if (jfr != null) {
          jfr.onEvent(event);
        }
        return;
      }
    }
    stop(); // outside of the lock: it waits for other listeners' threads
  }

  /** Whether there were more events than the limit. */
  boolean isFull() {
    synchronized (events) {
      return full;
    }
  }

  /** The events so far. */
  List<Recorded> events() {
    synchronized (events) {
      return List.copyOf(events);
    }
  }
}
