// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.buffer.Buf;
import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.format.XfsVerify;
import java.util.Arrays;

/**
 * Reads the extents of a data fork into memory, from the inode itself or from the B+tree whose root
 * is in the inode.
 *
 * <p>The tree is walked from the root down, left to right. Levels strictly decrease, every leaf has
 * at least one record, and the offsets of records strictly increase over the whole walk. A tree
 * with a loop fails one of these checks before the walk repeats.
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_bmap_btree.c")
final class XfsBmap {
  private static final int MAGIC = 0x424d4133; // BMA3
  private static final int HEADER_BYTES = 72;
  static final int CRC_OFFSET = 64;
  private static final int ROOT_HEADER_BYTES = 4;
  private static final int KEY_BYTES = 8;
  private static final int PTR_BYTES = 8;
  private static final long NULL_FSB = -1;

  /** Maximum height: 15 records in a block of 1 KiB and 3 in the root make 2^54 blocks. */
  private static final int MAX_LEVELS = 16;

  private final Task current;
  private final XfsMount mp;
  private final XfsInode ip;
  private final XfsExtents.Builder extents;

  /** For each level, the last block visited, and its right sibling. */
  private final long[] before = new long[MAX_LEVELS];

  private final long[] next = new long[MAX_LEVELS];

  private XfsBmap(Task current, XfsMount mp, XfsInode ip) {
    this.current = current;
    this.mp = mp;
    this.ip = ip;
    extents = new XfsExtents.Builder(mp.sb(), ip.nextents());
    Arrays.fill(before, NULL_FSB);
    Arrays.fill(next, NULL_FSB);
  }

  /**
   * Reads all extents of a fork. From process context.
   *
   * @param current the calling task
   * @param mp the filesystem
   * @param ip the inode
   * @return its extents
   * @throws ErrnoException EUCLEAN if they are damaged, or the device's error
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_bmap.c", name = "xfs_iread_extents")
  static XfsExtents read(Task current, XfsMount mp, XfsInode ip) throws ErrnoException {
    XfsBmap walk = new XfsBmap(current, mp, ip);
    switch (ip.format()) {
      case EXTENTS -> walk.readInline();
      case BTREE -> walk.readTree();
      default -> throw ip.corrupt("has no extents");
    }
    return walk.extents.build();
  }

  /**
   * Reads the extents of the attribute fork, which must be in the inode. From any context.
   *
   * @param ip the inode
   * @return its extents
   * @throws ErrnoException EUCLEAN if they are damaged, EOPNOTSUPP if they fill a tree
   */
  static XfsExtents readAttr(XfsInode ip) throws ErrnoException {
    XfsInodeBuf.Core core = ip.core();
    if (core.attrFormat() == XfsInodeBuf.Format.BTREE) {
      throw new ErrnoException(
          Errno.EOPNOTSUPP, ip.what() + ": the extents of its attributes are a tree");
    }
    if (core.attrFormat() != XfsInodeBuf.Format.EXTENTS
        || core.anextents() > core.attrFork().size() / XfsExtents.RECORD_BYTES) {
      throw ip.corrupt("more extents of attributes than fit into it");
    }
    XfsExtents.Builder extents = new XfsExtents.Builder(ip.mp().sb(), core.anextents());
    for (int i = 0; i < core.anextents(); i++) {
      extents.add(core.attrFork(), i * XfsExtents.RECORD_BYTES);
    }
    return extents.build();
  }

  private void readInline() throws ErrnoException {
    BufData fork = ip.fork();
    if (ip.nextents() < 0 || ip.nextents() > fork.size() / XfsExtents.RECORD_BYTES) {
      throw ip.corrupt("more extents than fit into the inode");
    }
    for (int i = 0; i < ip.nextents(); i++) {
      extents.add(fork, i * XfsExtents.RECORD_BYTES);
    }
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "xfs_bmdr_block")
  private void readTree() throws ErrnoException {
    BufData root = ip.fork();
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

  @LinuxSource(file = "fs/xfs/libxfs/xfs_bmap_btree.c", name = "xfs_bmbt_verify")
  static void verify(XfsSb sb, BufData block) throws ErrnoException {
    if (block.i32(0) != MAGIC) {
      throw block.corrupt("bad magic number");
    }
    XfsVerify.checkUuid(block, 40, sb.metaUuid);
    XfsVerify.checkDaddr(block, 24);
    int records = block.u16(6);
    if (records < 1 || records > room(block)) {
      throw block.corrupt(records + " records");
    }
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
