// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.sample.SampleImage;
import io.pollux.sample.SamplePattern;
import io.pollux.tools.bench.Bench;
import io.pollux.tools.bench.JsonReport;
import io.pollux.tools.bench.Plan;
import io.pollux.tools.bench.Plan.Mode;
import io.pollux.tools.bench.Plan.Pattern;
import io.pollux.tools.bench.Result;
import io.pollux.tools.bench.TextReport;
import io.pollux.tools.console.Console;
import io.pollux.tools.console.Failure;
import io.pollux.tools.console.IoReason;
import io.pollux.tools.image.Target;
import io.pollux.tools.image.TargetSpec;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.StatMode;
import io.pollux.userland.PathName;
import io.pollux.userland.UserFiles;
import io.pollux.userland.UserMemory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * pollux bench: measures I/O and verifies its data. Fills in the defaults and validates the
 * options.
 */
@Command(
    name = "bench",
    sortOptions = false,
    description = {
      "Measures I/O and verifies its data.",
      "Without options: mounts the sample in memory and makes verified 4 KiB random reads of its"
          + " main file through",
      "the SQ and CQ rings, polled, with fixed buffers, at depth 32, for 5 seconds after a ramp of"
          + " one.",
      "It prints its progress once a second. Control-C stops it early and prints the result so far."
    })
final class BenchCommand implements Runnable {
  private static final int MAX_DEPTH = 4096;
  private static final int MAX_THREADS = 256;
  private static final int MAX_BLOCK = 4 << 20; // maximum size of a fixed buffer
  private static final int LOOKS = 64;
  private static final int DEFAULT_SECONDS = 5;
  private static final int DEFAULT_RAMP = 1;
  private static final double MAX_SECONDS = 1e9;
  private static final double NANOS = 1e9;

  private final Console console;

  @Option(
      names = "--mode",
      paramLabel = "ring|aio|useriocb|sync",
      defaultValue = "ring",
      description = {
        "The calls: io_ring_enter (default); io_submit and io_getevents; the same with user-mapped"
            + " iocbs;",
        "pread64 and pwrite64."
      })
  private Mode mode = Mode.RING;

  @Option(names = "--polled", description = "Poll for completions (default, unless --buffered).")
  private boolean polled;

  @Option(names = "--irq", description = "Do not poll.")
  private boolean irq;

  @Option(
      names = "--fixed-bufs",
      description = "Pin the buffers at setup (default for ring and useriocb).")
  private boolean fixedBufs;

  @Option(names = "--no-fixed-bufs", description = "Pin the buffers for each I/O.")
  private boolean noFixedBufs;

  @Option(names = "--sq-thread", description = "A kernel thread submits.")
  private boolean sqThread;

  @Option(names = "--sq-poll", description = "A kernel thread submits and polls: no system calls.")
  private boolean sqPoll;

  @Option(names = "--buffered", description = "Without O_DIRECT.")
  private boolean buffered;

  @Option(
      names = "--rw",
      paramLabel = "randread|read|randwrite|write|randrw",
      defaultValue = "randread",
      description = "Blocks and direction. Default: randread.")
  private Pattern pattern = Pattern.RANDREAD;

  @Option(
      names = "--bs",
      paramLabel = "SIZE",
      converter = SizeConverter.class,
      defaultValue = "4k",
      description = "Size of each I/O, a multiple of 512. Default: 4k.")
  private long blockSize;

  @Option(
      names = "--depth",
      paramLabel = "N",
      defaultValue = "32",
      description = "I/Os in flight. Default: 32.")
  private int depth;

  @Option(
      names = "--batch-submit",
      paramLabel = "N",
      defaultValue = "8",
      description = "Maximum number of I/Os that a call submits, at most --depth. Default: 8.")
  private int batchSubmit;

  @Option(
      names = "--batch-complete",
      paramLabel = "N",
      defaultValue = "8",
      description = "Number of I/Os that a call waits for, at most --depth. Default: 8.")
  private int batchComplete;

  @Option(
      names = "--threads",
      paramLabel = "N",
      defaultValue = "1",
      description = "Number of threads, each with its own context. Default: 1.")
  private int threads;

  @Option(
      names = "--copy-engine",
      description = {
        "With --disk ram: a thread of the disk transfers the data of polled batches, as a real disk"
            + " does (default with",
        "--no-verify, if the other threads leave a processor free)."
      })
  private boolean copyEngine;

  @Option(
      names = "--no-copy-engine",
      description = "The submitter or the poller transfers the data.")
  private boolean noCopyEngine;

