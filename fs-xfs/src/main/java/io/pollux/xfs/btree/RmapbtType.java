// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.btree;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsBtreeBlock;
import io.pollux.xfs.format.XfsSb;
import java.nio.ByteBuffer;

/**
 * The tree of the owners of blocks. Records of shared blocks overlap, so an entry of a node has two
 * keys: the lowest of the records below it, and the highest of their ends.
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_rmap_btree.c")
final class RmapbtType extends XfsBtreeType<XfsRmapRec> {
  private static final int RECORD_BYTES = 24;
  private static final int KEY_BYTES = 20;

  RmapbtType(XfsSb sb) {
    super(sb, "xfs_rmapbt", XfsBtreeBlock.RMAPBT_MAGIC, false, RECORD_BYTES, 2 * KEY_BYTES);
  }

  @Override
  XfsRmapRec decode(BufData block, int at) throws ErrnoException {
    long start = block.u32(at);
    long count = block.u32(at + 4);
    long packed = block.i64(at + 16);
    XfsRmapRec rec = XfsRmapRec.unpack(start, count, block.i64(at + 8), packed);
    long agno = sb.byteToAgno(block.position());
    // unlike other records, it may cover the headers of the group
    if (count == 0 || start + count > sb.agSize(agno) || !XfsRmapRec.packedValid(packed)) {
      throw block.corrupt("an impossible record: " + rec);
    }
    return rec;
  }

  @Override
  byte[] encode(XfsRmapRec rec) {
    byte[] to = new byte[RECORD_BYTES];
    INT.set(to, 0, (int) rec.start());
    INT.set(to, 4, (int) rec.count());
    LONG.set(to, 8, rec.owner());
    LONG.set(to, 16, rec.packed());
    return to;
  }

  @Override
  byte[] key(XfsRmapRec rec) {
    byte[] to = new byte[2 * KEY_BYTES];
    put(to, 0, rec.start(), rec.owner(), rec.packed() & XfsRmapRec.KEY_MASK);
    put(
        to,
        KEY_BYTES,
        rec.end() - 1,
        rec.owner(),
        XfsRmapRec.lastPacked(rec.owner(), rec.packed(), rec.count()));
    return to;
  }

  private static void put(byte[] to, int at, long block, long owner, long offset) {
    INT.set(to, at, (int) block);
    LONG.set(to, at + 4, owner);
    LONG.set(to, at + 12, offset);
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_rmap_btree.c", name = "xfs_rmapbt_cmp_two_keys")
  private static int compare(
      long block, long owner, long offset, long block2, long owner2, long offset2) {
    if (block != block2) {
      return Long.compare(block, block2);
    }
    return owner != owner2
        ? Long.compareUnsigned(owner, owner2)
        : Long.compareUnsigned(offset & XfsRmapRec.KEY_MASK, offset2 & XfsRmapRec.KEY_MASK);
  }

  @Override
  int compareRecord(BufData leaf, int at, XfsRmapRec with) throws ErrnoException {
    return compare(
        leaf.u32(at),
        leaf.i64(at + 8),
        leaf.i64(at + 16),
        with.start(),
        with.owner(),
        with.packed());
  }

  @Override
  int compareKey(BufData node, int at, XfsRmapRec with) throws ErrnoException {
    return compare(
        node.u32(at),
        node.i64(at + 4),
        node.i64(at + 12),
        with.start(),
        with.owner(),
        with.packed());
  }

  @Override
  @LinuxSource(file = "fs/xfs/libxfs/xfs_btree.c", name = "xfs_btree_get_leaf_keys")
  byte[] keyOfLeaf(BufData leaf, int records) throws ErrnoException {
    byte[] to = new byte[2 * KEY_BYTES];
    put(
        to,
        0,
        leaf.u32(headerBytes),
        leaf.i64(headerBytes + 8),
        leaf.i64(headerBytes + 16) & XfsRmapRec.KEY_MASK);
    long block = 0;
    long owner = 0;
    long offset = 0;
    for (int i = 0; i < records; i++) {
      int at = headerBytes + i * RECORD_BYTES;
      long count = leaf.u32(at + 4);
      long end = leaf.u32(at) + count - 1;
      if (end >= block) {
        long its = leaf.i64(at + 8);
        long last = XfsRmapRec.lastPacked(its, leaf.i64(at + 16), count);
        if (compare(end, its, last, block, owner, offset) > 0) {
          block = end;
          owner = its;
          offset = last;
        }
      }
    }
    put(to, KEY_BYTES, block, owner, offset);
    return to;
  }

  @Override
  @LinuxSource(file = "fs/xfs/libxfs/xfs_btree.c", name = "xfs_btree_get_node_keys")
  byte[] keyOfNode(BufData node, int headerBytes, int records) throws ErrnoException {
    int highest = headerBytes + KEY_BYTES;
    for (int i = 1; i < records; i++) {
      int at = headerBytes + i * keyBytes + KEY_BYTES;
      int order =
          compare(
              node.u32(at),
              node.i64(at + 4),
              node.i64(at + 12),
              node.u32(highest),
              node.i64(highest + 4),
              node.i64(highest + 12));
      highest = order > 0 ? at : highest;
    }
    return ByteBuffer.allocate(2 * KEY_BYTES)
        .put(node.copy(headerBytes, KEY_BYTES))
        .put(node.copy(highest, KEY_BYTES))
        .array();
  }
}
