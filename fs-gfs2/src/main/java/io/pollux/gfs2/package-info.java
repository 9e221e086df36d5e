// SPDX-License-Identifier: GPL-2.0-only

/**
 * GFS2 for one node, read and written in place: the counterpart of fs/gfs2, the second filesystem
 * that the series polls on.
 *
 * <p>{@link io.pollux.gfs2.Gfs2FileSystem} mounts it and makes a {@code Gfs2Sbd}, which owns the
 * other parts:
 *
 * <ul>
 *   <li>{@code Gfs2Sb} is the superblock. {@code Gfs2Rgrps} records which blocks belong to resource
 *       groups. {@code Gfs2JournalCheck} checks that the journals are clean.
 *   <li>{@code Gfs2Dinode} decodes inodes. {@code Gfs2Bmap} walks their trees and keeps the result
 *       in a {@code Gfs2ExtentCache}, from which {@code Gfs2Iomap} maps.
 *   <li>{@code Gfs2Dir} and {@code Gfs2Dirents} read directories.
 *   <li>{@code Gfs2Glock} is the lock that a cluster would share. {@code LmLockops} grants it.
 * </ul>
 *
 * <p>Metadata is in buffers ({@link io.pollux.block.buffer}), which C calls buffer heads: each
 * glock has a space of them.
 *
 * <p>Invariants:
 *
 * <ul>
 *   <li>Writes change blocks that hold data already, data inside an inode, and the times in an
 *       inode, and nothing else ({@code Gfs2FileWrite}, {@code Gfs2Dirty}). Superblock, journals,
 *       bitmaps and all other metadata never change, so the filesystem is consistent at every
 *       moment.
 *   <li>The contents of a disk are untrusted. Every number read from it is checked before use.
 *       {@code BufData} checks every access against the end of the block. The type's verifier
 *       ({@code Gfs2Meta}) checks the header. Every walk has a bound that the disk can't move: the
 *       height of a tree, hashes that strictly increase, leaves that are visited once.
 *   <li>A failed check is EIO for the file concerned, with a sentence that names the place and the
 *       fault; other files are unaffected. GFS2 has checksums only in log headers, so a pointer to
 *       a wrong block of the right type is followed.
 *   <li>An inode's cached state (its dinode, its blocks, its extents, its pages) is valid under its
 *       glock. Its pages are dropped when the glock becomes deferred, everything when it becomes
 *       unlocked. stat reports the dinode as of the last time the glock was taken.
 *   <li>At most one {@code Gfs2Inode} and one {@code Gfs2Glock} exist for an inode number at a
 *       time.
 *   <li>Once a stretch of a file is in the extent cache and the glock is in the required state, a
 *       read allocates nothing. Its only locking is one atomic operation before and one after.
 *       Mapping a position costs O(log n) steps.
 * </ul>
 *
 * <p>Units: positions on the device are bytes. Blocks are numbered from the start of the device in
 * the filesystem's block size, and blocks of a file in the same size. An inode's number is the
 * block that it is in.
 *
 * <p>Lock order, outermost first:
 *
 * <ol>
 *   <li>an inode's {@code iRwsem}: exclusive for buffered writes, shared for direct writes,
 *       SEEK_DATA, SEEK_HOLE and FIEMAP, not taken by reads;
 *   <li>an inode's glock, at most one per task: a lookup releases the directory's glock before it
 *       takes the next inode's;
 *   <li>a locked page of the page cache: readers of pages hold the glock, so a change of the glock
 *       may wait for pages;
 *   <li>a glock of a resource group, at most one;
 *   <li>the lock of a buffer, at most one;
 *   <li>a glock's own lock and those of the caches, held for a lookup and never during I/O.
 * </ol>
 *
 * <p>{@link io.pollux.core.sched} has the order of all locks, and checks it under test.
 */
@NullMarked
package io.pollux.gfs2;

import org.jspecify.annotations.NullMarked;
