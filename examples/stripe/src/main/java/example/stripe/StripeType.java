// SPDX-License-Identifier: GPL-2.0-only
package example.stripe;

import io.pollux.block.BlockDevice;
import io.pollux.block.bdev.DiskParameters;
import io.pollux.block.bdev.DiskType;
import io.pollux.block.bdev.OpenedDisk;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import java.util.List;

/** The type stripe: {@code --disk stripe:chunk=64k,ram,ram}. */
public final class StripeType implements DiskType {
  @Override
  public String name() {
    return "stripe";
  }

  @Override
  public long lowerBytes(long bytes, int lower) {
    long chunk = 1L << 20; // the largest one; open rounds the size of the stripe down
    return (bytes / lower / chunk + 1) * chunk;
  }

  @Override
  public OpenedDisk open(Task current, DiskParameters parameters) throws ErrnoException {
    parameters.requireLower(name(), 2, 64);
    long chunk = parameters.options().size("chunk", 64 << 10, 4096, 1 << 20);
    parameters.options().requireAllKnown(name());
    List<OpenedDisk> lower = parameters.lower();
    List<BlockDevice> disks = lower.stream().map(OpenedDisk::device).toList();
    BlockDevice device = new StripeDisk(disks, Long.highestOneBit(chunk)).device(parameters);
    return new Opened(device, lower);
  }

  private record Opened(BlockDevice device, List<OpenedDisk> lower) implements OpenedDisk {
    @Override
    public boolean isEmpty() {
      return lower.stream().allMatch(OpenedDisk::isEmpty);
    }

    @Override
    public boolean keepsData() {
      return lower.stream().allMatch(OpenedDisk::keepsData);
    }

    @Override
    public void close() {
      lower.forEach(OpenedDisk::close);
    }
  }
}
