// SPDX-License-Identifier: GPL-2.0-only

/**
 * XFS version 5, read, and written to in place: the counterpart of fs/xfs. Metadata is in buffers ({@link
 * io.pollux.block.buffer}), which XFS calls xfs_buf.
 *
 * <p>The way in is {@link io.pollux.xfs.XfsFileSystem}. It checks the superblock ({@code XfsSb}) and the
 * log ({@code XlogCheck}) and makes an {@code XfsMount}, from which everything else hangs: {@code XfsIcache}
 * finds inodes by number, {@code XfsInodeBuf} decodes them, {@code XfsBmap} brings the extents of a file into
 * memory as an {@code XfsExtents}, {@code XfsIomap} answers from there; {@code XfsDir2} and its parts read
 * directories, {@code XfsSymlink} links.
 *
 * <p>Invariants:
 *
 * <ul>
 *   <li>Two things are ever written: data, to blocks that have data already ({@code XfsOverwrite}), and the time of a
 *       write, to the inode ({@code XfsIflush}). Log, superblock and everything else stay as they are, so the
 *       filesystem is sound at every moment.
 *   <li>What a disk contains is data, whatever it is. Every number read from it is checked before use;
 *       {@code BufData} checks every access against the end of the block; every walk has a bound that the disk
 *       can't move (levels that strictly decrease, offsets that strictly increase, blocks that are visited
 *       once). What fails a check is EUCLEAN for the file that needed it, with a sentence that says what and
 *       where, and everything else goes on.
 *   <li>A metadata block is good only if its magic number, checksum, filesystem (UUID), place and owner are. The
 *       verifier of its type ({@code XfsVerifiers}) checks all but the owner when the block is read into a buffer.
 *       Each reader checks the owner.
 *   <li>There is one {@code XfsInode} for an inode number as long as anybody holds it, so that its lock is the
 *       lock.
 *   <li>Once a file's extents are in memory, mapping a position allocates nothing, takes no lock, and costs
 *       O(log n) steps.
 * </ul>
 *
 * <p>Units, as in C: a byte position on the device; an {@code fsb} or filesystem block number, which has the
 * allocation group in its high bits and therefore gaps; a {@code daddr}, in sectors of 512 bytes; an offset
 * in a file or directory in blocks ({@code fileoff}, {@code dablk}).
 *
 * <p>Lock order: an inode's {@code iRwsem}; the lock under which its extents are loaded; the lock of a buffer,
 * at most one for a task; the caches, which hold theirs for a look-up and never during I/O.
 */
@NullMarked
package io.pollux.xfs;

import org.jspecify.annotations.NullMarked;
