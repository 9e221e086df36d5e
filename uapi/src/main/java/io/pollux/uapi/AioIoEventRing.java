// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;

/**
 * {@code struct aio_io_event_ring}: the header of the completion (CQ) ring; {@link IoEvent} entries
 * follow it. The kernel produces, the application consumes.
 *
 * <p>An index is in [0, nr_events) and wraps around to 0; nr_events need not be a power of two. The
 * ring is empty if head == tail, and full if next(tail) == head, so nr_events - 1 entries fit. The
 * producer stores the entry, then the tail with release order. The consumer loads the tail with
 * acquire order, reads the entry, then stores head with release order.
 */
@LinuxSource(file = "include/uapi/linux/aio_abi.h", name = "aio_io_event_ring")
public final class AioIoEventRing {
  /** The layout of {@code struct aio_io_event_ring}. */
  public static final StructLayout LAYOUT =
      MemoryLayout.structLayout(
              ValueLayout.JAVA_INT.withName("head"),
              ValueLayout.JAVA_INT.withName("tail"),
              ValueLayout.JAVA_INT.withName("nr_events"),
              MemoryLayout.paddingLayout(20))
          .withName("aio_io_event_ring");

  /** Size of the header in bytes; events start here. */
  public static final long SIZE = LAYOUT.byteSize();

  private static final long HEAD = offset("head");
  private static final long TAIL = offset("tail");
  private static final long NR_EVENTS = offset("nr_events");

  private AioIoEventRing() {}

  private static long offset(String field) {
    return LAYOUT.byteOffset(MemoryLayout.PathElement.groupElement(field));
  }

  /**
   * Reads {@code head}: next event for the application; the application writes it. Acquire order.
   */
  public static int head(long at) {
    return RawMemory.getIntAcquire(at + HEAD);
  }

  /**
   * Writes {@code head}: next event for the application; the application writes it. Release order.
   */
  public static void head(long at, int value) {
    RawMemory.putIntRelease(at + HEAD, value);
  }

  /** Reads {@code tail}: slot of the next event; the kernel writes it. Acquire order. */
  public static int tail(long at) {
    return RawMemory.getIntAcquire(at + TAIL);
  }

  /** Writes {@code tail}: slot of the next event; the kernel writes it. Release order. */
  public static void tail(long at, int value) {
    RawMemory.putIntRelease(at + TAIL, value);
  }

  /** Reads {@code nr_events}: number of entries; the kernel writes it at setup. */
  public static int nrEvents(long at) {
    return RawMemory.getInt(at, NR_EVENTS);
  }

  /** Writes {@code nr_events}: number of entries; the kernel writes it at setup. */
  public static void nrEvents(long at, int value) {
    RawMemory.putInt(at, NR_EVENTS, value);
  }

  /**
   * Returns the address of the {@link IoEvent} at an index.
   *
   * @param ring address of the header
   * @param index entry, from 0 to nr_events - 1
   */
  public static long event(long ring, int index) {
    return ring + SIZE + index * IoEvent.SIZE;
  }

  /**
   * Returns the size of a whole ring in bytes: header and entries.
   *
   * @param nrEvents number of entries
   */
  public static long bytes(int nrEvents) {
    return SIZE + nrEvents * IoEvent.SIZE;
  }
}
