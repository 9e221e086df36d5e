// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

/** Bits of the masks of poll(2), IOCB_CMD_POLL and a file's poll method. */
@LinuxSource(file = "include/uapi/asm-generic/poll.h")
public final class PollBits {
  /** Data can be read. */
  public static final int POLLIN = 0x1;

  /** Urgent data can be read. */
  public static final int POLLPRI = 0x2;

  /** Data can be written. */
  public static final int POLLOUT = 0x4;

  /** An error; always reported. */
  public static final int POLLERR = 0x8;

  /** The other end is closed; always reported. */
  public static final int POLLHUP = 0x10;

  /** The descriptor is not open; reported by poll(2) only. */
  public static final int POLLNVAL = 0x20;

  /** Normal data can be read. */
  public static final int POLLRDNORM = 0x40;

  /** Normal data can be written. */
  public static final int POLLWRNORM = 0x100;

  /** The mask of a file without a poll method: always ready. */
  @LinuxSource(file = "include/linux/poll.h", name = "DEFAULT_POLLMASK")
  public static final int DEFAULT_POLLMASK = POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;

  private PollBits() {}
}
