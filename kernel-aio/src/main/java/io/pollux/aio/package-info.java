// SPDX-License-Identifier: GPL-2.0-only

/**
 * Asynchronous I/O: the counterpart of fs/aio.c with the series applied.
 *
 * <p>{@link io.pollux.aio.Aio} has the system calls. A {@code Kioctx} is one context; {@code RingEntry} is the
 * way through its SQ and CQ rings ({@code SqRing}, {@code CqRing}), {@code CompletionRing} the old ring, {@code
 * EventReader} one io_getevents, {@code IopollList} the requests that are polled for, {@code ContextMemory} and
 * {@code FixedBuffers} what is pinned, and {@code Submitter} the way of one request in.
 *
 * <p><b>Trust.</b> Everything shared with the program may change at any time. The kernel keeps its own copy
 * of each index that it writes, copies an iocb before it looks at it, and clamps what it reads.
 *
 * <p><b>One inside at a time.</b> A thread in io_ring_enter, or in io_getevents on a polled context, owns the
 * context's {@code enter} flag; a second one is told EBUSY. io_submit needs no such thing: what belongs to a
 * batch is in a {@code Submitter} of its own. With SQTHREAD the SQ ring belongs to the thread, and {@code
 * RingEntry.pollLock} is between it and the caller. What completes elsewhere touches only a request's own completion
 * mark, or a ring under {@code completionLock}.
 *
 * <p><b>Lock order.</b> enter, RingEntry's pollLock, then an inode's iRwsem (inside readIter), then the lock of an
 * IopollList's submitted requests, then completionLock; the last two are leaves: nothing is called with them
 * held. RingEntry's pollLock is held while requests are polled for, and so while they end. That of {@code Kioctx} is
 * another one (C: ctx_lock): it guards the list of polls that can be cancelled, and inside it only the lock of a wait
 * queue is taken.
 *
 * <p><b>Life of a context.</b> It is in its process's table until it is destroyed. Every call that uses it
 * holds a user reference meanwhile; destroying takes it out of the table, wakes who waits, interrupts the thread and the workers,
 * waits for the users and the thread, cancels what can be cancelled, waits for the requests, and then lets go of all pages.
 * An error while it is set up leaves no trace.
 *
 * <p><b>Failures.</b> A throwable in a system call leaves it with nothing held, and the caller makes EIO of it. In a kernel thread it is
 * reported as an {@link io.pollux.core.Oops} and becomes the event of its request.
 */
@NullMarked
package io.pollux.aio;

import org.jspecify.annotations.NullMarked;
