// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.benchmarks;

import io.pollux.core.ErrnoException;
import io.pollux.tools.growth.DeviceLoad;
import io.pollux.tools.growth.Load;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * A read of a {@link DeviceLoad}, by the number of requests in flight and of bare devices that take
 * turns.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1) // with the options of benchmarks/run
public class GrowthBenchmark {
  /** Requests in flight. */
  @Param({"1", "8", "32", "128", "1024"})
  public int depth;

  /** Number of open devices. */
  @Param({"1", "4", "16"})
  public int devices;

  /** Consecutive requests to a device before the next device's turn. */
  @Param({"1", "8", "32"})
  public int inARow;

  /** Requests that a call submits, and that it waits for. */
  @Param({"1", "32"})
  public int perCall;

  private DeviceLoad load;

  /** Boots a kernel. */
  @Setup
  public void boot() throws ErrnoException {
    load = new DeviceLoad(depth, devices, inARow, perCall);
  }

  /** Shuts the kernel down. */
  @TearDown
  public void shutDown() {
    load.close();
  }

  /** One I/O, averaged over many. */
  @Benchmark
  @OperationsPerInvocation(Load.IOS)
  public void io() {
    load.io();
  }
}
