// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.format;

import io.pollux.uapi.LinuxSource;

/**
 * Offsets in the header of the inodes of a group, its third sector. Inode numbers in it are
 * relative to the group.
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "xfs_agi")
public final class XfsAgi {
  /** XAGI */
  public static final int MAGIC = 0x58414749;

  public static final int VERSION = 1;

  public static final int MAGICNUM = 0;
  public static final int VERSIONNUM = 4;
  public static final int SEQNO = 8;
  public static final int LENGTH = 12;
  public static final int COUNT = 16;
  public static final int ROOT = 20;
  public static final int LEVEL = 24;
  public static final int FREECOUNT = 28;
  public static final int NEWINO = 32;
  public static final int DIRINO = 36;

  /** 64 lists of files without a name, by the low bits of their number. */
  public static final int UNLINKED = 40;

  public static final int UNLINKED_BUCKETS = 64;
  public static final int UUID = 296;
  public static final int CRC = 312;
  public static final int LSN = 320;
  public static final int FREE_ROOT = 328;
  public static final int FREE_LEVEL = 332;
  public static final int IBLOCKS = 336;
  public static final int FBLOCKS = 340;

  private XfsAgi() {}
}
