// SPDX-License-Identifier: GPL-2.0-only

/**
 * XFS version 5: the counterpart of fs/xfs. Metadata is in buffers ({@link
 * io.pollux.block.buffer}), which C calls xfs_buf, and every change of it is in a transaction
 * ({@link io.pollux.xfs.trans}).
 *
 * <p>{@link io.pollux.xfs.XfsFileSystem} checks the superblock ({@code XfsSb}) and the log ({@link
 * io.pollux.xfs.log}) and makes an {@code XfsMount}, which owns the other parts:
 *
 * <ul>
 *   <li>{@code XfsIcache} finds inodes by number. {@code XfsInodeBuf} decodes them, {@code
 *       XfsInodeEdit} changes them, and {@code XfsInactive} frees them.
 *   <li>{@code XfsBmap} reads the extents of a file into memory as an {@code XfsExtentMap}, from
 *       which {@code XfsIomap} maps. Its form while the file does not change is {@code XfsExtents},
 *       and {@code XfsExtentTree} from the first change on. {@code XfsBmapi} changes it, with
 *       {@code XfsForkEdit} and {@code XfsBmapBtree} for what is on the disk.
 *   <li>{@code XfsFileWrite}, {@code XfsIomapWrite}, {@code XfsSetattr}, {@code XfsFallocate} and
 *       {@code XfsReflink} write, cut, allocate and share.
 *   <li>{@code XfsDir2} and its parts read directories, {@code XfsDir2Write} changes them, and
 *       {@code XfsNames} makes creations, links, removals and renames of it. {@code XfsSymlink} and
 *       {@code XfsAttr} have links and extended attributes.
 *   <li>{@code XfsSbBuf} stores the counters in the superblock.
 * </ul>
 *
 * <p>The free space, owners, reference counts and inodes of groups are in {@code io.pollux.xfs.ag},
 * their trees in {@code io.pollux.xfs.btree}, and offsets in {@code io.pollux.xfs.format}.
 *
 * <p>Invariants:
 *
 * <ul>
 *   <li>An {@code XfsInode} is what the last commit left, and its extents are immutable. A commit
 *       replaces both, so a reader takes no lock and sees one state.
 *   <li>A write to a hole allocates unwritten blocks. They are converted when the data is on the
 *       device, and the size grows after that. So no read shows what a block held before.
 *   <li>One transaction converts the direct writes that complete together. If it fails, it has
 *       changed nothing, and each write gets a transaction of its own.
 *   <li>A crash at any time leaves a log from which recovery makes a consistent filesystem, with
 *       all that fsync has promised.
 *   <li>A commit pins its buffers until the log has them. {@code XfsInode.lastCommit} is the commit
 *       that fsync makes durable. Freed blocks get no data before the commit that freed them is
 *       durable.
 *   <li>The first error of a write to the log, or of metadata to its place, shuts the filesystem
 *       down. The next mount recovers it.
 *   <li>The contents of a disk are untrusted. Every number read from it is checked before use.
 *       {@code BufData} checks every access against the end of the block. Every walk has a bound
 *       that the disk can't move: levels that strictly decrease, offsets that strictly increase,
 *       blocks that are visited once.
 *   <li>A failed check is EUCLEAN for the file concerned, with a sentence that names the place and
 *       the fault; other files are unaffected.
 *   <li>A metadata block is valid if its magic number, checksum, filesystem (UUID), place and owner
 *       are. Each reader checks the owner. The verifier of the type ({@code XfsVerifiers}) checks
 *       the rest when the block is read into a buffer. A type has one verifier in a mount, because
 *       a buffer with another one is verified again, while its checksum is only right on the disk.
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
 *   <li>the locks of pages;
 *   <li>the transaction lock;
 *   <li>the lock under which its extents are loaded;
 *   <li>the lock of the checkpoint that gathers ({@code XFS_CIL}), shared by commits and exclusive
 *       for the push that closes it;
 *   <li>the lock of a buffer, at most one per task;
 *   <li>the locks of the caches, held for a lookup and never during I/O.
 * </ol>
 */
@NullMarked
package io.pollux.xfs;

import org.jspecify.annotations.NullMarked;
