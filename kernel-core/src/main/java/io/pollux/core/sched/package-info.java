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
 */
@NullMarked
package io.pollux.core.sched;

import org.jspecify.annotations.NullMarked;
