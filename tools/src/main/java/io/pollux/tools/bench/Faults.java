// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.bench;

import io.pollux.uapi.Errno;
import org.jspecify.annotations.Nullable;

/** What went wrong in a thread: counts, and the first of each in words. */
final class Faults {
  private long errors;
  private long mismatches;
  private @Nullable String first;

  /** An I/O that was not done whole. */
  void error(boolean write, long offset, long result, int wanted) {
    if (errors++ == 0 && first == null) {
      String how = write ? "write" : "read";
      first =
          result < 0
              ? how + " at offset " + offset + ": " + Errno.describe((int) -result)
              : how + " at offset " + offset + ": only " + result + " of " + wanted + " bytes";
    }
  }

  /** A block whose content is not what it should be. */
  void mismatch(long blockOffset, long at) {
    if (mismatches++ == 0 && first == null) {
      first = "wrong data at offset " + (blockOffset + at) + " (in the block at " + blockOffset + ")";
    }
  }

  /** A call that failed as a whole; it ends the thread. */
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
