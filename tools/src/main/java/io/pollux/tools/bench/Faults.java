// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.bench;

import io.pollux.uapi.Errno;
import org.jspecify.annotations.Nullable;

/** The faults of a thread: their numbers, and a description of the first. */
final class Faults {
  private long errors;
  private long mismatches;
  private @Nullable String first;

  /** Records an I/O that failed or was short. */
  void error(boolean write, long offset, long result, int wanted) {
    if (errors++ == 0 && first == null) {
      String how = write ? "write" : "read";
      first =
          result < 0
              ? how + " at offset " + offset + ": " + Errno.describe((int) -result)
              : how + " at offset " + offset + ": only " + result + " of " + wanted + " bytes";
    }
  }

  /** Records a block with wrong content. */
  void mismatch(long blockOffset, long at) {
    if (mismatches++ == 0 && first == null) {
      first =
          "wrong data at offset " + (blockOffset + at) + " (in the block at " + blockOffset + ")";
    }
  }

  /** Records a failed call, which stops the thread. */
  void fatal(String call, int errno) {
    errors++;
    if (first == null) {
      first = call + ": " + Errno.describe(errno);
    }
  }

  long errors() {
    return errors;
  }

  long mismatches() {
    return mismatches;
  }

  @Nullable String first() {
    return first;
  }
}
