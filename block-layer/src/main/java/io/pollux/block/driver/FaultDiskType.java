// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import io.pollux.block.BlockDevice;
import io.pollux.block.bdev.DiskParameters;
import io.pollux.block.bdev.DiskType;
import io.pollux.block.bdev.OpenedDisk;
import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * The type fault: disks with faults, over one disk of type ram, null or file. Its parameters are
 * the keys of {@link FaultPlan#parse}.
 */
public final class FaultDiskType implements DiskType {
  /** Creates the provider. */
  public FaultDiskType() {}

  @Override
  public String name() {
    return "fault";
  }

  @Override
  public void checkOptions(Options options) throws ErrnoException {
    FaultPlan plan = planOf(options);
    assert plan != null : "parsed only to be checked";
  }

  @Override
  public OpenedDisk open(Task current, DiskParameters parameters) throws ErrnoException {
    parameters.requireLower(name(), 1, 1);
    OpenedDisk lower = parameters.lower().getFirst();
    FaultPlan plan = planOf(parameters.options());
    if (!(lower instanceof OpenedPolledDisk polled)) {
      throw new ErrnoException(
          Errno.EINVAL, "a disk of type fault is over one of type ram, null or file");
    }
    if (polled.disk().movesByItself()) {
      throw new ErrnoException(
          Errno.EINVAL, "a disk of type fault is not over one with a copy engine");
    }
    FaultDisk disk = FaultDisk.over(polled.disk(), plan);
    return new Opened(
        disk, disk.disk(parameters.name(), parameters.dev(), parameters.readOnly()), polled);
  }

  private FaultPlan planOf(Options options) throws ErrnoException {
    List<String> words = new ArrayList<>();
    for (String key : FaultPlanLine.KEYS) {
      for (String value : options.texts(key)) {
        words.add(key + "=" + value);
      }
    }
    if (options.flag("volatile-cache")) {
      words.add("volatile-cache");
    }
    options.requireAllKnown(name());
    try {
      return FaultPlan.parse(String.join(",", words));
    } catch (IllegalArgumentException e) {
      throw new ErrnoException(Errno.EINVAL, String.valueOf(e.getMessage()));
    }
  }

  private record Opened(FaultDisk disk, BlockDevice device, OpenedPolledDisk lower)
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
}
