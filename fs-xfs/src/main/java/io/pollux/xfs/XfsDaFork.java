// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.buffer.BufEdit;
import io.pollux.block.buffer.BufOps;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsError;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.format.XfsVerify;
import io.pollux.xfs.trans.TransBuf;
import java.util.Arrays;
import java.util.function.Supplier;

/**
 * The blocks of a directory, or those of the attributes of a file, in a transaction. A block is one
 * or more filesystem blocks and may be in several pieces on the disk. A {@code dablk} is the first
 * filesystem block of one.
 */
@LinuxSource(
    file = "fs/xfs/libxfs/xfs_da_btree.c",
    name = {"xfs_da_get_buf", "xfs_da_read_buf", "xfs_dabuf_map"})
final class XfsDaFork {
  private final XfsForkEdit fork;
  private final XfsSb sb;
  private final int fsbCount;
  private final String kind;

  private XfsDaFork(XfsForkEdit fork, int fsbCount, String kind) {
    this.fork = fork;
    this.fsbCount = fsbCount;
    this.kind = kind;
    sb = fork.inode().mp().sb();
  }

  /** The blocks of a directory. */
  static XfsDaFork directory(XfsInodeEdit dp) {
    return new XfsDaFork(dp.data(), dp.mp().dirGeo().fsbCount, ", directory block ");
  }

  /** The blocks of attributes. */
  static XfsDaFork attributes(XfsInodeEdit ip) {
    return new XfsDaFork(ip.attr(), 1, ", attribute block ");
  }

  XfsForkEdit fork() {
    return fork;
  }

  XfsInodeEdit inode() {
    return fork.inode();
  }

  XfsSb sb() {
    return sb;
  }

  /** Filesystem blocks of a block. */
  int fsbCount() {
    return fsbCount;
  }

  /** Bytes of a block. */
  int blkSize() {
    return fsbCount << sb.blockLog;
  }

  /** Makes the EUCLEAN for the file. */
  ErrnoException corrupt(String how) {
    return XfsError.corrupt(inode().what() + ": " + how);
  }

  /** Whether a block exists. */
  boolean isMapped(long dablk) throws ErrnoException {
    XfsExtentMap map = fork.map();
    int index = map.find(dablk);
    return index != XfsExtentMap.NONE && dablk < map.endOff(index);
  }

  /**
   * Finds the first block at or after one.
   *
   * @param dablk where to begin, a multiple of {@link #fsbCount}
   * @param end the end of the range
   * @return the block, or -1 if there is none before the end
   * @throws ErrnoException EUCLEAN if a part of a block is there
   */
  long nextMapped(long dablk, long end) throws ErrnoException {
    long next = fork.map().nextMapped(dablk);
    if (next < 0 || next >= end) {
      return -1;
    }
    if (next % fsbCount != 0) {
      throw corrupt("a part of a block is missing");
    }
    return next;
  }

  /**
   * Reads a block.
   *
   * @param dablk the block; any value
   * @param type its verifier
   * @param ownerAt offset of the owner in the block
   * @return the block, whose owner is the inode
   * @throws ErrnoException EUCLEAN if it is missing or damaged, or the device's error
   */
  TransBuf read(long dablk, BufOps type, int ownerAt) throws ErrnoException {
    Supplier<String> what = what(dablk);
    long[] pieces = pieces(dablk, what);
    TransBuf buf =
        pieces.length == 2
            ? fork.tp().read(pieces[0], (int) pieces[1], type, what)
            : fork.tp().readPieces(pieces, type, what);
    XfsVerify.checkOwner(buf.data(), ownerAt, inode().ino());
    return buf;
  }

  /** Joins a block that was just allocated, filled with zeroes. */
  TransBuf create(long dablk, BufOps type) throws ErrnoException {
    Supplier<String> what = what(dablk);
    long[] pieces = pieces(dablk, what);
    return pieces.length == 2
        ? fork.tp().create(pieces[0], (int) pieces[1], type, what)
        : fork.tp().createPieces(pieces, type, what);
  }

  private Supplier<String> what(long dablk) {
    return () -> inode().what() + kind + dablk;
  }

  /** Positions and lengths of the pieces of a block. */
  private long[] pieces(long dablk, Supplier<String> what) throws ErrnoException {
    XfsExtentMap map = fork.map();
    long[] pieces = new long[2 * fsbCount];
    int count = 0;
    long end = dablk + fsbCount;
    long off = dablk;
    while (off < end) { // each step advances by at least one filesystem block
      int index = map.find(off);
      if (index == XfsExtentMap.NONE || off >= map.endOff(index) || map.unwritten(index)) {
        throw XfsError.corrupt(what.get() + ": is missing");
      }
      long run = Math.min(end, map.endOff(index)) - off;
      pieces[count++] = sb.fsbToByte(map.startBlock(index) + off - map.startOff(index));
      pieces[count++] = run << sb.blockLog;
      off += run;
    }
    return Arrays.copyOf(pieces, count);
  }

  // Allocation.

  /**
   * Finds the first hole.
   *
   * @param from where to begin
   * @param count its filesystem blocks at least
   * @param end the end of the range
   * @return its first block
   * @throws ErrnoException ENOSPC if there is none before the end
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_bmap.c", name = "xfs_bmap_first_unused")
  long firstUnused(long from, long count, long end) throws ErrnoException {
    XfsExtentMap map = fork.map();
    long at = from;
    int index = map.find(from);
    if (index != XfsExtentMap.NONE) {
      at = Math.max(at, map.endOff(index));
    }
    for (int i = index + 1; i < map.count() && map.startOff(i) - at < count; i++) {
      at = map.endOff(i);
    }
    if (at > end - count) {
      throw new ErrnoException(Errno.ENOSPC, inode().what() + ": no numbers are left for blocks");
    }
    return at;
  }

  /**
   * Allocates a block at the first unused number of a range.
   *
   * @return its dablk
   * @throws ErrnoException ENOSPC, or another reason to cancel the transaction
   */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_da_btree.c",
      name = {"xfs_da_grow_inode", "xfs_da_grow_inode_int"})
  long grow(long from, long end) throws ErrnoException {
    long dablk = firstUnused(from, fsbCount, end);
    if (dablk % fsbCount != 0) {
      throw corrupt("a part of a block is missing");
    }
    allocate(dablk);
    return dablk;
  }

  /** Allocates a block that does not exist. */
  void allocate(long dablk) throws ErrnoException {
    XfsBmapi.allocate(fork, dablk, fsbCount, false);
  }

  /** Frees a block. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_da_btree.c", name = "xfs_da_shrink_inode")
  void free(long dablk, TransBuf buf) throws ErrnoException {
    fork.tp().binval(buf);
    XfsBmapi.unmapAll(fork, dablk, fsbCount);
  }

  /** Fills in the header of a new block of the index or of attributes. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_da_format.h", name = "xfs_da3_blkinfo")
  void initHeader(TransBuf buf, int magic) throws ErrnoException {
    BufEdit edit = buf.edit();
    edit.put16(XfsDaTree.MAGIC, magic);
    edit.put64(XfsDaTree.BLKNO, buf.position() >> XfsSb.BB_SHIFT);
    edit.put(XfsDaTree.UUID, sb.metaUuid);
    edit.put64(XfsDaTree.OWNER, inode().ino());
  }
}
