// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.mm;

import io.pollux.uapi.Differs;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Memory that stays pinned while many requests use it: the buffers of one context. Bios carry it ({@code
 * Bio.mapping()}), and a driver may prepare the memory once, at the first of them, and keep what it prepared as an {@link
 * Attachment} until the mapping is closed. It is the mapping that names the memory, not its addresses: a program may by now
 * have other memory at the same addresses, and other mappings of it.
 *
 * <p>Linux 4.20 has nothing like it; proposals of 2022 call it a dma tag.
 *
 * <p>Whoever makes a mapping keeps the memory pinned until after {@link #close}, and closes it when nothing that carries it
 * is in flight.
 */
@Differs(
    patch = 24,
    kind = Differs.Kind.OURS,
    why = "A driver prepares the fixed buffers of a context once, and keeps what it prepared until the"
        + " context ends. In the posting it maps every request.",
    test = "DmaMappingTest#everyOwnerFindsItsOwnUntilItIsClosed")
public final class DmaMapping implements AutoCloseable {
  /** Most bytes of a segment. */
  static final long SEGMENT_MAX = 1L << 30;

  /** What a driver keeps for a mapping. */
  public abstract static class Attachment {
    private final Object owner;
    private @Nullable Attachment next; // set before it is published

    /**
     * Makes an attachment.
     *
     * @param owner whose it is, to find it by
     */
    protected Attachment(Object owner) {
      this.owner = owner;
    }

    /**
     * Undoes what was prepared. Nothing is in flight, and nobody finds the attachment any more. From process context, once.
     */
    protected abstract void detach();
  }

  private final long[] starts; // of the segments, page-aligned, in ascending order
  private final long[] ends;
  private volatile @Nullable Attachment first; // written under the lock, as the next
  private boolean closed;

  /**
   * Makes a mapping of pinned ranges, which may touch and overlap: pages that follow each other become one segment.
   *
   * @param addresses first byte of each range
   * @param bytes length of each range; an empty one is left out
   */
  public DmaMapping(long[] addresses, long[] bytes) {
    long[][] ranges = new long[addresses.length][];
    int count = 0;
    for (int i = 0; i < addresses.length; i++) {
      if (bytes[i] > 0) {
        long end = (addresses[i] + bytes[i] + HostMemory.PAGE_SIZE - 1) & -(long) HostMemory.PAGE_SIZE;
        ranges[count++] = new long[] {addresses[i] & -(long) HostMemory.PAGE_SIZE, end};
      }
    }
    Arrays.sort(ranges, 0, count, (one, other) -> Long.compare(one[0], other[0]));
    int merged = 0;
    for (int i = 0; i < count; i++) {
      if (merged > 0 && ranges[i][0] <= ranges[merged - 1][1]) {
        ranges[merged - 1][1] = Math.max(ranges[merged - 1][1], ranges[i][1]);
      } else {
        ranges[merged++] = ranges[i];
      }
    }
    int segments = 0;
    for (int i = 0; i < merged; i++) {
      segments += (int) ((ranges[i][1] - ranges[i][0] + SEGMENT_MAX - 1) / SEGMENT_MAX);
    }
    starts = new long[segments];
    ends = new long[segments];
    int segment = 0;
    for (int i = 0; i < merged; i++) {
      for (long at = ranges[i][0]; at < ranges[i][1]; at += SEGMENT_MAX) {
        starts[segment] = at;
        ends[segment++] = Math.min(at + SEGMENT_MAX, ranges[i][1]);
      }
    }
  }

  /**
   * The number of segments: whole pages, at most 1 GiB each, in ascending order.
   *
   * @return how many; 0 if there is no memory
   */
  public int segments() {
    return starts.length;
  }

  /**
   * Where a segment begins.
   *
   * @param segment from 0
   * @return its first byte, at the start of a page
   */
  public long start(int segment) {
    return starts[segment];
  }

  /**
   * How long a segment is.
   *
   * @param segment from 0
   * @return bytes, a multiple of the page size
   */
  public long bytes(int segment) {
    return ends[segment] - starts[segment];
  }

  /**
   * Finds the segment in which a range lies whole.
   *
   * @param address first byte
   * @param bytes length, positive
   * @return the segment, or -1 if there is none
   */
  public int segmentOf(long address, long bytes) {
    int low = 0;
    int high = starts.length - 1;
    while (low <= high) {
      int middle = (low + high) >>> 1;
      if (address < starts[middle]) {
        high = middle - 1;
      } else if (address >= ends[middle]) {
        low = middle + 1;
      } else {
        return bytes <= ends[middle] - address ? middle : -1;
      }
    }
    return -1;
  }

  /**
   * Finds an owner's attachment.
   *
   * @param owner as it was made with
   * @return the attachment, or null
   */
  public @Nullable Attachment attachment(Object owner) {
    Attachment each = first;
    while (each != null && each.owner != owner) { // mostly the first: one for each ring that the memory is used with
      each = each.next;
    }
    return each;
  }

  /**
   * Adds an attachment, of an owner who has none.
   *
   * @param attachment what is to be found from now on
   * @return false, with nothing done, if the mapping is closed
   */
  public synchronized boolean attach(Attachment attachment) {
    if (closed) {
      return false;
    }
    attachment.next = first;
    first = attachment;
    return true;
  }

  /** Has every owner of an attachment undo it. When this is back, no driver holds on to the memory. */
  @Override
  public void close() {
    Attachment chain;
    synchronized (this) {
      closed = true;
      chain = first;
      first = null;
    }
    for (Attachment each = chain; each != null; each = each.next) {
      each.detach(); // its owner's lock is taken there, and attach is called under it
    }
  }
}
