// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.mkfs;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsError;
import io.pollux.xfs.format.XfsSb;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Removes the copies of the superblock of an XFS filesystem that the device had before. Otherwise a
 * later repair could take them for the new filesystem's.
 */
@LinuxSource(file = "mkfs/xfs_mkfs.c", name = "zero_old_xfs_structures")
final class MkfsOld {
  private MkfsOld() {}

  static void zero(MkfsWriter writer, long deviceBytes, int deviceSector) throws ErrnoException {
    XfsSb old = read(writer, deviceBytes);
    if (old == null || old.sectSize < deviceSector) {
      return;
    }
    for (long agno = 1; agno < old.agCount; agno++) {
      writer.zero(old.agHeader(agno, 0), old.sectSize, "the old superblock of group " + agno);
    }
  }

  private static @Nullable XfsSb read(MkfsWriter writer, long deviceBytes) throws ErrnoException {
    byte[] head = writer.read(0, XfsSb.MAX_SECTOR_BYTES);
    try {
      int sector = XfsSb.sectorSize(data(head));
      return new XfsSb(data(Arrays.copyOf(head, sector)), deviceBytes);
    } catch (ErrnoException e) {
      return null; // not XFS, or nothing that repair would take for it
    }
  }

  private static BufData data(byte[] bytes) {
    return new BufData(bytes, 0, "the old superblock", XfsError.EFSCORRUPTED);
  }
}
