// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.image;

import java.lang.foreign.MemorySegment;

/**
 * Where in a piece of memory there is something other than zeroes, page by page; so that whoever copies an image
 * or a file can leave out what would only take up space.
 *
 * <p>The loop: {@code for (at = start(data, 0); at < size; at = start(data, end)) { end = end(data, at); ... }}
 */
public final class DataRuns {
  private static final int PAGE = 4096;
  private static final MemorySegment ZEROES = MemorySegment.ofArray(new byte[64 * PAGE]);

  private DataRuns() {}

  /**
   * Finds data.
   *
   * @param data where to look
   * @param from the first page to look at
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
   * @param data where to look
   * @param from a page that is not all zeroes
   * @return offset of the next page that is, or the size of data if there is none
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
