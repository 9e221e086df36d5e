// SPDX-License-Identifier: GPL-2.0-only

/**
 * From a bio to a driver and back: the counterpart of block/.
 *
 * <p>A {@link io.pollux.block.Bio} says what is to move between memory and which sectors. {@link
 * io.pollux.block.BlockDevice#submitBio} checks it against the device; {@link io.pollux.block.RequestQueue} cuts it to
 * what the device takes ({@link io.pollux.block.QueueLimits}), gives each piece a {@link io.pollux.block.Request},
 * which is to say a tag of one hardware queue, and hands the requests to the driver, at once or when the task's {@link
 * io.pollux.block.Plug} is flushed. The driver completes requests from any context; the bios' end_io runs there.
 *
 * <p>A device has interrupt-driven hardware queues and polled ones, as many as its {@link io.pollux.block.TagSet} says.
 * A task always uses the same one of each kind. A bio with REQ_HIPRI goes to a polled one, where nothing completes
 * unless somebody calls {@link io.pollux.block.RequestQueue#blkPoll}. REQ_HIPRI_ASYNC adds that the submitter never
 * sleeps for a request: it could be the only one who would have polled for the request that it waits for. Such a bio
 * ends with EAGAIN.
 *
 * <p>What always holds:
 *
 * <ul>
 *   <li><b>A bio ends once.</b> If it was split, it ends when its last piece has, with the first error; so no memory of
 *       a bio that has ended is touched by a device any more, not even if a piece found no tag and the bio ends with
 *       EAGAIN. The pieces take no pages: they are the bio's until it ends.
 *   <li><b>A cookie is worth polling</b> as long as anything is in flight for the bio it was given for. Only if nothing
 *       is, it is BLK_QC_T_NONE.
 *   <li><b>A tag is one request</b> from the moment it is taken to the moment it is given back, which is before the
 *       end_io of its bios. Whatever is counted or kept for the request is written by who has it: the submitter, then
 *       the plug, then the driver, then who completes it. The tag's word, which is read and written with full order,
 *       hands it on, and so the counters of a tag ({@code QueueStats}) need no atomic operation.
 *   <li><b>A request's bios follow each other</b> on the device and have the same operation and flags. Bios are merged
 *       only while their request is in the submitter's plug: nobody else sees it then.
 *   <li><b>A durable write is durable when it ends.</b> REQ_FUA is the device's or a flush behind the write;
 *       REQ_PREFLUSH is a flush in front of it. Both keep the request and its tag, so that no step can fail for want of
 *       one, and the next step begins in the context in which the last one completed. An error ends the sequence.
 *   <li><b>No limit is crossed</b>: no request has more sectors or vecs than the device takes, or goes over a border of
 *       its chunks or its end; no operation reaches a driver that said it can't do it.
 * </ul>
 *
 * <p>Who owns what: a bio belongs to its submitter, from submitBio to end_io to the block layer. A request
 * belongs to the queue; a driver has it from queueRqs until it completes it. The pages of a bio are held
 * by the bio if BIO_HOLD_PAGES is set, else by somebody who outlives it.
 *
 * <p>What it costs: a batch in a plug takes its tags with one atomic operation, and a driver that completes a chain
 * ({@link io.pollux.block.HwCtx#completeAll}) gives them back with one. The clock
 * is read once for each batch, and is one that costs nothing to read.
 *
 * <p>Locks: none is held while a driver or an end_io is called.
 */
@NullMarked
package io.pollux.block;

import org.jspecify.annotations.NullMarked;
