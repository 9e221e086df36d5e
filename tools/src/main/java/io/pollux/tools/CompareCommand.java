// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.block.driver.NullParameters;
import io.pollux.tools.bench.Plan;
import io.pollux.tools.bench.Plan.Mode;
import io.pollux.tools.bench.Plan.Pattern;
import io.pollux.tools.compare.BenchContestant;
import io.pollux.tools.compare.CompareReport;
import io.pollux.tools.compare.Comparison;
import io.pollux.tools.compare.Comparison.Outcome;
import io.pollux.tools.compare.FioContestant;
import io.pollux.tools.compare.RingComparisons;
import io.pollux.tools.console.Console;
import io.pollux.tools.console.Failure;
import io.pollux.tools.image.HostFile;
import io.pollux.tools.image.Target;
import io.pollux.tools.image.TargetSpec;
import io.pollux.tools.image.TargetSpec.Disk;
import io.pollux.tools.image.TargetSpec.Fs;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.OptionalLong;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** pollux compare: this kernel and the machine's own, side by side. */
@Command(
    name = "compare",
    sortOptions = false,
    description = {
      "Does the same work on this kernel and on the machine's own, turn by turn, and prints the ratios.",
      "A file: direct random 4 KiB reads and writes, depth 1 and 32, against fio's io_uring engine.",
      "No device at all: a null disk, from Java and from C, against io_uring's no-ops.",
      "What is not installed here (fio, cc, liburing) is left out, and it says so."
    })
final class CompareCommand implements Runnable {
  private static final long DEFAULT_SIZE = 1L << 30;
  private static final int PIECE = 1 << 20;
  private static final int BLOCK = 4096;
  private static final int DEEP = 32;
  private static final int BATCH = 8;
  private static final int MAX_ROUNDS = 1000;
  private static final double DEEP_MARK = 0.95;
  private static final double SINGLE_MARK = 0.9;

  private final Console console;

  @Option(names = "--image", paramLabel = "FILE",
      description = "The file or block device to work on; WHAT IS IN IT IS OVERWRITTEN. Default: one that is made and removed.")
  private @Nullable Path image;

  @Option(names = "--size", paramLabel = "SIZE", converter = SizeConverter.class,
      description = "Of the file that is made. Default: 1G.")
  private @Nullable Long size;

  @Option(names = "--rounds", paramLabel = "N", defaultValue = "5", description = "Turns of each. Default: 5.")
  private int rounds;

  @Option(names = "--runtime", paramLabel = "SECONDS", defaultValue = "2", description = "Of each turn. Default: 2.")
  private double runtime;

  @Option(names = "--json", paramLabel = "FILE",
      description = "Write the result as one JSON object; - is standard output, and nothing else is printed there.")
  private @Nullable String json;

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
    Path directory = newDirectory();
    try {
      List<Outcome> outcomes = new ArrayList<>();
      for (Comparison comparison : comparisons(directory)) {
        outcomes.add(comparison.run(rounds, runtime, console.err()));
      }
      if (outcomes.isEmpty()) {
        throw Failure.couldNotRun("compare", "nothing to compare with is installed (Debian: fio, gcc, liburing-dev)");
      }
      report(outcomes);
    } finally {
      remove(directory);
    }
  }

  private List<Comparison> comparisons(Path directory) {
    List<Comparison> all = new ArrayList<>();
    if (RingComparisons.possible()) {
      String pollux = System.getenv("POLLUX_COMMAND");
      all.addAll(
          RingComparisons.of(
              spec(null, Disk.NULL), plan(Pattern.RANDREAD, DEEP), directory, pollux == null ? null : Path.of(pollux)));
    } else {
      console.error("compare: no cc or no liburing here (Debian: gcc, liburing-dev), so nothing without a device");
    }
    if (FioContestant.installed()) {
      Path file = image != null ? image : fill(directory.resolve("disk"));
      all.addAll(onFile(file));
    } else {
      console.error("compare: no fio here (Debian: fio), so nothing on a file");
    }
    return all;
  }

  /** The same work only if both go past the page cache; if this kernel can't, there is no mark. */
  private List<Comparison> onFile(Path file) {
    TargetSpec spec = spec(file, Disk.FILE);
    String way;
    try (Target target = Target.open(spec, true)) {
      way = target.deviceName();
    }
    boolean direct = way.contains("O_DIRECT");
    if (!direct) {
      console.error("compare: " + file + " is " + way + " here, and direct in fio, so there are no marks for it");
    }
    List<Comparison> all = new ArrayList<>();
    for (Pattern pattern : List.of(Pattern.RANDREAD, Pattern.RANDWRITE)) {
      for (int depth : new int[] {1, DEEP}) {
        Plan plan = plan(pattern, depth);
        all.add(
            new Comparison(
                pattern + (direct ? ", direct" : ", cached here") + ", depth " + depth,
                new BenchContestant(spec, plan),
                new FioContestant(file, plan, way.contains("IOPOLL")),
                !direct ? Double.NaN : depth == 1 ? SINGLE_MARK : DEEP_MARK));
      }
    }
    return all;
  }

  private static TargetSpec spec(@Nullable Path file, Disk disk) {
    Fs fs = file == null ? null : Fs.NONE;
    return new TargetSpec(file, fs, null, disk, OptionalLong.empty(), false, false, NullParameters.DEFAULT, null);
  }

  private Plan plan(Pattern pattern, int depth) {
    int batch = Math.min(BATCH, depth);
    long seed = new SplittableRandom().nextInt(Integer.MAX_VALUE);
    return new Plan(
        Mode.RING, true, true, false, false, false, pattern, BLOCK, depth, batch, batch, 1, 0, Long.MAX_VALUE, false, seed);
  }

  /** A file whose every block is written: what is a hole costs nothing to read. */
  private Path fill(Path file) {
    long bytes = size != null ? size : DEFAULT_SIZE;
    console.err().println("compare: writing a file of " + bytes + " bytes…");
    byte[] noise = new byte[PIECE];
    new SplittableRandom().nextBytes(noise);
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      for (long at = 0; at < bytes; ) {
        at += channel.write(ByteBuffer.wrap(noise, 0, (int) Math.min(PIECE, bytes - at)), at);
      }
      channel.force(true);
    } catch (IOException e) {
      throw Failure.couldNotRun(file.toString(), HostFile.why(e), e);
    }
    return file;
  }

  private static Path newDirectory() {
    try {
      return Files.createTempDirectory("pollux-compare");
    } catch (IOException e) {
      throw Failure.couldNotRun("a directory for temporary files", HostFile.why(e), e);
    }
  }

  private static void remove(Path directory) {
    try (Stream<Path> all = Files.walk(directory)) {
      for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    } catch (IOException e) {
      throw Failure.couldNotRun(directory.toString(), "can't be removed: " + HostFile.why(e), e);
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
          throw Failure.couldNotRun(json, HostFile.why(e), e);
        }
      }
    }
    console.flush();
  }
}
