// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.format.XfsVerify;
import java.util.HashSet;
import java.util.Set;

/**
 * The index of large directories: leaves with (hash, dataptr) pairs. If there is more than one,
 * nodes with (largest hash, block) pairs lie above them. Names with equal hashes may span several
 * leaves.
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_leaf.c")
final class XfsDir2Leaf {
  static final int LEAF1_MAGIC = 0x3df1;
  static final int LEAFN_MAGIC = 0x3dff;
  private static final int NODE_MAGIC = 0x3ebe;
  static final int CRC_OFFSET = 12;
  private static final int OWNER_OFFSET = 48;
  private static final int HEADER_BYTES = 64;

  @LinuxSource(file = "fs/xfs/libxfs/xfs_da_format.h", name = "XFS_DA_NODE_MAXDEPTH")
  private static final int MAX_DEPTH = 5;

  private XfsDir2Leaf() {}

  /** Finds a name. Returns its inode number, or NOT_FOUND. From process context. */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_dir2_leaf.c",
      name = {"xfs_dir2_leaf_lookup", "xfs_dir2_leafn_lookup_for_entry"})
  static long lookup(Task current, XfsInode dp, byte[] name) throws ErrnoException {
    int hash = XfsDaEntries.hashName(name);
    BufData leaf = descend(current, dp, hash);
    Set<Long> followed = new HashSet<>();
    while (true) { // terminates: no leaf is followed twice
      int count = count(leaf);
      for (int i = XfsDaEntries.lowerBound(leaf, HEADER_BYTES, count, hash); i < count; i++) {
        if (XfsDaEntries.hash(leaf, HEADER_BYTES, i) != hash) {
          return XfsDir2.NOT_FOUND;
        }
        long dataptr = XfsDaEntries.value(leaf, HEADER_BYTES, i); // 0 if the name was removed
        long ino =
            dataptr == 0 ? XfsDir2.NOT_FOUND : XfsDir2Data.match(current, dp, dataptr, name, false);
        if (ino != XfsDir2.NOT_FOUND) {
          return ino;
        }
      }
      long forw = leaf.u32(0);
      if (forw == 0 || count == 0 || XfsDaEntries.hash(leaf, HEADER_BYTES, count - 1) != hash) {
        return XfsDir2.NOT_FOUND;
      }
      if (!followed.add(forw)) {
        throw leaf.corrupt("the leaves behind it go in circles");
      }
      leaf = read(current, dp, forw);
      if (leaf.u16(8) != LEAFN_MAGIC) {
        throw leaf.corrupt("not a leaf");
      }
    }
  }

  /** Descends from the root to the first leaf that may have a hash. At most MAX_DEPTH steps. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_da_btree.c", name = "xfs_da3_node_lookup_int")
  private static BufData descend(Task current, XfsInode dp, int hash) throws ErrnoException {
    BufData root = read(current, dp, dp.mp().dirGeo().leafBlk);
    if (root.u16(8) != NODE_MAGIC) {
      return root;
    }
    BufData block = root;
    for (int level = root.u16(58); level > 0; level--) {
      if (block.u16(8) != NODE_MAGIC || block.u16(58) != level) {
        throw block.corrupt("not a node of level " + level);
      }
      int count = count(block);
      int i = Math.min(XfsDaEntries.lowerBound(block, HEADER_BYTES, count, hash), count - 1);
      block = read(current, dp, XfsDaEntries.value(block, HEADER_BYTES, i));
    }
    if (block.u16(8) != LEAFN_MAGIC) {
      throw block.corrupt("not a leaf");
    }
    return block;
  }

  private static int count(BufData buf) throws ErrnoException {
    return buf.u16(56);
  }

  private static BufData read(Task current, XfsInode dp, long dablk) throws ErrnoException {
    if (!dp.mp().dirGeo().indexBlock(dablk)) {
      throw dp.corrupt("its index leads outside the index");
    }
    return XfsDaBuf.read(current, dp, dablk, dp.mp().verifiers().daNode(), OWNER_OFFSET);
  }

  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_da_btree.c",
      name = {"xfs_da3_node_verify", "xfs_da3_blkinfo_verify"})
  static void verify(XfsSb sb, BufData buf) throws ErrnoException {
    int magic = buf.u16(8);
    if (magic != NODE_MAGIC && magic != LEAF1_MAGIC && magic != LEAFN_MAGIC) {
      throw buf.corrupt("bad magic number");
    }
    XfsVerify.checkDaddr(buf, 16);
    XfsVerify.checkUuid(buf, 32, sb.metaUuid);
    int count = count(buf);
    boolean good = count <= (buf.size() - HEADER_BYTES) / XfsDaEntries.BYTES;
    if (magic == NODE_MAGIC) {
      good &= count > 0 && buf.u16(58) >= 1 && buf.u16(58) <= MAX_DEPTH;
    } else {
      good &= buf.u16(58) <= count; // stale entries
    }
    if (magic == LEAF1_MAGIC) { // free lengths behind them
      long bests = buf.u32(buf.size() - 4);
      good &= bests > 0 && bests <= (buf.size() - HEADER_BYTES - 4 - count * 8L) / 2;
    }
    if (!good) {
      throw buf.corrupt("more entries than there is room");
    }
    XfsDaEntries.verifyOrder(buf, HEADER_BYTES, count);
  }
}
