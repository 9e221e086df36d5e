// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.log;

import static io.pollux.xfs.log.XlogItem.le32;
import static io.pollux.xfs.log.XlogItem.le64;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.log.XlogIntent.Extent;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The intents that have no done item yet. */
@LinuxSource(
    file = "fs/xfs/xfs_log_recover.c",
    name = {"xlog_recover_intent_item", "xlog_recover_release_intent"})
final class XlogIntents {
  private record Key(int type, long id) {}

  private final Map<Key, XlogIntent> pending = new LinkedHashMap<>();

  /** Adds an intent. */
  void begin(int type, BufData format) throws ErrnoException {
    long id = le64(format, XlogFormat.INTENT_ID);
    Key key = new Key(type, id);
    pending.remove(key); // a later one goes to the end
    pending.put(key, new XlogIntent(type, id, extents(type, format)));
  }

  /** Removes the intent of a done item, if there is one. */
  void done(int type, BufData format) throws ErrnoException {
    pending.remove(new Key(type, le64(format, XlogFormat.INTENT_ID)));
  }

  /** Those that are left, in the order of the log. */
  List<XlogIntent> pending() {
    return List.copyOf(pending.values());
  }

  private static List<Extent> extents(int type, BufData format) throws ErrnoException {
    long count = le32(format, XlogFormat.INTENT_NEXTENTS) & 0xffff_ffffL;
    int room = format.size() - XlogFormat.INTENT_EXTENTS;
    int bytes =
        switch (type) {
          case XlogFormat.XFS_LI_EFI ->
              room == count * XlogFormat.EXTENT_32_BYTES
                  ? XlogFormat.EXTENT_32_BYTES
                  : XlogFormat.EXTENT_BYTES;
          case XlogFormat.XFS_LI_CUI -> XlogFormat.PHYS_EXTENT_BYTES;
          default -> XlogFormat.MAP_EXTENT_BYTES;
        };
    if (room != count * bytes || (type == XlogFormat.XFS_LI_BUI && count != 1)) {
      throw XlogDevice.corrupt("an intent of another length than its extents have");
    }
    List<Extent> extents = new ArrayList<>();
    for (int at = XlogFormat.INTENT_EXTENTS; at < format.size(); at += bytes) {
      extents.add(extent(type, format, at));
    }
    return List.copyOf(extents);
  }

  private static Extent extent(int type, BufData format, int at) throws ErrnoException {
    return switch (type) {
      case XlogFormat.XFS_LI_EFI -> new Extent(0, le64(format, at), 0, length(format, at + 8), 0);
      case XlogFormat.XFS_LI_CUI ->
          new Extent(
              0,
              le64(format, at + XlogFormat.PE_STARTBLOCK),
              0,
              length(format, at + XlogFormat.PE_LEN),
              le32(format, at + XlogFormat.PE_FLAGS));
      default ->
          new Extent(
              le64(format, at + XlogFormat.ME_OWNER),
              le64(format, at + XlogFormat.ME_STARTBLOCK),
              le64(format, at + XlogFormat.ME_STARTOFF),
              length(format, at + XlogFormat.ME_LEN),
              le32(format, at + XlogFormat.ME_FLAGS));
    };
  }

  private static long length(BufData format, int at) throws ErrnoException {
    return le32(format, at) & 0xffff_ffffL;
  }
}
