// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.bench;

import io.pollux.tools.console.Failure;
import io.pollux.tools.image.Target;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Nr;
import io.pollux.uapi.StatMode;
import io.pollux.userland.FileStatus;
import io.pollux.userland.PathName;
import io.pollux.userland.SyscallException;
import io.pollux.userland.UserFiles;
import io.pollux.userland.UserMemory;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;

/**
 * One bench run: opens the file, starts the threads, prints progress once a second, checks written
 * blocks at the end, and sums up.
 */
public final class Bench {
  private static final long SECOND = 1_000_000_000;
  private static final long FEW_IOS = 100_000;

  private final Plan plan;
  private final Target target;
  private final UserFiles files;
  private final PathName shown;
  private final PathName path;
  private final PrintStream progress;
  private final Control control = new Control();

  /**
   * Creates a run.
   *
   * @param plan the run's parameters
   * @param target the kernel and its disk
   * @param files the calls of the target's program
   * @param file the file, as a path in the image
   * @param progress receives a line a second
   */
  public Bench(Plan plan, Target target, UserFiles files, PathName file, PrintStream progress) {
    this.plan = plan;
    this.target = target;
    this.files = files;
    this.shown = file;
    this.path = target.inKernel(file);
    this.progress = progress;
  }

  /** Stops the run early. From any thread, at any time. */
  public void stop() {
    control.advance(Control.STOPPING);
  }

  /**
   * Runs.
   *
   * @return the result
   * @throws Failure if the bench could not run
   */
  public Result run() {
    long fileBlocks = fileBlocks();
    Job.Check check = check(fileBlocks);
    List<Worker> workers = start(fileBlocks, check);
    long bestSecond = watch(workers);
    workers.forEach(Worker::awaitEnd);
    for (Worker worker : workers) {
      if (worker.failure() != null) {
        throw worker.failure();
      }
    }
    List<Job> jobs = workers.stream().map(Worker::job).filter(job -> !job.idle()).toList();
    if (check == Job.Check.WRITTEN) {
      readBack(jobs);
    }
    return sum(jobs, bestSecond);
  }

  private long fileBlocks() {
    FileStatus status = stat();
    if (!status.is(StatMode.S_IFREG) && !status.is(StatMode.S_IFBLK)) {
      throw Failure.couldNotRun(shown.toString(), "is neither a regular file nor a block device");
    }
    long size = status.is(StatMode.S_IFBLK) ? deviceSize() : status.size();
    long blocks = size / plan.blockSize();
    if (blocks < plan.threads()) {
      throw Failure.couldNotRun(
          shown.toString(),
          "has " + size + " bytes, less than a block of " + plan.blockSize() + " for each thread");
    }
    return blocks;
  }

  private FileStatus stat() {
    try {
      return files.stat(path);
    } catch (SyscallException e) {
      throw Failure.couldNotRun(shown.toString(), Errno.describe(e.errno()), e);
    }
  }

  /**
   * Returns the size of a block device: the position of a seek to its end, because its inode has
   * size 0.
   */
  private long deviceSize() {
    int fd = openFile(Fcntl.O_RDONLY);
    try {
      return SyscallException.check(
          "lseek", target.program().syscall(Nr.LSEEK, fd, 0, Fcntl.SEEK_END));
    } finally {
      files.close(fd);
    }
  }

  private Job.Check check(long fileBlocks) {
    if (!plan.verify()) {
      return Job.Check.NONE;
    }
    if (!plan.pattern().writes()) {
      return Job.Check.SAMPLE;
    }
    if (!Job.canRemember(fileBlocks)) {
      throw Failure.couldNotRun(
          "--verify", "cannot remember what was written to each of " + fileBlocks + " blocks");
    }
    return Job.Check.WRITTEN;
  }

  /** Opens the file for the caller's program. A failure names the access. */
  private int openFile(int access) {
    return openFile(files, access);
  }

  private int openFile(UserFiles calls, int access) {
    try {
      return calls.open(path, plan.buffered() ? access : access | Fcntl.O_DIRECT);
    } catch (SyscallException e) {
      String what =
          access == Fcntl.O_RDONLY ? shown.toString() : shown + " cannot be opened for writing";
      throw Failure.couldNotRun(what, Errno.describe(e.errno()), e);
    }
  }

  private List<Worker> start(long fileBlocks, Job.Check check) {
    // disks in memory complete almost in order, and at once
    boolean inOrder = target.completesInOrder();
    int slots = plan.mode() == Plan.Mode.RING ? RingEngine.slots(plan, inOrder) : plan.depth();
    boolean timeAll = !inOrder || plan.ios() <= FEW_IOS;
    List<Worker> workers = new ArrayList<>();
    CountDownLatch go = new CountDownLatch(1);
    for (int i = 0; i < plan.threads(); i++) {
      Job job = new Job(plan, control, check, i, fileBlocks, slots, timeAll);
      Worker worker =
          new Worker(plan, target.program().newThread(), this::openFile, job, slots, go);
      workers.add(worker);
      worker.start("bench-" + i);
    }
    workers.forEach(Worker::awaitReady);
    if (workers.stream().anyMatch(worker -> worker.failure() != null)) {
      stop();
    }
    go.countDown();
    return workers;
  }

