// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.benchmarks;

import io.pollux.core.ErrnoException;
import io.pollux.tools.growth.Bed;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.IoEvent;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.Nr;
import io.pollux.userland.UserRing;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
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
 * The two halves of a request. {@code in} is one ring entry, down to the driver's queue. {@code
 * out} is a poll pass and an event. {@code call} is a system call that finds nothing to do.
 *
 * <p>Each half runs a thousand times per invocation, so that JMH's clock reads do not count.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1) // with the options of benchmarks/run
public class StepsBenchmark {
  private static final int IOS = 1024;

  /** A kernel, a file and rings. */
  @State(Scope.Thread)
  public static class Rig {
    /** The filesystem below the file, or none. */
    @Param({"none", "xfs", "gfs2"})
    public String fs;

    private Bed bed;
    private UserRing ring;
    private long block;

    /** Boots a kernel. */
    @Setup
    public void boot() throws ErrnoException {
      bed = Bed.of(fs);
      ring = UserRing.polled(bed.program(), IOS, Bed.BLOCK);
      for (int slot = 0; slot <= IOS; slot++) {
        Iocb.aioLioOpcode(ring.iocb(slot), (short) AioAbi.IOCB_CMD_PREAD);
        Iocb.aioFildes(ring.iocb(slot), bed.fd(0));
      }
    }

    /** Shuts the kernel down. */
    @TearDown
    public void shutDown() throws ErrnoException {
      ring.close();
      bed.close();
    }

    private void fill() {
      for (int i = 0; i < IOS; i++) {
        long iocb = ring.iocb(ring.take());
        block = (block * 0x5DEECE66DL + 11) & Long.MAX_VALUE;
        Iocb.aioOffset(iocb, block % bed.blocks() * Bed.BLOCK);
        ring.push();
      }
    }

    private void submit() {
      long accepted = ring.submit();
      if (accepted != IOS) {
        throw new IllegalStateException("io_ring_enter answers " + accepted);
      }
    }

    private void consume() {
      int events = 0;
      for (long event = ring.peek(); event != 0; event = ring.peek()) {
        if (IoEvent.res(event) != Bed.BLOCK) {
          throw new IllegalStateException("a read answers " + IoEvent.res(event));
        }
        ring.consume(event);
        events++;
      }
      if (events != IOS) {
        throw new IllegalStateException(events + " events");
      }
    }
  }

  /** Entries that wait in the ring. */
  @State(Scope.Thread)
  public static class Filled {
    private Rig rig;

    /** Fills the ring. */
    @Setup(Level.Invocation)
    public void fill(Rig used) {
      rig = used;
      rig.fill();
    }

    /** Submits the entries and consumes their events. */
    @TearDown(Level.Invocation)
    public void complete() {
      rig.ring.submitAndWait(IOS);
      rig.consume();
    }
  }

  /** Requests in flight. */
  @State(Scope.Thread)
  public static class Submitted {
    private Rig rig;

    /** Fills the ring and submits. */
    @Setup(Level.Invocation)
    public void submit(Rig used) {
      rig = used;
      rig.fill();
      rig.submit();
    }

    /** Consumes the events. */
    @TearDown(Level.Invocation)
    public void consume() {
      rig.consume();
    }
  }

  /** Submits one entry. */
  @Benchmark
  @OperationsPerInvocation(IOS)
  public void in(Filled filled) {
    filled.rig.submit();
  }

  /** Polls for one event. */
  @Benchmark
  @OperationsPerInvocation(IOS)
  public long out(Submitted submitted) {
    return submitted.rig.ring.getEvents(IOS);
  }

  /** Calls close with a bad descriptor. */
  @Benchmark
  public long call(Rig rig) {
    return rig.bed.program().syscall(Nr.CLOSE, -1);
  }
}
