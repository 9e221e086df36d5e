// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.image;

import io.pollux.block.driver.FaultPlan;
import io.pollux.block.driver.NullParameters;
import java.nio.file.Path;
import java.util.Locale;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * The user's options for a target.
 *
 * @param image an image or block device; null for the sample
 * @param fs the required filesystem; null for any recognized one
 * @param file the file in the image; null for the main or the largest one
 * @param disk type of the disk; null for the default
 * @param size of an empty disk; only with {@link Fs#NONE} and without image
 * @param readOnly whether every write is refused
 * @param norecovery whether to mount without recovery of the log
 * @param nullDisk parameters of a null disk; null for the defaults
 * @param faults faults of the disk; null for none
 * @param copyEngine whether a disk in memory has a copy engine; only with {@link Disk#RAM}, and
 *     without faults
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

  /** Default parameters of a null disk: requests that are not polled complete by an interrupt. */
  public static final NullParameters NULL_DISK =
      NullParameters.DEFAULT.withIrqmode(NullParameters.IrqMode.SOFTIRQ, 10_000);

  /** The sample with all defaults. */
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
    /** A copy in memory for metadata; data is not transferred. */
    NULL;

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /**
   * Returns the options with another type of disk.
   *
   * @param kind the type
   */
  public TargetSpec withDisk(Disk kind) {
    return new TargetSpec(
        image, fs, file, kind, size, readOnly, norecovery, nullDisk, faults, copyEngine);
  }

  /**
   * Returns the options with or without a copy engine.
   *
   * @param moves whether the disk has one
   */
  public TargetSpec withCopyEngine(boolean moves) {
    return new TargetSpec(
        image, fs, file, disk, size, readOnly, norecovery, nullDisk, faults, moves);
  }

  /** Returns the type of the disk; by default FILE for an image and RAM for the sample. */
  public Disk diskOrDefault() {
    return disk != null ? disk : image != null ? Disk.FILE : Disk.RAM;
  }

  /** Returns the parameters of a null disk; by default {@link #NULL_DISK}. */
  public NullParameters nullDiskOrDefault() {
    return nullDisk != null ? nullDisk : NULL_DISK;
  }
}
