// SPDX-License-Identifier: GPL-2.0-only

/**
 * Allocation for a small filesystem: which blocks are free, and which a file has.
 *
 * <p>A mount has one {@link io.pollux.iomap.space.FreeSpace}. A file has a {@link
 * io.pollux.iomap.space.BlockMap}, from which {@code iomapBegin} fills in an {@link
 * io.pollux.iomap.Iomap}. Both are in memory. The filesystem stores the extents of a file with its
 * inode, and a mount finds the free blocks by reading the inodes.
 *
 * <p>iomap itself does not use this package. XFS and GFS2 have trees on the disk instead.
 *
 * <p>Rules:
 *
 * <ul>
 *   <li>A new block is unwritten until the write that fills it has completed.
 *   <li>A block that a file has dropped is free only when an inode without it is durable. So no
 *       inode on the disk has a block of another file.
 *   <li>Lock order: the monitor of a BlockMap, then that of the FreeSpace. Both are leaves, and no
 *       task sleeps under them. A lookup takes neither.
 * </ul>
 */
@NullMarked
package io.pollux.iomap.space;

import org.jspecify.annotations.NullMarked;
