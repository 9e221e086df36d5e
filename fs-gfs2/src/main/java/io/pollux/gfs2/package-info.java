// SPDX-License-Identifier: GPL-2.0-only

/**
 * GFS2, read, and written to in place, for one node: the counterpart of fs/gfs2, the second filesystem that the series
 * polls on.
 *
 * <p>The way in is {@link io.pollux.gfs2.Gfs2FileSystem}. It makes a {@code Gfs2Sbd}, from which everything else hangs:
 * {@code Gfs2Sb} is the superblock, {@code Gfs2Rgrps} tells which blocks are whose, {@code Gfs2JournalCheck} looks whether the
 * journals are clean; {@code Gfs2Dinode} decodes inodes, {@code Gfs2Bmap} walks their trees and leaves what it found in a
 * {@code Gfs2ExtentCache}, from which {@code Gfs2Iomap} answers; {@code Gfs2Dir} and {@code Gfs2Dirents} read directories.
 * {@code Gfs2Glock} is the lock that a cluster would share, {@code LmLockops} who grants it.
 *
 * <p>Metadata is in buffers ({@link io.pollux.block.buffer}), which C calls buffer heads: each glock has a space of them.
 *
 * <p>Invariants:
 *
 * <ul>
 *   <li>Three things are ever written: data, to blocks that have data already, data that is in an inode, and the time of a
 *       write, to the inode ({@code Gfs2Overwrite}, {@code Gfs2Dirty}). Superblock, journals, bitmaps and everything else
 *       stay as they are, so the filesystem is sound at every moment.
 *   <li>What a disk contains is data, whatever it is. Every number read from it is checked before use; {@code BufData}
 *       checks every access against the end of the block; the verifier of the type ({@code Gfs2Meta}) checks the
 *       header; every walk has a bound that the disk can't move (trees of a height, hashes that strictly increase, leaves
 *       that are visited once). What fails a check is EIO for the file that needed it, with a sentence that says what and
 *       where, and everything else goes on. But GFS2 has no checksums
 *       except in log headers: a pointer to a wrong block that is a block of the right kind is followed.
 *   <li>What is in memory of an inode (its dinode, its blocks, its extents, its pages) is there under its glock, and goes
 *       when the state of the glock does no longer cover it: its pages when the glock becomes deferred, everything when it
 *       becomes unlocked. (What stat tells is the dinode as it was when the glock was taken last.)
 *   <li>There is one {@code Gfs2Inode} and one {@code Gfs2Glock} for a number as long as anybody holds it.
 *   <li>Once a stretch of a file is in the extent cache and the glock is in the right state, a read allocates nothing, and
 *       takes no lock but one atomic operation before and one after; mapping a position costs O(log n) steps.
 * </ul>
 *
 * <p>Units: a byte position on the device; a block, counted from the start of the device in the filesystem's block size; a
 * block of a file, in the same size; an inode's number is the block that it is in.
 *
 * <p>Lock order, outermost first:
 *
 * <ol>
 *   <li>an inode's {@code iRwsem} (writers, shared by direct ones; and shared by SEEK_DATA and SEEK_HOLE);
 *   <li>a glock of an inode, at most one for a task: whoever goes on to another inode, as a lookup does, has let go of the
 *       first;
 *   <li>a locked page of the page cache: readers of pages hold the glock, so that a glock may wait for pages;
 *   <li>a glock of a resource group, at most one;
 *   <li>the lock of a buffer, at most one;
 *   <li>a glock's own lock, and those of the caches, held for a look-up and never during I/O.
 * </ol>
 *
 * <p>The order of glocks is checked by assertions ({@code HeldGlocks}).
 */
@NullMarked
package io.pollux.gfs2;

import org.jspecify.annotations.NullMarked;
