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
 * <p><b>Lock order.</b> This is the order of the whole kernel, outermost first. {@link
 * io.pollux.core.sched.LockClass} has the same order, and {@link io.pollux.core.sched.LockOrder}
 * checks it if {@link io.pollux.core.Debug#ON} is true.
 *
 * <ol>
 *   <li>AIO_ENTER: the enter flag of an aio context. No thread waits for it.
 *   <li>AIO_POLL: the lock of the thread that polls for an aio context.
 *   <li>S_UMOUNT: orders freezes and remounts of a filesystem.
 *   <li>SB_WRITERS: shared by each change of a filesystem by name, exclusive while it is frozen.
 *   <li>VFS_RENAME: orders the renames between directories of a filesystem.
 *   <li>I_RWSEM: an inode's iRwsem. Of two directories, the parent's comes first.
 *   <li>I_RWSEM_PARENT2: the iRwsem of the second directory of a rename.
 *   <li>I_RWSEM_CHILD: the iRwsem of an inode below a locked directory.
 *   <li>I_RWSEM_NONDIR2: the iRwsem of the second file of a rename, ordered by age.
 *   <li>INODE_TIMES: the lock under which a sync writes the times of a mount's inodes.
 *   <li>GFS2_INODE_GLOCK: an inode's glock, at most one per task.
 *   <li>PAGE: a locked page of the page cache, or a run of consecutive ones. A task that has locked
 *       a page only tries to lock others.
 *   <li>GFS2_RGRP_GLOCK: a resource group's glock, at most one.
 *   <li>XFS_EXTENTS: the lock under which XFS reads the extents of a file.
 *   <li>BUF: the lock of a metadata buffer. A second one is only tried.
 *   <li>The locks that are not held across a sleep, in the order of {@link
 *       io.pollux.core.sched.LockClass}. Most are leaves. Under GFS2_GLOCK_QUEUE, AIO_CANCEL and
 *       WORK_QUEUE the holder may wake a wait queue. Under I_LOCK it frees pages. Under BUF_CACHE
 *       it removes buffers from their space.
 * </ol>
 *
 * <p>A thread may try a lock in any order. Locks of the host's drivers and of a process's memory
 * are leaves and are not checked.
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
