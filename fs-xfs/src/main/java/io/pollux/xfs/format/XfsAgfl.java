// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.format;

import io.pollux.uapi.LinuxSource;

/** Offsets in the list of free blocks that the trees of a group grow from, its fourth sector. */
@LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "xfs_agfl")
public final class XfsAgfl {
  /** XAFL */
  public static final int MAGIC = 0x5841464c;

  public static final int MAGICNUM = 0;
  public static final int SEQNO = 4;
  public static final int UUID = 8;
  public static final int LSN = 24;
  public static final int CRC = 32;

  /** The first of its slots, of 4 bytes. */
  public static final int BNO = 36;

  private XfsAgfl() {}
}
