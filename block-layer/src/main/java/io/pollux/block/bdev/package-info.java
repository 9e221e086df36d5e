// SPDX-License-Identifier: GPL-2.0-only

/**
 * Block devices as files (fs/block_dev.c), and what a filesystem that lives on one has to offer.
 *
 * <p>Direct I/O is aligned to the logical block size in offset, length and every piece of memory, else
 * EINVAL. A request of one bio that is synchronous waits for it; everything else is a chain of bios, of
 * which the last to complete finishes the request. With O_DSYNC or RWF_DSYNC its bios carry REQ_FUA, so that it is
 * durable when it completes, in whatever context that is.
 *
 * <p>Without O_DIRECT a device is read and written through its pages in memory ({@link
 * io.pollux.core.filemap.Filemap}), any position and any length. Both kinds see what the other wrote: direct I/O
 * first writes back what is dirty in its range, and a direct write makes memory forget the range, before it begins and
 * again when it is done. What is dirty reaches the device by fsync, by O_DSYNC, when the last file on the device is
 * closed, and when the kernel shuts down. A last reference that a completion drops, after the descriptor was closed,
 * can't wait for that: then the pages stay until the device is used again or the kernel shuts down.
 *
 * <p>What zeroes or discards a range, fallocate and the ioctls, makes memory forget it first, dirty or not.
 */
@NullMarked
package io.pollux.block.bdev;

import org.jspecify.annotations.NullMarked;
