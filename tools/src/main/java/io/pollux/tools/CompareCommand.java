// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.block.bdev.Providers;
import io.pollux.tools.bench.Plan;
import io.pollux.tools.bench.Plan.Pattern;
import io.pollux.tools.compare.AllocationComparisons;
import io.pollux.tools.compare.BenchContestant;
import io.pollux.tools.compare.CompareReport;
import io.pollux.tools.compare.Comparison;
import io.pollux.tools.compare.FioContestant;
import io.pollux.tools.compare.FirstIo;
import io.pollux.tools.compare.GrowthComparisons;
import io.pollux.tools.compare.KernelComparisons;
import io.pollux.tools.compare.Mark;
import io.pollux.tools.compare.NewFile;
import io.pollux.tools.compare.Outcome;
import io.pollux.tools.compare.RingComparisons;
import io.pollux.tools.compare.Turns;
import io.pollux.tools.compare.Unit;
import io.pollux.tools.console.Console;
import io.pollux.tools.console.Failure;
import io.pollux.tools.console.HostProgram;
import io.pollux.tools.console.IoReason;
import io.pollux.tools.growth.XfsImage;
import io.pollux.tools.image.Modules;
import io.pollux.tools.image.Target;
import io.pollux.tools.image.TargetSpec;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** pollux compare: compares this kernel with the host's kernel, with itself, and with goals. */
@Command(
    name = "compare",
    sortOptions = false,
    description = {
      "Compares work on this kernel with the same work on the host's kernel, with other work on"
          + " this kernel, or with a goal. Both",
      "sides take turns. Prints medians, ratios, and whether each mark is reached. A missed mark"
          + " does not change the exit status.",
      "A file: direct random 4 KiB reads and writes, depth 1 and 32, against fio's io_uring"
          + " engine.",
      "No device: a null disk, from Java and from C, against io_uring's no-ops and against each"
          + " other.",
      "Memory: a disk in memory (with a copy engine, if there is a second processor) against a loop"
          + " that only copies; and one",
      "without a copy engine against fio's io_uring engine on a file in tmpfs, read buffered.",
      "Allocation: bytes per request once warm, reads and writes in 15 ways of bench, on a null"
          + " disk. The smallest object has 16",
      "bytes, so less than a twentieth of a byte comes from the JVM. Turns last a quarter of"
          + " --runtime.",
      "First I/O: duration of bench --ios 1 from start to end.",
      "Growth: nanoseconds of a request with more requests in flight, devices, files, contexts or"
          + " extents, against fewer, in turns",
      "of 20 ms in one thread. A round of both lasts half of --runtime. Files and extents on XFS"
          + " need root, xfsprogs and loop",
      "devices, and half a minute for an image of a million extents.",
      "New file: random writes that allocate, depth 32, into a file of --size on an empty"
          + " filesystem in memory, against XFS of the",
      "host on a loop device over tmpfs. Needs --fs with a filesystem that allocates, such as one"
          + " of --modules; root, fio,",
      "xfsprogs and loop devices. A turn ends when the bytes of the file are written.",
      "For all features against legacy aio at depth 1 to 64, see pollux table.",
      "",
      "The first turn of each side does not count, except for allocation and growth. Turns of bench"
          + " and fio start with a ramp of",
      "a second that does not count: three seconds for allocation through the page cache, none for"
          + " bench against a C program in",
      "exec, because C programs have none. Growth is warmed up for two seconds.",
      "All of it takes about 25 minutes, with --rounds 3 --runtime 1 about 12. Comparisons whose"
          + " programs (fio, cc, liburing,",
      "xfsprogs) are not installed are skipped with a message.",
      ""
    })
final class CompareCommand implements Runnable {
  private static final long DEFAULT_SIZE = 1L << 30;
  private static final int PIECE = 1 << 20;
  private static final int DEEP = 32;
  private static final int MAX_ROUNDS = 1000;
  private static final Mark DEEP_MARK = Mark.atLeast(0.95);
  private static final Mark SINGLE_MARK = Mark.atLeast(0.9);
  private static final Mark TMPFS_MARK = Mark.atLeast(2.0);
  private static final long MAIN_BYTES = 16 << 20; // of the sample's main file

