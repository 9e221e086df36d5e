// SPDX-License-Identifier: GPL-2.0-only

/**
 * XFS, version 5, in its on-disk format: reading, writing, making and checking it. It knows nothing
 * of aio.
 */
module io.pollux.xfs {
  requires static transitive org.jspecify;
  requires transitive io.pollux.iomap;

  exports io.pollux.xfs;

  provides io.pollux.block.bdev.FileSystemType with
      io.pollux.xfs.XfsFileSystem;
}
