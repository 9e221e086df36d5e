// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import io.pollux.block.BlockDevice;
import io.pollux.block.RequestQueue;
import io.pollux.block.bdev.DiskParameters;
import io.pollux.block.bdev.DiskType;
import io.pollux.block.bdev.OpenedDisk;
import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import java.util.ArrayList;
import java.util.List;

/**
 * The type fault: disks that inject faults into the requests of a lower disk. Its parameters are
 * the keys of {@link FaultPlan#parse}. A volatile cache and short requests need a disk of type ram,
 * null or file.
 *
 * <p>A fault disk takes over the driver of such a disk, whose own device is then removed. Over any
 * other disk it submits clones, and that disk stays usable.
 */
public final class FaultDiskType implements DiskType {
  /** Creates the provider. */
  public FaultDiskType() {}

  @Override
  public String name() {
    return "fault";
  }

  @Override
  public void checkOptions(Options options, int lower) throws ErrnoException {
    DiskParameters.requireLower(name(), lower, 1, 1);
    FaultPlan plan = planOf(options);
    assert plan != null : "parsed only to be checked";
  }

  @Override
  public OpenedDisk open(Task current, DiskParameters parameters) throws ErrnoException {
    DiskParameters.requireLower(name(), parameters.lower().size(), 1, 1);
    OpenedDisk lower = parameters.lower().getFirst();
    FaultPlan plan = planOf(parameters.options());
    FaultDisk disk = over(lower, plan);
    BlockDevice device = disk.disk(parameters.name(), parameters.dev(), parameters.readOnly());
    return new OpenedFaultDisk(disk, device, lower);
  }

  private static FaultDisk over(OpenedDisk lower, FaultPlan plan) throws ErrnoException {
    BlockDevice device = lower.device();
    if (lower instanceof OpenedPolledDisk polled && !polled.disk().movesByItself()) {
      device.remove(); // its driver drives one queue: that of the fault disk
      return FaultDisk.over(polled.disk(), plan);
    }
    if (plan.volatileCache() || plan.cutsShort()) {
      throw new ErrnoException(
          Errno.EINVAL,
          "a disk of type fault with volatile-cache, short-rate or short-at needs a lower"
              + " disk of type ram, null or file");
    }
    RequestQueue queue = device.queue();
    return FaultDisk.over(
        new LinearDisk(lower), device.bytes(), queue.tagSet(), queue.limits(), plan);
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
}
