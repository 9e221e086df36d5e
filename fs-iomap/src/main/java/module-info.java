// SPDX-License-Identifier: GPL-2.0-only

/**
 * Extent mapping and direct I/O for filesystems that map files to extents. It knows nothing of aio.
 */
module io.pollux.iomap {
  requires static transitive org.jspecify;
  requires transitive io.pollux.block;

  exports io.pollux.iomap;
  exports io.pollux.iomap.space;
}
