// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.log;

import io.pollux.block.buffer.Buf;
import io.pollux.block.buffer.BufEdit;
import io.pollux.block.buffer.BufLogItem;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsDinode;
import io.pollux.xfs.format.XfsLogType;
import io.pollux.xfs.format.XfsVerify;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/**
 * The log's state of a buffer, from its first change until it was written in its place. The fields
 * change under the lock of the buffer, or when the last checkpoint that has the buffer ends, while
 * it is pinned and therefore not written.
 */
@LinuxSource(file = "fs/xfs/xfs_buf_item.h", name = "xfs_buf_log_item")
final class XfsBufItem implements BufLogItem {
  private final XfsAil ail;
  private XfsLogType type;
  private final int inodeSize;
  private final @Nullable BitSet inodes; // of a block of inodes: those that changed since then
  private long firstLsn; // of the first checkpoint since the last write in place; 0: none
  private long lastLsn; // of the last one

  XfsBufItem(XfsAil ail, XfsLogType type, int inodeSize) {
    this.ail = ail;
    this.type = type;
    this.inodeSize = inodeSize;
    inodes = type.isInodes() ? new BitSet() : null;
  }

  /** Returns the item of a buffer, which gets one. With the buffer's lock. */
  static XfsBufItem of(XfsAil ail, Buf buf, XfsLogType type, int inodeSize) {
    XfsBufItem there = (XfsBufItem) buf.logItem();
    if (there == null || there.type.isInodes() != type.isInodes()) {
      assert there == null || there.firstLsn == 0 : "a block of another type";
      there = new XfsBufItem(ail, type, inodeSize);
      buf.setLogItem(there);
    }
    there.type = type;
    return there;
  }

  /** A checkpoint with inodes of this block is being built. With the buffer's lock. */
  void changes(int inode) {
    BitSet changed = inodes;
    assert changed != null;
    changed.set(inode);
  }

  /** A checkpoint that has the buffer is durable, or had nothing to write (0). It is pinned. */
  void committed(long lsn) {
    if (lsn == 0) {
      return;
    }
    if (firstLsn == 0) {
      firstLsn = lsn;
      ail.insert(lsn);
    }
    lastLsn = lsn;
  }

  /** The buffer is not needed any more: its block was freed, or written in place. */
  void done() {
    if (firstLsn != 0) {
      ail.delete(firstLsn);
      firstLsn = 0;
    }
  }

  /** Stores the LSN of the last change, from which recovery knows what is in the block. */
  @Override
  @LinuxSource(
      file = "fs/xfs/xfs_inode_item.c",
      name = {"xfs_iflush_finish", "xfs_iflush"})
  public void writing(BufEdit copy) throws ErrnoException {
    if (lastLsn == 0) {
      return;
    }
    BitSet changed = inodes;
    if (changed == null) {
      if (type.lsnOffset() != XfsLogType.NO_LSN) {
        copy.put64(type.lsnOffset(), lastLsn);
      }
      return;
    }
    for (int i = changed.nextSetBit(0); i >= 0; i = changed.nextSetBit(i + 1)) {
      int at = i * inodeSize;
      copy.put64(at + XfsDinode.LSN, lastLsn);
      XfsVerify.updateCrc(copy, at, inodeSize, XfsDinode.CRC);
    }
  }

  @Override
  public void written(Buf buf, int status) {
    if (status == 0) {
      done();
      if (inodes != null) {
        inodes.clear();
      }
    }
  }
}
