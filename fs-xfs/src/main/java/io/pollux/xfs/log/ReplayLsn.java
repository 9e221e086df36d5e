// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.log;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsAgf;
import io.pollux.xfs.format.XfsAgfl;
import io.pollux.xfs.format.XfsAgi;
import io.pollux.xfs.format.XfsBtreeBlock;
import io.pollux.xfs.format.XfsDsb;
import io.pollux.xfs.format.XfsSb;
import java.util.Arrays;
import java.util.Map;

/** Where blocks have the LSN of their last change, by their magic number. */
@LinuxSource(file = "fs/xfs/xfs_buf_item_recover.c", name = "xlog_recover_get_buf_lsn")
final class ReplayLsn {
  /** The offsets of the LSN and of the UUID of the filesystem. */
  private record Place(int lsn, int uuid) {}

  private static final Place SHORT_TREE = new Place(XfsBtreeBlock.S_LSN, XfsBtreeBlock.S_UUID);
  private static final Place LONG_TREE = new Place(XfsBtreeBlock.L_LSN, XfsBtreeBlock.L_UUID);
  private static final Place DIRECTORY = new Place(16, 24); // struct xfs_dir3_blk_hdr
  private static final Place DA = new Place(24, 32); // struct xfs_da3_blkinfo
  private static final Place SYMLINK = new Place(48, 16); // struct xfs_dsymlink_hdr

  private static final Map<Integer, Place> PLACES =
      Map.ofEntries(
          Map.entry(XfsBtreeBlock.BNOBT_MAGIC, SHORT_TREE),
          Map.entry(XfsBtreeBlock.CNTBT_MAGIC, SHORT_TREE),
          Map.entry(XfsBtreeBlock.INOBT_MAGIC, SHORT_TREE),
          Map.entry(XfsBtreeBlock.FINOBT_MAGIC, SHORT_TREE),
          Map.entry(XfsBtreeBlock.RMAPBT_MAGIC, SHORT_TREE),
          Map.entry(XfsBtreeBlock.REFCOUNTBT_MAGIC, SHORT_TREE),
          Map.entry(XfsBtreeBlock.BMBT_MAGIC, LONG_TREE),
          Map.entry(XfsAgf.MAGIC, new Place(XfsAgf.LSN, XfsAgf.UUID)),
          Map.entry(XfsAgfl.MAGIC, new Place(XfsAgfl.LSN, 8)),
          Map.entry(XfsAgi.MAGIC, new Place(XfsAgi.LSN, XfsAgi.UUID)),
          Map.entry(0x58534c4d, SYMLINK), // XSLM
          Map.entry(0x58444233, DIRECTORY), // XDB3
          Map.entry(0x58444433, DIRECTORY), // XDD3
          Map.entry(0x58444633, DIRECTORY)); // XDF3

  private static final Map<Integer, Place> DA_PLACES =
      Map.of(0x3df1, DA, 0x3dff, DA, 0x3bee, DA, 0x3ebe, DA);

  /** The LSN of a block that always has to be replayed. */
  static final long NONE = -1;

  private ReplayLsn() {}

  private static Place place(XfsSb sb, BufData data) throws ErrnoException {
    int magic = data.i32(0);
    if (magic == XfsSb.MAGIC) {
      boolean meta = !Arrays.equals(sb.metaUuid, sb.uuid);
      return new Place(XfsDsb.LSN, meta ? XfsDsb.META_UUID : XfsDsb.UUID);
    }
    Place place = PLACES.get(magic);
    return place != null ? place : DA_PLACES.getOrDefault(data.u16(8), new Place(-1, -1));
  }

  /** The LSN of a block, or NONE if it has none, or belongs to another filesystem. */
  static long of(XfsSb sb, BufData data) throws ErrnoException {
    Place place = place(sb, data);
    if (place.lsn() < 0 || !data.matches(place.uuid(), sb.metaUuid)) {
      return NONE;
    }
    return data.i64(place.lsn());
  }

  /** Stores the LSN into a block that has one. */
  static void stamp(XfsSb sb, ReplayBuffers.Block block, long lsn) throws ErrnoException {
    Place place = place(sb, block.data);
    if (place.lsn() >= 0) {
      block.data.put64(place.lsn(), lsn);
    }
  }
}
