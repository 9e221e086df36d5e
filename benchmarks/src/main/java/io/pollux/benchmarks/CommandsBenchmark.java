// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.benchmarks;

import io.pollux.core.ErrnoException;
import io.pollux.tools.growth.Bed;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.IoEvent;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.Nr;
import io.pollux.uapi.PollBits;
import io.pollux.userland.UserRing;
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
 * Commands and flags of the rings that {@code bench} does not cover, in batches of 8. Run it with
 * {@code -prof gc}, which counts the allocations of the kernel's threads, too.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1) // with the options of benchmarks/run
public class CommandsBenchmark {
  private static final int IOS = 1024;
  private static final int BATCH = 8;
  private static final int DEPTH = 32;

  /** The commands. */
  public enum Command {
    /** Reads that workers submit, with fixed buffers. */
    SQWQ_READ(AioAbi.IOCB_CMD_PREAD, AioAbi.IOCTX_FLAG_SQWQ | AioAbi.IOCTX_FLAG_FIXEDBUFS),
    /** Writes that workers submit, with fixed buffers. */
    SQWQ_WRITE(AioAbi.IOCB_CMD_PWRITE, AioAbi.IOCTX_FLAG_SQWQ | AioAbi.IOCTX_FLAG_FIXEDBUFS),
    /** Syncs of the file, by a worker. */
    FSYNC(AioAbi.IOCB_CMD_FSYNC, 0),
    /** Syncs of the file's data, by a worker. */
    FDSYNC(AioAbi.IOCB_CMD_FDSYNC, 0),
    /** Polls of an eventfd that is readable already. */
    POLL(AioAbi.IOCB_CMD_POLL, 0);

    private final int opcode;
    private final int flags;

    Command(int opcode, int flags) {
      this.opcode = opcode;
      this.flags = flags;
    }

    private boolean moves() {
      return opcode == AioAbi.IOCB_CMD_PREAD || opcode == AioAbi.IOCB_CMD_PWRITE;
    }
  }

  /** The command. */
  @Param public Command command;

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
    int fd = command == Command.POLL ? (int) bed.program().syscall(Nr.EVENTFD2, 1, 0) : bed.fd(0);
    ring = UserRing.setup(bed.program(), DEPTH, command.flags, Bed.BLOCK);
    for (int slot = 0; slot <= DEPTH; slot++) {
      long iocb = ring.iocb(slot);
      Iocb.aioLioOpcode(iocb, (short) command.opcode);
      Iocb.aioFildes(iocb, fd);
      if (!command.moves()) {
        Iocb.aioBuf(iocb, command == Command.POLL ? PollBits.POLLIN : 0);
        Iocb.aioNbytes(iocb, 0);
      }
    }
  }

  /** Shuts the kernel down. */
  @TearDown
  public void shutDown() throws ErrnoException {
    ring.close();
    bed.close();
  }

  /** One request, averaged over many. */
  @Benchmark
  @OperationsPerInvocation(IOS)
  public void io() {
    for (int done = 0; done < IOS; done += BATCH) {
      for (int i = 0; i < BATCH; i++) {
        int slot = ring.take();
        if (command.moves()) {
          block = (block * 0x5DEECE66DL + 11 & Long.MAX_VALUE) % bed.blocks();
          Iocb.aioOffset(ring.iocb(slot), block * Bed.BLOCK);
        }
        ring.push();
      }
      ring.submitAndWait(BATCH);
      for (long event = ring.peek(); event != 0; event = ring.peek()) {
        long res = IoEvent.res(event);
        if (command.moves() ? res != Bed.BLOCK : res < 0) {
          throw new IllegalStateException(command + " answers " + res);
        }
        ring.consume(event);
      }
    }
  }
}
