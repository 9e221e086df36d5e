// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.benchmarks;

import io.pollux.block.driver.NullParameters;
import io.pollux.tools.image.Target;
import io.pollux.tools.image.TargetSpec;
import io.pollux.tools.image.TargetSpec.Disk;
import io.pollux.tools.image.TargetSpec.Fs;
import io.pollux.tools.user.PathName;
import io.pollux.tools.user.UserFiles;
import io.pollux.tools.user.UserRing;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.IoEvent;
import io.pollux.uapi.Iocb;
import java.io.IOException;
import java.util.OptionalLong;
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
 * What a 4 KiB read through the rings costs, polled and with fixed buffers, by how many contexts of one program and how many open
 * files take turns, and by how many requests are in flight in all contexts together. The calls are the same however many there
 * are: one submits a batch of 8 to the next context, one waits for the 8 of the context that has waited longest.
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
public class ContextsBenchmark {
  private static final int IOS = 1024;
  private static final int BATCH = 8;
  private static final int DEPTH = 32; // of a ring, or more if it is the only one
  private static final long FILE_BYTES = 1 << 20;
  private static final NullParameters DISK = NullParameters.DEFAULT.withQueues(1, 1, 4096);

  /** Contexts. */
  @Param({"1", "1024"})
  public int contexts;

  /** Open files: of a bare device, so many times the device; else so many files. Those of XFS need root. */
  @Param({"1", "64"})
  public int openFiles;

  /** Requests that go to a file before it is the next one's turn. */
  @Param({"1", "8"})
  public int inARow;

  /** Requests in flight. */
  @Param({"32", "1024"})
  public int inFlight;

  /** What the files are on. */
  @Param({"NONE", "XFS"})
  public Fs fs;

  private Target target;
  private UserFiles files;
  private UserRing[] rings;
  private int[] fds;
  private int next;
  private int oldest;
  private int batches;
  private int file;
  private int turn;
  private long block;

  /** Boots a kernel. */
  @Setup
  public void boot() throws IOException, InterruptedException {
    target = fs == Fs.XFS ? XfsImage.open(1, openFiles, DISK) : Target.open(bare(), false);
    files = new UserFiles(target.program());
    fds = new int[openFiles];
    for (int i = 0; i < openFiles; i++) {
      PathName path = fs == Fs.XFS ? PathName.of("/" + i) : target.file(files);
      fds[i] = files.open(target.inKernel(path), Fcntl.O_RDONLY | Fcntl.O_DIRECT);
    }
    rings = new UserRing[contexts];
    for (int i = 0; i < contexts; i++) {
      int depth = contexts == 1 ? Math.max(DEPTH, inFlight) : DEPTH;
      rings[i] = UserRing.polled(target.program(), depth, Bed.BLOCK);
      for (int slot = 0; slot <= depth; slot++) {
        Iocb.aioLioOpcode(rings[i].iocb(slot), (short) AioAbi.IOCB_CMD_PREAD);
      }
    }
  }

  private static TargetSpec bare() {
    return new TargetSpec(null, Fs.NONE, null, Disk.NULL, OptionalLong.of(FILE_BYTES), false, false, DISK, null);
  }

  /** Shuts it down. */
  @TearDown
  public void shutDown() {
    while (batches > 0) {
      reap();
    }
    for (UserRing ring : rings) {
      ring.close();
    }
    for (int fd : fds) {
      files.close(fd);
    }
    files.close();
    target.close();
  }

  /** One I/O of many. */
  @Benchmark
  @OperationsPerInvocation(IOS)
  public void io() {
    for (int done = 0; done < IOS; done += BATCH) {
      submit();
      if (batches == inFlight / BATCH) {
        reap();
      }
    }
  }

  private void submit() {
    UserRing ring = rings[next];
    next = next + 1 == contexts ? 0 : next + 1;
    for (int i = 0; i < BATCH; i++) {
      int slot = ring.take();
      if (slot < 0) {
        throw new IllegalStateException("no slot");
      }
      if (++turn == inARow) {
        turn = 0;
        file = file + 1 == openFiles ? 0 : file + 1;
      }
      block = (block * 0x5DEECE66DL + 11) & (FILE_BYTES / Bed.BLOCK - 1);
      long iocb = ring.iocb(slot);
      Iocb.aioFildes(iocb, fds[file]);
      Iocb.aioOffset(iocb, block * Bed.BLOCK);
      ring.push();
    }
    long accepted = ring.submit();
    if (accepted != BATCH) {
      throw new IllegalStateException("io_ring_enter answers " + accepted);
    }
    batches++;
  }

  private void reap() {
    UserRing ring = rings[oldest];
    oldest = oldest + 1 == contexts ? 0 : oldest + 1;
    batches--;
    ring.getEvents(BATCH);
    for (int i = 0; i < BATCH; i++) {
      long event = ring.peek();
      if (event == 0 || IoEvent.res(event) != Bed.BLOCK) {
        throw new IllegalStateException(event == 0 ? "no event" : "a read answers " + IoEvent.res(event));
      }
      ring.consume(event);
    }
  }
}
