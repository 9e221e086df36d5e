// SPDX-License-Identifier: GPL-2.0-only

/**
 * The sample images of pollux, unpacked into disks in memory, for the command line and for tests.
 */
module io.pollux.sample {
  requires static transitive org.jspecify;
  requires transitive io.pollux.block;
  requires org.apache.commons.compress;

  exports io.pollux.sample;
}
