// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

/** What poll(2), IOCB_CMD_POLL and a file's poll method say about a file: bits of a mask. */
@LinuxSource(file = "include/uapi/asm-generic/poll.h")
public final class PollBits {
  /** There is data to read. */
  public static final int POLLIN = 0x1;

  /** There is urgent data. */
  public static final int POLLPRI = 0x2;

  /** There is room to write. */
  public static final int POLLOUT = 0x4;

  /** An error; always told. */
  public static final int POLLERR = 0x8;

  /** The other end is gone; always told. */
  public static final int POLLHUP = 0x10;

  /** The descriptor is not open; told by poll(2) only. */
  public static final int POLLNVAL = 0x20;

  /** Normal data to read. */
  public static final int POLLRDNORM = 0x40;

  /** Room to write normal data. */
  public static final int POLLWRNORM = 0x100;

  /** What a file without a poll method is: always ready. */
  @LinuxSource(file = "include/linux/poll.h", name = "DEFAULT_POLLMASK")
  public static final int DEFAULT_POLLMASK = POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;

  private PollBits() {}
}
