// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.compare;

import io.pollux.tools.bench.Result;

/** A figure of a bench result. */
enum BenchFigure {
  /** I/Os per second. */
  IOPS("iops"),
  /** Bytes allocated per I/O. */
  ALLOCATED("allocatedBytesPerIo");

  private final String key;

  BenchFigure(String key) {
    this.key = key;
  }

  /** Returns the figure's key in bench's JSON. */
  String key() {
    return key;
  }

  double of(Result result) {
    return this == IOPS ? result.iops() : result.allocatedBytesPerIo();
  }
}
