// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.format;

import io.pollux.uapi.LinuxSource;

/** Offsets in an inode of version 3. */
@LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "xfs_dinode")
public final class XfsDinode {
  /** IN */
  public static final int MAGIC = 0x494e;

  public static final int VERSION = 3;

  public static final int MAGICNUM = 0;
  public static final int MODE = 2;
  public static final int VERSIONNUM = 4;
  public static final int FORMAT = 5;
  public static final int UID = 8;
  public static final int GID = 12;
  public static final int NLINK = 16;
  public static final int PROJID_LO = 20;
  public static final int PROJID_HI = 22;

  /** With DIFLAG2_NREXT64, the number of extents of the data fork: 8 bytes. */
  public static final int BIG_NEXTENTS = 24;

  public static final int ATIME = 32;
  public static final int MTIME = 40;
  public static final int CTIME = 48;
  public static final int SIZE = 56;
  public static final int NBLOCKS = 64;
  public static final int EXTSIZE = 72;

  /**
   * Without DIFLAG2_NREXT64, the number of extents of the data fork; with it, that of the attribute
   * fork. 4 bytes.
   */
  public static final int NEXTENTS = 76;

  /** Without DIFLAG2_NREXT64, the number of extents of the attribute fork: 2 bytes. */
  public static final int ANEXTENTS = 80;

  /** Start of the attribute fork after CORE_BYTES, in units of 8 bytes; 0 if there is none. */
  public static final int FORKOFF = 82;

  public static final int AFORMAT = 83;
  public static final int FLAGS = 90;
  public static final int GEN = 92;
  public static final int NEXT_UNLINKED = 96;
  public static final int CRC = 100;
  public static final int CHANGECOUNT = 104;
  public static final int LSN = 112;
  public static final int FLAGS2 = 120;
  public static final int COWEXTSIZE = 128;
  public static final int CRTIME = 144;
  public static final int INO = 152;
  public static final int UUID = 160;

  /** Bytes before the forks. */
  public static final int CORE_BYTES = 176;

  public static final int FMT_DEV = 0;
  public static final int FMT_LOCAL = 1;
  public static final int FMT_EXTENTS = 2;
  public static final int FMT_BTREE = 3;

  public static final int DIFLAG_REALTIME = 1;
  public static final int DIFLAG_PREALLOC = 1 << 1;
  public static final int DIFLAG_NEWRTBM = 1 << 2;
  public static final int DIFLAG_IMMUTABLE = 1 << 3;
  public static final int DIFLAG_APPEND = 1 << 4;
  public static final int DIFLAG_SYNC = 1 << 5;
  public static final int DIFLAG_NOATIME = 1 << 6;
  public static final int DIFLAG_NODUMP = 1 << 7;
  public static final int DIFLAG_RTINHERIT = 1 << 8;
  public static final int DIFLAG_PROJINHERIT = 1 << 9;
  public static final int DIFLAG_NOSYMLINKS = 1 << 10;
  public static final int DIFLAG_EXTSIZE = 1 << 11;
  public static final int DIFLAG_EXTSZINHERIT = 1 << 12;
  public static final int DIFLAG_NODEFRAG = 1 << 13;
  public static final int DIFLAG_FILESTREAM = 1 << 14;

  public static final long DIFLAG2_DAX = 1L;
  public static final long DIFLAG2_REFLINK = 2L;
  public static final long DIFLAG2_COWEXTSIZE = 4L;
  public static final long DIFLAG2_BIGTIME = 8L;
  public static final long DIFLAG2_NREXT64 = 16L;

  private XfsDinode() {}
}
