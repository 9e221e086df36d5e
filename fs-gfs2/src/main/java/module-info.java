// SPDX-License-Identifier: GPL-2.0-only

/** GFS2. Only its place is here so far; see the package. */
@SuppressWarnings("module") // the filesystem's name ends in a digit
module io.pollux.gfs2 {
  requires static transitive org.jspecify;
  requires transitive io.pollux.iomap;
}
