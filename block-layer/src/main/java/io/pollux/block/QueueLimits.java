// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.uapi.LinuxSource;

/**
 * What a device takes in one request, and what it can do. Start at {@link #of} and change what is different.
 *
 * @param logicalBlockSize smallest unit of I/O in bytes, a power of two from 512 to 4096
 * @param physicalBlockSize what the device writes without reading first, in bytes: a power of two, not smaller
 * @param maxSectors most sectors of a read or write, at least one physical block
 * @param maxSegments most vecs of a read or write, at least 1
 * @param chunkSectors no read or write crosses a multiple of this; a power of two, or 0 for no such border
 * @param discardGranularity what a discard can give back, in bytes: a power of two; 0 if nothing
 * @param maxDiscardSectors most sectors of a discard; 0 if there is none
 * @param maxWriteZeroesSectors most sectors of a REQ_OP_WRITE_ZEROES; 0 if there is none
 * @param writeCache whether writes are durable only after a flush
 * @param fua whether a single write can be made durable; without it, a flush follows such a write
 */
@LinuxSource(
    file = "include/linux/blkdev.h",
    name = {"queue_limits", "QUEUE_FLAG_WC", "QUEUE_FLAG_FUA", "QUEUE_FLAG_DISCARD"})
public record QueueLimits(
    int logicalBlockSize,
    int physicalBlockSize,
    int maxSectors,
    int maxSegments,
    int chunkSectors,
    int discardGranularity,
    int maxDiscardSectors,
    int maxWriteZeroesSectors,
    boolean writeCache,
    boolean fua) {
  /** Most sectors of a request when a driver does not say: more than a bio can hold. */
  @LinuxSource(file = "include/linux/blkdev.h", name = "BLK_DEF_MAX_SECTORS")
  public static final int DEFAULT_MAX_SECTORS = 2560;

  private static final int LARGEST_BLOCK = 4096;

  /** Checks that everything is in its range. */
  public QueueLimits {
    check(isPowerOfTwo(logicalBlockSize, BlkTypes.SECTOR_SIZE) && logicalBlockSize <= LARGEST_BLOCK, logicalBlockSize);
    check(isPowerOfTwo(physicalBlockSize, logicalBlockSize), physicalBlockSize);
    check(maxSectors >= physicalBlockSize >> BlkTypes.SECTOR_SHIFT && maxSectors <= maxSize(), maxSectors);
    check(maxSegments >= 1, maxSegments);
    check(chunkSectors == 0 || isPowerOfTwo(chunkSectors, physicalBlockSize >> BlkTypes.SECTOR_SHIFT), chunkSectors);
    check(discardGranularity == 0 || isPowerOfTwo(discardGranularity, logicalBlockSize), discardGranularity);
    check(maxDiscardSectors == 0 || maxDiscardSectors >= discardGranularity >> BlkTypes.SECTOR_SHIFT, maxDiscardSectors);
    check(maxDiscardSectors >= 0 && maxDiscardSectors <= maxSize(), maxDiscardSectors);
    check(maxWriteZeroesSectors >= 0 && maxWriteZeroesSectors <= maxSize(), maxWriteZeroesSectors);
  }

  private static int maxSize() {
    return Integer.MAX_VALUE >> BlkTypes.SECTOR_SHIFT; // a bio's size is an int
  }

  private static boolean isPowerOfTwo(int value, int least) {
    return value >= least && Integer.bitCount(value) == 1;
  }

  private static void check(boolean good, int value) {
    if (!good) {
      throw new IllegalArgumentException("a limit of a queue: " + value);
    }
  }

  /**
   * The limits of a device with a write cache that can nothing but read, write and flush.
   *
   * @param logicalBlockSize smallest unit of I/O in bytes, a power of two from 512 to 4096
   * @return the limits
   */
  public static QueueLimits of(int logicalBlockSize) {
    return new QueueLimits(
        logicalBlockSize, logicalBlockSize, DEFAULT_MAX_SECTORS, Bio.BIO_MAX_PAGES, 0, 0, 0, 0, true, false);
  }

  /**
   * Other sizes of a read or write.
   *
   * @param sectors most sectors
   * @param segments most vecs
   * @param chunk sectors between borders that none crosses, or 0
   * @return limits like these
   */
  @LinuxSource(file = "block/blk-settings.c", name = {"blk_queue_max_hw_sectors", "blk_queue_chunk_sectors"})
  public QueueLimits withTransfer(int sectors, int segments, int chunk) {
    return new QueueLimits(
        logicalBlockSize, physicalBlockSize, sectors, segments, chunk, discardGranularity, maxDiscardSectors,
        maxWriteZeroesSectors, writeCache, fua);
  }

  /**
   * Another physical block size.
   *
   * @param bytes its size
   * @return limits like these
   */
  @LinuxSource(file = "block/blk-settings.c", name = "blk_queue_physical_block_size")
  public QueueLimits withPhysicalBlockSize(int bytes) {
    return new QueueLimits(
        logicalBlockSize, bytes, maxSectors, maxSegments, chunkSectors, discardGranularity, maxDiscardSectors,
        maxWriteZeroesSectors, writeCache, fua);
  }

  /**
   * Discards, and zeroing without data.
   *
   * @param granularity what a discard can give back, in bytes, or 0
   * @param discardSectors most sectors of a discard, or 0
   * @param zeroesSectors most sectors of a REQ_OP_WRITE_ZEROES, or 0
   * @return limits like these
   */
  @LinuxSource(
      file = "block/blk-settings.c",
      name = {"blk_queue_max_discard_sectors", "blk_queue_max_write_zeroes_sectors"})
  public QueueLimits withDiscard(int granularity, int discardSectors, int zeroesSectors) {
    return new QueueLimits(
        logicalBlockSize, physicalBlockSize, maxSectors, maxSegments, chunkSectors, granularity, discardSectors,
        zeroesSectors, writeCache, fua);
  }

  /**
   * Another kind of write cache.
   *
   * @param cache whether there is one
   * @param canFua whether a single write can be made durable
   * @return limits like these
   */
  @LinuxSource(file = "block/blk-settings.c", name = "blk_queue_write_cache")
  public QueueLimits withWriteCache(boolean cache, boolean canFua) {
    return new QueueLimits(
        logicalBlockSize, physicalBlockSize, maxSectors, maxSegments, chunkSectors, discardGranularity,
        maxDiscardSectors, maxWriteZeroesSectors, cache, canFua);
  }
}