  private static final List<Pattern> PATTERNS = List.of(Pattern.RANDREAD, Pattern.RANDWRITE);
  private static final List<Integer> DEPTHS = List.of(1, DEEP);
  private static final List<String> FILE_ROWS = fileRows();
  private static final String TMPFS_ROW = "in memory; tmpfs, buffered";

  private final Console console;

  @Option(
      names = "--image",
      paramLabel = "FILE",
      description =
          "The file or block device to work on; ITS CONTENT IS OVERWRITTEN. Default: a temporary"
              + " file.")
  private @Nullable Path image;

  @Option(
      names = "--size",
      paramLabel = "SIZE",
      converter = SizeConverter.class,
      description = "Size of the temporary file, and of the new file. Default: 1G.")
  private @Nullable Long size;

  @Option(
      names = "--fs",
      paramLabel = "NAME",
      description = "The filesystem of the new file; without this option there is no such row.")
  private @Nullable String fs;

  @Option(
      names = Modules.OPTION,
      paramLabel = "JAR:JAR",
      description =
          "Jars with further filesystems. Default: the environment variable "
              + Modules.VARIABLE
              + ".")
  private @Nullable String modules;

  @Option(
      names = "--rounds",
      paramLabel = "N",
      defaultValue = "5",
      description = "Turns of each side. Default: 5.")
  private int rounds;

  @Option(
      names = "--runtime",
      paramLabel = "SECONDS",
      defaultValue = "2",
      description = "Duration of each turn. Default: 2.")
  private double runtime;

  @Option(
      names = "--only",
      paramLabel = "PATTERN",
      converter = PatternConverter.class,
      description =
          "Only work whose name contains this regular expression, without regard to case.")
  private java.util.regex.@Nullable Pattern only;

  @Option(
      names = "--here",
      description = {
        "Run all in this process. Without this option, work on this kernel runs in separate"
            + " processes, so that the compiler",
        "sees only one work."
      })
  private boolean here;

  @Option(
      names = "--json",
      paramLabel = "FILE",
      description =
          "Write the result as one JSON object; - is standard output, and nothing else is printed"
              + " there.")
  private @Nullable String json;

  private @Nullable Path directory;
  private @Nullable Path tmpfsFile;

  @Mixin final CommonOptions common = new CommonOptions();

  CompareCommand(Console console) {
    this.console = console;
  }

  @Override
  public void run() {
    if (rounds < 1 || rounds > MAX_ROUNDS) {
      throw Failure.couldNotRun("--rounds", rounds + " is out of range, from 1 to " + MAX_ROUNDS);
    }
    if (!(runtime >= 1 && runtime <= 3600)) {
      throw Failure.couldNotRun("--runtime", runtime + " is out of range, from 1 to 3600 seconds");
    }
    if (image != null && size != null) {
      throw Failure.couldNotRun("--size", "is for a file that is made, not for --image");
    }
    try {
      compare(comparisons());
    } finally {
      if (directory != null) {
        remove(directory);
      }
      if (tmpfsFile != null) {
        remove(tmpfsFile);
      }
    }
  }

  /**
   * Runs the comparisons and reports their outcomes. A failed comparison does not affect the
   * others.
   */
  void compare(List<Comparison> all) {
    if (all.isEmpty()) {
      throw Failure.couldNotRun(
          "--only", "there is no such work to compare, or not on this machine");
    }
    List<Outcome> outcomes = new ArrayList<>();
    List<Throwable> failures = new ArrayList<>();
    for (Comparison comparison : all) {
      try {
        outcomes.add(comparison.run(rounds, runtime, console.err()));
      } catch (RuntimeException | OutOfMemoryError e) {
        console.error(
            "compare: "
                + comparison.work()
                + " is left out: "
                + (e instanceof Failure ? e.getMessage() : e));
        failures.add(e);
        if (HostProgram.ending()) {
          break; // no further failures
        }
      }
    }
    if (!outcomes.isEmpty()) {
      report(outcomes);
    }
    if (!failures.isEmpty()) {
      if (failures.getFirst() instanceof Error error) {
        throw error;
      }
      throw (RuntimeException) failures.getFirst();
    }
  }

