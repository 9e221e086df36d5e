// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import io.pollux.block.bdev.DiskParameters;
import io.pollux.block.bdev.DiskType;
import io.pollux.block.bdev.OpenedDisk;
import io.pollux.block.driver.NullParameters.IrqMode;
import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.core.sched.Task;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * The type null: disks that keep metadata in memory and transfer no data. Parameters: {@code size},
 * instead of the requested one, and null_blk's {@code irqmode}, {@code completion_nsec}, {@code
 * hw_queue_depth}, {@code submit_queues}, {@code poll_queues}, {@code bs}, {@code memory_backed}.
 * By default a thread completes requests that are not polled (softirq), as in null_blk.
 */
public final class NullDiskType implements DiskType {
  /** Creates the provider. */
  public NullDiskType() {}

  @Override
  public String name() {
    return "null";
  }

  @Override
  public void checkOptions(Options options, int lower) throws ErrnoException {
    DiskParameters.requireLower(name(), lower, 0, 0);
    NullParameters about = parametersOf(options);
    assert about.bs() > 0 : "parsed only to be checked";
    RamDiskType.checkSize(options);
    options.requireAllKnown(name());
  }

  @Override
  public OpenedDisk open(Task current, DiskParameters parameters) throws ErrnoException {
    DiskParameters.requireLower(name(), parameters.lower().size(), 0, 0);
    NullParameters about = parametersOf(parameters.options());
    long bytes = RamDiskType.bytes(parameters, name());
    parameters.options().requireAllKnown(name());
    NullDisk disk = new NullDisk(RamDiskType.memory(bytes), about);
    return OpenedPolledDisk.nothing(disk, parameters, about);
  }

  private static NullParameters parametersOf(Options options) throws ErrnoException {
    NullParameters none = NullParameters.DEFAULT;
    IrqMode irqmode = irqmode(options.text("irqmode"));
    long nsec =
        options.number("completion_nsec", none.completionNsec(), 0, NullParameters.MAX_NSEC);
    int depth = number(options, "hw_queue_depth", none.hwQueueDepth(), 1, 1 << 16);
    int submit = number(options, "submit_queues", none.submitQueues(), 1, 256);
    int poll = number(options, "poll_queues", none.pollQueues(), 0, 256);
    int bs = number(options, "bs", none.bs(), none.bs(), 4096);
    if (Integer.bitCount(bs) != 1) {
      throw Options.bad("bs", bs + " is not a power of two");
    }
    boolean backed = options.flag("memory_backed");
    return new NullParameters(irqmode, nsec, depth, submit, poll, bs, backed);
  }

  private static int number(Options options, String key, int otherwise, int least, int most)
      throws ErrnoException {
    return (int) options.number(key, otherwise, least, most);
  }

  /** Parses a mode by its name, or by the module's number. */
  private static IrqMode irqmode(@Nullable String value) throws ErrnoException {
    return switch (value == null ? "softirq" : value.toLowerCase(Locale.ROOT)) {
      case "0", "none" -> IrqMode.NONE;
      case "1", "softirq" -> IrqMode.SOFTIRQ;
      case "2", "timer" -> IrqMode.TIMER;
      default -> throw Options.bad("irqmode", "'" + value + "' is not none, softirq or timer");
    };
  }
}
