// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.buffer.Buf;
import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsVerify;
import java.util.Arrays;

/**
 * Reads the extents of a fork into memory, from the inode itself or from the B+tree whose root is
 * in the inode.
 *
 * <p>The tree is walked from the root down, left to right. Levels strictly decrease, every leaf has
 * at least one record, and the offsets of records strictly increase over the whole walk. A tree
 * with a loop fails one of these checks before the walk repeats.
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_bmap_btree.c")
final class XfsBmap {
  private static final int HEADER_BYTES = 72;
  private static final int ROOT_HEADER_BYTES = 4;
  private static final int KEY_BYTES = 8;
  private static final int PTR_BYTES = 8;
  private static final long NULL_FSB = -1;

  /** Maximum height: 15 records in a block of 1 KiB and 3 in the root make 2^54 blocks. */
  private static final int MAX_LEVELS = 16;

  private final Task current;
  private final XfsMount mp;
  private final XfsInode ip;
  private final XfsInodeBuf.Format format;
  private final BufData fork; // its bytes in the inode
  private final long count; // extents, as the inode tells
  private final XfsExtents.Builder extents;

  /** For each level, the last block visited, and its right sibling. */
  private final long[] before = new long[MAX_LEVELS];

  private final long[] next = new long[MAX_LEVELS];

  private XfsBmap(Task current, XfsInode ip, XfsInodeBuf.Format format, BufData fork, long count) {
    this.current = current;
    this.mp = ip.mp();
    this.ip = ip;
    this.format = format;
    this.fork = fork;
    this.count = count;
    extents = new XfsExtents.Builder(mp.sb(), count);
    Arrays.fill(before, NULL_FSB);
    Arrays.fill(next, NULL_FSB);
  }

  /**
   * Reads all extents of the data fork. From process context.
   *
   * @param current the calling task
   * @param ip the inode
   * @return its extents
   * @throws ErrnoException EUCLEAN if they are damaged, or the device's error
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_bmap.c", name = "xfs_iread_extents")
  static XfsExtents read(Task current, XfsInode ip) throws ErrnoException {
    return new XfsBmap(current, ip, ip.format(), ip.fork(), ip.nextents()).read();
  }

  /**
   * Reads all extents of the attribute fork. From process context.
   *
   * @param current the calling task
   * @param ip the inode
   * @return its extents
   * @throws ErrnoException EUCLEAN if they are damaged, or the device's error
   */
  static XfsExtents readAttr(Task current, XfsInode ip) throws ErrnoException {
    XfsInodeBuf.Core core = ip.core();
    return new XfsBmap(current, ip, core.attrFormat(), core.attrFork(), core.anextents()).read();
  }

  private XfsExtents read() throws ErrnoException {
    switch (format) {
      case EXTENTS -> readInline();
      case BTREE -> readTree();
      default -> throw ip.corrupt("has no extents");
    }
    return extents.build();
  }

  private void readInline() throws ErrnoException {
    if (count < 0 || count > fork.size() / XfsExtents.RECORD_BYTES) {
      throw ip.corrupt("more extents than fit into the inode");
    }
    for (int i = 0; i < count; i++) {
      extents.add(fork, i * XfsExtents.RECORD_BYTES);
    }
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "xfs_bmdr_block")
  private void readTree() throws ErrnoException {
    BufData root = fork;
    int level = root.u16(0);
    int records = root.u16(2);
    int room = (root.size() - ROOT_HEADER_BYTES) / (KEY_BYTES + PTR_BYTES);
    if (level < 1 || level >= MAX_LEVELS || records < 1 || records > room) {
      throw ip.corrupt("a tree of " + level + " levels with " + records + " records in its root");
    }
    for (int i = 0; i < records; i++) {
      visit(root.i64(ROOT_HEADER_BYTES + room * KEY_BYTES + i * PTR_BYTES), level - 1);
    }
    for (int i = 0; i < level; i++) {
      if (next[i] != NULL_FSB) {
        throw ip.corrupt("its tree goes on behind its end");
      }
    }
  }

  /** Reads the subtree of one block. Recursion is at most MAX_LEVELS deep. */
  private void visit(long fsb, int level) throws ErrnoException {
    BufData block = readBlock(fsb, level);
    int records = block.u16(6);
    int room = room(block);
    for (int i = 0; i < records; i++) {
      if (level == 0) {
        extents.add(block, HEADER_BYTES + i * XfsExtents.RECORD_BYTES);
      } else {
        visit(block.i64(HEADER_BYTES + room * KEY_BYTES + i * PTR_BYTES), level - 1);
      }
    }
  }

  /**
   * The number of records that fit in a block. A key and a pointer together are as long as a
   * record.
   */
  private static int room(BufData block) {
    return (block.size() - HEADER_BYTES) / XfsExtents.RECORD_BYTES;
  }

  /** Reads a block and does not keep it cached: nothing needs it once the extents are in memory. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_btree.c", name = "xfs_btree_read_bufl")
  private BufData readBlock(long fsb, int level) throws ErrnoException {
    Buf buf =
        mp.readBlocks(
            current, fsb, 1, mp.verifiers().bmbt(), () -> ip.what() + ", its extent tree");
    buf.setRef(0);
    BufData block = buf.data();
    buf.release();
    XfsVerify.checkOwner(block, 56, ip.ino());
    if (block.u16(4) != level) {
      throw block.corrupt("level " + block.u16(4) + " where " + level + " was expected");
    }
    boolean first = before[level] == NULL_FSB;
    if (block.i64(8) != before[level] || (!first && next[level] != fsb)) {
      throw block.corrupt("its siblings are others than its parent says");
    }
    before[level] = fsb;
    next[level] = block.i64(16);
    return block;
  }
}
