// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.uapi.LinuxSource;
import java.util.List;

/**
 * The limits of a device's requests, and its features. Start with {@link #of} and change what
 * differs.
 *
 * @param logicalBlockSize smallest unit of I/O in bytes, a power of two from 512 to 4096
 * @param physicalBlockSize smallest write without read-modify-write in bytes, a power of two, at
 *     least logicalBlockSize
 * @param maxSectors maximum sectors of a read or write, at least one physical block
 * @param maxSegments maximum vecs of a read or write, at least 1
 * @param chunkSectors no read or write crosses a multiple of this; a power of two, or 0 for no
 *     boundaries
 * @param discardGranularity smallest range that a discard frees in bytes, a power of two; 0 if none
 * @param maxDiscardSectors maximum sectors of a discard; 0 if unsupported
 * @param maxWriteZeroesSectors maximum sectors of a REQ_OP_WRITE_ZEROES; 0 if unsupported
 * @param writeCache whether writes are durable only after a flush
 * @param fua whether the device can make a single write durable; otherwise a flush follows such a
 *     write
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
  /** Default limit of a request's sectors: more than a bio can hold. */
  @LinuxSource(file = "include/linux/blkdev.h", name = "BLK_DEF_MAX_SECTORS")
  public static final int DEFAULT_MAX_SECTORS = 2560;

  private static final int LARGEST_BLOCK = 4096;

  /** Checks that all values are in range. */
  public QueueLimits {
    check(
        isPowerOfTwo(logicalBlockSize, BlkTypes.SECTOR_SIZE) && logicalBlockSize <= LARGEST_BLOCK,
        logicalBlockSize);
    check(isPowerOfTwo(physicalBlockSize, logicalBlockSize), physicalBlockSize);
    check(
        maxSectors >= physicalBlockSize >> BlkTypes.SECTOR_SHIFT && maxSectors <= maxSize(),
        maxSectors);
    check(maxSegments >= 1, maxSegments);
    check(
        chunkSectors == 0 || isPowerOfTwo(chunkSectors, physicalBlockSize >> BlkTypes.SECTOR_SHIFT),
        chunkSectors);
    check(
        discardGranularity == 0 || isPowerOfTwo(discardGranularity, logicalBlockSize),
        discardGranularity);
    check(
        maxDiscardSectors == 0 || maxDiscardSectors >= discardGranularity >> BlkTypes.SECTOR_SHIFT,
        maxDiscardSectors);
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
   * Returns the limits of a device with a write cache that can only read, write and flush.
   *
   * @param logicalBlockSize smallest unit of I/O in bytes, a power of two from 512 to 4096
   * @return the limits
   */
  public static QueueLimits of(int logicalBlockSize) {
    return new QueueLimits(
        logicalBlockSize,
        logicalBlockSize,
        DEFAULT_MAX_SECTORS,
        Bio.BIO_MAX_PAGES,
        0,
        0,
        0,
        0,
        true,
        false);
  }

  /**
   * Returns the limits of a disk over others: {@link #stack} combines those of all lower disks.
   *
   * @param disks the lower disks, at least one
   * @return the limits for the stacked disk
   * @throws IllegalArgumentException if no limits fit: a block is larger than a chunk or a maximum
   */
  public static QueueLimits ofAll(List<BlockDevice> disks) {
    QueueLimits limits = disks.getFirst().queue().limits();
    for (BlockDevice disk : disks) {
      limits = limits.stack(disk.queue().limits());
    }
    return limits;
  }

  /**
   * Returns these limits, reduced to what another disk below the same stacked disk can do as well.
   *
   * <p>The larger blocks and granularity, and the smaller maxima and chunks hold. Discards and
   * zeroing need support of both. There is a write cache if either disk has one, and FUA if either
   * has it, because a lower disk without it flushes instead.
   *
   * @param lower the limits of the other disk
   * @return the limits for the stacked disk
   * @throws IllegalArgumentException if no limits fit: a block is larger than a chunk or a maximum
   */
  @LinuxSource(file = "block/blk-settings.c", name = "blk_stack_limits")
  public QueueLimits stack(QueueLimits lower) {
    int chunk = Math.min(chunkSectors, lower.chunkSectors);
    int granularity = Math.max(discardGranularity, lower.discardGranularity);
    int discard = Math.min(maxDiscardSectors, lower.maxDiscardSectors);
    return new QueueLimits(
        Math.max(logicalBlockSize, lower.logicalBlockSize),
        Math.max(physicalBlockSize, lower.physicalBlockSize),
        Math.min(maxSectors, lower.maxSectors),
        Math.min(maxSegments, lower.maxSegments),
        chunk != 0 ? chunk : Math.max(chunkSectors, lower.chunkSectors),
        discard == 0 ? 0 : granularity,
        discard < granularity >> BlkTypes.SECTOR_SHIFT ? 0 : discard,
        Math.min(maxWriteZeroesSectors, lower.maxWriteZeroesSectors),
        writeCache || lower.writeCache,
        fua || lower.fua);
  }

  /**
   * Returns these limits with other sizes of a read or write.
   *
   * @param sectors maximum sectors
   * @param segments maximum vecs
   * @param chunk sectors between boundaries, or 0 for none
   * @return the new limits
   */
  @LinuxSource(
      file = "block/blk-settings.c",
      name = {"blk_queue_max_hw_sectors", "blk_queue_chunk_sectors"})
  public QueueLimits withTransfer(int sectors, int segments, int chunk) {
    return new QueueLimits(
        logicalBlockSize,
        physicalBlockSize,
        sectors,
        segments,
        chunk,
        discardGranularity,
        maxDiscardSectors,
        maxWriteZeroesSectors,
        writeCache,
        fua);
  }

  /**
   * Returns these limits with another physical block size.
   *
   * @param bytes its size
   * @return the new limits
   */
  @LinuxSource(file = "block/blk-settings.c", name = "blk_queue_physical_block_size")
  public QueueLimits withPhysicalBlockSize(int bytes) {
    return new QueueLimits(
        logicalBlockSize,
        bytes,
        maxSectors,
        maxSegments,
        chunkSectors,
        discardGranularity,
        maxDiscardSectors,
        maxWriteZeroesSectors,
        writeCache,
        fua);
  }

  /**
   * Returns these limits with discards, and zeroing without data.
   *
   * @param granularity smallest range that a discard frees in bytes, or 0
   * @param discardSectors maximum sectors of a discard, or 0
   * @param zeroesSectors maximum sectors of a REQ_OP_WRITE_ZEROES, or 0
   * @return the new limits
   */
  @LinuxSource(
      file = "block/blk-settings.c",
      name = {"blk_queue_max_discard_sectors", "blk_queue_max_write_zeroes_sectors"})
  public QueueLimits withDiscard(int granularity, int discardSectors, int zeroesSectors) {
    return new QueueLimits(
        logicalBlockSize,
        physicalBlockSize,
        maxSectors,
        maxSegments,
        chunkSectors,
        granularity,
        discardSectors,
        zeroesSectors,
        writeCache,
        fua);
  }

  /**
   * Returns these limits with another write cache.
   *
   * @param cache whether there is one
   * @param canFua whether a single write can be made durable
   * @return the new limits
   */
  @LinuxSource(file = "block/blk-settings.c", name = "blk_queue_write_cache")
  public QueueLimits withWriteCache(boolean cache, boolean canFua) {
    return new QueueLimits(
        logicalBlockSize,
        physicalBlockSize,
        maxSectors,
        maxSegments,
        chunkSectors,
        discardGranularity,
        maxDiscardSectors,
        maxWriteZeroesSectors,
        cache,
        canFua);
  }
}