  @Option(
      names = "--ramp",
      paramLabel = "SECONDS",
      description = {
        "Run before the measurement starts. I/Os, calls, latency, --runtime and --ios count from"
            + " then on; errors,",
        "mismatches and verified blocks count from the start. Default: 1, or 0 with --ios."
      })
  private @Nullable Double ramp;

  @Option(
      names = "--runtime",
      paramLabel = "SECONDS",
      description = "Duration of the measurement. Default: 5, or no limit with --ios.")
  private @Nullable Double runtime;

  @Option(names = "--ios", paramLabel = "N", description = "Stop after this number of I/Os.")
  private @Nullable Long ios;

  @Option(
      names = "--verify",
      description = {
        "Check every block read against the sample's pattern, or against what this run wrote"
            + " (default for the",
        "sample's main file, unless --disk null)."
      })
  private boolean verify;

  @Option(names = "--no-verify", description = "Do not check.")
  private boolean noVerify;

  @Option(
      names = "--seed",
      paramLabel = "N",
      description = "Seed of all random numbers. Default: random, and printed.")
  private @Nullable Long seed;

  @Option(
      names = "--json",
      paramLabel = "FILE",
      description =
          "Write the result as one JSON object; - is standard output, and nothing else is printed"
              + " there.")
  private @Nullable String json;

  @Mixin private final TargetOptions target = new TargetOptions();
  @Mixin final CommonOptions common = new CommonOptions();

  BenchCommand(Console console) {
    this.console = console;
  }

  @Override
  public void run() {
    check();
    Result result;
    try (Target opened = Target.open(spec(), pattern.writes());
        UserFiles files = new UserFiles(opened.program())) {
      PathName file = opened.file(files);
      Bench bench =
          new Bench(plan(verified(opened, files, file)), opened, files, file, console.err());
      console.interrupts().accept(bench::stop);
      result = bench.run();
      opened.summary().forEach(console::error);
    }
    report(result);
    if (!result.good()) {
      throw Failure.fault(
          result.file(),
          result.firstFault()
              + " ("
              + result.errors()
              + " errors, "
              + result.mismatches()
              + " mismatches)");
    }
  }

  /** Returns the target. The copy engine is on if requested, and by default if it helps. */
  private TargetSpec spec() {
    TargetSpec spec = target.spec();
    boolean can = spec.isDisk(TargetSpec.RAM) && spec.faults() == null;
    boolean batches = mode != Mode.SYNC && depth > 1 && !irq && !buffered;
    // a verifying thread reads all data anyway
    boolean helps = batches && noVerify && Plan.leavesProcessor(threads, sqThread || sqPoll);
    return spec.withCopyEngine(copyEngine || (can && helps && !noCopyEngine));
  }

  /** Validates the options, before anything is loaded. */
  private void check() {
    exclude("--polled", polled, "--irq", irq);
    exclude("--fixed-bufs", fixedBufs, "--no-fixed-bufs", noFixedBufs);
    exclude("--verify", verify, "--no-verify", noVerify);
    exclude("--buffered", buffered, "--polled", polled);
    exclude("--copy-engine", copyEngine, "--no-copy-engine", noCopyEngine);
    exclude("--copy-engine", copyEngine, "--irq", irq);
    exclude("--copy-engine", copyEngine, "--buffered", buffered);
    exclude("--copy-engine", copyEngine, "--mode sync", mode == Mode.SYNC);
    if (mode != Mode.RING && (sqThread || sqPoll)) {
      throw Failure.couldNotRun(sqPoll ? "--sq-poll" : "--sq-thread", "is for --mode ring");
    }
    if (fixedBufs && (mode == Mode.AIO || mode == Mode.SYNC)) {
      throw Failure.couldNotRun("--fixed-bufs", "needs --mode ring or useriocb");
    }
    range("--bs", blockSize, SamplePattern.SECTOR, MAX_BLOCK);
    if (blockSize % SamplePattern.SECTOR != 0) {
      throw Failure.couldNotRun(
          "--bs", blockSize + " is not a multiple of " + SamplePattern.SECTOR);
    }
    range("--depth", depth, 1, MAX_DEPTH);
    range("--batch-submit", batchSubmit, 1, MAX_DEPTH);
    range("--batch-complete", batchComplete, 1, MAX_DEPTH);
    range("--threads", threads, 1, MAX_THREADS);
    if (ios != null) {
      range("--ios", ios, 1, Long.MAX_VALUE - 1);
    }
    if (runtime != null && !(runtime > 0 && runtime <= MAX_SECONDS)) {
      throw Failure.couldNotRun("--runtime", runtime + " is not a number of seconds to run");
    }
    if (ramp != null && !(ramp >= 0 && ramp <= MAX_SECONDS)) {
      throw Failure.couldNotRun("--ramp", ramp + " is not a number of seconds to run");
    }
    if (json != null && !json.equals("-")) {
      writeJson(json, ""); // fails now instead of after the run
    }
  }

