// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.block.driver.FaultPlan;
import io.pollux.block.driver.NullParameters;
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
      paramLabel = "xfs|gfs2|none",
      order = 901,
      description =
          "The required filesystem; none is the bare block device. Default: recognized by the"
              + " superblock.")
  private TargetSpec.@Nullable Fs fs;

  @Option(
      names = "--file",
      paramLabel = "PATH",
      order = 902,
      description =
          "The file in the image. Default: the sample's main file, else the largest file.")
  private @Nullable String file;

  @Option(
      names = "--disk",
      paramLabel = "file|ram|null",
      order = 903,
      description = {
        "Location of the blocks: FILE itself (default with --image), a copy in memory (default for"
            + " the sample), or",
        "nowhere: null keeps metadata in memory and completes data requests without transferring"
            + " data."
      })
  private TargetSpec.@Nullable Disk disk;

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
      description = "Mount without recovery of the log, even if it is dirty.")
  private boolean norecovery;

  @Option(
      names = "--null",
      paramLabel = "KEY=VALUE,...",
      order = 907,
      converter = NullConverter.class,
      description = {
        "With --disk null, null_blk's parameters: irqmode=none|softirq|timer, completion_nsec,"
            + " hw_queue_depth,",
        "submit_queues, poll_queues, bs, memory_backed=0|1. By default a thread of the driver"
            + " completes requests that are",
        "not polled (softirq)."
      })
  private @Nullable NullParameters nullDisk;

  @Option(
      names = "--fault",
      paramLabel = "KEY=VALUE,...",
      order = 908,
      converter = FaultConverter.class,
      description = {
        "Faults of the disk, the same in each run: seed, error-rate, error-at, error-sectors,"
            + " error,",
        "errors=read|write|both, short-rate, short-at, delay-ns, late-rate, reorder, withhold-tags,"
            + " cut-after-writes,",
        "cut-within-writes, volatile-cache. The faults that occurred are printed at the end."
      })
  private @Nullable FaultPlan faults;

  TargetOptions() {}

  TargetSpec spec() {
    OptionalLong bytes = size == null ? OptionalLong.empty() : OptionalLong.of(size);
    return new TargetSpec(
        image, fs, file, disk, bytes, readOnly, norecovery, nullDisk, faults, false);
  }

  Target open(boolean writing) {
    return Target.open(spec(), writing);
  }
}
