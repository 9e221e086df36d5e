// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.sched;

import io.pollux.uapi.LinuxSource;

/** What a task must submit before it sleeps: the scheduler's view of a plug. */
@LinuxSource(file = "kernel/sched/core.c", name = "sched_submit_work")
public interface SleepHook {
  /** Submits everything held. From process context, by the task's own thread. */
  void flushBeforeSleep();
}
