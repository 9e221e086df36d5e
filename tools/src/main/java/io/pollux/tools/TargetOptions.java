// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.block.bdev.DiskSpec;
import io.pollux.tools.console.Failure;
import io.pollux.tools.image.Disks;
import io.pollux.tools.image.Modules;
import io.pollux.tools.image.Target;
import io.pollux.tools.image.TargetSpec;
import java.nio.file.Path;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options for the target, common to all commands that do I/O. */
final class TargetOptions {
  @Option(
      names = "--image",
      paramLabel = "FILE",
      order = 900,
      description = {
        "A filesystem image or block device. Default: the sample image that ships with pollux,"
            + " which is XFS unless",
        "--fs is gfs2."
      })
  private @Nullable Path image;

  @Option(
      names = "--fs",
      paramLabel = "NAME",
      order = 901,
      description =
          "The required filesystem, such as xfs or gfs2; none is the bare block device. Default:"
              + " recognized by the superblock.")
  private @Nullable String fs;

  @Option(
      names = "--file",
      paramLabel = "PATH",
      order = 902,
      description =
          "The file in the image. Default: the sample's main file, else the largest file.")
  private @Nullable String file;

  @Option(
      names = "--disk",
      paramLabel = "NAME[:KEY=VALUE,...][,LOWER,...]",
      order = 903,
      description = {
        "The disk: file is FILE itself (default with --image), ram a copy in memory (default for"
            + " the sample), null keeps",
        "metadata in memory and completes data requests without transferring data. fault:KEY=VALUE,"
            + "LOWER wraps another",
        "disk. --modules adds others, such as stripe:chunk=64k,ram,ram. A lower disk with"
            + " parameters stands in parentheses."
      })
  private @Nullable String disk;

  @Option(
      names = "--size",
      paramLabel = "SIZE",
      order = 904,
      converter = SizeConverter.class,
      description =
          "With --fs none and --disk ram or null: size of an empty disk, such as 64M or 1G.")
  private @Nullable Long size;

  @Option(names = "--read-only", order = 905, description = "Refuse every write.")
  private boolean readOnly;

  @Option(
      names = "--norecovery",
      order = 906,
      description = "As -o ro,norecovery: mount without recovery of the log, even if it is dirty.")
  private boolean norecovery;

  @Option(
      names = "-o",
      paramLabel = "KEY=VALUE,...",
      order = 906,
      description =
          "Mount options: ro, rw, and those of the filesystem, such as norecovery of XFS and GFS2.")
  private @Nullable String options;

  @Option(
      names = Modules.OPTION,
      paramLabel = "JAR:JAR",
      order = 909,
      description =
          "Jars with further filesystems and disks. Default: the environment variable "
              + Modules.VARIABLE
              + ".")
  private @Nullable String modules;

  @Option(
      names = "--null",
      paramLabel = "KEY=VALUE,...",
      order = 907,
      description = {
        "With --disk null, more of null_blk's parameters: irqmode=none|softirq|timer,"
            + " completion_nsec, hw_queue_depth,",
        "submit_queues, poll_queues, bs, memory_backed=0|1. By default a thread of the driver"
            + " completes requests that are",
        "not polled (softirq)."
      })
  private @Nullable String nullDisk;

  @Option(
      names = "--fault",
      paramLabel = "KEY=VALUE,...",
      order = 908,
      description = {
        "Faults of the disk, the same in each run: seed, error-rate, error-at, error-sectors,"
            + " error,",
        "errors=read|write|both, short-rate, short-at, delay-ns, late-rate, reorder, withhold-tags,"
            + " cut-after-writes,",
        "cut-within-writes, volatile-cache. The faults that occurred are printed at the end."
      })
  private @Nullable String faults;

  TargetOptions() {}

  TargetSpec spec() {
    OptionalLong bytes = size == null ? OptionalLong.empty() : OptionalLong.of(size);
    String mountOptions = options == null ? "" : options;
    return new TargetSpec(
        image,
        fs,
        file,
        disk == null ? null : Disks.parse(disk),
        bytes,
        readOnly,
        norecovery,
        mountOptions,
        nullDisk,
        faults,
        false,
        modules(modules));
  }

  /** Returns the list of jars: the option's, else that of the environment; empty for none. */
  static String modules(@Nullable String option) {
    String inherited = System.getenv(Modules.VARIABLE);
    return option != null ? option : inherited == null ? "" : inherited;
  }

  Target open(boolean writing) {
    return Target.open(spec(), writing);
  }

  /**
   * Opens the target to change its filesystem.
   *
   * @throws Failure also for the sample, because changes of its copy in memory would be lost
   */
  Target openToChange() {
    TargetSpec spec = spec();
    DiskSpec chosen = spec.disk();
    if (spec.bare()) {
      throw Failure.couldNotRun("--fs none", "has no filesystem to change");
    }
    if (spec.image() == null && (chosen == null || !chosen.has("path"))) {
      throw Failure.couldNotRun("--image", "is needed: changes of the sample would be lost");
    }
    return Target.open(spec, true);
  }
}
