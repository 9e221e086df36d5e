// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.format;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;

/** How damage is reported: EUCLEAN, which XFS calls EFSCORRUPTED, and a sentence. */
@LinuxSource(
    file = "fs/xfs/xfs_error.c",
    name = {"xfs_corruption_error", "xfs_verifier_error"})
public final class XfsError {
  /** XFS's name for EUCLEAN. */
  @LinuxSource(file = "fs/xfs/xfs_linux.h", name = "EFSCORRUPTED")
  public static final int EFSCORRUPTED = Errno.EUCLEAN;

  private XfsError() {}

  /** Makes the error for damage on disk. */
  public static ErrnoException corrupt(String sentence) {
    return new ErrnoException(EFSCORRUPTED, sentence);
  }
}
