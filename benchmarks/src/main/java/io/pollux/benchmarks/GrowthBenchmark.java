// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.benchmarks;

import io.pollux.core.ErrnoException;
import io.pollux.tools.user.UserRing;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.IoEvent;
import io.pollux.uapi.Iocb;
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
 * What a 4 KiB read through the rings costs, polled and with fixed buffers, by how many are in flight and by how many
 * bare devices they go to in turn. So many are submitted, 32 a call at most, and only then completed.
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
public class GrowthBenchmark {
  private static final int IOS = 1024;
  private static final int BATCH = 32;

  /** Requests in flight. */
  @Param({"1", "8", "32", "128", "1024"})
  public int depth;

  /** Open devices. */
  @Param({"1", "4", "16"})
  public int devices;

  /** Requests that go to a device before it is the next one's turn. */
  @Param({"1", "8", "32"})
  public int inARow;

  private Bed bed;
  private UserRing ring;
  private int device;
  private int turn;
  private long block;

  /** Boots a kernel. */
  @Setup
  public void boot() throws ErrnoException {
    bed = Bed.ofDisks(devices);
    ring = UserRing.polled(bed.program(), depth, Bed.BLOCK);
    for (int slot = 0; slot <= depth; slot++) {
      Iocb.aioLioOpcode(ring.iocb(slot), (short) AioAbi.IOCB_CMD_PREAD);
    }
  }

  /** Shuts it down. */
  @TearDown
  public void shutDown() throws ErrnoException {
    ring.close();
    bed.close();
  }

  /** One I/O of many. */
  @Benchmark
  @OperationsPerInvocation(IOS)
  public void io() {
    for (int done = 0; done < IOS; done += depth) {
      for (int i = 0; i < depth; i++) {
        int slot = ring.take();
        long iocb = ring.iocb(slot);
        if (++turn == inARow) {
          turn = 0;
          device = device + 1 == devices ? 0 : device + 1;
        }
        block = (block * 0x5DEECE66DL + 11) & (bed.blocks() - 1); // a power of two
        Iocb.aioFildes(iocb, bed.fd(device));
        Iocb.aioOffset(iocb, block * Bed.BLOCK);
        ring.push();
        if (ring.prepared() == BATCH) {
          ring.submit();
        }
      }
      ring.submitAndWait(depth);
      for (long event = ring.peek(); event != 0; event = ring.peek()) {
        if (IoEvent.res(event) != Bed.BLOCK) {
          throw new IllegalStateException("a read answers " + IoEvent.res(event));
        }
        ring.consume(event);
      }
    }
  }
}
