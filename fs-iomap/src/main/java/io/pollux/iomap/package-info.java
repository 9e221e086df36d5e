// SPDX-License-Identifier: GPL-2.0-only

/**
 * Maps a file range to extents, and extents to bios: the counterpart of fs/iomap.c.
 *
 * <p>A filesystem implements {@link io.pollux.iomap.IomapOps}, which returns the extent at a
 * position. One loop walks the range extent by extent, and an actor handles each extent. {@link
 * io.pollux.iomap.IomapDio} makes bios for user memory, {@link io.pollux.iomap.IomapPages} for
 * pages of the page cache. {@link io.pollux.iomap.IomapSeek} finds data and holes.
 *
 * <p>Rules:
 *
 * <ul>
 *   <li>The caller holds the inode's iRwsem, shared or exclusive as its filesystem requires. A GFS2
 *       reader holds the inode's glock instead. Write-back holds neither: its pages are locked, and
 *       another task may be writing to the file. With {@link io.pollux.core.Debug#ON} the
 *       filesystems check it, by {@link io.pollux.core.sched.LockOrder#mustHold}.
 *   <li>An extent that iomapBegin returns covers at least the first byte requested. Each step of a
 *       walk advances by at least one byte, so the range bounds the walk.
 *   <li>No block is allocated on the device: {@link io.pollux.iomap.IomapOverwrite} writes only to
 *       blocks that have been written before. {@link io.pollux.iomap.InPlaceInode} refuses every
 *       other change and keeps the time of the last write.
 *   <li>A direct request is counted in the inode (inodeDioBegin) until its last bio completes. A
 *       task that waits for the count to drop to 0 polls meanwhile.
 * </ul>
 */
@NullMarked
package io.pollux.iomap;

import org.jspecify.annotations.NullMarked;
