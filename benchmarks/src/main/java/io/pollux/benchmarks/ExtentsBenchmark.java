// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.benchmarks;

import io.pollux.block.driver.NullParameters;
import io.pollux.tools.image.Target;
import io.pollux.tools.user.PathName;
import io.pollux.tools.user.UserFiles;
import io.pollux.tools.user.UserRing;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.IoEvent;
import java.io.IOException;
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
 * What a 4 KiB read of a random extent costs, the whole way through the rings, polled and with fixed buffers, 8 in a call, by how
 * many extents the file has that it is read from: XFS on a null disk. Needs root, for the image.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
    value = 1,
    jvmArgsAppend = {
      "-ea:io.pollux...", "-XX:+UseSerialGC", "-XX:+UseTransparentHugePages", "-XX:MaxInlineLevel=30", "-Xmx1g",
      "--enable-native-access=ALL-UNNAMED"
    })
public class ExtentsBenchmark {
  private static final int IOS = 1024;
  private static final int BATCH = 8;
  private static final int DEPTH = 32;
  private static final long STRIDE = 2L * Bed.BLOCK; // a block and a hole

  /** How many extents the file has. */
  @Param({"1", "100", "10000", "1000000"})
  public int extents;

  private Target target;
  private UserFiles files;
  private UserRing ring;
  private int fd;
  private long extent;

  /** Makes the file. */
  @Setup
  public void boot() throws IOException, InterruptedException {
    target = XfsImage.open(extents, 0, NullParameters.DEFAULT);
    files = new UserFiles(target.program());
    fd = files.open(target.inKernel(PathName.of("/extents")), Fcntl.O_RDONLY | Fcntl.O_DIRECT);
    ring = UserRing.polled(target.program(), DEPTH, Bed.BLOCK);
  }

  /** Shuts down. */
  @TearDown
  public void shutDown() {
    ring.close();
    files.close(fd);
    files.close();
    target.close();
  }

  /** One I/O of many. */
  @Benchmark
  @OperationsPerInvocation(IOS)
  public void io() {
    for (int done = 0; done < IOS; done += BATCH) {
      for (int i = 0; i < BATCH; i++) {
        extent = (extent * 0x5DEECE66DL + 11) & Long.MAX_VALUE;
        ring.read(fd, extent % extents * STRIDE, Bed.BLOCK);
      }
      ring.submitAndWait(BATCH);
      for (long event = ring.peek(); event != 0; event = ring.peek()) {
        if (IoEvent.res(event) != Bed.BLOCK) {
          throw new IllegalStateException("a read answers " + IoEvent.res(event));
        }
        ring.consume(event);
      }
    }
  }
}
