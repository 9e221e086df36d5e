// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.bench;

import io.pollux.block.bdev.Providers;
import io.pollux.block.driver.NullParameters;
import io.pollux.sample.SampleImage;
import io.pollux.tools.bench.Plan.Mode;
import io.pollux.tools.bench.Plan.Pattern;
import io.pollux.tools.image.Target;
import io.pollux.tools.image.TargetSpec;
import io.pollux.uapi.Fcntl;
import io.pollux.userland.PathName;
import java.util.Locale;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Every way of submitting I/O that {@code bench} has, at depth 32 in batches of 8, on a null disk.
 * Run it with {@code -prof gc}.
 *
 * <p>A bench thread runs all the time, and the benchmark measures how long a number of I/Os takes.
 * So the allocation figure covers all threads, the kernel's included, and no thread starts or stops
 * during a measurement.
 */
@State(Scope.Thread)
@BenchmarkMode(org.openjdk.jmh.annotations.Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1) // with the options of benchmarks/run
public class ModesBenchmark {
  private static final int IOS = 1 << 16;
  private static final int BLOCK = 4096;
  // of each sample's main file, and of the bare disk
  private static final long FILE_BYTES = 16 << 20;
  private static final long LOOK_NANOS = 50_000;
  private static final long PATIENCE_NANOS = 10_000_000_000L;

  /** The way of submitting. */
  @Param public Manner way;

  /** The I/O pattern. */
  @Param({"RANDREAD", "RANDWRITE"})
  public Pattern rw;

  /** The filesystem below the file, or none. */
  @Param({"none", "xfs", "gfs2"})
  public String fs;

  /** When an unpolled request completes: inside submission, or on the driver's own thread. */
  @Param({"NONE"})
  public NullParameters.IrqMode irqmode;

  private final Control control = new Control();
  private Target target;
  private Job job;
  private Worker worker;
  private long mark;

  /** Boots a kernel and starts the thread. */
  @Setup
  public void start() {
    String mode = irqmode.name().toLowerCase(Locale.ROOT);
    TargetSpec spec = TargetSpec.SAMPLE.withDisk("null:completion_nsec=0,irqmode=" + mode);
    boolean bare = fs.equals(Providers.NONE);
    target = Target.open(bare ? spec.withBare(FILE_BYTES) : spec.withFs(fs), true);
    PathName path =
        target.inKernel(
            PathName.of(bare ? "/dev/" + target.device().name() : SampleImage.MAIN_FILE));
    Plan plan = way.plan(rw, 0, 1);
    int slots = plan.mode() == Mode.RING ? RingEngine.slots(plan, true) : plan.depth();
    job = new Job(plan, control, Job.Check.NONE, 0, FILE_BYTES / BLOCK, slots, false);
    CountDownLatch go = new CountDownLatch(1);
    int flags = plan.buffered() ? 0 : Fcntl.O_DIRECT;
    worker =
        new Worker(
            plan,
            target.program().newThread(),
            (files, access) -> files.open(path, access | flags),
            job,
            slots,
            go);
    worker.start("bench");
    worker.awaitReady();
    go.countDown();
  }

  /** Marks the start of an iteration. */
  @Setup(Level.Iteration)
  public void begin() {
    mark = job.meter().done();
  }

  /** Shuts the kernel down. */
  @TearDown
  public void stop() {
    control.advance(Control.STOPPING);
    worker.awaitEnd();
    target.close();
    if (worker.failure() != null || job.errors() > 0) {
      throw new IllegalStateException(job.firstFault(), worker.failure());
    }
  }

  /** One I/O, averaged over many. */
  @Benchmark
  @OperationsPerInvocation(IOS)
  public void io() {
    mark += IOS;
    long until = System.nanoTime() + PATIENCE_NANOS;
    while (job.meter().done() < mark) {
      LockSupport.parkNanos(LOOK_NANOS);
      if (System.nanoTime() > until) {
        throw new IllegalStateException("no I/O is done any more", worker.failure());
      }
    }
  }
}
