// SPDX-License-Identifier: GPL-2.0-only

/**
 * Asynchronous I/O: the counterpart of fs/aio.c with the series applied.
 *
 * <p>{@link io.pollux.aio.Aio} has the system calls. A {@code Kioctx} is one context; its parts are the
 * rings that it shares with the program ({@code SqRing}, {@code CqRing}), the buffers that are pinned for it
 * ({@code FixedBuffers}), the requests that are polled for ({@code IopollList}) and the way of one request
 * in ({@code Submitter}).
 *
 * <p><b>Trust.</b> Everything shared with the program may change at any time. The kernel keeps its own copy
 * of each index that it writes, copies an iocb before it looks at it, and clamps what it reads.
 *
 * <p><b>One inside at a time.</b> A thread in io_ring_enter owns the context's {@code enter} lock; a second
 * one is told EBUSY. The SQ ring, the submission state and the lists of polled requests belong to its owner.
 * What completes elsewhere touches only a request's own completion mark, or the CQ ring under {@code
 * completionLock}.
 *
 * <p><b>Lock order.</b> enter, then an inode's iRwsem (inside readIter), then completionLock, which is a
 * leaf: nothing is called with it held.
 *
 * <p><b>Life of a context.</b> It is in its process's table until it is destroyed. Every call that uses it
 * holds a user reference meanwhile; destroying takes it out of the table, wakes who waits, waits for the
 * users, then for the requests, and then lets go of all pages. An error while it is set up leaves no trace.
 */
@NullMarked
package io.pollux.aio;

import org.jspecify.annotations.NullMarked;
