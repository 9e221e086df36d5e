// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit.suite;

/**
 * What a disk can do. {@link DiskSuite} skips a behaviour that needs an undeclared feature. Reads,
 * writes and flushes need no feature.
 */
public enum DiskFeature {
  /** Reads return the data of earlier writes. */
  STORES,
  /** Has a polled hardware queue. */
  POLL,
  /** Has a volatile write cache, so that only a flush makes writes durable. */
  WRITE_CACHE,
  /** Makes a single write durable. Needs {@link #WRITE_CACHE}. */
  FUA,
  /** Discards ranges. */
  DISCARD,
  /** Zeroes ranges without data. */
  WRITE_ZEROES,
  /** Accepts requests of more than one bio. */
  MERGE,
  /** Can be opened read-only. */
  READ_ONLY,
  /** Has lower disks, which {@link SuiteDisk#over} describes. */
  STACKED,
  /** Keeps flushed data if the power of its lower disks is cut. Needs {@link #STACKED}. */
  POWER_CUT,
  /** Allocates nothing for a request once warm. Measured without the debugging checks. */
  NO_ALLOCATION
}
