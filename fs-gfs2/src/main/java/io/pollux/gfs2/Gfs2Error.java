// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;

/** How damage is reported: EIO, as in C, and a sentence. */
@LinuxSource(
    file = "fs/gfs2/util.c",
    name = {"gfs2_consist_i", "gfs2_consist_inode_i", "gfs2_consist_rgrpd_i"})
final class Gfs2Error {
  /** The errno for damage. */
  static final int DAMAGE = Errno.EIO;

  private Gfs2Error() {}

  /** Makes the error for damage on disk. */
  static ErrnoException corrupt(String sentence) {
    return new ErrnoException(DAMAGE, sentence);
  }
}
