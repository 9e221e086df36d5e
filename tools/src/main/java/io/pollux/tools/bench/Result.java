// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.bench;

import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;

/**
 * The result of a bench run.
 *
 * @param plan the run's parameters
 * @param fs filesystem, or none
 * @param disk type of the disk
 * @param device name of the disk
 * @param file path of the file
 * @param seconds from the first thread's start, or the end of its ramp, to the last thread's end
 * @param ios I/Os completed in that time, including failed ones
 * @param calls system calls in that time
 * @param errors failed I/Os and calls of the whole run
 * @param verified blocks checked in the whole run
 * @param mismatches wrong blocks of the whole run
 * @param latency of the timed I/Os, in nanoseconds
 * @param bestSecond maximum number of I/Os in a full second after the ramp; 0 if there was none
 * @param allocatedBytesPerIo by all threads, also the kernel's, once warm; NaN if the run was never
 *     warm
 * @param firstFault description of the first fault
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

  /** Returns the rate in I/Os per second. */
  public double iops() {
    return seconds > 0 ? ios / seconds : 0;
  }

  /** Whether there was no error and no mismatch. */
  public boolean good() {
    return errors == 0 && mismatches == 0;
  }
}
