// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.image;

import io.pollux.block.driver.FaultPlan;
import io.pollux.block.driver.NullParameters;
import java.nio.file.Path;
import java.util.Locale;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * What to run against, as it was asked for.
 *
 * @param image an image or block device; null for the sample
 * @param fs the filesystem insisted on; null for whatever is recognised
 * @param file the file inside; null for the main or the largest one
 * @param disk where the blocks live; null for the default
 * @param size of a disk that starts empty; only with {@link Fs#NONE} and without image
 * @param readOnly refuse every write
 * @param norecovery mount without looking at the log
 * @param nullDisk how a null disk behaves; null if that was not said
 * @param faults what goes wrong with the disk; null for a disk that is not watched
 * @param copyEngine whether a disk in memory moves data by itself; only with {@link Disk#RAM}, and without faults
 */
public record TargetSpec(
    @Nullable Path image,
    @Nullable Fs fs,
    @Nullable String file,
    @Nullable Disk disk,
    OptionalLong size,
    boolean readOnly,
    boolean norecovery,
    @Nullable NullParameters nullDisk,
    @Nullable FaultPlan faults,
    boolean copyEngine) {

  /** As null_blk is when nothing is said: what is not polled for interrupts. */
  public static final NullParameters NULL_DISK = NullParameters.DEFAULT.withIrqmode(NullParameters.IrqMode.SOFTIRQ, 10_000);

  /** The sample, as it comes. */
  public static final TargetSpec SAMPLE =
      new TargetSpec(null, null, null, null, OptionalLong.empty(), false, false, null, null, false);

  /** Filesystems. */
  public enum Fs {
    /** XFS. */
    XFS,
    /** GFS2. */
    GFS2,
    /** The bare block device. */
    NONE;

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /** Disks. */
  public enum Disk {
    /** The image's own file, read and written in place. */
    FILE,
    /** A copy in memory. */
    RAM,
    /** A copy in memory for metadata; data goes nowhere and comes from nowhere. */
    NULL;

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /**
   * The same with its blocks elsewhere.
   *
   * @param kind where
   * @return what else was asked for, there
   */
  public TargetSpec withDisk(Disk kind) {
    return new TargetSpec(image, fs, file, kind, size, readOnly, norecovery, nullDisk, faults, copyEngine);
  }

  /**
   * The same, and whether its disk moves data by itself.
   *
   * @param moves whether it does
   * @return what else was asked for, with that
   */
  public TargetSpec withCopyEngine(boolean moves) {
    return new TargetSpec(image, fs, file, disk, size, readOnly, norecovery, nullDisk, faults, moves);
  }

  /**
   * Where the blocks live, with the default filled in.
   *
   * @return a file's stay there, all else is in memory
   */
  public Disk diskOrDefault() {
    return disk != null ? disk : image != null ? Disk.FILE : Disk.RAM;
  }

  /**
   * How a null disk behaves, with the default filled in.
   *
   * @return what was asked for, or {@link #NULL_DISK}
   */
  public NullParameters nullDiskOrDefault() {
    return nullDisk != null ? nullDisk : NULL_DISK;
  }
}
