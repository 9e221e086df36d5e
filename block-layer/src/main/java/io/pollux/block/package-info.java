// SPDX-License-Identifier: GPL-2.0-only

/**
 * Passes bios to drivers and completes them: the counterpart of block/.
 *
 * <p>A {@link io.pollux.block.Bio} describes a transfer between memory and sectors. It passes three
 * steps:
 *
 * <ol>
 *   <li>{@link io.pollux.block.BlockDevice#submitBio} checks it against the device.
 *   <li>{@link io.pollux.block.RequestQueue} splits it by the device's limits ({@link
 *       io.pollux.block.QueueLimits}) and gives each piece a {@link io.pollux.block.Request}: a tag
 *       of one hardware queue.
 *   <li>The driver gets the requests at once, or when the task's {@link io.pollux.block.Plug} is
 *       flushed. It completes them from any context, and the bios' end_io runs there.
 * </ol>
 *
 * <p>A device has interrupt-driven and polled hardware queues, as many as its {@link
 * io.pollux.block.TagSet} says. A task always uses the same queue of each kind. A bio with
 * REQ_HIPRI goes to a polled queue, where requests complete only inside {@link
 * io.pollux.block.RequestQueue#blkPoll}.
 *
 * <p>With REQ_HIPRI_ASYNC the submitter also never sleeps for a request: it may be the only task
 * that polls for the request it waits for. If no request is free, such a bio fails with EAGAIN.
 *
 * <p>A driver that has no resources for requests hands them back ({@link
 * io.pollux.block.HwCtx#handBack}). They keep their tags and their order. The queue runs them again
 * after each of its completions, after a poll that finds nothing, and at the next tick of the
 * clock.
 *
 * <p><b>Stacked disks.</b> The driver of a disk over other disks clones the bios of a request
 * ({@link io.pollux.block.Bio#cloneFast}), one for each part, and submits the clones ({@link
 * io.pollux.block.Request#submitClones}). The request completes when all clones have. A lower disk
 * without a free request makes the driver hand the request back. Lower drivers get the requests
 * after the upper driver returned, so neither a task nor its plug takes part, and the stack does
 * not grow with the levels. A polled request has polled clones; the driver's poll polls the lower
 * disks ({@link io.pollux.block.RequestQueue#pollAll}). {@link io.pollux.block.QueueLimits#stack}
 * computes what all lower disks can do.
 *
 * <p>A queue with a timeout ({@link io.pollux.block.TagSet#timeoutNanos}) asks its driver about
 * each request that takes longer. A disk can change its size ({@link
 * io.pollux.block.BlockDevice#setCapacity}) and be removed ({@link
 * io.pollux.block.BlockDevice#remove}) while it is in use.
 *
 * <p>Invariants:
 *
 * <ul>
 *   <li><b>A bio completes once.</b> A split bio completes when its last piece does, with the first
 *       error. No device accesses the memory of a completed bio, even if a piece found no tag and
 *       the bio failed with EAGAIN. Pieces pin no pages; the pages are the bio's until it
 *       completes.
 *   <li><b>A cookie stays valid for polling</b> while anything is in flight for its bio. It is
 *       BLK_QC_T_NONE only if nothing is.
 *   <li><b>A tag is one request</b> from the moment it is taken until it is put, which is before
 *       the end_io of its bios. Only the owner writes a request's state and counters: the
 *       submitter, then the plug, then the driver, then the completion. The tag's word is read and
 *       written with full order, so each owner sees the writes of the one before. The counters of a
 *       tag ({@code QueueStats}) therefore need no atomic operation.
 *   <li><b>A request's bios are contiguous</b> on the device and have the same operation and flags.
 *       Bios are merged only while their request is in the submitter's plug, where no other thread
 *       sees it.
 *   <li><b>A durable write is durable when it completes.</b> REQ_FUA is passed to the device, or
 *       becomes a flush after the write. REQ_PREFLUSH is a flush before it. The request keeps its
 *       tag for all steps, so no step can fail for lack of one. Each step starts in the context in
 *       which the previous one completed. An error stops the sequence.
 *   <li><b>A request is completed by its owner.</b> A driver that completes a request twice, or as
 *       one of another queue, gets an IllegalStateException, and the request stays as it is. (Two
 *       threads that complete the same request at the same moment are not told apart.)
 *   <li><b>No limit is exceeded.</b> A request has no more sectors or vecs than the device takes,
 *       and crosses neither a chunk boundary nor the end of the device. A driver gets only
 *       operations that it supports.
 * </ul>
 *
 * <p>Ownership: from submitBio to end_io a bio belongs to the block layer, otherwise to its
 * submitter. From queueRqs to its completion a request belongs to the driver, otherwise to its
 * queue. A bio pins the user pages that it transfers. With BIO_HOLD_PAGES the caller holds them
 * until the bio completes. Kernel memory outlives the bio.
 *
 * <p>Cost: a batch in a plug takes its tags with one atomic operation. A driver that completes a
 * chain ({@link io.pollux.block.HwCtx#completeAll}) puts them with one atomic operation for each
 * word of 64 tags. The clock is read once for each batch, and the read is a plain load.
 *
 * <p>Dumps: {@link io.pollux.block.RequestQueue#describe} and {@link
 * io.pollux.block.HwCtx#describe} list the requests in flight, found by their tags. The text of a
 * request, a bio or a hardware queue is one line, from any thread, without a lock.
 *
 * <p>Locks: none is held while a driver or an end_io is called. Two locks have the class {@code
 * REQUEST_QUEUE}: a queue's, while it is shut down, and that of the requests that were handed back.
 */
@NullMarked
package io.pollux.block;

import org.jspecify.annotations.NullMarked;
