// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

/**
 * {@code struct fiemap}, 32 bytes, and the {@code struct fiemap_extent}s of 56 bytes that follow it: the argument of
 * {@link FileIoctl#FS_IOC_FIEMAP}.
 */
@LinuxSource(file = "include/uapi/linux/fiemap.h", name = {"fiemap", "fiemap_extent"})
public final class Fiemap {
  /** The bytes of a struct fiemap without its extents. */
  public static final int SIZE = 32;

  /** Where fm_start is: the first byte asked for, 64 bits. */
  public static final int FM_START = 0;

  /** Where fm_length is: bytes asked for, 64 bits. */
  public static final int FM_LENGTH = 8;

  /** Where fm_flags is: FIEMAP_FLAG_*; on EBADR the bits that are not supported. */
  public static final int FM_FLAGS = 16;

  /** Where fm_mapped_extents is: extents that were stored, or counted. */
  public static final int FM_MAPPED_EXTENTS = 20;

  /** Where fm_extent_count is: extents that there is room for; 0 to count only. */
  public static final int FM_EXTENT_COUNT = 24;

  /** The bytes of a struct fiemap_extent. */
  public static final int EXTENT_SIZE = 56;

  /** Where fe_logical is: first byte in the file. */
  public static final int FE_LOGICAL = 0;

  /** Where fe_physical is: first byte on the device. */
  public static final int FE_PHYSICAL = 8;

  /** Where fe_length is: bytes. */
  public static final int FE_LENGTH = 16;

  /** Where fe_flags is: FIEMAP_EXTENT_*. */
  public static final int FE_FLAGS = 40;

  /** The most extents that a call may ask for, unsigned. */
  @LinuxSource(file = "include/linux/fs.h", name = "FIEMAP_MAX_EXTENTS")
  public static final int FIEMAP_MAX_EXTENTS = (int) (0xffff_ffffL / EXTENT_SIZE);

  /** Writes back what is dirty first. */
  public static final int FIEMAP_FLAG_SYNC = 0x1;

  /** Reports the extents of the extended attributes instead. */
  public static final int FIEMAP_FLAG_XATTR = 0x2;

  /** The flags that a filesystem may support. */
  public static final int FIEMAP_FLAGS_COMPAT = FIEMAP_FLAG_SYNC | FIEMAP_FLAG_XATTR;

  /** The last extent of those asked for. */
  public static final int FIEMAP_EXTENT_LAST = 0x1;

  /** Offsets need not be multiples of the block size. */
  public static final int FIEMAP_EXTENT_NOT_ALIGNED = 0x100;

  /** The data lies in a block of metadata. */
  public static final int FIEMAP_EXTENT_DATA_INLINE = 0x200;

  /** Allocated and never written: reads as zeroes. */
  public static final int FIEMAP_EXTENT_UNWRITTEN = 0x800;

  /** The filesystem keeps single blocks; they were merged into an extent for this report. */
  public static final int FIEMAP_EXTENT_MERGED = 0x1000;

  /** Other files use these blocks, too. */
  public static final int FIEMAP_EXTENT_SHARED = 0x2000;

  private Fiemap() {}
}
