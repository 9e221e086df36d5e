// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.btree;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsBtreeBlock;
import io.pollux.xfs.format.XfsSb;

/** The two trees of free space, by start and by length. Keys have the format of records. */
@LinuxSource(file = "fs/xfs/libxfs/xfs_alloc_btree.c")
final class AllocType extends XfsBtreeType<XfsAllocRec> {
  private static final int BYTES = 8;

  private final boolean byLength;

  AllocType(XfsSb sb, boolean byLength) {
    super(
        sb,
        byLength ? "xfs_cntbt" : "xfs_bnobt",
        byLength ? XfsBtreeBlock.CNTBT_MAGIC : XfsBtreeBlock.BNOBT_MAGIC,
        false,
        BYTES,
        BYTES);
    this.byLength = byLength;
  }

  @Override
  XfsAllocRec decode(BufData block, int at) throws ErrnoException {
    XfsAllocRec rec = new XfsAllocRec(block.u32(at), block.u32(at + 4));
    if (!inGroup(block, rec.start(), rec.count())) {
      throw block.corrupt("an impossible record: " + rec);
    }
    return rec;
  }

  @Override
  byte[] encode(XfsAllocRec rec) {
    byte[] to = new byte[BYTES];
    INT.set(to, 0, (int) rec.start());
    INT.set(to, 4, (int) rec.count());
    return to;
  }

  @Override
  byte[] key(XfsAllocRec rec) {
    return encode(rec);
  }

  @Override
  int compareRecord(BufData leaf, int at, XfsAllocRec with) throws ErrnoException {
    int lengths = byLength ? Long.compare(leaf.u32(at + 4), with.count()) : 0;
    return lengths != 0 ? lengths : Long.compare(leaf.u32(at), with.start());
  }

  @Override
  int compareKey(BufData node, int at, XfsAllocRec with) throws ErrnoException {
    return compareRecord(node, at, with);
  }
}
