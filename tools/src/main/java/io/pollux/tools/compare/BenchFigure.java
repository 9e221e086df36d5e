// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.compare;

import io.pollux.tools.bench.Result;

/** A number that bench comes to. */
enum BenchFigure {
  /** I/Os a second. */
  IOPS("iops"),
  /** Bytes that were allocated for an I/O. */
  ALLOCATED("allocatedBytesPerIo");

  private final String key;

  BenchFigure(String key) {
    this.key = key;
  }

  /** Its key in bench's JSON. */
  String key() {
    return key;
  }

  double of(Result result) {
    return this == IOPS ? result.iops() : result.allocatedBytesPerIo();
  }
}
