// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.check;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsError;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.format.XfsVerify;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;

/** Walks the index of a directory or of attributes: nodes and leaves with pairs sorted by hash. */
@LinuxSource(file = "repair/da_util.c", name = "traverse_int_dablock")
final class CheckDaTree {
  static final int NODE_MAGIC = 0x3ebe;
  static final int LEAF1_MAGIC = 0x3df1;
  static final int LEAFN_MAGIC = 0x3dff;
  static final int ATTR_LEAF_MAGIC = 0x3bee;
  static final int HEADER_BYTES = 64;
  static final int PAIR_BYTES = 8;

  private static final int MAX_DEPTH = 5;
  private static final int MAGIC_AT = 8;
  private static final int CRC = 12;
  private static final int COUNT = 56;
  private static final int LEVEL = 58;

  /** Reads a block. */
  interface Blocks {
    BufData read(long dablk) throws ErrnoException;
  }

  /** Handles a leaf. Returns its last hash, or -1 if it is empty. */
  interface Leaf {
    long leaf(BufData block) throws ErrnoException;
  }

  private final XfsSb sb;
  private final long ino;
  private final int leafMagic;
  private final Blocks blocks;
  private final Leaf leaves;
  private final String what;
  private final Set<Long> visited = new HashSet<>();
  private final long[] last = new long[MAX_DEPTH + 1];
  private final long[] next = new long[MAX_DEPTH + 1];

  CheckDaTree(XfsSb sb, long ino, int leafMagic, String what, Blocks blocks, Leaf leaves) {
    this.sb = sb;
    this.ino = ino;
    this.leafMagic = leafMagic;
    this.what = what;
    this.blocks = blocks;
    this.leaves = leaves;
  }

  void walk(long root) throws ErrnoException {
    BufData block = read(root);
    int levels = block.u16(MAGIC_AT) == NODE_MAGIC ? block.u16(LEVEL) : 0;
    if (levels > MAX_DEPTH) {
      throw block.corrupt("has " + levels + " levels");
    }
    visit(root, block, levels);
    for (int i = 0; i <= levels; i++) {
      if (next[i] != 0) {
        throw XfsError.corrupt(what + ": goes on behind its end");
      }
    }
  }

  private BufData read(long dablk) throws ErrnoException {
    if (!visited.add(dablk)) {
      throw XfsError.corrupt(what + ": block " + dablk + " is in it twice");
    }
    BufData block = blocks.read(dablk);
    XfsVerify.checkCrc(block, CRC);
    XfsVerify.checkDaddr(block, 16);
    XfsVerify.checkUuid(block, 32, sb.metaUuid);
    XfsVerify.checkOwner(block, 48, ino);
    return block;
  }

  private long visit(long dablk, BufData block, int level) throws ErrnoException {
    boolean first = visited.size() <= 1 || last[level] == 0;
    if (block.u32(4) != (first ? 0 : last[level]) || (!first && next[level] != dablk)) {
      throw block.corrupt("its neighbours are others than its parents say");
    }
    last[level] = dablk;
    next[level] = block.u32(0);
    int magic = block.u16(MAGIC_AT);
    if (level == 0) {
      if (magic != leafMagic && !(magic == LEAF1_MAGIC && leafMagic == LEAFN_MAGIC)) {
        throw block.corrupt("is not a leaf");
      }
      return leaves.leaf(block);
    }
    int count = block.u16(COUNT);
    if (magic != NODE_MAGIC
        || block.u16(LEVEL) != level
        || count == 0
        || count > (block.size() - HEADER_BYTES) / PAIR_BYTES) {
      throw block.corrupt("is not a node of level " + level);
    }
    checkOrder(block, HEADER_BYTES, count);
    long highest = -1;
    for (int i = 0; i < count; i++) {
      long hash = block.u32(HEADER_BYTES + i * PAIR_BYTES);
      long child = block.u32(HEADER_BYTES + i * PAIR_BYTES + 4);
      long found = visit(child, read(child), level - 1);
      if (found >= 0 && found != hash) {
        throw block.corrupt("the hash of block " + child + " is wrong");
      }
      highest = hash;
    }
    return highest;
  }

  static void checkOrder(BufData block, int at, int count) throws ErrnoException {
    for (int i = 1; i < count; i++) {
      if (block.u32(at + i * PAIR_BYTES) < block.u32(at + (i - 1) * PAIR_BYTES)) {
        throw block.corrupt("its hashes are not in order");
      }
    }
  }

  /** The hash of a name. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_da_btree.c", name = "xfs_da_hashname")
  static long hash(byte[] name) {
    int hash = 0;
    for (byte b : name) {
      hash = Integer.rotateLeft(hash, 7) ^ (b & 0xff);
    }
    return hash & 0xffff_ffffL;
  }

  /** Sorts two lists of numbers and compares them. Returns the first that only one has, or -1. */
  static long firstDifference(long[] one, long[] other) {
    Arrays.sort(one);
    Arrays.sort(other);
    int at = Arrays.mismatch(one, other);
    if (at < 0) {
      return -1;
    }
    return at >= one.length
        ? other[at]
        : at >= other.length ? one[at] : Math.min(one[at], other[at]);
  }
}
