// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.mkfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.uapi.LinuxSource;

/**
 * The optional features of the new filesystem. All are on by default, as in mkfs.xfs since 6.8.
 *
 * @param finobt a tree of the chunks with free inodes
 * @param rmapbt a tree of the owners of blocks
 * @param reflink files may share blocks
 * @param bigtime times until the year 2486
 * @param inobtcount groups count the blocks of their inode trees
 * @param sparse inode chunks may have holes
 * @param nrext64 files may have 2^48 extents
 */
@LinuxSource(file = "mkfs/xfs_mkfs.c", name = "sb_feat_args")
record MkfsFeatures(
    boolean finobt,
    boolean rmapbt,
    boolean reflink,
    boolean bigtime,
    boolean inobtcount,
    boolean sparse,
    boolean nrext64) {
  private static final int RO_COMPAT_FINOBT = 1;
  private static final int RO_COMPAT_RMAPBT = 1 << 1;
  private static final int RO_COMPAT_REFLINK = 1 << 2;
  private static final int RO_COMPAT_INOBTCNT = 1 << 3;
  private static final int INCOMPAT_FTYPE = 1;
  private static final int INCOMPAT_SPINODES = 1 << 1;
  private static final int INCOMPAT_BIGTIME = 1 << 3;
  private static final int INCOMPAT_NREXT64 = 1 << 5;

  static MkfsFeatures of(Options options) throws ErrnoException {
    if (options.number("crc", 1, 0, 1) == 0) {
      throw Options.bad("crc", "only version 5 of the format, which has checksums, can be made");
    }
    boolean finobt = on(options, "finobt", 1);
    MkfsFeatures made =
        new MkfsFeatures(
            finobt,
            on(options, "rmapbt", 1),
            on(options, "reflink", 1),
            on(options, "bigtime", 1),
            on(options, "inobtcount", finobt ? 1 : 0),
            on(options, "sparse", 1),
            on(options, "nrext64", 1));
    if (made.inobtcount && !finobt) {
      throw Options.bad("inobtcount", "needs finobt=1");
    }
    return made;
  }

  private static boolean on(Options options, String key, long otherwise) throws ErrnoException {
    return options.number(key, otherwise, 0, 1) == 1;
  }

  int roCompat() {
    return (finobt ? RO_COMPAT_FINOBT : 0)
        | (rmapbt ? RO_COMPAT_RMAPBT : 0)
        | (reflink ? RO_COMPAT_REFLINK : 0)
        | (inobtcount ? RO_COMPAT_INOBTCNT : 0);
  }

  int incompat() {
    return INCOMPAT_FTYPE
        | (sparse ? INCOMPAT_SPINODES : 0)
        | (bigtime ? INCOMPAT_BIGTIME : 0)
        | (nrext64 ? INCOMPAT_NREXT64 : 0);
  }
}
