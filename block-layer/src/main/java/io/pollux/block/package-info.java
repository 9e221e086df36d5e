// SPDX-License-Identifier: GPL-2.0-only

/**
 * From a bio to a driver and back: the counterpart of block/.
 *
 * <p>A {@link io.pollux.block.Bio} says what is to move between memory and which sectors. {@link
 * io.pollux.block.BlockDevice#submitBio} gives it a {@link io.pollux.block.Request}, which is to say a tag
 * of one hardware queue, and hands the request to the driver, at once or when the task's {@link
 * io.pollux.block.Plug} is flushed. The driver completes requests from any context; the bio's end_io runs
 * there.
 *
 * <p>Every queue has an interrupt-driven hardware queue and a polled one. A bio with REQ_HIPRI goes to the
 * polled one, where nothing completes unless somebody calls {@link io.pollux.block.RequestQueue#blkPoll}.
 * REQ_HIPRI_ASYNC adds that the submitter never sleeps for a request: it could be the only one who would
 * have polled for the request that it waits for. Such a bio ends with EAGAIN.
 *
 * <p>Who owns what: a bio belongs to its submitter, from submitBio to end_io to the block layer. A request
 * belongs to the queue; a driver has it from queueRqs until it calls complete. The pages of a bio are held
 * by the bio if BIO_HOLD_PAGES is set, else by somebody who outlives it.
 *
 * <p>Locks: none is held while a driver or an end_io is called.
 */
@NullMarked
package io.pollux.block;

import org.jspecify.annotations.NullMarked;
