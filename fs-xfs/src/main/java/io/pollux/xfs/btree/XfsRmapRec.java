// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.btree;

import io.pollux.uapi.LinuxSource;

/**
 * A run of blocks with an owner.
 *
 * @param start its first block, in the group
 * @param count its length in blocks
 * @param owner an inode, or a negative number for metadata of the group
 * @param offset the first block in the file; 0 if it is not a file's data
 * @param flags ATTR_FORK, BMBT_BLOCK and UNWRITTEN
 */
@LinuxSource(
    file = "fs/xfs/libxfs/xfs_format.h",
    name = {"xfs_rmap_rec", "xfs_rmap_irec"})
public record XfsRmapRec(long start, long count, long owner, long offset, int flags) {
  /** Belongs to the fork of attributes. */
  public static final int ATTR_FORK = 1 << 0;

  /** A block of the file's extent tree. */
  public static final int BMBT_BLOCK = 1 << 1;

  /** Reads as zeroes. */
  public static final int UNWRITTEN = 1 << 2;

  private static final int OFFSET_BITS = 54;
  private static final long OFFSET_MASK = (1L << OFFSET_BITS) - 1;
  private static final long PACKED_ATTR_FORK = 1L << 63;
  private static final long PACKED_BMBT_BLOCK = 1L << 62;
  private static final long PACKED_UNWRITTEN = 1L << 61;

  /** The bits of a packed offset that count for the order. */
  static final long KEY_MASK = ~PACKED_UNWRITTEN;

  /** {@return the block after the last} */
  public long end() {
    return start + count;
  }

  /** {@return whether the offset has a meaning} */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "XFS_RMAP_NON_INODE_OWNER")
  public boolean hasOffset() {
    return owner >= 0 && (flags & BMBT_BLOCK) == 0;
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "xfs_rmap_irec_offset_pack")
  long packed() {
    return offset
        | ((flags & ATTR_FORK) != 0 ? PACKED_ATTR_FORK : 0)
        | ((flags & BMBT_BLOCK) != 0 ? PACKED_BMBT_BLOCK : 0)
        | ((flags & UNWRITTEN) != 0 ? PACKED_UNWRITTEN : 0);
  }

  /** Whether a packed offset has no unknown bits. */
  static boolean packedValid(long packed) {
    return (packed & ~(OFFSET_MASK | PACKED_ATTR_FORK | PACKED_BMBT_BLOCK | PACKED_UNWRITTEN)) == 0;
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_rmap.c", name = "xfs_rmap_irec_offset_unpack")
  static XfsRmapRec unpack(long start, long count, long owner, long packed) {
    int flags =
        ((packed & PACKED_ATTR_FORK) != 0 ? ATTR_FORK : 0)
            | ((packed & PACKED_BMBT_BLOCK) != 0 ? BMBT_BLOCK : 0)
            | ((packed & PACKED_UNWRITTEN) != 0 ? UNWRITTEN : 0);
    return new XfsRmapRec(start, count, owner, packed & OFFSET_MASK, flags);
  }

  /** The packed offset of the last block, for the order. */
  static long lastPacked(long owner, long packed, long count) {
    boolean offsets = owner >= 0 && (packed & PACKED_BMBT_BLOCK) == 0;
    return (offsets ? packed + count - 1 : packed) & KEY_MASK;
  }
}
