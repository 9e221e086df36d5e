// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.mm;

import io.pollux.uapi.Differs;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Memory that stays pinned while many requests use it: the buffers of one context. Bios carry it
 * ({@code Bio.mapping()}). A driver may prepare the memory once, for the first bio, and keep the
 * result as an {@link Attachment} until the mapping is closed. The mapping object identifies the
 * memory. Addresses do not, because a program may map other memory at the same addresses.
 *
 * <p>Linux 4.20 has no counterpart; proposals of 2022 call it a dma tag.
 *
 * <p>The creator keeps the memory pinned until {@link #close} returns. It closes the mapping when
 * no bio that carries it is in flight.
 */
@Differs(
    patch = 24,
    kind = Differs.Kind.OURS,
    why =
        "A driver prepares the fixed buffers of a context once, and keeps what it prepared until"
            + " the context ends. In the posting it maps every request.",
    test = "DmaMappingTest#everyOwnerFindsItsOwnUntilItIsClosed")
public final class DmaMapping implements AutoCloseable {
  /** Maximum size of a segment in bytes. */
  static final long SEGMENT_MAX = 1L << 30;

  /** The state that a driver keeps for a mapping. */
  public abstract static class Attachment {
    private final Object owner;
    private @Nullable Attachment next; // set before it is published

    /**
     * Creates an attachment.
     *
     * @param owner the key by which {@link #attachment} finds it
     */
    protected Attachment(Object owner) {
      this.owner = owner;
    }

    /**
     * Undoes the preparation. No request is in flight, and the attachment can no longer be found.
     * From process context, once.
     */
    protected abstract void detach();
  }

  private final long[] starts; // of the segments, page-aligned, in ascending order
  private final long[] ends;
  private volatile @Nullable Attachment first; // written under the lock, as next is
  private boolean closed;

  /**
   * Creates a mapping of pinned ranges, which may touch and overlap. Consecutive pages become one
   * segment.
   *
   * @param addresses first byte of each range
   * @param bytes length of each range; empty ranges are skipped
   */
  public DmaMapping(long[] addresses, long[] bytes) {
    long[][] ranges = new long[addresses.length][];
    int count = 0;
    for (int i = 0; i < addresses.length; i++) {
      if (bytes[i] > 0) {
        long end =
            (addresses[i] + bytes[i] + HostMemory.PAGE_SIZE - 1) & -(long) HostMemory.PAGE_SIZE;
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

  /** Returns the number of segments: whole pages, at most 1 GiB each, in ascending order. */
  public int segments() {
    return starts.length;
  }

  /**
   * Returns the page-aligned address of a segment.
   *
   * @param segment from 0
   */
  public long start(int segment) {
    return starts[segment];
  }

  /**
   * Returns the length of a segment in bytes, a multiple of the page size.
   *
   * @param segment from 0
   */
  public long bytes(int segment) {
    return ends[segment] - starts[segment];
  }

  /**
   * Finds the segment that contains a whole range.
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
   * @param owner as passed to the constructor
   * @return the attachment, or null
   */
  public @Nullable Attachment attachment(Object owner) {
    Attachment each = first;
    // usually the first: there is one for each ring that uses the memory
    while (each != null && each.owner != owner) {
      each = each.next;
    }
    return each;
  }

  /**
   * Adds an attachment of an owner that has none.
   *
   * @param attachment the attachment
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

  /** Detaches all attachments. Afterwards no driver uses the memory. */
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
