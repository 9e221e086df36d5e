// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.image;

import io.pollux.block.bdev.DiskSpec;
import io.pollux.block.bdev.Providers;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * The user's options for a target. {@link #SAMPLE} and the methods that change one option make
 * others.
 *
 * @param image an image or block device; null for the sample
 * @param fs name of the required filesystem, or {@link Providers#NONE}; null for any recognized one
 * @param file the file in the image; null for the main or the largest one
 * @param disk the disk; null for the default
 * @param size of an empty disk; only without a filesystem and without image
 * @param readOnly whether every write is refused
 * @param norecovery whether to mount without recovery of the log
 * @param options mount options; empty for none
 * @param nullDisk further parameters of a null disk; null for none
 * @param faults parameters of a fault disk over the disk; null for no fault disk
 * @param copyEngine whether a disk in memory has a copy engine
 * @param modules jars with further filesystems and disks, separated by colons; empty for none
 */
public record TargetSpec(
    @Nullable Path image,
    @Nullable String fs,
    @Nullable String file,
    @Nullable DiskSpec disk,
    OptionalLong size,
    boolean readOnly,
    boolean norecovery,
    String options,
    @Nullable String nullDisk,
    @Nullable String faults,
    boolean copyEngine,
    String modules) {

  /** The type of disk that is the image's own file. */
  static final String FILE = "file";

  /** The type of disk that is a copy in memory. */
  public static final String RAM = "ram";

  /** The type of disk that transfers no data. */
  public static final String NULL = "null";

  /** The sample with all defaults. */
  public static final TargetSpec SAMPLE =
      new TargetSpec(
          null, null, null, null, OptionalLong.empty(), false, false, "", null, null, false, "");

  /**
   * Returns the options with an image.
   *
   * @param path the image; null for the sample
   */
  public TargetSpec withImage(@Nullable Path path) {
    return new TargetSpec(
        path,
        fs,
        file,
        disk,
        size,
        readOnly,
        norecovery,
        options,
        nullDisk,
        faults,
        copyEngine,
        modules);
  }

  /**
   * Returns the options with a required filesystem.
   *
   * @param name its name, or {@link Providers#NONE}
   */
  public TargetSpec withFs(String name) {
    return new TargetSpec(
        image,
        name,
        file,
        disk,
        size,
        readOnly,
        norecovery,
        options,
        nullDisk,
        faults,
        copyEngine,
        modules);
  }

  /**
   * Returns the options of an empty disk without a filesystem.
   *
   * @param bytes its size
   */
  public TargetSpec withBare(long bytes) {
    return new TargetSpec(
        image,
        Providers.NONE,
        file,
        disk,
        OptionalLong.of(bytes),
        readOnly,
        norecovery,
        options,
        nullDisk,
        faults,
        copyEngine,
        modules);
  }

  /**
   * Returns the options with another disk.
   *
   * @param description as {@link Disks#parse} accepts it
   */
  public TargetSpec withDisk(String description) {
    return new TargetSpec(
        image,
        fs,
        file,
        Disks.parse(description),
        size,
        readOnly,
        norecovery,
        options,
        nullDisk,
        faults,
        copyEngine,
        modules);
  }

  /**
   * Returns the options with or without a copy engine.
   *
   * @param moves whether the disk has one
   */
  public TargetSpec withCopyEngine(boolean moves) {
    return new TargetSpec(
        image,
        fs,
        file,
        disk,
        size,
        readOnly,
        norecovery,
        options,
        nullDisk,
        faults,
        moves,
        modules);
  }

  /** Whether there is no filesystem. */
  public boolean bare() {
    return Providers.NONE.equals(fs);
  }

  /** Returns the disk; by default file for an image and ram for the sample. */
  public DiskSpec diskOrDefault() {
    return disk != null ? disk : DiskSpec.of(image != null ? FILE : RAM);
  }

  /**
   * Whether the disk is of a type.
   *
   * @param type name of the type
   */
  public boolean isDisk(String type) {
    return diskOrDefault().type().equals(type);
  }

  /** Returns the whole stack of disks, with the parameters of all options. */
  DiskSpec stack() {
    DiskSpec base = diskOrDefault();
    if (nullDisk != null) {
      base = base.withOptions(List.of(nullDisk.split(",", -1)));
    }
    if (copyEngine) {
      base = base.withOptions(List.of("copy-engine"));
    }
    if (base.type().equals(FILE) && !base.has("path") && image != null) {
      base = base.withOptions(List.of("path=" + image));
    }
    if (faults == null) {
      return base;
    }
    List<String> words = faults.isBlank() ? List.of() : List.of(faults.split(",", -1));
    return new DiskSpec("fault", words.stream().map(String::strip).toList(), List.of(base));
  }

  /** Whether a mount is read-only at the user's request. */
  public boolean mountsReadOnly() {
    boolean ro = readOnly || norecovery;
    for (String word : options.split(",", -1)) {
      ro = word.equals("ro") || (ro && (readOnly || !word.equals("rw")));
    }
    return ro;
  }
}
