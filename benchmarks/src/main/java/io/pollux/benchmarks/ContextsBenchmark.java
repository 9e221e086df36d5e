// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.benchmarks;

import io.pollux.core.ErrnoException;
import io.pollux.tools.growth.Bed;
import io.pollux.tools.growth.ContextLoad;
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
 * A read of a {@link ContextLoad}, by the number of contexts, of files, and of requests in flight.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1) // with the options of benchmarks/run
public class ContextsBenchmark {
  /** Number of contexts. */
  @Param({"1", "1024"})
  public int contexts;

  /** Open files of 1 MiB each: opens of one bare device, or files on XFS, which needs root. */
  @Param({"1", "64"})
  public int openFiles;

  /** Consecutive requests to a file before the next file's turn. */
  @Param({"1", "8"})
  public int inARow;

  /** Requests in flight. */
  @Param({"32", "1024"})
  public int inFlight;

  /** Where the files are; GFS2 has only one, the sample's. */
  @Param({"none", "xfs"})
  public String fs;

  private ContextLoad load;

  /** Boots a kernel. */
  @Setup
  public void boot() throws ErrnoException {
    load = new ContextLoad(bed(), contexts, inARow, inFlight);
  }

  private Bed bed() throws ErrnoException {
    return switch (fs) {
      case "none" -> Bed.ofOpens(openFiles);
      case "xfs" ->
          XfsImage.with(image -> Bed.ofFiles(image, openFiles), System.err::println, openFiles);
      default -> sample();
    };
  }

  private Bed sample() throws ErrnoException {
    if (openFiles != 1) {
      throw new IllegalArgumentException("there is no GFS2 with so many files");
    }
    return Bed.of(fs);
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
