// SPDX-License-Identifier: GPL-2.0-only

/**
 * Block devices as files (fs/block_dev.c), and the interface of a filesystem on a block device.
 *
 * <p>Direct I/O must be aligned to the logical block size in offset, length and every piece of
 * memory; otherwise it returns EINVAL. A request is one bio or a chain of bios, and the last bio to
 * complete finishes it. With O_DSYNC or RWF_DSYNC the bios carry REQ_FUA, so the request is durable
 * when it completes, in any context.
 *
 * <p>Without O_DIRECT a device is read and written through the page cache ({@link
 * io.pollux.core.filemap.Filemap}), at any position and length. Direct and buffered I/O see each
 * other's data. Direct I/O first writes back the dirty pages of its range. A direct write also
 * drops the pages of its range, before it starts and again at completion.
 *
 * <p>Dirty pages reach the device by fsync, by O_DSYNC, by the last close of the device, and at
 * shutdown. If a completion drops the last reference after the descriptor was closed, it can't
 * sleep for the write-back. The pages then stay until the device is used again or the kernel shuts
 * down.
 *
 * <p>fallocate and the ioctls that zero or discard a range first drop its pages, dirty or not.
 */
@NullMarked
package io.pollux.block.bdev;

import org.jspecify.annotations.NullMarked;
