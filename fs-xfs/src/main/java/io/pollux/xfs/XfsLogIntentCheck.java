// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsError;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.log.XlogFormat;
import io.pollux.xfs.log.XlogIntent;

/** Checks intents: their kinds, flags and block numbers. */
@LinuxSource(file = "fs/xfs/libxfs/xfs_log_format.h")
final class XfsLogIntentCheck {
  static final int TYPE_MASK = 0xff;
  static final int ATTR_FORK = 1 << 31; // of RUI and BUI

  static final int RMAP_MAP = 1;
  static final int RMAP_MAP_SHARED = 2;
  static final int RMAP_UNMAP = 3;
  static final int RMAP_UNMAP_SHARED = 4;
  static final int RMAP_CONVERT = 5;
  static final int RMAP_CONVERT_SHARED = 6;
  static final int RMAP_ALLOC = 7;
  static final int RMAP_FREE = 8;
  static final int RMAP_BMBT_BLOCK = 1 << 30;
  static final int RMAP_UNWRITTEN = 1 << 29;
  private static final int RMAP_FLAGS = TYPE_MASK | ATTR_FORK | RMAP_BMBT_BLOCK | RMAP_UNWRITTEN;

  static final int REFCOUNT_INCREASE = 1;
  static final int REFCOUNT_DECREASE = 2;
  static final int REFCOUNT_ALLOC_COW = 3;
  static final int REFCOUNT_FREE_COW = 4;

  static final int BMAP_MAP = 1;
  static final int BMAP_UNMAP = 2;
  static final int BMAP_UNWRITTEN = 1 << 30;
  private static final int BMAP_FLAGS = TYPE_MASK | ATTR_FORK | BMAP_UNWRITTEN; // no realtime

  private XfsLogIntentCheck() {}

  /**
   * Checks an intent.
   *
   * @param sb the geometry
   * @param intent any numbers
   * @throws ErrnoException EUCLEAN if one is invalid
   */
  static void check(XfsSb sb, XlogIntent intent) throws ErrnoException {
    if (intent.type() == XlogFormat.XFS_LI_BUI && intent.extents().size() != 1) {
      throw corrupt(intent, "has " + intent.extents().size() + " extents, not one");
    }
    for (XlogIntent.Extent each : intent.extents()) {
      if (!valid(sb, intent.type(), each)) {
        throw corrupt(intent, "is invalid: " + each);
      }
    }
  }

  private static ErrnoException corrupt(XlogIntent intent, String how) {
    return XfsError.corrupt(
        "log: intent " + Integer.toHexString(intent.type()) + "/" + intent.id() + " " + how);
  }

  @LinuxSource(
      file = "fs/xfs/xfs_rmap_item.c",
      name = {"xfs_rui_validate_map", "xfs_cui_validate_phys", "xfs_bui_validate"})
  private static boolean valid(XfsSb sb, int type, XlogIntent.Extent extent) {
    if (!sb.extentValid(extent.start(), extent.length())) {
      return false;
    }
    int flags = extent.flags();
    int what = flags & TYPE_MASK;
    return switch (type) {
      case XlogFormat.XFS_LI_EFI -> true;
      case XlogFormat.XFS_LI_RUI ->
          sb.rmapbt
              && (flags & ~RMAP_FLAGS) == 0
              && what >= RMAP_MAP
              && what <= RMAP_FREE
              && (extent.owner() < 0 ? extent.offset() == 0 : inFile(sb, extent));
      case XlogFormat.XFS_LI_CUI ->
          sb.reflink
              && (flags & ~TYPE_MASK) == 0
              && what >= REFCOUNT_INCREASE
              && what <= REFCOUNT_FREE_COW;
      case XlogFormat.XFS_LI_BUI ->
          (flags & ~BMAP_FLAGS) == 0
              && (what == BMAP_MAP || what == BMAP_UNMAP)
              && inFile(sb, extent);
      default -> false;
    };
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_types.c", name = "xfs_verify_fileext")
  private static boolean inFile(XfsSb sb, XlogIntent.Extent extent) {
    return sb.inoValid(extent.owner())
        && extent.offset() >= 0
        && extent.offset() <= XfsExtentMap.MAX_FILEOFF
        && extent.length() - 1 <= XfsExtentMap.MAX_FILEOFF - extent.offset();
  }
}
