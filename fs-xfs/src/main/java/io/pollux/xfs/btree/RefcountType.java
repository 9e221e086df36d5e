// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.btree;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsBtreeBlock;
import io.pollux.xfs.format.XfsSb;
import java.nio.ByteBuffer;

/** The tree of reference counts of a group. */
@LinuxSource(file = "fs/xfs/libxfs/xfs_refcount_btree.c")
final class RefcountType extends XfsBtreeType<XfsRefcountRec> {
  private static final int RECORD_BYTES = 12;
  private static final int KEY_BYTES = 4;
  private static final long COW_FLAG = 1L << 31;

  RefcountType(XfsSb sb) {
    super(sb, "xfs_refcountbt", XfsBtreeBlock.REFCOUNTBT_MAGIC, false, RECORD_BYTES, KEY_BYTES);
  }

  @Override
  XfsRefcountRec decode(BufData block, int at) throws ErrnoException {
    XfsRefcountRec rec = new XfsRefcountRec(block.u32(at), block.u32(at + 4), block.u32(at + 8));
    boolean cow = (rec.start() & COW_FLAG) != 0;
    if (!inGroup(block, rec.start() & ~COW_FLAG, rec.count())
        || (cow ? rec.refs() != 1 : rec.refs() < 2)) {
      throw block.corrupt("an impossible record: " + rec);
    }
    return rec;
  }

  @Override
  byte[] encode(XfsRefcountRec rec) {
    return ByteBuffer.allocate(RECORD_BYTES)
        .putInt((int) rec.start())
        .putInt((int) rec.count())
        .putInt((int) rec.refs())
        .array();
  }

  @Override
  byte[] key(XfsRefcountRec rec) {
    return ByteBuffer.allocate(KEY_BYTES).putInt((int) rec.start()).array();
  }

  @Override
  int compareRecord(BufData leaf, int at, XfsRefcountRec with) throws ErrnoException {
    return Long.compare(leaf.u32(at), with.start());
  }

  @Override
  int compareKey(BufData node, int at, XfsRefcountRec with) throws ErrnoException {
    return Long.compare(node.u32(at), with.start());
  }
}
