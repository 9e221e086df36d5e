// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.uapi.LinuxSource;
import org.jspecify.annotations.Nullable;

/**
 * What the kernel knows of an eventfd: that it can be signalled. An inode that is one is an eventfd. It lives as long
 * as a file on it is referenced, so who signals later keeps a reference on the file.
 */
@LinuxSource(file = "fs/eventfd.c", name = "eventfd_ctx")
public interface EventfdCtx {
  /**
   * The counter behind a file.
   *
   * @param file any file
   * @return its counter, good as long as the file is referenced; null (EINVAL) if it is no eventfd
   */
  @LinuxSource(file = "fs/eventfd.c", name = "eventfd_ctx_fileget")
  static @Nullable EventfdCtx of(File file) {
    return file.inode() instanceof EventfdCtx eventfd ? eventfd : null;
  }

  /**
   * Adds to the counter, up to its largest value, and wakes whoever waits for it. From any context; never
   * sleeps.
   *
   * @param n how much, not negative
   * @return how much was added: less than n if the counter is full
   */
  @LinuxSource(file = "fs/eventfd.c", name = "eventfd_signal")
  long signal(long n);
}
