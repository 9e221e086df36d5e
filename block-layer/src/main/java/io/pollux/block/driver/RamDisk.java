// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import io.pollux.block.Bio;
import io.pollux.block.BlkTypes;
import io.pollux.core.mm.HostMemory;
import io.pollux.uapi.RawMemory;

/** A disk in memory. It is sparse: what was never written costs nothing. */
public final class RamDisk extends PolledDisk {
  private final long address;
  private final long mapped;

  /**
   * Makes a disk full of zeroes.
   *
   * @param bytes its size, at least one byte
   * @throws OutOfMemoryError if the machine has no address space to give
   */
  public RamDisk(long bytes) {
    super(bytes);
    mapped = (bytes + HostMemory.PAGE_SIZE - 1) & -HostMemory.PAGE_SIZE;
    address = HostMemory.map(mapped);
    if (address == 0) {
      throw new OutOfMemoryError("no memory for a disk of " + bytes + " bytes");
    }
  }

  /**
   * The memory of the disk, to be filled before it is used.
   *
   * @return raw address of its first byte
   */
  public long address() {
    return address;
  }

  @Override
  int transfer(Bio bio, boolean write) {
    long at = address + (bio.sector() << BlkTypes.SECTOR_SHIFT);
    for (int i = 0; i < bio.vecs(); i++) {
      int length = bio.vecLength(i);
      if (write) {
        RawMemory.copy(bio.vecAddress(i), at, length);
      } else {
        RawMemory.copy(at, bio.vecAddress(i), length);
      }
      at += length;
    }
    return 0;
  }

  @Override
  int flush() {
    return 0;
  }

  @Override
  public void close() {
    HostMemory.unmap(address, mapped);
  }
}
