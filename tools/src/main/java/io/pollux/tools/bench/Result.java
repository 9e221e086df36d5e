// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.bench;

import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;

/**
 * What a bench run found.
 *
 * @param plan what was run
 * @param fs filesystem, or none
 * @param disk where the blocks live
 * @param device name of the disk
 * @param file what was read or written
 * @param seconds from the first thread's start, or the end of its ramp, to the last one's end
 * @param ios I/Os completed in them, failed ones included
 * @param calls system calls made for them
 * @param errors I/Os and calls that failed, from the beginning
 * @param verified blocks checked, from the beginning
 * @param mismatches blocks found wrong, from the beginning
 * @param latency of the I/Os that were timed, in nanoseconds
 * @param bestSecond most I/Os completed in one second after the ramp; 0 if there was none whole
 * @param allocatedBytesPerIo by all threads, the kernel's own too, once warm; NaN if it never got warm
 * @param firstFault the first thing that went wrong, in words
 */
public record Result(
    Plan plan,
    String fs,
    String disk,
    String device,
    String file,
    double seconds,
    long ios,
    long calls,
    long errors,
    long verified,
    long mismatches,
    Histogram latency,
    long bestSecond,
    double allocatedBytesPerIo,
    @Nullable String firstFault) {

  /**
   * The rate.
   *
   * @return I/Os a second
   */
  public double iops() {
    return seconds > 0 ? ios / seconds : 0;
  }

  /**
   * Whether all went well.
   *
   * @return true if there was no error and no mismatch
   */
  public boolean good() {
    return errors == 0 && mismatches == 0;
  }
}
