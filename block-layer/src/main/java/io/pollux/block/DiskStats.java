// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.uapi.LinuxSource;
import java.util.concurrent.TimeUnit;

/**
 * The statistics of a device since it was made, field by field as in /proc/diskstats.
 *
 * <p>Zeroing counts as writing. Flushes are not counted, as in Linux. ioTicks is an estimate that
 * is right on average; a request counts for it only once it has completed.
 *
 * @param reads completed requests
 * @param readMerges bios merged into a request
 * @param readSectors sectors of completed requests
 * @param readMillis milliseconds from submission to completion, summed over all requests
 * @param writes as reads
 * @param writeMerges as readMerges
 * @param writeSectors as readSectors
 * @param writeMillis as readMillis
 * @param inFlight requests in flight now, and tags that plugs hold in advance
 * @param ioTicks milliseconds in which a request was in flight
 * @param timeInQueue sum of readMillis, writeMillis and discardMillis
 * @param discards as reads
 * @param discardMerges as readMerges
 * @param discardSectors as readSectors
 * @param discardMillis as readMillis
 */
@LinuxSource(file = "Documentation/iostats.txt", name = "/proc/diskstats")
public record DiskStats(
    long reads,
    long readMerges,
    long readSectors,
    long readMillis,
    long writes,
    long writeMerges,
    long writeSectors,
    long writeMillis,
    int inFlight,
    long ioTicks,
    long timeInQueue,
    long discards,
    long discardMerges,
    long discardSectors,
    long discardMillis) {

  static DiskStats of(HwCtx[] hctxs, int inFlight, long busyNanos) {
    long[][] sums = new long[QueueStats.STAT_DISCARD + 1][QueueStats.NANOS + 1];
    for (HwCtx hctx : hctxs) {
      for (int group = 0; group < sums.length; group++) {
        for (int field = 0; field < sums[group].length; field++) {
          sums[group][field] += hctx.stats().sum(group, field);
        }
      }
    }
    long[] read = sums[QueueStats.STAT_READ];
    long[] write = sums[QueueStats.STAT_WRITE];
    long[] discard = sums[QueueStats.STAT_DISCARD];
    long all = read[QueueStats.NANOS] + write[QueueStats.NANOS] + discard[QueueStats.NANOS];
    return new DiskStats(
        read[QueueStats.IOS],
        read[QueueStats.MERGES],
        read[QueueStats.SECTORS],
        millis(read[QueueStats.NANOS]),
        write[QueueStats.IOS],
        write[QueueStats.MERGES],
        write[QueueStats.SECTORS],
        millis(write[QueueStats.NANOS]),
        inFlight,
        millis(busyNanos),
        millis(all),
        discard[QueueStats.IOS],
        discard[QueueStats.MERGES],
        discard[QueueStats.SECTORS],
        millis(discard[QueueStats.NANOS]));
  }

  private static long millis(long nanos) {
    return TimeUnit.NANOSECONDS.toMillis(nanos);
  }

  /**
   * Formats the line of /proc/diskstats as Linux 4.20 does: 11 fields, and 4 for discards.
   *
   * @param major the device's major number
   * @param minor its minor number
   * @param name its name
   * @return the line, without an end of line
   */
  @LinuxSource(file = "block/genhd.c", name = "diskstats_show")
  public String line(int major, int minor, String name) {
    return String.format(
        "%4d %7d %s %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d",
        major,
        minor,
        name,
        reads,
        readMerges,
        readSectors,
        readMillis,
        writes,
        writeMerges,
        writeSectors,
        writeMillis,
        inFlight,
        ioTicks,
        timeInQueue,
        discards,
        discardMerges,
        discardSectors,
        discardMillis);
  }
}
