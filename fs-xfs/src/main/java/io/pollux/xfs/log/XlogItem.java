// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.log;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import java.util.List;

/**
 * An item of a transaction: a format structure that describes the change, and its data.
 *
 * @param regions at least one; the first has the format
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_log_recover.h", name = "xlog_recover_item")
record XlogItem(List<BufData> regions) {
  /** The format. */
  BufData format() {
    return regions.getFirst();
  }

  /** XFS_LI_*. */
  int type() throws ErrnoException {
    return le16(format(), XlogFormat.ITEM_TYPE);
  }

  /** A region. EUCLEAN if there is none of that number. */
  BufData region(int index) throws ErrnoException {
    if (index >= regions.size()) {
      throw XlogDevice.corrupt("an item of a transaction lacks a part");
    }
    return regions.get(index);
  }

  /** Reads 16 bits in the byte order of the log's items. */
  static int le16(BufData data, int at) throws ErrnoException {
    return Short.reverseBytes((short) data.u16(at)) & 0xffff;
  }

  /** Reads 32 bits in the byte order of the log's items. */
  static int le32(BufData data, int at) throws ErrnoException {
    return Integer.reverseBytes(data.i32(at));
  }

  /** Reads 64 bits in the byte order of the log's items. */
  static long le64(BufData data, int at) throws ErrnoException {
    return Long.reverseBytes(data.i64(at));
  }
}
