// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

/**
 * {@code struct fiemap}, 32 bytes, followed by {@code struct fiemap_extent}s of 56 bytes: the
 * argument of {@link FileIoctl#FS_IOC_FIEMAP}.
 */
@LinuxSource(
    file = "include/uapi/linux/fiemap.h",
    name = {"fiemap", "fiemap_extent"})
public final class Fiemap {
  /** Size of a struct fiemap without its extents, in bytes. */
  public static final int SIZE = 32;

  /** Offset of fm_start: the first byte requested, 64 bits. */
  public static final int FM_START = 0;

  /** Offset of fm_length: number of bytes requested, 64 bits. */
  public static final int FM_LENGTH = 8;

  /** Offset of fm_flags: FIEMAP_FLAG_*; on EBADR the unsupported bits. */
  public static final int FM_FLAGS = 16;

  /** Offset of fm_mapped_extents: number of extents stored or counted. */
  public static final int FM_MAPPED_EXTENTS = 20;

  /** Offset of fm_extent_count: number of extents that fit; 0 to count only. */
  public static final int FM_EXTENT_COUNT = 24;

  /** Size of a struct fiemap_extent in bytes. */
  public static final int EXTENT_SIZE = 56;

  /** Offset of fe_logical: first byte in the file. */
  public static final int FE_LOGICAL = 0;

  /** Offset of fe_physical: first byte on the device. */
  public static final int FE_PHYSICAL = 8;

  /** Offset of fe_length: bytes. */
  public static final int FE_LENGTH = 16;

  /** Offset of fe_flags: FIEMAP_EXTENT_*. */
  public static final int FE_FLAGS = 40;

  /** Maximum number of extents of a call, unsigned. */
  @LinuxSource(file = "include/linux/fs.h", name = "FIEMAP_MAX_EXTENTS")
  public static final int FIEMAP_MAX_EXTENTS = (int) (0xffff_ffffL / EXTENT_SIZE);

  /** Writes back dirty pages first. */
  public static final int FIEMAP_FLAG_SYNC = 0x1;

  /** Reports the extents of the extended attributes instead. */
  public static final int FIEMAP_FLAG_XATTR = 0x2;

  /** The flags that a filesystem may support. */
  public static final int FIEMAP_FLAGS_COMPAT = FIEMAP_FLAG_SYNC | FIEMAP_FLAG_XATTR;

  /** The last extent in the file. */
  public static final int FIEMAP_EXTENT_LAST = 0x1;

  /** The place on the device is not known. */
  public static final int FIEMAP_EXTENT_UNKNOWN = 0x2;

  /** Space is reserved, and blocks are not allocated yet. */
  public static final int FIEMAP_EXTENT_DELALLOC = 0x4;

  /** Offsets need not be multiples of the block size. */
  public static final int FIEMAP_EXTENT_NOT_ALIGNED = 0x100;

  /** The data is in a metadata block. */
  public static final int FIEMAP_EXTENT_DATA_INLINE = 0x200;

  /** Allocated and never written: reads as zeroes. */
  public static final int FIEMAP_EXTENT_UNWRITTEN = 0x800;

  /** The filesystem keeps single blocks; they were merged into an extent for this report. */
  public static final int FIEMAP_EXTENT_MERGED = 0x1000;

  /** Other files share these blocks. */
  public static final int FIEMAP_EXTENT_SHARED = 0x2000;

  private Fiemap() {}
}
