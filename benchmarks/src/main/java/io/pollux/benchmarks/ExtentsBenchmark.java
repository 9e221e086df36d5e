// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.benchmarks;

import io.pollux.core.ErrnoException;
import io.pollux.tools.growth.ExtentLoad;
import io.pollux.tools.growth.Load;
import io.pollux.tools.growth.XfsImage;
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
 * A read of an {@link ExtentLoad}, by the number of extents of the file. Needs root to make the
 * image.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1) // with the options of benchmarks/run
public class ExtentsBenchmark {
  /** Extents of the file. */
  @Param({"1", "100", "10000", "1000000"})
  public int extents;

  private ExtentLoad load;

  /** Makes the file. */
  @Setup
  public void boot() throws ErrnoException {
    load = XfsImage.with(image -> new ExtentLoad(image, extents), System.err::println, 0, extents);
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
