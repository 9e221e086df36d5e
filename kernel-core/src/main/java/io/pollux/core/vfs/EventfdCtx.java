// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.uapi.LinuxSource;
import org.jspecify.annotations.Nullable;

/**
 * The kernel's interface to an eventfd, implemented by its inode. It exists while a file on it is
 * referenced, so a later signaller keeps a reference on the file.
 */
@LinuxSource(file = "fs/eventfd.c", name = "eventfd_ctx")
public interface EventfdCtx {
  /**
   * Returns the counter of a file.
   *
   * @param file any file
   * @return the counter, valid while the file is referenced; null (EINVAL) if the file is not an
   *     eventfd
   */
  @LinuxSource(file = "fs/eventfd.c", name = "eventfd_ctx_fileget")
  static @Nullable EventfdCtx of(File file) {
    return file.inode() instanceof EventfdCtx eventfd ? eventfd : null;
  }

  /**
   * Adds to the counter, up to its maximum, and wakes its waiters. From any context; never sleeps.
   *
   * @param n amount, not negative
   * @return the amount added: less than n if the counter is full
   */
  @LinuxSource(file = "fs/eventfd.c", name = "eventfd_signal")
  long signal(long n);
}
