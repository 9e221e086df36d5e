// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.uapi.Fcntl;

/** A flag of open, with its name for dumps. */
enum OpenFlags {
  // before the flags whose bits they include
  O_SYNC(Fcntl.O_SYNC),
  O_TMPFILE(Fcntl.O_TMPFILE),
  O_APPEND(Fcntl.O_APPEND),
  O_ASYNC(Fcntl.O_ASYNC),
  O_DIRECT(Fcntl.O_DIRECT),
  O_DIRECTORY(Fcntl.O_DIRECTORY),
  O_DSYNC(Fcntl.O_DSYNC),
  O_NOATIME(Fcntl.O_NOATIME),
  O_NOFOLLOW(Fcntl.O_NOFOLLOW),
  O_NONBLOCK(Fcntl.O_NONBLOCK),
  O_PATH(Fcntl.O_PATH);

  private final int bits;

  OpenFlags(int bits) {
    this.bits = bits;
  }

  /**
   * Returns the names of O_* flags, such as "O_RDWR|O_DIRECT"; flags without a meaning here are
   * left out.
   */
  static String text(int flags) {
    StringBuilder text =
        new StringBuilder(
            switch (flags & Fcntl.O_ACCMODE) {
              case Fcntl.O_RDONLY -> "O_RDONLY";
              case Fcntl.O_WRONLY -> "O_WRONLY";
              case Fcntl.O_RDWR -> "O_RDWR";
              default -> "O_ACCMODE";
            });
    int left = flags;
    for (OpenFlags flag : values()) {
      if ((left & flag.bits) == flag.bits) {
        text.append('|').append(flag.name());
        left &= ~flag.bits;
      }
    }
    return text.toString();
  }
}
