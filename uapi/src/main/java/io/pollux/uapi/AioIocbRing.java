// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;

/**
 * {@code struct aio_iocb_ring}: the header of the submission (SQ) ring; {@link Iocb} entries follow
 * it. The application produces, the kernel consumes.
 *
 * <p>An index is in [0, nr_events) and wraps around to 0; nr_events need not be a power of two. The
 * ring is empty if head == tail, and full if next(tail) == head, so nr_events - 1 entries fit. The
 * producer stores the entry, then the tail with release order. The consumer loads the tail with
 * acquire order, reads the entry, then stores head with release order.
 */
@LinuxSource(file = "include/uapi/linux/aio_abi.h", name = "aio_iocb_ring")
public final class AioIocbRing {
  /** The layout of {@code struct aio_iocb_ring}. */
  public static final StructLayout LAYOUT =
      MemoryLayout.structLayout(
              ValueLayout.JAVA_INT.withName("head"),
              ValueLayout.JAVA_INT.withName("tail"),
              ValueLayout.JAVA_INT.withName("nr_events"),
              ValueLayout.JAVA_INT.withName("sq_thread_cpu"),
              ValueLayout.JAVA_INT.withName("sq_flags"),
              MemoryLayout.paddingLayout(44))
          .withName("aio_iocb_ring");

  /** Size of the header in bytes; entries start here. */
  public static final long SIZE = LAYOUT.byteSize();

  private static final long HEAD = offset("head");
  private static final long TAIL = offset("tail");
  private static final long NR_EVENTS = offset("nr_events");
  private static final long SQ_THREAD_CPU = offset("sq_thread_cpu");
  private static final long SQ_FLAGS = offset("sq_flags");

  private AioIocbRing() {}

  private static long offset(String field) {
    return LAYOUT.byteOffset(MemoryLayout.PathElement.groupElement(field));
  }

  /** Reads {@code head}: next entry for the kernel; the kernel writes it. Acquire order. */
  public static int head(long at) {
    return RawMemory.getIntAcquire(at + HEAD);
  }

  /** Writes {@code head}: next entry for the kernel; the kernel writes it. Release order. */
  public static void head(long at, int value) {
    RawMemory.putIntRelease(at + HEAD, value);
  }

  /**
   * Reads {@code tail}: next entry the application fills; the application writes it. Acquire order.
   */
  public static int tail(long at) {
    return RawMemory.getIntAcquire(at + TAIL);
  }

  /**
   * Writes {@code tail}: next entry the application fills; the application writes it. Release
   * order.
   */
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
   * Reads {@code sq_thread_cpu}: cpu of the submission thread; the application writes it before
   * setup.
   */
  public static int sqThreadCpu(long at) {
    return RawMemory.getInt(at, SQ_THREAD_CPU);
  }

  /**
   * Writes {@code sq_thread_cpu}: cpu of the submission thread; the application writes it before
   * setup.
   */
  public static void sqThreadCpu(long at, int value) {
    RawMemory.putInt(at, SQ_THREAD_CPU, value);
  }

  /**
   * Reads {@code sq_flags}: AioAbi.IORING_SQ_NEED_WAKEUP; the kernel writes it. Added by this
   * kernel, see SQPOLL. Acquire order.
   */
  public static int sqFlags(long at) {
    return RawMemory.getIntAcquire(at + SQ_FLAGS);
  }

  /**
   * Writes {@code sq_flags}: AioAbi.IORING_SQ_NEED_WAKEUP; the kernel writes it. Added by this
   * kernel, see SQPOLL. Release order.
   */
  public static void sqFlags(long at, int value) {
    RawMemory.putIntRelease(at + SQ_FLAGS, value);
  }

  /**
   * Returns the address of the {@link Iocb} at an index.
   *
   * @param ring address of the header
   * @param index entry, from 0 to nr_events - 1
   */
  public static long iocb(long ring, int index) {
    return ring + SIZE + index * Iocb.SIZE;
  }

  /**
   * Returns the size of a whole ring in bytes: header and entries.
   *
   * @param nrEvents number of entries
   */
  public static long bytes(int nrEvents) {
    return SIZE + nrEvents * Iocb.SIZE;
  }
}
