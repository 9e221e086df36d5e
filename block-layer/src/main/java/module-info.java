// SPDX-License-Identifier: GPL-2.0-only

/**
 * The block layer: bios, requests, tags, plugs and polling, block devices as files, and the
 * drivers. It knows neither aio nor any filesystem.
 */
module io.pollux.block {
  requires static transitive org.jspecify;
  requires transitive io.pollux.core;

  exports io.pollux.block;
  exports io.pollux.block.bdev;
  exports io.pollux.block.buffer;
  exports io.pollux.block.driver;
}
