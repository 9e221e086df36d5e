// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;

/**
 * {@code struct aio_io_event_ring}: the header of the completion (CQ) ring; {@link IoEvent} entries follow it.
 * The kernel produces, the application consumes.
 *
 * <p>Ring rule: an index lives in [0, nr_events) and wraps to 0 there; nr_events need not be a power of two.
 * Empty is head == tail, full is next(tail) == head, so nr_events - 1 entries fit. Who produces stores the
 * entry, then the tail with release order; who consumes loads the tail with acquire order, reads the entry,
 * then stores head with release order.
 */
@LinuxSource(file = "include/uapi/linux/aio_abi.h", name = "aio_io_event_ring")
public final class AioIoEventRing {
  /** The layout of {@code struct aio_io_event_ring}. */
  public static final StructLayout LAYOUT =
      MemoryLayout.structLayout(
          ValueLayout.JAVA_INT.withName("head"),
          ValueLayout.JAVA_INT.withName("tail"),
          ValueLayout.JAVA_INT.withName("nr_events"),
          MemoryLayout.paddingLayout(20)).withName("aio_io_event_ring");

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
   * Reads {@code head}: next event the application reads; the application writes it. Acquire order.
   *
   * @param at address of the structure
   * @return the field
   */
  public static int head(long at) {
    return RawMemory.getIntAcquire(at + HEAD);
  }

  /**
   * Writes {@code head}: next event the application reads; the application writes it. Release order.
   *
   * @param at address of the structure
   * @param value the field
   */
  public static void head(long at, int value) {
    RawMemory.putIntRelease(at + HEAD, value);
  }

  /**
   * Reads {@code tail}: where the kernel puts the next event; the kernel writes it. Acquire order.
   *
   * @param at address of the structure
   * @return the field
   */
  public static int tail(long at) {
    return RawMemory.getIntAcquire(at + TAIL);
  }

  /**
   * Writes {@code tail}: where the kernel puts the next event; the kernel writes it. Release order.
   *
   * @param at address of the structure
   * @param value the field
   */
  public static void tail(long at, int value) {
    RawMemory.putIntRelease(at + TAIL, value);
  }

  /**
   * Reads {@code nr_events}: number of entries; the kernel writes it at setup.
   *
   * @param at address of the structure
   * @return the field
   */
  public static int nrEvents(long at) {
    return RawMemory.getInt(at, NR_EVENTS);
  }

  /**
   * Writes {@code nr_events}: number of entries; the kernel writes it at setup.
   *
   * @param at address of the structure
   * @param value the field
   */
  public static void nrEvents(long at, int value) {
    RawMemory.putInt(at, NR_EVENTS, value);
  }

  /**
   * Address of an event.
   *
   * @param ring address of the header
   * @param index entry, from 0 to nr_events - 1
   * @return address of the {@link IoEvent}
   */
  public static long event(long ring, int index) {
    return ring + SIZE + index * IoEvent.SIZE;
  }

  /**
   * Bytes of a whole ring.
   *
   * @param nrEvents number of entries
   * @return header and entries together
   */
  public static long bytes(int nrEvents) {
    return SIZE + nrEvents * IoEvent.SIZE;
  }
}
