// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.bdev.DiskParameters;
import io.pollux.block.bdev.OpenedDisk;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import java.util.List;

/** An opened disk of this package. Its initial content goes to the medium, not to the device. */
final class OpenedPolledDisk implements OpenedDisk {
  private final PolledDisk disk;
  private final BlockDevice device;
  private final boolean keepsData;
  private final boolean inOrder;
  private final List<String> traits;

  private OpenedPolledDisk(
      PolledDisk disk,
      DiskParameters parameters,
      boolean keepsData,
      boolean inOrder,
      List<String> traits) {
    this.disk = disk;
    device = disk.disk(parameters.name(), parameters.dev(), parameters.readOnly());
    this.keepsData = keepsData;
    this.inOrder = inOrder;
    this.traits = traits;
  }

  static OpenedPolledDisk ram(RamDisk disk, DiskParameters parameters, boolean copyEngine) {
    return new OpenedPolledDisk(
        disk, parameters, true, true, copyEngine ? List.of("copy engine") : List.of());
  }

  static OpenedPolledDisk nothing(NullDisk disk, DiskParameters parameters, NullParameters about) {
    String irqmode = "irqmode=" + about.irqmode().key();
    return new OpenedPolledDisk(disk, parameters, about.memoryBacked(), true, List.of(irqmode));
  }

  static OpenedPolledDisk file(HostDisk disk, DiskParameters parameters) {
    return new OpenedPolledDisk(disk, parameters, true, false, List.of());
  }

  PolledDisk disk() {
    return disk;
  }

  @Override
  public BlockDevice device() {
    return device;
  }

  @Override
  public void fill(Task current, long position, long address, int length) throws ErrnoException {
    fill(disk, position, address, length);
  }

  /** Stores content on a medium, as metadata, which a null disk keeps. */
  static void fill(PolledDisk disk, long position, long address, int length) throws ErrnoException {
    if (position < 0 || length < 0 || position > disk.bytes() - length) {
      throw new ErrnoException(Errno.ENOSPC, "the content is larger than the disk");
    }
    int result = disk.move(BlkTypes.REQ_OP_WRITE | BlkTypes.REQ_META, position, address, length);
    if (result != 0) {
      throw new ErrnoException(-result);
    }
  }

  @Override
  public boolean isEmpty() {
    return !(disk instanceof HostDisk);
  }

  @Override
  public boolean keepsData() {
    return keepsData;
  }

  @Override
  public boolean completesInOrder() {
    return inOrder;
  }

  @Override
  public List<String> traits() {
    return disk instanceof HostDisk host ? List.of(host.access()) : traits;
  }

  @Override
  public void close() {
    disk.close();
  }
}
