// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.btree;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsBtreeBlock;
import io.pollux.xfs.format.XfsSb;
import java.nio.ByteBuffer;

/** The tree of inode chunks, and that of the chunks with free inodes. */
@LinuxSource(file = "fs/xfs/libxfs/xfs_ialloc_btree.c")
final class InobtType extends XfsBtreeType<XfsInobtRec> {
  private static final int RECORD_BYTES = 16;
  private static final int KEY_BYTES = 4;

  InobtType(XfsSb sb, boolean free) {
    super(
        sb,
        free ? "xfs_finobt" : "xfs_inobt",
        free ? XfsBtreeBlock.FINOBT_MAGIC : XfsBtreeBlock.INOBT_MAGIC,
        false,
        RECORD_BYTES,
        KEY_BYTES);
  }

  @Override
  @LinuxSource(file = "fs/xfs/libxfs/xfs_ialloc.c", name = "xfs_inobt_btrec_to_irec")
  XfsInobtRec decode(BufData block, int at) throws ErrnoException {
    long start = block.u32(at);
    long free = block.i64(at + 8);
    XfsInobtRec rec =
        sb.sparse
            ? new XfsInobtRec(start, block.u16(at + 4), block.u8(at + 6), block.u8(at + 7), free)
            : new XfsInobtRec(
                start, 0, XfsInobtRec.INODES, (int) Math.min(block.u32(at + 4), 1 << 16), free);
    if (!valid(block, rec)) {
      throw block.corrupt("an impossible record: " + rec);
    }
    return rec;
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_ialloc.c", name = "xfs_inobt_check_irec")
  private boolean valid(BufData block, XfsInobtRec rec) {
    // aligned to a block at least; without sparse chunks, to less than 64 inodes
    return (rec.startino() & ((1L << sb.inopbLog) - 1)) % XfsInobtRec.INODES == 0
        && inGroup(block, rec.startino() >> sb.inopbLog, 1)
        && rec.count() == Long.bitCount(rec.allocated())
        && rec.count() > 0
        && rec.freecount() == Long.bitCount(rec.free() & rec.allocated());
  }

  @Override
  byte[] encode(XfsInobtRec rec) {
    ByteBuffer to = ByteBuffer.allocate(RECORD_BYTES).putInt((int) rec.startino());
    if (sb.sparse) {
      to.putShort((short) rec.holemask()).put((byte) rec.count()).put((byte) rec.freecount());
    } else {
      to.putInt(rec.freecount());
    }
    return to.putLong(rec.free()).array();
  }

  @Override
  byte[] key(XfsInobtRec rec) {
    return ByteBuffer.allocate(KEY_BYTES).putInt((int) rec.startino()).array();
  }

  @Override
  int compareRecord(BufData leaf, int at, XfsInobtRec with) throws ErrnoException {
    return Long.compare(leaf.u32(at), with.startino());
  }

  @Override
  int compareKey(BufData node, int at, XfsInobtRec with) throws ErrnoException {
    return Long.compare(node.u32(at), with.startino());
  }
}
