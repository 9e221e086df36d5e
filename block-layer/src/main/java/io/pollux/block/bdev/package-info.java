// SPDX-License-Identifier: GPL-2.0-only

/**
 * Block devices as files (fs/block_dev.c), and what a filesystem that lives on one has to offer.
 *
 * <p>Direct I/O is aligned to the logical block size in offset, length and every piece of memory, else
 * EINVAL. A request of one bio that is synchronous waits for it; everything else is a chain of bios, of
 * which the last to complete finishes the request.
 */
@NullMarked
package io.pollux.block.bdev;

import org.jspecify.annotations.NullMarked;
