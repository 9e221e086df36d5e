// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.core.trace.Trace;
import io.pollux.tools.console.Console;
import io.pollux.tools.console.Failure;
import io.pollux.tools.console.Terminal;
import io.pollux.tools.trace.Stepper;
import io.pollux.tools.trace.TraceOptions;
import io.pollux.tools.trace.TraceRun;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** pollux trace: runs bench or exec, and writes what each request did. */
@Command(
    name = "trace",
    sortOptions = false,
    customSynopsis = {
      "pollux trace [OPTIONS] -- bench [BENCH OPTIONS]",
      "       pollux trace [OPTIONS] -- exec [EXEC OPTIONS] -- PROGRAM ARGS..."
    },
    description = {
      "Runs a command with the kernel's trace points on, and writes what each request did. The exit"
          + " status is the command's.",
      "Without --text, --jfr and --timeline, the text of bench goes to standard output; its result"
          + " then goes to standard error.",
      "bench makes 1,000 I/Os unless --ios or --runtime says otherwise, and one with --step."
    })
final class TraceCommand implements Callable<Integer> {
  private static final int MAX_LIMIT = 10_000_000;
  private static final String DEFAULT_IOS = "1000";

  private final Console console;

  @Option(
      names = "--text",
      paramLabel = "FILE",
      description = "Write a line for each event, in the manner of blkparse; - is standard output.")
  private @Nullable String text;

  @Option(
      names = "--jfr",
      paramLabel = "FILE",
      description = "Write a recording for the JDK's jfr and for Mission Control.")
  private @Nullable String jfr;

  @Option(
      names = "--timeline",
      paramLabel = "FILE",
      description = "Write a timeline for ui.perfetto.dev.")
  private @Nullable String timeline;

  @Option(
      names = "--limit",
      paramLabel = "N",
      defaultValue = "100000",
      description = "Stop tracing, not the command, after this number of events. Default: 100000.")
  private int limit;

  @Option(
      names = "--step",
      description =
          "Stop at each point of the first request, and show rings, lists, tags and references:"
              + " Enter or n is next, b back, q quit.")
  private boolean step;

  @Parameters(
      paramLabel = "COMMAND",
      arity = "1..*",
      description = "After --: bench or exec, with its options.")
  private final List<String> command = new ArrayList<>();

  @Mixin final CommonOptions common = new CommonOptions();

  TraceCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    String name = command.getFirst();
    if (!name.equals("bench") && !name.equals("exec")) {
      throw Failure.couldNotRun(name, "can't be traced, only bench and exec can");
    }
    if (limit < 1 || limit > MAX_LIMIT) {
      throw Failure.couldNotRun("--limit", limit + " is not from 1 to " + MAX_LIMIT);
    }
    System.setProperty(Trace.PROPERTY, "true"); // before the kernel's first class
    TraceOptions options = new TraceOptions(text, jfr, timeline, limit);
    boolean exec = name.equals("exec");
    if (step) {
      if (exec || !options.isNothing()) {
        throw Failure.couldNotRun(
            "--step", exec ? "is for bench" : "shows one request, and writes no file");
      }
      return step();
    }
    if (exec) {
      return exec(options);
    }
    return bench(
        options.isNothing()
            ? new TraceOptions(TraceOptions.STANDARD_OUTPUT, null, null, limit)
            : options);
  }

  /** The command's arguments, with a number of I/Os if it has no end of its own. */
  private String[] limited(String ios) {
    List<String> words = new ArrayList<>(command);
    boolean ends = words.stream().anyMatch(word -> word.matches("--(ios|runtime)(=.*)?|--help"));
    if (!ends) {
      words.add("--ios");
      words.add(ios);
    }
    return words.toArray(String[]::new);
  }

  private int bench(TraceOptions options) {
    boolean aside = options.toStandardOutput();
    Console inner =
        aside ? new Console(console.err(), console.err(), console.interrupts()) : console;
    TraceRun run = TraceRun.start(options, console.out());
    int status;
    try {
      status = Pollux.run(limited(DEFAULT_IOS), inner);
    } finally {
      console.error("trace: " + run.finish());
    }
    return status;
  }

  /** The program's own kernel records and writes. */
  private int exec(TraceOptions options) {
    if (options.isNothing()) {
      throw Failure.couldNotRun(
          "trace", "needs --text, --jfr or --timeline: standard output is the program's");
    }
    return Pollux.run(command.toArray(String[]::new), console, options);
  }

  private int step() {
    BufferedReader keys =
        Terminal.isInput()
            ? new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))
            : null;
    Stepper stepper = new Stepper(console, keys);
    stepper.start();
    try {
      return Pollux.run(limited("1"), stepper.inner());
    } finally {
      stepper.finish();
    }
  }
}
