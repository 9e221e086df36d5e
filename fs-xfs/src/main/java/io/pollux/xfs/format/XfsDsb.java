// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.format;

import io.pollux.uapi.LinuxSource;

/** Offsets in the superblock, the first sector of each group. That of the first group counts. */
@LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "xfs_dsb")
public final class XfsDsb {
  public static final int MAGICNUM = 0;
  public static final int BLOCKSIZE = 4;
  public static final int DBLOCKS = 8;
  public static final int RBLOCKS = 16;
  public static final int REXTENTS = 24;
  public static final int UUID = 32;
  public static final int LOGSTART = 48;
  public static final int ROOTINO = 56;
  public static final int RBMINO = 64;
  public static final int RSUMINO = 72;
  public static final int REXTSIZE = 80;
  public static final int AGBLOCKS = 84;
  public static final int AGCOUNT = 88;
  public static final int RBMBLOCKS = 92;
  public static final int LOGBLOCKS = 96;
  public static final int VERSIONNUM = 100;
  public static final int SECTSIZE = 102;
  public static final int INODESIZE = 104;
  public static final int INOPBLOCK = 106;
  public static final int FNAME = 108;
  public static final int BLOCKLOG = 120;
  public static final int SECTLOG = 121;
  public static final int INODELOG = 122;
  public static final int INOPBLOG = 123;
  public static final int AGBLKLOG = 124;
  public static final int REXTSLOG = 125;
  public static final int INPROGRESS = 126;
  public static final int IMAX_PCT = 127;
  public static final int ICOUNT = 128;
  public static final int IFREE = 136;
  public static final int FDBLOCKS = 144;
  public static final int FREXTENTS = 152;
  public static final int UQUOTINO = 160;
  public static final int GQUOTINO = 168;
  public static final int QFLAGS = 176;
  public static final int FLAGS = 178;
  public static final int SHARED_VN = 179;
  public static final int INOALIGNMT = 180;
  public static final int UNIT = 184;
  public static final int WIDTH = 188;
  public static final int DIRBLKLOG = 192;
  public static final int LOGSECTLOG = 193;
  public static final int LOGSECTSIZE = 194;
  public static final int LOGSUNIT = 196;
  public static final int FEATURES2 = 200;
  public static final int BAD_FEATURES2 = 204;
  public static final int FEATURES_COMPAT = 208;
  public static final int FEATURES_RO_COMPAT = 212;
  public static final int FEATURES_INCOMPAT = 216;
  public static final int FEATURES_LOG_INCOMPAT = 220;
  public static final int CRC = 224;
  public static final int SPINO_ALIGN = 228;
  public static final int PQUOTINO = 232;
  public static final int LSN = 240;
  public static final int META_UUID = 248;

  private XfsDsb() {}
}
