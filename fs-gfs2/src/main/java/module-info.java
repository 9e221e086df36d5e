// SPDX-License-Identifier: GPL-2.0-only

/** GFS2. Only its place is here so far; see the package. */
module io.pollux.gfs2 {
  requires static transitive org.jspecify;
  requires transitive io.pollux.iomap;

  exports io.pollux.gfs2;
}
