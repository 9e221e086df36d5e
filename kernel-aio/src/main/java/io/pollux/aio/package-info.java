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
 * <p><b>Limits.</b> A polled context has at most 65,536 requests, from submission until the event is in the CQ ring. Any
 * other context with rings has at most 65,536 requests in flight and events kept. An event is kept when the CQ ring is
 * full. While as many events are kept as the CQ ring has places, submissions are EAGAIN, as they are on an ordinary context
 * whose slots are all taken: the program takes events and submits again. (EBUSY already means that another thread is inside.)
 * Requests in flight at that moment complete, and their events are kept besides. A submission thread leaves entries in the
 * SQ ring while the limit is reached. The next io_ring_enter wakes it if there is room; a thread with SQPOLL looks for room
 * once a millisecond. The posting drops events that find no room.
 *
 * <p><b>EAGAIN.</b> On a polled context io_submit and io_ring_enter return every EAGAIN of a request, and the program reaps
 * and submits again. A submission thread repeats an entry only if the device had no tag or the limit is reached; any other EAGAIN
 * becomes an event. A worker (SQWQ) repeats a read that was attempted with NOWAIT and got EAGAIN, or only a part. An
 * event of EAGAIN goes to a program that set RWF_NOWAIT, or passes on what a driver returned.
 *
 * <p><b>Failures.</b> When a file's method throws, the call undoes the request, finishes the batch, and throws the same on. A
 * completion that the file delivers later is ignored. The boundary of the call reports an {@link io.pollux.core.Oops} and returns EIO; a
 * submission thread or a worker reports it and makes EIO the event of the request. A teardown runs all of its steps and then throws the first failure
 * ({@code Teardown}); only if polling fails, or requests are lost, does the memory stay pinned, as devices may still write to it.
 *
 * <p><b>Life of a context.</b> It is in its process's table until it is destroyed. Every call that uses it
 * holds a user reference meanwhile; destroying takes it out of the table, wakes who waits, interrupts the thread and the workers,
 * waits for the users and the thread, cancels what can be cancelled, waits for the requests, and then lets go of all pages.
 * An error while it is set up leaves no trace.
 */
@NullMarked
package io.pollux.aio;

import org.jspecify.annotations.NullMarked;
