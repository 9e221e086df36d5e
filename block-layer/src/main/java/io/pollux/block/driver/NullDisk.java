// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import io.pollux.block.Bio;
import io.pollux.block.BlkTypes;
import io.pollux.uapi.LinuxSource;

/**
 * A disk that takes no time: what is marked as metadata is kept in memory, so that a filesystem can live on
 * it, and data requests complete without moving anything. It shows what everything above a device costs.
 */
@LinuxSource(file = "drivers/block/null_blk_main.c", name = "null_blk")
public final class NullDisk extends PolledDisk {
  private final RamDisk metadata;

  /**
   * Makes a disk.
   *
   * @param metadata what metadata is read from and written to; closed with this
   */
  public NullDisk(RamDisk metadata) {
    super(metadata.bytes());
    this.metadata = metadata;
  }

  @Override
  int transfer(Bio bio, boolean write) {
    return bio.has(BlkTypes.REQ_META) ? metadata.transfer(bio, write) : 0;
  }

  @Override
  int flush() {
    return 0;
  }

  @Override
  public void close() {
    metadata.close();
  }
}
