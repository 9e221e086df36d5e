// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.log;

import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufOps;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsBtreeBlock;
import io.pollux.xfs.format.XfsDinode;
import io.pollux.xfs.format.XfsSb;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.Set;

/**
 * Gives the blocks of an extent tree to another file, after an exchange of the extents of two
 * files.
 */
@LinuxSource(
    file = "fs/xfs/libxfs/xfs_bmap_btree.c",
    name = {"xfs_bmbt_change_owner", "xfs_recover_inode_owner_change"})
final class ReplayOwner {
  private static final int PAIR_BYTES = 16;
  private static final int BMDR_BYTES = 4;

  private record Node(long fsb, int level) {}

  private final ReplayBuffers buffers;
  private final XfsSb sb;
  private final BufOps ops;

  /**
   * Creates.
   *
   * @param buffers the blocks
   * @param sb the geometry
   * @param ops the verifier of blocks of extent trees
   */
  ReplayOwner(ReplayBuffers buffers, XfsSb sb, BufOps ops) {
    this.buffers = buffers;
    this.sb = sb;
    this.ops = ops;
  }

  /**
   * Changes all blocks of a tree. No block is visited twice.
   *
   * @param ino the new owner
   * @param inode the inode
   * @param at the offset of the fork
   * @param size its bytes
   */
  void change(long ino, BufData inode, int at, int size) throws ErrnoException {
    Set<Long> seen = new HashSet<>();
    Deque<Node> left = new ArrayDeque<>();
    int room = (size - BMDR_BYTES) / PAIR_BYTES;
    int count = inode.u16(at + 2);
    if (count > room) {
      throw XlogDevice.corrupt("inode " + ino + " has an invalid root of its extents");
    }
    children(left, inode, at + BMDR_BYTES + room * 8, count, inode.u16(at));
    while (!left.isEmpty()) {
      Node node = left.pop();
      if (!sb.extentValid(node.fsb(), 1) || !seen.add(node.fsb())) {
        throw XlogDevice.corrupt("inode " + ino + " has an invalid tree of its extents");
      }
      ReplayBuffers.Block block = buffers.read(sb.fsbToByte(node.fsb()), sb.blockSize);
      BufData data = block.data;
      if (data.i32(XfsBtreeBlock.MAGICNUM) != XfsBtreeBlock.BMBT_MAGIC
          || data.u16(XfsBtreeBlock.LEVEL) != node.level()) {
        throw XlogDevice.corrupt("inode " + ino + " has an invalid tree of its extents");
      }
      if (data.i64(XfsBtreeBlock.L_OWNER) != ino) {
        block.data.put64(XfsBtreeBlock.L_OWNER, ino);
        block.ops = ops;
        block.changed = true;
      }
      if (node.level() > 0) {
        int most = (sb.blockSize - XfsBtreeBlock.L_BYTES) / PAIR_BYTES;
        int records = data.u16(XfsBtreeBlock.NUMRECS);
        if (records > most) {
          throw XlogDevice.corrupt("inode " + ino + " has an invalid tree of its extents");
        }
        children(left, data, XfsBtreeBlock.L_BYTES + most * 8, records, node.level());
      }
    }
  }

  /** Whether a fork has a tree. */
  static boolean isTree(BufData inode, int formatAt) throws ErrnoException {
    return inode.u8(formatAt) == XfsDinode.FMT_BTREE;
  }

  private static void children(Deque<Node> left, BufData data, int at, int count, int level)
      throws ErrnoException {
    for (int i = 0; i < count; i++) {
      left.push(new Node(data.i64(at + 8 * i), level - 1));
    }
  }
}
