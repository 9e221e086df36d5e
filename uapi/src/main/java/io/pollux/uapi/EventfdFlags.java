// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

/** Flags of eventfd2. */
@LinuxSource(file = "include/linux/eventfd.h")
public final class EventfdFlags {
  /** A read takes 1 from the counter instead of all. */
  public static final int EFD_SEMAPHORE = 1;

  /** Close on exec. */
  public static final int EFD_CLOEXEC = Fcntl.O_CLOEXEC;

  /** Do not block. */
  public static final int EFD_NONBLOCK = Fcntl.O_NONBLOCK;

  private EventfdFlags() {}
}
