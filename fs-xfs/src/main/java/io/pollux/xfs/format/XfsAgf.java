// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.format;

import io.pollux.uapi.LinuxSource;

/**
 * Offsets in the header of the free space of a group, its second sector. Block numbers in it are
 * relative to the group.
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "xfs_agf")
public final class XfsAgf {
  /** XAGF */
  public static final int MAGIC = 0x58414746;

  public static final int VERSION = 1;

  public static final int MAGICNUM = 0;
  public static final int VERSIONNUM = 4;
  public static final int SEQNO = 8;
  public static final int LENGTH = 12;
  public static final int BNO_ROOT = 16;
  public static final int CNT_ROOT = 20;
  public static final int RMAP_ROOT = 24;
  public static final int BNO_LEVEL = 28;
  public static final int CNT_LEVEL = 32;
  public static final int RMAP_LEVEL = 36;
  public static final int FLFIRST = 40;
  public static final int FLLAST = 44;
  public static final int FLCOUNT = 48;
  public static final int FREEBLKS = 52;
  public static final int LONGEST = 56;

  /** Blocks of the two trees of free space, and of the tree of owners, without their roots. */
  public static final int BTREEBLKS = 60;

  public static final int UUID = 64;
  public static final int RMAP_BLOCKS = 80;
  public static final int REFCOUNT_BLOCKS = 84;
  public static final int REFCOUNT_ROOT = 88;
  public static final int REFCOUNT_LEVEL = 92;
  public static final int LSN = 208;
  public static final int CRC = 216;

  private XfsAgf() {}
}
