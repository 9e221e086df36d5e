// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;

/**
 * {@code struct pollfd}: a descriptor that poll(2) looks at, 8 bytes.
 */
@LinuxSource(file = "include/uapi/asm-generic/poll.h", name = "pollfd")
public final class Pollfd {
  /** The layout of {@code struct pollfd}. */
  public static final StructLayout LAYOUT =
      MemoryLayout.structLayout(
          ValueLayout.JAVA_INT.withName("fd"),
          ValueLayout.JAVA_SHORT.withName("events"),
          ValueLayout.JAVA_SHORT.withName("revents")).withName("pollfd");

  /** Size in bytes. */
  public static final long SIZE = LAYOUT.byteSize();

  private static final long FD = offset("fd");
  private static final long EVENTS = offset("events");
  private static final long REVENTS = offset("revents");

  private Pollfd() {}

  private static long offset(String field) {
    return LAYOUT.byteOffset(MemoryLayout.PathElement.groupElement(field));
  }

  /**
   * Reads {@code fd}: the descriptor; a negative one is skipped.
   *
   * @param at address of the structure
   * @return the field
   */
  public static int fd(long at) {
    return RawMemory.getInt(at, FD);
  }

  /**
   * Writes {@code fd}: the descriptor; a negative one is skipped.
   *
   * @param at address of the structure
   * @param value the field
   */
  public static void fd(long at, int value) {
    RawMemory.putInt(at, FD, value);
  }

  /**
   * Reads {@code events}: what is asked for, a mask of {@link PollBits}.
   *
   * @param at address of the structure
   * @return the field
   */
  public static short events(long at) {
    return RawMemory.getShort(at, EVENTS);
  }

  /**
   * Writes {@code events}: what is asked for, a mask of {@link PollBits}.
   *
   * @param at address of the structure
   * @param value the field
   */
  public static void events(long at, short value) {
    RawMemory.putShort(at, EVENTS, value);
  }

  /**
   * Reads {@code revents}: what is so, a mask of {@link PollBits}; the kernel writes it.
   *
   * @param at address of the structure
   * @return the field
   */
  public static short revents(long at) {
    return RawMemory.getShort(at, REVENTS);
  }

  /**
   * Writes {@code revents}: what is so, a mask of {@link PollBits}; the kernel writes it.
   *
   * @param at address of the structure
   * @param value the field
   */
  public static void revents(long at, short value) {
    RawMemory.putShort(at, REVENTS, value);
  }
}
