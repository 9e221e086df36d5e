// SPDX-License-Identifier: GPL-2.0-only

/** GFS2 in its on-disk format: reading, and overwriting in place. It knows nothing of aio. */
@SuppressWarnings("module") // the filesystem's name ends in a digit
module io.pollux.gfs2 {
  requires static transitive org.jspecify;
  requires transitive io.pollux.iomap;

  exports io.pollux.gfs2;

  provides io.pollux.block.bdev.FileSystemType with
      io.pollux.gfs2.Gfs2FileSystem;
}
