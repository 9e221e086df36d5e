// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;

/** {@code struct pollfd}: a descriptor for poll(2), 8 bytes. */
@LinuxSource(file = "include/uapi/asm-generic/poll.h", name = "pollfd")
public final class Pollfd {
  /** The layout of {@code struct pollfd}. */
  public static final StructLayout LAYOUT =
      MemoryLayout.structLayout(
              ValueLayout.JAVA_INT.withName("fd"),
              ValueLayout.JAVA_SHORT.withName("events"),
              ValueLayout.JAVA_SHORT.withName("revents"))
          .withName("pollfd");

  /** Size in bytes. */
  public static final long SIZE = LAYOUT.byteSize();

  private static final long FD = offset("fd");
  private static final long EVENTS = offset("events");
  private static final long REVENTS = offset("revents");

  private Pollfd() {}

  private static long offset(String field) {
    return LAYOUT.byteOffset(MemoryLayout.PathElement.groupElement(field));
  }

  /** Reads {@code fd}: the descriptor; a negative one is skipped. */
  public static int fd(long at) {
    return RawMemory.getInt(at, FD);
  }

  /** Writes {@code fd}: the descriptor; a negative one is skipped. */
  public static void fd(long at, int value) {
    RawMemory.putInt(at, FD, value);
  }

  /** Reads {@code events}: requested, a mask of {@link PollBits}. */
  public static short events(long at) {
    return RawMemory.getShort(at, EVENTS);
  }

  /** Writes {@code events}: requested, a mask of {@link PollBits}. */
  public static void events(long at, short value) {
    RawMemory.putShort(at, EVENTS, value);
  }

  /** Reads {@code revents}: result, a mask of {@link PollBits}; the kernel writes it. */
  public static short revents(long at) {
    return RawMemory.getShort(at, REVENTS);
  }

  /** Writes {@code revents}: result, a mask of {@link PollBits}; the kernel writes it. */
  public static void revents(long at, short value) {
    RawMemory.putShort(at, REVENTS, value);
  }
}
