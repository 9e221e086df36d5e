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
  exports io.pollux.block.record;

  uses io.pollux.block.bdev.FileSystemType;
  uses io.pollux.block.bdev.DiskType;

  provides io.pollux.block.bdev.DiskType with
      io.pollux.block.driver.RamDiskType,
      io.pollux.block.driver.NullDiskType,
      io.pollux.block.driver.FileDiskType,
      io.pollux.block.driver.FaultDiskType;
}