  private static void exclude(String a, boolean hasA, String b, boolean hasB) {
    if (hasA && hasB) {
      throw Failure.couldNotRun(a + " and " + b, "exclude each other");
    }
  }

  private static void range(String option, long value, long from, long to) {
    if (value < from || value > to) {
      String limit = value < from ? "the least is " + from : "the most is " + to;
      throw Failure.couldNotRun(option, value + " is out of range, " + limit);
    }
  }

  /** Whether to verify: as requested, if possible; by default for the sample's main file. */
  private boolean verified(Target opened, UserFiles files, PathName file) {
    if (verify && !opened.keepsData()) {
      throw Failure.couldNotRun(
          "--verify", "a " + opened.disk() + " disk keeps no data, so there is nothing to check");
    }
    if (noVerify || !opened.keepsData()) {
      return false;
    }
    boolean main = opened.isSample() && file.equals(PathName.of(SampleImage.MAIN_FILE));
    if (verify && !main && !pattern.writes() && !hasPattern(opened, files, file)) {
      throw Failure.couldNotRun(
          "--verify",
          file
              + " does not have the sample's pattern; what can be verified is such a file, or what"
              + " a run writes itself");
    }
    return verify || main;
  }

  /**
   * Checks some sectors of a file, from the first to the last. If they have the pattern, the whole
   * file is taken to have it.
   */
  private boolean hasPattern(Target opened, UserFiles files, PathName file) {
    PathName path = opened.inKernel(file);
    if (!files.stat(path).is(StatMode.S_IFREG)) {
      return false;
    }
    int fd = files.open(path, Fcntl.O_RDONLY | (buffered ? 0 : Fcntl.O_DIRECT));
    try (UserMemory memory = UserMemory.map(opened.program(), SamplePattern.SECTOR)) {
      long sectors = files.fstat(fd).size() / SamplePattern.SECTOR;
      boolean good = sectors > 0;
      for (int i = 0; good && i <= LOOKS; i++) {
        long offset = (sectors - 1) / LOOKS * i * SamplePattern.SECTOR;
        good =
            files.pread(fd, memory.address(), SamplePattern.SECTOR, offset) == SamplePattern.SECTOR
                && SamplePattern.verify(memory.address(), SamplePattern.SECTOR, offset) < 0;
      }
      return good;
    } finally {
      files.close(fd);
    }
  }

  private Plan plan(boolean verified) {
    boolean alone = mode == Mode.SYNC; // one at a time, for any depth
    double seconds = runtime != null ? runtime : DEFAULT_SECONDS;
    double before = ramp != null ? ramp : ios != null ? 0 : DEFAULT_RAMP;
    boolean timed = runtime != null || ios == null;
    int inFlight = alone ? 1 : depth;
    return new Plan(
        mode,
        !irq && !buffered,
        !noFixedBufs && (mode == Mode.RING || mode == Mode.USERIOCB),
        sqThread,
        sqPoll,
        buffered,
        pattern,
        (int) blockSize,
        inFlight,
        Math.min(batchSubmit, inFlight),
        Math.min(batchComplete, inFlight),
        threads,
        (long) (before * NANOS),
        timed ? (long) (seconds * NANOS) : Long.MAX_VALUE,
        ios != null ? ios : Long.MAX_VALUE,
        verified,
        // short enough to type
        seed != null ? seed : new SplittableRandom().nextInt(Integer.MAX_VALUE));
  }

  private void report(Result result) {
    if (json == null || !json.equals("-")) {
      console.print(TextReport.of(result));
    }
    if (json != null) {
      String object = JsonReport.of(result);
      if (json.equals("-")) {
        console.print(object);
      } else {
        writeJson(json, object);
      }
    }
    console.flush();
  }

  private static void writeJson(String file, String object) {
    try {
      Files.writeString(Path.of(file), object);
    } catch (IOException e) {
      throw Failure.couldNotRun(file, IoReason.of(e), e);
    }
  }
}
