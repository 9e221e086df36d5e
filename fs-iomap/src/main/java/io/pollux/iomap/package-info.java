// SPDX-License-Identifier: GPL-2.0-only

/**
 * Maps a file range to extents, and extents to bios: the counterpart of fs/iomap.c.
 *
 * <p>A filesystem implements {@link io.pollux.iomap.IomapOps}, which returns the extent at a
 * position. One walker, {@code IomapApply}, maps an extent, lets an actor handle it, and ends the
 * mapping. The actors:
 *
 * <ul>
 *   <li>{@link io.pollux.iomap.IomapDio} makes bios for user memory, to read and to write. The
 *       filesystem finishes a write by {@link io.pollux.iomap.IomapDioEnd}, or several together by
 *       {@link io.pollux.iomap.IomapDioBatch}.
 *   <li>{@link io.pollux.iomap.IomapPages} reads pages of the page cache, and writes them back by
 *       {@link io.pollux.iomap.IomapWritebackOps}.
 *   <li>{@link io.pollux.iomap.IomapBuffered} writes data and zeroes into pages.
 *   <li>{@link io.pollux.iomap.IomapSeek} finds data and holes; {@link io.pollux.iomap.IomapFiemap}
 *       reports extents.
 * </ul>
 *
 * <p>There is no policy here: the filesystem takes the inode's lock, checks the write, and updates
 * times. {@link io.pollux.iomap.IomapInode} does this for a filesystem without rules of its own,
 * and {@link io.pollux.iomap.IomapSuperBlock} syncs and evicts such inodes.
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
 *   <li>No reader sees what a block held before it belonged to the file. Blocks that are new or
 *       unwritten read as zeroes until the write that fills them has completed; what that write
 *       does not cover of them is zeroed.
 *   <li>Data is part of the file before its cached pages are dropped, before i_dio_count drops, and
 *       before the request completes.
 *   <li>A direct request is counted in the inode (inodeDioBegin) until then. A task that waits for
 *       the count to drop to 0 polls meanwhile.
 *   <li>A filesystem's method that throws fails the request with EIO, and a sentence names it.
 * </ul>
 */
@NullMarked
package io.pollux.iomap;

import org.jspecify.annotations.NullMarked;