  private List<Comparison> comparisons() {
    long seed = new SplittableRandom().nextInt(Integer.MAX_VALUE);
    Plan deep = Plan.forComparison(Pattern.RANDREAD, DEEP, seed);
    List<Comparison> all = new ArrayList<>();
    String pollux = System.getenv("POLLUX_COMMAND");
    Path command = here || pollux == null ? null : Path.of(pollux);
    if (RingComparisons.names().stream().anyMatch(this::wanted)) {
      if (RingComparisons.possible()) {
        all.addAll(
            RingComparisons.of(
                TargetSpec.SAMPLE.withDisk(TargetSpec.NULL),
                deep,
                directory(),
                command,
                this::wanted));
      } else {
        console.error(
            "compare: no cc or no liburing here (Debian: gcc, liburing-dev), so nothing beside its"
                + " no-ops");
      }
    }
    addWanted(all, KernelComparisons.of(seed, MAIN_BYTES, command));
    Stream<String> withThreads =
        Stream.concat(
            KernelComparisons.withThreads().stream(), AllocationComparisons.withThreads().stream());
    if (!KernelComparisons.twoProcessors() && withThreads.anyMatch(this::wanted)) {
      console.error("compare: one processor, so nothing with a thread of the kernel's own");
    }
    if (FILE_ROWS.stream().anyMatch(this::wanted) || wanted(TMPFS_ROW)) {
      if (FioContestant.installed()) {
        all.addAll(onTmpfs(deep));
        all.addAll(onFile(seed));
      } else {
        console.error("compare: no fio here (Debian: fio), so nothing on a file");
      }
    }
    addWanted(all, AllocationComparisons.of(seed, MAIN_BYTES, command));
    addFirstIo(all, command);
    addGrowth(all, command);
    addNewFile(all, seed);
    return all;
  }

  private void addWanted(List<Comparison> all, List<Comparison> more) {
    more.stream().filter(one -> wanted(one.work())).forEach(all::add);
  }

  private void addFirstIo(List<Comparison> all, @Nullable Path command) {
    if (command != null) {
      addWanted(all, List.of(FirstIo.comparison(command)));
    } else if (wanted(FirstIo.WORK)) {
      console.error("compare: all in this process, so nothing of the first I/O");
    }
  }

  private void addGrowth(List<Comparison> all, @Nullable Path command) {
    addWanted(all, GrowthComparisons.of(command));
    List<Comparison> onImages = GrowthComparisons.onImages(command);
    if (onImages.stream().anyMatch(one -> wanted(one.work()))) {
      String missing = XfsImage.missing();
      if (missing == null) {
        addWanted(all, onImages);
      } else {
        console.error("compare: " + missing + ", so nothing by files and extents on XFS");
      }
    }
  }

  private void addNewFile(List<Comparison> all, long seed) {
    if (!wanted(NewFile.WORK)) {
      return;
    }
    String missing = fs == null ? "no --fs with a filesystem that allocates" : NewFile.missing();
    if (fs == null || missing != null) {
      console.error("compare: " + missing + ", so nothing about a new file");
      return;
    }
    long bytes = size != null ? size : DEFAULT_SIZE;
    if (bytes < NewFile.LEAST) {
      throw Failure.couldNotRun("--size", "a new file has at least " + NewFile.LEAST + " bytes");
    }
    all.add(NewFile.comparison(fs, TargetOptions.modules(modules), bytes, seed));
  }

  private boolean wanted(String work) {
    return only == null || only.matcher(work).find();
  }

  /** Compares with a file in tmpfs. Such a file is page cache and can only be read by a copy. */
  private List<Comparison> onTmpfs(Plan plan) {
    if (!wanted(TMPFS_ROW)) {
      return List.of();
    }
    Path memory = Path.of("/dev/shm");
    try {
      if (!Files.isWritable(memory) || !Files.getFileStore(memory).type().equals("tmpfs")) {
        console.error("compare: " + memory + " is no tmpfs here, so nothing on one");
        return List.of();
      }
      tmpfsFile = Files.createTempFile(memory, "pollux-compare", ".dat");
    } catch (IOException e) {
      throw Failure.couldNotRun(memory.toString(), IoReason.of(e), e);
    }
    fill(tmpfsFile, MAIN_BYTES);
    return List.of(
        new Turns(
            TMPFS_ROW,
            Unit.IOPS,
            new BenchContestant(TargetSpec.SAMPLE.withDisk(TargetSpec.RAM), plan),
            new FioContestant(tmpfsFile, plan.withoutDirect(), false),
            TMPFS_MARK));
  }

