// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.compare;

import io.pollux.block.driver.RamDisk;
import io.pollux.sample.SamplePattern;
import io.pollux.tools.bench.Plan;
import io.pollux.tools.bench.XorShift;
import io.pollux.uapi.RawMemory;

/**
 * A bench on a disk in memory without the kernel: a loop that copies random blocks. It has as much
 * memory and as many buffers as the bench.
 */
final class CopyLoop implements Contestant {
  private static final int COPIES_BETWEEN_LOOKS = 1000;
  private static final double NANOS = 1e9;

  private final Plan plan;
  private final long bytes;

  /** Creates a loop for the bench's plan and the size of its file. */
  CopyLoop(Plan plan, long bytes) {
    this.plan = plan;
    this.bytes = bytes;
  }

  @Override
  public String name() {
    return "bare copy loop";
  }

  @Override
  public double run(double seconds) {
    int slots = plan.depth() + 1; // as in the ring
    try (RamDisk from = new RamDisk(bytes);
        RamDisk to = new RamDisk((long) slots * plan.blockSize())) {
      SamplePattern.fill(from.address(), bytes, 0); // memory that was never written is not backed
      return copy(from.address(), to.address(), slots, (long) (seconds * NANOS));
    }
  }

  private double copy(long from, long to, int slots, long nanos) {
    XorShift random = new XorShift(plan.seed());
    int blockSize = plan.blockSize();
    long blocks = bytes / blockSize;
    long began = System.nanoTime();
    long copies = 0;
    int slot = 0;
    long spent;
    do {
      for (int i = 0; i < COPIES_BETWEEN_LOOKS; i++) {
        RawMemory.copy(
            from + random.below(blocks) * blockSize, to + (long) slot * blockSize, blockSize);
        slot = slot + 1 == slots ? 0 : slot + 1;
      }
      copies += COPIES_BETWEEN_LOOKS;
      spent = System.nanoTime() - began;
    } while (spent < nanos);
    return copies * NANOS / spent;
  }
}
