// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.benchmarks;

import io.pollux.block.Bio;
import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.Plug;
import io.pollux.block.driver.NullDisk;
import io.pollux.block.driver.NullParameters;
import io.pollux.block.driver.RamDisk;
import io.pollux.core.mm.BvecIter;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.tools.growth.Bed;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * The block layer alone: making and freeing a bio, and submitting and polling bios on a null disk
 * in batches of 8.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1) // with the options of benchmarks/run
public class BioBenchmark {
  private static final int BATCH = 8;
  private static final long DISK_BYTES = 1L << 30;
  private static final long SECTORS = DISK_BYTES >> BlkTypes.SECTOR_SHIFT;

  private final BvecIter iter = new BvecIter();
  private final Plug plug = new Plug();
  private NullDisk disk;
  private BlockDevice device;
  private Task current;
  private long memory;
  private long sector;
  private int ended;

  /** Makes a disk. */
  @Setup
  public void make() {
    disk = new NullDisk(new RamDisk(DISK_BYTES), NullParameters.DEFAULT);
    device = disk.disk("null0", 1, false);
    current = new UserProcess().newTask();
    current.enterKernel();
    memory = HostMemory.map(Bed.BLOCK);
  }

  /** Closes the disk. */
  @TearDown
  public void close() {
    current.leaveKernel();
    HostMemory.unmap(memory, Bed.BLOCK);
    disk.close();
  }

  private Bio bio() {
    sector = (sector * 0x5DEECE66DL + 8) & (SECTORS - 8);
    Bio bio =
        Bio.alloc(
            current,
            device,
            sector,
            BlkTypes.REQ_OP_READ | BlkTypes.REQ_HIPRI_ASYNC,
            BioBenchmark::end,
            this);
    iter.init(true, memory, Bed.BLOCK);
    bio.iovIterGetPages(iter);
    return bio;
  }

  private static void end(Bio bio) {
    BioBenchmark owner = (BioBenchmark) bio.owner();
    bio.releasePages();
    bio.put();
    owner.ended++;
  }

  /** Makes a bio over a fixed buffer and frees it. */
  @Benchmark
  public void build() {
    Bio bio = bio();
    bio.releasePages();
    bio.put();
  }

  /** Submits a bio and polls for it. */
  @Benchmark
  @OperationsPerInvocation(BATCH)
  public void request() {
    ended = 0;
    plug.start(current);
    int cookie = 0;
    for (int i = 0; i < BATCH; i++) {
      cookie = device.submitBio(current, bio());
    }
    plug.finish(current);
    while (ended < BATCH) {
      device.queue().blkPoll(cookie, true);
    }
  }
}