  /** Compares on a file. There is a mark only if both kernels bypass the page cache. */
  private List<Comparison> onFile(long seed) {
    if (FILE_ROWS.stream().noneMatch(this::wanted)) {
      return List.of();
    }
    Path file =
        image != null
            ? image
            : fill(directory().resolve("disk"), size != null ? size : DEFAULT_SIZE);
    TargetSpec spec = TargetSpec.SAMPLE.withImage(file).withFs(Providers.NONE);
    String way;
    try (Target target = Target.open(spec, true)) {
      way = target.deviceName();
    }
    boolean direct = way.contains("O_DIRECT");
    if (!direct) {
      console.error(
          "compare: "
              + file
              + " is "
              + way
              + " here, and direct in fio, so there are no marks for it");
    }
    List<Comparison> all = new ArrayList<>();
    for (Pattern pattern : PATTERNS) {
      for (int depth : DEPTHS) {
        Plan plan = Plan.forComparison(pattern, depth, seed);
        String work = work(pattern, direct, depth);
        if (wanted(work)) {
          all.add(
              new Turns(
                  work,
                  Unit.IOPS,
                  new BenchContestant(spec, plan),
                  new FioContestant(file, plan, way.contains("IOPOLL")),
                  !direct ? Mark.NONE : depth == 1 ? SINGLE_MARK : DEEP_MARK));
        }
      }
    }
    return all;
  }

  private static String work(Pattern pattern, boolean direct, int depth) {
    return pattern + (direct ? ", direct" : ", cached here") + ", depth " + depth;
  }

  /** Returns all possible names of the rows on a file. The access to the file is not known yet. */
  private static List<String> fileRows() {
    List<String> names = new ArrayList<>();
    for (Pattern pattern : PATTERNS) {
      for (int depth : DEPTHS) {
        names.add(work(pattern, true, depth));
        names.add(work(pattern, false, depth));
      }
    }
    return List.copyOf(names);
  }

  /** Fills a file with data, because reads of holes cost nothing. */
  private Path fill(Path file, long bytes) {
    file.toFile().deleteOnExit(); // also on Control-C
    console.err().println("compare: writing a file of " + bytes + " bytes…");
    byte[] noise = new byte[PIECE];
    new SplittableRandom().nextBytes(noise);
    // no channel: an interrupt would close it
    try (FileOutputStream out = new FileOutputStream(file.toFile())) {
      for (long at = 0; at < bytes; at += PIECE) {
        out.write(noise, 0, (int) Math.min(PIECE, bytes - at));
      }
      out.getFD().sync();
    } catch (IOException e) {
      throw Failure.couldNotRun(file.toString(), IoReason.of(e), e);
    }
    return file;
  }

  /**
   * Returns the directory for temporary files, created on first use. It is removed on Control-C
   * too, with files that are registered for it.
   */
  private Path directory() {
    Path made = directory;
    if (made == null) {
      try {
        made = Files.createTempDirectory("pollux-compare");
      } catch (IOException e) {
        throw Failure.couldNotRun("a directory for temporary files", IoReason.of(e), e);
      }
      made.toFile().deleteOnExit(); // last, because it is registered before its files
      directory = made;
    }
    return made;
  }

  private static void remove(Path directory) {
    try (Stream<Path> all = Files.walk(directory)) {
      for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    } catch (IOException e) {
      throw Failure.couldNotRun(directory.toString(), "can't be removed: " + IoReason.of(e), e);
    }
  }

  private void report(List<Outcome> outcomes) {
    if (json == null || !json.equals("-")) {
      console.print(CompareReport.table(outcomes));
    }
    if (json != null) {
      String object = CompareReport.json(outcomes);
      if (json.equals("-")) {
        console.print(object);
      } else {
        try {
          Files.writeString(Path.of(json), object);
        } catch (IOException e) {
          throw Failure.couldNotRun(json, IoReason.of(e), e);
        }
      }
    }
    console.flush();
  }
}
