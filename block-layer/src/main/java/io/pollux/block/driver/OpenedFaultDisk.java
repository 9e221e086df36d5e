// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import io.pollux.block.BlockDevice;
import io.pollux.block.bdev.OpenedDisk;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import java.util.List;
import java.util.Locale;

/**
 * A disk that {@link FaultDiskType} has opened.
 *
 * @param disk the driver, which cuts the power and has the log of faults
 * @param device its device
 * @param lower the disk below it
 */
public record OpenedFaultDisk(FaultDisk disk, BlockDevice device, OpenedDisk lower)
    implements OpenedDisk {
  @Override
  public void fill(Task current, long position, long address, int length) throws ErrnoException {
    lower.fill(current, position, address, length);
  }

  @Override
  public boolean keepsData() {
    return lower.keepsData();
  }

  @Override
  public boolean completesInOrder() {
    return lower.completesInOrder();
  }

  @Override
  public List<String> traits() {
    return lower.traits();
  }

  @Override
  public List<String> summary() {
    FaultLog log = disk.log();
    String bios =
        log.failedBios() == log.failed()
            ? ""
            : String.format(Locale.ROOT, ", of %,d bios", log.failedBios());
    return List.of(
        String.format(
            Locale.ROOT,
            "faults of %s: %s (%,d of %,d requests failed%s; %s)",
            device.name(),
            log,
            log.failed(),
            disk.requests(),
            bios,
            disk.plan()));
  }

  @Override
  public void close() {
    disk.close(); // with the disk below it
  }
}
