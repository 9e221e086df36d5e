// SPDX-License-Identifier: GPL-2.0-only

/**
 * From a file range to extents, and from extents to bios: the counterpart of fs/iomap.c.
 *
 * <p>A filesystem brings an {@link io.pollux.iomap.IomapOps}, which answers for a position with the extent
 * there. One loop walks the range extent by extent; what is done with each extent is the business of the
 * walker: {@link io.pollux.iomap.IomapDio} makes bios for the user's memory, {@link
 * io.pollux.iomap.IomapPages} for pages of the page cache; {@link io.pollux.iomap.IomapSeek} looks for data and holes.
 *
 * <p>Rules:
 *
 * <ul>
 *   <li>The caller holds the inode's iRwsem, shared or exclusive, as its filesystem wants it, or, when it reads on GFS2, the
 *       inode's glock instead. Only writing pages back does without: there the pages are locked, of a file that somebody
 *       else may be writing to at the moment.
 *   <li>An extent that iomapBegin answers covers at least the first byte asked for. The walk advances by at
 *       least one byte at each step, so it is bounded by the range.
 *   <li>Nothing is allocated on the device: {@link io.pollux.iomap.IomapOverwrite} writes to blocks that were written
 *       before, and to nothing else. {@link io.pollux.iomap.InPlaceInode} is what an inode of such a filesystem refuses, and
 *       when it was written to.
 *   <li>A direct request that went to a device is counted in the inode (inodeDioBegin) until its last bio
 *       has ended. Whoever waits for that count to come down polls for it.
 * </ul>
 */
@NullMarked
package io.pollux.iomap;

import org.jspecify.annotations.NullMarked;
