// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.uapi.LinuxSource;

/**
 * Where a bio that exceeds the limits of its queue is split. The caller splits and submits the
 * pieces.
 */
final class BlkMerge {
  private BlkMerge() {}

  /**
   * Returns the bytes of a bio, from its start, that fit in one request. All but the last piece end
   * at a multiple of the block or granule, if possible.
   */
  @LinuxSource(
      file = "block/blk-merge.c",
      name = {"blk_bio_segment_split", "blk_bio_discard_split", "get_max_io_size"})
  static int mostBytes(QueueLimits limits, Bio bio) {
    switch (bio.op()) {
      case BlkTypes.REQ_OP_FLUSH -> {
        return 0;
      }
      case BlkTypes.REQ_OP_DISCARD -> {
        return alignedEnd(bio, limits.maxDiscardSectors(), limits.discardGranularity());
      }
      case BlkTypes.REQ_OP_WRITE_ZEROES -> {
        return limits.maxWriteZeroesSectors() << BlkTypes.SECTOR_SHIFT;
      }
      default -> {
        int most = alignedEnd(bio, limits.maxSectors(), limits.physicalBlockSize());
        if (limits.chunkSectors() != 0) {
          long inChunk = bio.sector() & (limits.chunkSectors() - 1);
          most = (int) Math.min(most, (limits.chunkSectors() - inChunk) << BlkTypes.SECTOR_SHIFT);
        }
        return Math.min(most, bytesOf(bio, limits.maxSegments()));
      }
    }
  }

  /** Bytes of the first count vecs. */
  private static int bytesOf(Bio bio, int count) {
    int bytes = 0;
    int most = Math.min(count, bio.vecs());
    for (int i = 0; i < most; i++) {
      bytes += bio.vecLength(i);
    }
    return bytes;
  }

  /**
   * The bytes of a number of sectors, reduced so that the rest starts at a multiple, if possible.
   */
  private static int alignedEnd(Bio bio, int sectors, int multiple) {
    int bytes = sectors << BlkTypes.SECTOR_SHIFT;
    if (multiple == 0 || bytes >= bio.size()) {
      return bytes;
    }
    int over = (int) (((bio.sector() << BlkTypes.SECTOR_SHIFT) + bytes) & (multiple - 1));
    return bytes > over ? bytes - over : bytes;
  }
}
