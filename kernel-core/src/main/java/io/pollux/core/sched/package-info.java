// SPDX-License-Identifier: GPL-2.0-only

/**
 * Who runs: processes, tasks, and how a task waits.
 *
 * <p><b>Contexts.</b> A method that takes a {@code Task current} runs in process context: on that task's own
 * thread, and it may sleep. A method without one may be called from any context, completion ("irq") context
 * included, and never sleeps. This is the whole rule; a method that differs says so.
 *
 * <p>Before a task sleeps it lets go of what others may be waiting for: {@link
 * io.pollux.core.sched.Task#aboutToSleep()} flushes its plug. {@link io.pollux.core.sched.WaitQueue#waitEvent} does it for
 * its callers. A loop that waits calls it itself, and so does, where there may be a plug, who calls {@link
 * io.pollux.core.sched.WaitQueue#waitUninterruptibly}, which knows no task.
 *
 * <p><b>Ends.</b> An interruptible wait ends when its task is killed: by the end of its process, or, for the task of a kernel thread,
 * by the end of what the thread works for ({@link io.pollux.core.sched.Task#kill}, {@link io.pollux.core.sched.WorkQueue#kill}). A
 * kill is for good, so a thread that serves several owners has a task for each. An uninterruptible wait is for a lock, a device, or
 * the end of a killed task.
 */
@NullMarked
package io.pollux.core.sched;

import org.jspecify.annotations.NullMarked;
