// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core;

import io.pollux.uapi.LinuxSource;

/**
 * The switch for debugging checks and records, which is off in production. The checks: the order of
 * locks ({@link io.pollux.core.sched.LockOrder}), and calls from outside the kernel. The records:
 * the thread that opened a file, and the requests in flight of a context.
 *
 * <p>The build sets {@code -Dpollux.debug=true} for tests. The property is read once, so code under
 * {@code if (Debug.ON)} costs nothing after compilation if it is off. Assertions cannot be this
 * switch, because they stay on in production.
 */
@LinuxSource(file = "lib/Kconfig.debug", name = "DEBUG_KERNEL")
public final class Debug {
  /** The system property, read when this class is initialized. */
  public static final String PROPERTY = "pollux.debug";

  /** Whether the property is {@code true}. */
  public static final boolean ON = Boolean.getBoolean(PROPERTY);

  private Debug() {}
}
