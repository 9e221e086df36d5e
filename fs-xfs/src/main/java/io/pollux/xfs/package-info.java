// SPDX-License-Identifier: GPL-2.0-only

/**
 * XFS version 5, read and written in place: the counterpart of fs/xfs. Metadata is in buffers
 * ({@link io.pollux.block.buffer}), which C calls xfs_buf.
 *
 * <p>{@link io.pollux.xfs.XfsFileSystem} checks the superblock ({@code XfsSb}) and the log ({@code
 * XlogCheck}) and makes an {@code XfsMount}, which owns the other parts:
 *
 * <ul>
 *   <li>{@code XfsIcache} finds inodes by number. {@code XfsInodeBuf} decodes them.
 *   <li>{@code XfsBmap} reads the extents of a file into memory as an {@code XfsExtents}, from
 *       which {@code XfsIomap} maps.
 *   <li>{@code XfsDir2} and its parts read directories. {@code XfsSymlink} reads links.
 * </ul>
 *
 * <p>Invariants:
 *
 * <ul>
 *   <li>Writes change blocks that hold data already ({@code XfsFileWrite}) and the times in an
 *       inode ({@code XfsIflush}), and nothing else. Log, superblock and all other metadata never
 *       change, so the filesystem is consistent at every moment.
 *   <li>The contents of a disk are untrusted. Every number read from it is checked before use.
 *       {@code BufData} checks every access against the end of the block. Every walk has a bound
 *       that the disk can't move: levels that strictly decrease, offsets that strictly increase,
 *       blocks that are visited once.
 *   <li>A failed check is EUCLEAN for the file concerned, with a sentence that names the place and
 *       the fault; other files are unaffected.
 *   <li>A metadata block is valid if its magic number, checksum, filesystem (UUID), place and owner
 *       are. Each reader checks the owner. The verifier of the type ({@code XfsVerifiers}) checks
 *       the rest when the block is read into a buffer.
 *   <li>At most one {@code XfsInode} exists for an inode number at a time, so its lock is the
 *       inode's lock.
 *   <li>Once a file's extents are in memory, mapping a position allocates nothing, takes no lock,
 *       and costs O(log n) steps.
 * </ul>
 *
 * <p>Units, as in C: positions on the device are bytes. An {@code fsb}, a filesystem block number,
 * has the allocation group in its high bits and therefore gaps. A {@code daddr} counts sectors of
 * 512 bytes. Offsets in a file or directory ({@code fileoff}, {@code dablk}) count blocks.
 *
 * <p>Lock order, outermost first:
 *
 * <ol>
 *   <li>an inode's {@code iRwsem};
 *   <li>the lock under which its extents are loaded;
 *   <li>the lock of a buffer, at most one per task;
 *   <li>the locks of the caches, held for a lookup and never during I/O.
 * </ol>
 */
@NullMarked
package io.pollux.xfs;

import org.jspecify.annotations.NullMarked;
