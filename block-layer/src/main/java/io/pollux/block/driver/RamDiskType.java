// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import io.pollux.block.BlkTypes;
import io.pollux.block.bdev.DiskParameters;
import io.pollux.block.bdev.DiskType;
import io.pollux.block.bdev.OpenedDisk;
import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;

/**
 * The type ram: disks in memory. Parameters: {@code size}, instead of the requested one; {@code
 * copy-engine}, for a thread that copies data in parallel with the submitter.
 */
public final class RamDiskType implements DiskType {
  private static final long MAX_BYTES = 1L << 60;

  /** Creates the provider. */
  public RamDiskType() {}

  @Override
  public String name() {
    return "ram";
  }

  @Override
  public void checkOptions(Options options, int lower) throws ErrnoException {
    DiskParameters.requireLower(name(), lower, 0, 0);
    options.flag("copy-engine");
    checkSize(options);
    options.requireAllKnown(name());
  }

  static void checkSize(Options options) throws ErrnoException {
    long bytes = options.size("size", -1, BlkTypes.SECTOR_SIZE, MAX_BYTES);
    assert bytes >= -1 : bytes;
  }

  @Override
  public OpenedDisk open(Task current, DiskParameters parameters) throws ErrnoException {
    DiskParameters.requireLower(name(), parameters.lower().size(), 0, 0);
    Options options = parameters.options();
    boolean copyEngine = options.flag("copy-engine");
    long bytes = bytes(parameters, name());
    options.requireAllKnown(name());
    RamDisk disk = memory(bytes);
    return OpenedPolledDisk.ram(copyEngine ? disk.withCopyEngine() : disk, parameters, copyEngine);
  }

  /** Returns the size of a disk in memory: its parameter, or the requested one. */
  static long bytes(DiskParameters parameters, String type) throws ErrnoException {
    long bytes = parameters.options().size("size", -1, BlkTypes.SECTOR_SIZE, MAX_BYTES);
    return bytes >= 0 ? bytes : parameters.requireBytes(type);
  }

  /** Creates a disk in memory. */
  static RamDisk memory(long bytes) throws ErrnoException {
    if (bytes <= 0 || bytes > MAX_BYTES) {
      throw new ErrnoException(Errno.EINVAL, "no disk has " + bytes + " bytes");
    }
    try {
      return new RamDisk(bytes);
    } catch (OutOfMemoryError e) {
      throw new ErrnoException(
          Errno.ENOMEM, "this machine has no memory for a disk of " + bytes + " bytes");
    }
  }
}
