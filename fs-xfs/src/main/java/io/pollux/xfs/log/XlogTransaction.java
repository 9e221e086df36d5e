// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.log;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsError;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A transaction while its operations are read. */
@LinuxSource(file = "fs/xfs/libxfs/xfs_log_recover.h", name = "xlog_recover")
final class XlogTransaction {
  private final long lsn;
  private final List<XlogItem> items = new ArrayList<>();
  private byte[] header = new byte[0]; // until it is complete
  private List<BufData> regions = new ArrayList<>(); // of the last item
  private int wanted; // regions of the last item
  private long bytes;

  /**
   * Begins.
   *
   * @param lsn the position of the record where it begins
   */
  XlogTransaction(long lsn) {
    this.lsn = lsn;
  }

  long lsn() {
    return lsn;
  }

  /** Bytes of all regions. */
  long bytes() {
    return bytes;
  }

  /** The items. EUCLEAN if the last one is incomplete. */
  List<XlogItem> items() throws ErrnoException {
    if (regions.size() != wanted) {
      throw XlogDevice.corrupt("a transaction ends inside an item");
    }
    return items;
  }

  /** Adds a region, or the first part of one. */
  @LinuxSource(file = "fs/xfs/xfs_log_recover.c", name = "xlog_recover_add_to_trans")
  void add(byte[] region) throws ErrnoException {
    if (region.length == 0) {
      return;
    }
    if (header.length < XlogFormat.TRANS_HEADER_BYTES) {
      addHeader(region);
      return;
    }
    bytes += region.length;
    BufData data = wrap(region);
    if (regions.size() == wanted) { // an item begins
      wanted = XlogItem.le16(data, XlogFormat.ITEM_SIZE);
      if (wanted == 0 || wanted > XlogFormat.XLOG_MAX_REGIONS_IN_ITEM) {
        throw XlogDevice.corrupt("an item of " + wanted + " parts");
      }
      regions = new ArrayList<>();
      items.add(new XlogItem(regions));
    }
    regions.add(data);
  }

  private static BufData wrap(byte[] region) {
    return new BufData(region, 0, "log", XfsError.EFSCORRUPTED);
  }

  private void addHeader(byte[] part) throws ErrnoException {
    byte[] joined = join(header, part);
    boolean magic =
        joined.length < 4
            || XlogItem.le32(wrap(joined), XlogFormat.TH_MAGIC)
                == XlogFormat.XFS_TRANS_HEADER_MAGIC;
    if (!magic || joined.length > XlogFormat.TRANS_HEADER_BYTES) {
      throw XlogDevice.corrupt("a transaction without its header");
    }
    header = joined;
  }

  /** Adds the next part of the last region. */
  @LinuxSource(file = "fs/xfs/xfs_log_recover.c", name = "xlog_recover_add_to_cont_trans")
  void addMore(byte[] part) throws ErrnoException {
    if (header.length < XlogFormat.TRANS_HEADER_BYTES) {
      addHeader(part);
      return;
    }
    if (regions.isEmpty()) {
      throw XlogDevice.corrupt("a continued part of nothing");
    }
    bytes += part.length;
    BufData last = regions.removeLast();
    if (last.size() > XlogTransactions.MAX_REGION_BYTES) {
      throw XlogDevice.corrupt("a part of an item that is longer than parts can be");
    }
    regions.add(wrap(join(last.copy(0, last.size()), part)));
  }

  private static byte[] join(byte[] first, byte[] second) {
    byte[] all = Arrays.copyOf(first, first.length + second.length);
    System.arraycopy(second, 0, all, first.length, second.length);
    return all;
  }
}
