// SPDX-License-Identifier: GPL-2.0-only

/**
 * Asynchronous I/O: the counterpart of fs/aio.c with the series applied.
 *
 * <p>{@link io.pollux.aio.Aio} implements the system calls. A {@code Kioctx} is one context. {@code
 * ScqRing} holds its SQ and CQ rings ({@code SqRing}, {@code CqRing}), {@code RingEntry} takes
 * entries and waits for events, and {@code CompletionRing} is the old ring. {@code EventReader} is
 * one io_getevents, {@code IopollList} holds the polled requests, {@code ActiveReqs} the
 * cancellable ones, and {@code ContextEnd} is the teardown. {@code Submitter} submits one request;
 * {@code AioRw}, {@code AioFsync} and {@code PollIocb} implement the operations. {@code
 * ContextMemory} and {@code FixedBuffers} hold pinned memory.
 *
 * <p><b>Trust.</b> Memory shared with the program may change at any time. The kernel keeps its own
 * copy of each index that it writes. It copies an iocb before it checks it, and clamps each index
 * that it reads.
 *
 * <p><b>One caller at a time.</b> A thread in io_ring_enter, or in io_getevents on a polled
 * context, owns the context's {@code enter} flag; a second thread gets EBUSY. io_submit does not
 * take the flag, because each batch has its own {@code Submitter}. With SQTHREAD the submission
 * thread owns the SQ ring, and {@code RingEntry.pollLock} serializes it with the caller. A
 * completion in any other context touches only the request's own completion mark, or a ring under
 * {@code completionLock}.
 *
 * <p><b>Lock order.</b> enter, RingEntry's pollLock, an inode's iRwsem (inside readIter), the lock
 * of an IopollList's submitted requests, completionLock. The last two are leaves: their holder
 * calls nothing. {@link io.pollux.core.sched} has the order of all locks. The poller holds
 * RingEntry's pollLock, so polled requests complete under it. {@code ActiveReqs} has a lock of its
 * own (C: ctx_lock), which guards the list of cancellable polls. Only the lock of a wait queue is
 * taken inside it.
 *
 * <p><b>Limits.</b> A polled context has at most 16 × nr_events requests, and at most 65,536. A
 * request counts from submission until the event is in the CQ ring. On any other context with rings
 * the same limit applies to the sum of requests in flight and kept events. aio_max_nr bounds the
 * sum of nr_events, so the limits of all contexts add up to at most 1,048,576. An event is kept if
 * the CQ ring is full, and the next io_ring_enter returns EOVERFLOW once. When as many events are
 * kept as the CQ ring has entries, submissions return EAGAIN, as on an ordinary context without a
 * free slot. The program then reaps and submits again. (EBUSY already means that another thread has
 * the {@code enter} flag.) Requests in flight at that moment complete, and their events are kept in
 * addition. At the limit a submission thread leaves entries in the SQ ring. The next io_ring_enter
 * wakes the thread if there is room; a thread with SQPOLL checks for room once a millisecond. The
 * posted series drops events that find no room.
 *
 * <p><b>EAGAIN.</b> On a polled context io_submit and io_ring_enter return every EAGAIN of a
 * request. The program then reaps and submits again. A submission thread retries an entry only if
 * the device had no tag or the limit is reached; any other EAGAIN becomes an event. A worker (SQWQ)
 * retries a read whose attempt with NOWAIT got EAGAIN or a short count. A program sees an event
 * with EAGAIN only if it set RWF_NOWAIT, or if a driver returned EAGAIN.
 *
 * <p><b>Failures.</b> If a file's method throws, the call undoes the request, finishes the batch,
 * and rethrows. A completion by another thread may come at the same time. The first of the two ends
 * the request, under completionLock, and releases what it holds. A later completion is ignored. The
 * system call boundary reports an {@link io.pollux.core.Oops} and returns EIO. A submission thread
 * or a worker reports it and posts EIO as the request's event.
 *
 * <p>A teardown runs all of its steps and then throws the first failure ({@code Teardown}). If
 * polling fails or requests never complete, their memory stays pinned, because a device may still
 * write to it. {@code Remains} unpins it when nothing can complete these requests any more. If a
 * call is still inside a polled context then, that call polls for the requests when it leaves. A
 * context abandons requests only if something threw in it, or a lost request may be one of its own.
 * Otherwise it waits and warns.
 *
 * <p><b>Life of a context.</b> A context is in its process's table until it is destroyed. Every
 * call on it holds a user reference. Destroying a context:
 *
 * <ol>
 *   <li>removes it from the table and wakes its waiters;
 *   <li>interrupts the submission thread and the workers, and waits for the users and the thread;
 *   <li>cancels the cancellable requests and waits for all requests;
 *   <li>unpins all pages.
 * </ol>
 *
 * <p><b>Dumps.</b> {@link io.pollux.aio.Aio#describe} lists the contexts of a process with their
 * flags and ring indices. With {@link io.pollux.core.Debug#ON} it also lists their requests.
 *
 * <p>A failed setup unpins all memory and removes the context.
 */
@NullMarked
package io.pollux.aio;

import org.jspecify.annotations.NullMarked;
