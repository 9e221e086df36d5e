// SPDX-License-Identifier: GPL-2.0-only
package example.stripe;

import io.pollux.block.BlkTypes;
import io.pollux.block.bdev.DiskParameters;
import io.pollux.block.bdev.DiskType;
import io.pollux.block.bdev.OpenedDisk;
import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.core.sched.Task;

/** The type stripe: {@code --disk stripe:chunk=64k,ram,ram}. */
public final class StripeType implements DiskType {
  @Override
  public String name() {
    return "stripe";
  }

  @Override
  public void checkOptions(Options options, int lower) throws ErrnoException {
    DiskParameters.requireLower(name(), lower, 1, 64);
    chunkSectors(options);
    options.requireAllKnown(name());
  }

  private static int chunkSectors(Options options) throws ErrnoException {
    long chunk = options.size("chunk", 64 << 10, 4096, 1 << 20);
    if (Long.bitCount(chunk) != 1) {
      throw Options.bad("chunk", chunk + " is not a power of two");
    }
    return (int) (chunk >> BlkTypes.SECTOR_SHIFT);
  }

  @Override
  public long lowerBytes(long bytes, int lower) {
    return bytes / lower + (1 << 20); // one chunk more, since the stripe has whole chunks only
  }

  @Override
  public OpenedDisk open(Task current, DiskParameters parameters) throws ErrnoException {
    checkOptions(parameters.options(), parameters.lower().size());
    StripeDisk disk = new StripeDisk(parameters.lowerDevices(), chunkSectors(parameters.options()));
    return OpenedDisk.over(disk.device(parameters), parameters.lower());
  }
}
