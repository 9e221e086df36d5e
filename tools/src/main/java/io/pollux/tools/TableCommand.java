// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.tools.console.Console;
import io.pollux.tools.console.Failure;
import io.pollux.tools.console.IoReason;
import io.pollux.tools.image.Target;
import io.pollux.tools.image.TargetSpec;
import io.pollux.tools.table.Measurement;
import io.pollux.tools.table.TableChart;
import io.pollux.tools.table.TableJson;
import io.pollux.tools.table.TableRun;
import io.pollux.tools.table.TableText;
import io.pollux.userland.UserFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** pollux table: measures the series' table on this kernel. */
@Command(
    name = "table",
    sortOptions = false,
    description = {
      "Measures the series' table on this kernel, next to the posted numbers: 4 KiB random reads at"
          + " depth 1 to 64",
      "through io_submit, through the rings, and through the rings polled and with fixed buffers.",
      "All cells are measured in turns, in one run. The default disk is a null disk: the kernel"
          + " alone, without data.",
      "Control-C stops it early and prints the result so far."
    })
final class TableCommand implements Runnable {
  private static final int MAX_ROUNDS = 1000;
  private static final double MAX_SECONDS = 3600;
  private static final double LEAST_TURN = 0.001;

  private final Console console;

  @Option(
      names = "--runtime",
      paramLabel = "SECONDS",
      defaultValue = "2",
      description = "Duration of each cell in all rounds together. Default: 2.")
  private double runtime;

  @Option(
      names = "--rounds",
      paramLabel = "N",
      defaultValue = "11",
      description = "Turns of each cell, after one that does not count. Default: 11.")
  private int rounds;

  @Option(
      names = "--plot",
      paramLabel = "FILE.svg",
      description = "Write the table as an SVG image.")
  private @Nullable String plot;

  @Option(
      names = "--json",
      paramLabel = "FILE",
      description =
          "Write the result as one JSON object; - is standard output, and nothing else is printed"
              + " there.")
  private @Nullable String json;

  @Mixin private final TargetOptions target = new TargetOptions();
  @Mixin final CommonOptions common = new CommonOptions();

  TableCommand(Console console) {
    this.console = console;
  }

  @Override
  public void run() {
    check();
    TargetSpec spec = target.spec();
    Measurement measured;
    try (Target opened =
            Target.open(spec.disk() == null ? spec.withDisk(TargetSpec.NULL) : spec, false);
        UserFiles files = new UserFiles(opened.program())) {
      TableRun run = new TableRun(opened, files, opened.file(files), console.err());
      console.interrupts().accept(run::stop);
      measured = run.run(rounds, runtime);
    }
    if (json == null || !json.equals("-")) {
      console.print(TableText.of(measured));
    }
    if (json != null) {
      String object = TableJson.of(measured);
      if (json.equals("-")) {
        console.print(object);
      } else {
        write(json, object);
      }
    }
    if (plot != null) {
      write(plot, TableChart.of(measured));
    }
    console.flush();
  }

  /**
   * Validates the options before anything is loaded, and creates the output files before the run.
   */
  private void check() {
    if (rounds < 1 || rounds > MAX_ROUNDS) {
      throw Failure.couldNotRun("--rounds", rounds + " is out of range, from 1 to " + MAX_ROUNDS);
    }
    if (!(runtime > 0 && runtime <= MAX_SECONDS)) {
      throw Failure.couldNotRun(
          "--runtime", runtime + " is not a number of seconds up to " + (int) MAX_SECONDS);
    }
    if (runtime / rounds < LEAST_TURN) {
      throw Failure.couldNotRun(
          "--runtime", runtime + " is less than a millisecond for each of " + rounds + " rounds");
    }
    if (json != null && !json.equals("-")) {
      write(json, "");
    }
    if (plot != null) {
      write(plot, "");
    }
  }

  private static void write(String file, String text) {
    try {
      Files.writeString(Path.of(file), text);
    } catch (IOException e) {
      throw Failure.couldNotRun(file, IoReason.of(e), e);
    }
  }
}
