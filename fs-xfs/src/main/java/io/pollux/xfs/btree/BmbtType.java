// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.btree;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsBtreeBlock;
import io.pollux.xfs.format.XfsSb;

/**
 * The tree of the extents of a fork. A record packs, from the highest bit down: unwritten (1 bit),
 * offset in the file (54), fsb (52), length (21).
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_bmap_btree.c")
final class BmbtType extends XfsBtreeType<XfsBmbtRec> {
  private static final int RECORD_BYTES = 16;
  private static final int KEY_BYTES = 8;
  private static final int OFF_SHIFT = 9;
  private static final int HIGH_FSB_BITS = 9;
  private static final int LOW_FSB_BITS = 43;
  private static final int COUNT_BITS = 21;

  BmbtType(XfsSb sb) {
    super(sb, "xfs_bmbt", XfsBtreeBlock.BMBT_MAGIC, true, RECORD_BYTES, KEY_BYTES);
  }

  private static long off(long high) {
    return (high & Long.MAX_VALUE) >>> OFF_SHIFT;
  }

  @Override
  @LinuxSource(file = "fs/xfs/libxfs/xfs_bmap_btree.c", name = "xfs_bmbt_disk_get_all")
  XfsBmbtRec decode(BufData block, int at) throws ErrnoException {
    long high = block.i64(at);
    long low = block.i64(at + 8);
    long fsb = (high & ((1L << HIGH_FSB_BITS) - 1)) << LOW_FSB_BITS | low >>> COUNT_BITS;
    XfsBmbtRec rec = new XfsBmbtRec(off(high), fsb, low & ((1L << COUNT_BITS) - 1), high < 0);
    if (!sb.extentValid(fsb, rec.count())) {
      throw block.corrupt("an impossible record: " + rec);
    }
    return rec;
  }

  @Override
  @LinuxSource(file = "fs/xfs/libxfs/xfs_bmap_btree.c", name = "xfs_bmbt_disk_set_all")
  byte[] encode(XfsBmbtRec rec) {
    long high =
        (rec.unwritten() ? Long.MIN_VALUE : 0)
            | rec.startOff() << OFF_SHIFT
            | rec.startBlock() >>> LOW_FSB_BITS;
    long low = rec.startBlock() << COUNT_BITS | rec.count();
    byte[] to = new byte[RECORD_BYTES];
    LONG.set(to, 0, high);
    LONG.set(to, 8, low);
    return to;
  }

  @Override
  byte[] key(XfsBmbtRec rec) {
    byte[] to = new byte[KEY_BYTES];
    LONG.set(to, 0, rec.startOff());
    return to;
  }

  @Override
  int compareRecord(BufData leaf, int at, XfsBmbtRec with) throws ErrnoException {
    return Long.compare(off(leaf.i64(at)), with.startOff());
  }

  @Override
  int compareKey(BufData node, int at, XfsBmbtRec with) throws ErrnoException {
    return Long.compareUnsigned(node.i64(at), with.startOff());
  }
}