  /** Keeps time until all threads have ended. Returns the maximum number of I/Os in one second. */
  private long watch(List<Worker> workers) {
    List<Meter> meters = workers.stream().map(worker -> worker.job().meter()).toList();
    long began = System.nanoTime();
    long ramp = plan.rampNanos();
    long warm = ramp > 0 ? ramp : plan.runtimeNanos() / 4;
    long end = plan.runtimeNanos() == Long.MAX_VALUE ? Long.MAX_VALUE : ramp + plan.runtimeNanos();
    long tick = SECOND;
    Tick last = Tick.NONE;
    long best = 0;
    while (true) {
      long now = System.nanoTime() - began;
      if (now >= end) {
        stop();
      } else if (now >= warm) {
        control.advance(Control.STEADY);
      }
      if (now >= tick) {
        Tick current = Tick.read(meters);
        boolean measured = tick - SECOND >= ramp;
        progress.println(measured ? current.since(last) : "ramp: " + current.since(last));
        best = measured ? Math.max(best, current.done() - last.done()) : best;
        last = current;
        tick += SECOND;
      }
      long next = Math.min(tick, now < warm ? warm : now < end ? end : tick);
      if (Worker.awaitAll(workers, next - (System.nanoTime() - began))) {
        return best;
      }
    }
  }

  /** The sum of all threads' meters. */
  private record Tick(long done, long submitted, long calls, long head, long tail) {
    static final Tick NONE = new Tick(0, 0, 0, 0, 0);

    static Tick read(List<Meter> meters) {
      long done = 0;
      long submitted = 0;
      long calls = 0;
      long head = 0;
      long tail = 0;
      for (Meter meter : meters) {
        Meter.Reading reading = meter.read();
        done += reading.done();
        submitted += reading.submitted();
        calls += reading.calls();
        if (meter == meters.getFirst()) { // with several rings, the indices of the first
          head = reading.head();
          tail = reading.tail();
        }
      }
      return new Tick(done, submitted, calls, head, tail);
    }

    String since(Tick last) {
      long made = Math.max(1, calls - last.calls);
      return "IOPS="
          + (done - last.done)
          + ", IOS/call="
          + (submitted - last.submitted) / made
          + "/"
          + (done - last.done) / made
          + ", inflight="
          + Math.max(0, submitted - done)
          + " (head="
          + head
          + " tail="
          + tail
          + ")";
    }
  }

  /** Reads back the written blocks. No I/O is in flight. */
  private void readBack(List<Job> jobs) {
    int fd = openFile(Fcntl.O_RDONLY);
    try (UserMemory memory = UserMemory.map(target.program(), plan.blockSize())) {
      for (Job job : jobs) {
        job.readBack(
            offset ->
                target
                    .program()
                    .syscall(Nr.PREAD64, fd, memory.address(), plan.blockSize(), offset),
            memory.address());
      }
    } finally {
      files.close(fd);
    }
  }

  private Result sum(List<Job> jobs, long bestSecond) {
    long done = jobs.stream().mapToLong(Job::done).sum();
    long steadyIos = jobs.stream().mapToLong(Job::steadyIos).sum();
    List<Job> warm = jobs.stream().filter(job -> job.steadyIos() > 0).toList();
    long allocated =
        warm.stream().mapToLong(Job::endBytes).max().orElse(0)
            - warm.stream().mapToLong(Job::steadyBytes).min().orElse(0);
    Histogram latency = new Histogram(jobs.getFirst().latency());
    jobs.forEach(job -> latency.add(job.latency()));
    long began = jobs.stream().mapToLong(Job::began).min().orElse(0);
    long ended = jobs.stream().mapToLong(Job::ended).max().orElse(0);
    @Nullable String fault =
        jobs.stream().map(Job::firstFault).filter(Objects::nonNull).findFirst().orElse(null);
    if (done == 0 && fault != null) {
      throw Failure.couldNotRun(shown.toString(), fault);
    }
    return new Result(
        plan,
        target.fs(),
        target.disk(),
        target.deviceName(),
        shown.toString(),
        (ended - began) / (double) TimeUnit.SECONDS.toNanos(1),
        jobs.stream().mapToLong(Job::measured).sum(),
        jobs.stream().mapToLong(Job::calls).sum(),
        jobs.stream().mapToLong(Job::errors).sum(),
        jobs.stream().mapToLong(Job::verified).sum(),
        jobs.stream().mapToLong(Job::mismatches).sum(),
        latency,
        bestSecond,
        steadyIos == 0 ? Double.NaN : (double) allocated / steadyIos,
        fault);
  }
}
