// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.image;

import java.lang.foreign.MemorySegment;

/**
 * Finds the pages of a memory that are not all zeroes, so that a copy of an image or a file can
 * omit the others.
 *
 * <p>The loop: {@code for (at = start(data, 0); at < size; at = start(data, end)) { end = end(data,
 * at); ... }}
 */
public final class DataRuns {
  private static final int PAGE = 4096;
  private static final MemorySegment ZEROES = MemorySegment.ofArray(new byte[64 * PAGE]);

  private DataRuns() {}

  /**
   * Finds the start of data.
   *
   * @param data the memory to search
   * @param from the first page to search
   * @return offset of the first page that is not all zeroes, or the size of data if there is none
   */
  public static long start(MemorySegment data, long from) {
    for (long at = from; at < data.byteSize(); at += ZEROES.byteSize()) {
      long end = Math.min(at + ZEROES.byteSize(), data.byteSize());
      long first = MemorySegment.mismatch(data, at, end, ZEROES, 0, end - at);
      if (first >= 0) {
        return at + first / PAGE * PAGE;
      }
    }
    return data.byteSize();
  }

  /**
   * Finds the end of data.
   *
   * @param data the memory to search
   * @param from a page that is not all zeroes
   * @return offset of the next page that is all zeroes, or the size of data if there is none
   */
  public static long end(MemorySegment data, long from) {
    for (long at = from + PAGE; at < data.byteSize(); at += PAGE) {
      long end = Math.min(at + PAGE, data.byteSize());
      if (MemorySegment.mismatch(data, at, end, ZEROES, 0, end - at) < 0) {
        return at;
      }
    }
    return data.byteSize();
  }
}
