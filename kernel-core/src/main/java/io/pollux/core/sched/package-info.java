// SPDX-License-Identifier: GPL-2.0-only

/**
 * Processes, tasks, and how a task waits.
 *
 * <p><b>Contexts.</b> A method with a {@code Task current} runs in process context, on that task's
 * own thread, and may sleep. A method without one may be called from any context, including
 * completion ("irq") context, and never sleeps. Exceptions are documented at the method.
 *
 * <p>Before a task sleeps it submits the requests in its plug ({@link
 * io.pollux.core.sched.Task#aboutToSleep()}), because this task or another may wait for them.
 * {@link io.pollux.core.sched.WaitQueue#waitEvent} does this for its callers. A loop that waits
 * calls it itself. So does a caller of {@link io.pollux.core.sched.WaitQueue#waitUninterruptibly}
 * that may have a plug, because that method has no task.
 *
 * <p><b>Kill.</b> An interruptible wait returns when its task is killed. Process exit kills the
 * tasks of the process; the owner of a kernel thread kills its task ({@link
 * io.pollux.core.sched.Task#kill}, {@link io.pollux.core.sched.WorkQueue#kill}). A kill is
 * permanent, so a thread that serves several owners has a task for each. An uninterruptible wait is
 * for a lock, a device, or the exit of a killed task.
 */
@NullMarked
package io.pollux.core.sched;

import org.jspecify.annotations.NullMarked;
