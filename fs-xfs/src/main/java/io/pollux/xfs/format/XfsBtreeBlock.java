// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.format;

import io.pollux.uapi.LinuxSource;

/**
 * Offsets in the header of a block of a B+tree. Blocks of a tree of a group have the short form,
 * those of a file the long form.
 */
@LinuxSource(
    file = "fs/xfs/libxfs/xfs_format.h",
    name = {"xfs_btree_block", "xfs_btree_hdr"})
public final class XfsBtreeBlock {
  /** AB3B */
  public static final int BNOBT_MAGIC = 0x41423342;

  /** AB3C */
  public static final int CNTBT_MAGIC = 0x41423343;

  /** IAB3 */
  public static final int INOBT_MAGIC = 0x49414233;

  /** FIB3 */
  public static final int FINOBT_MAGIC = 0x46494233;

  /** RMB3 */
  public static final int RMAPBT_MAGIC = 0x524d4233;

  /** R3FC */
  public static final int REFCOUNTBT_MAGIC = 0x52334643;

  /** BMA3 */
  public static final int BMBT_MAGIC = 0x424d4133;

  public static final int MAGICNUM = 0;
  public static final int LEVEL = 4;
  public static final int NUMRECS = 6;
  public static final int LEFTSIB = 8;

  /** Of the short form. */
  public static final int S_RIGHTSIB = 12;

  public static final int S_BLKNO = 16;
  public static final int S_LSN = 24;
  public static final int S_UUID = 32;
  public static final int S_OWNER = 48;
  public static final int S_CRC = 52;
  public static final int S_BYTES = 56;

  /** Of the long form. */
  public static final int L_RIGHTSIB = 16;

  public static final int L_BLKNO = 24;
  public static final int L_LSN = 32;
  public static final int L_UUID = 40;
  public static final int L_OWNER = 56;
  public static final int L_CRC = 64;
  public static final int L_BYTES = 72;

  private XfsBtreeBlock() {}
}
