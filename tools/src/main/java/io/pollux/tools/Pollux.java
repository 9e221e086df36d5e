// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.tools.console.Arguments;
import io.pollux.tools.console.Console;
import io.pollux.tools.console.Failure;
import io.pollux.tools.console.Interrupts;
import io.pollux.tools.image.Modules;
import io.pollux.tools.trace.TraceOptions;
import io.pollux.uapi.Errno;
import io.pollux.userland.SyscallException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.TypeConversionException;
import picocli.CommandLine.UnmatchedArgumentException;

/**
 * The main program. Exit status: 0 success; 1 the work ran and found a fault; 2 it could not run.
 * Every error is one line, {@code pollux: WHAT: WHY}.
 */
@Command(
    name = "pollux",
    version = "pollux 0.2.0",
    description =
        "A kernel's asynchronous I/O path, from the system call to the disk, with real filesystems"
            + " on it.",
    synopsisSubcommandLabel = "COMMAND",
    exitCodeListHeading = "%nExit status:%n",
    exitCodeList = {" 0:done", " 1:the work ran and found a fault", " 2:it could not run"})
public final class Pollux implements Runnable {
  /**
   * The commands. Only the requested one is created, because parsing the options of a command takes
   * time.
   */
  private static final Map<String, Function<Console, Object>> COMMANDS = commands();

  private static final String NO_PATH =
      "is not UTF-8, and only paths in an image and host:PATH may be other bytes";

  @Mixin final CommonOptions common = new CommonOptions();

  @Option(names = "--version", versionHelp = true, description = "Print the version and exit.")
  boolean version;

  @Option(
      names = Modules.OPTION,
      paramLabel = "JAR:JAR",
      description = {
        "Before or after the command: jars with further filesystems and disks. Default: the"
            + " environment variable",
        Modules.VARIABLE + "."
      })
  @Nullable String modules;

  private Pollux() {}

  private static Map<String, Function<Console, Object>> commands() {
    Map<String, Function<Console, Object>> commands = new LinkedHashMap<>();
    commands.put("bench", BenchCommand::new);
    commands.put("ls", LsCommand::new);
    commands.put("stat", StatCommand::new);
    commands.put("cat", CatCommand::new);
    commands.put("cp", CpCommand::new);
    commands.put("mkdir", MkdirCommand::new);
    commands.put("mv", MvCommand::new);
    commands.put("rm", RmCommand::new);
    commands.put("table", TableCommand::new);
    commands.put("compare", CompareCommand::new);
    commands.put("mkfs", MkfsCommand::new);
    commands.put("mkfs.xfs", MkfsXfsCommand::new);
    commands.put("check", CheckCommand::new);
    commands.put("exec", ExecCommand::new);
    commands.put("trace", TraceCommand::new);
    commands.put("header", HeaderCommand::new);
    commands.put("companion", CompanionCommand::new);
    return commands;
  }

  /**
   * Runs a command and exits the process.
   *
   * @param args the arguments
   */
  public static void main(String[] args) {
    int status = run(Arguments.ofProcess(args), Console.ofProcess());
    Interrupts.ended(status);
    System.exit(status);
  }

  /**
   * Runs a command.
   *
   * @param given the arguments
   * @param console receives the output
   * @return the exit status
   */
  static int run(String[] given, Console console) {
    return run(given, console, null);
  }

  /**
   * Runs a command.
   *
   * @param given the arguments
   * @param console receives the output
   * @param trace what the kernel in exec's program records, or null
   * @return the exit status
   */
  static int run(String[] given, Console console, @Nullable TraceOptions trace) {
    String[] args = modulesAfterCommand(given);
    boolean debug = List.of(args).contains("--debug");
    try {
      int status = commandLine(args, console, debug, trace).execute(args);
      console.flush();
      return status;
    } catch (Throwable e) { // catches everything: no stack trace unless requested
      return ended(e, console, debug);
    }
  }

  /** Moves --modules from the front to after the command, which has it among its options. */
  private static String[] modulesAfterCommand(String[] args) {
    boolean joined = args.length > 0 && args[0].startsWith(Modules.OPTION + "=");
    int words = joined ? 1 : args.length > 0 && args[0].equals(Modules.OPTION) ? 2 : 0;
    if (words == 0 || args.length <= words) {
      return args;
    }
    List<String> moved = new ArrayList<>(List.of(args));
    String command = moved.remove(words);
    moved.addFirst(command);
    return moved.toArray(String[]::new);
  }

  private static CommandLine commandLine(
      String[] args, Console console, boolean debug, @Nullable TraceOptions trace) {
    CommandLine line = new CommandLine(new Pollux());
    boolean one = args.length > 0 && COMMANDS.containsKey(args[0]);
    COMMANDS.forEach(
        (name, maker) -> {
          if (!one || name.equals(args[0])) {
            Object command = maker.apply(console);
            if (trace != null && command instanceof ExecCommand exec) {
              exec.traced(trace);
            }
            line.addSubcommand(name, command);
          }
        });
    // applies to the commands too, which are already registered
    line.registerConverter(Path.class, Pollux::path);
    line.setCaseInsensitiveEnumValuesAllowed(true);
    line.setAbbreviatedOptionsAllowed(false);
    line.setOut(
        new PrintWriter(new StringWriter()) {
          @Override
          public void flush() {
            console.print(out.toString());
            out = new StringWriter();
          }
        });
    line.setParameterExceptionHandler((e, ignored) -> misused(e, console));
    line.setExecutionExceptionHandler((e, ignored, parsed) -> ended(e, console, debug));
    return line;
  }

  private static Path path(String text) {
    try {
      return Path.of(text);
    } catch (InvalidPathException e) {
      throw new TypeConversionException(text + " " + NO_PATH);
    }
  }

  /** Reports wrong options and names the help. */
  private static int misused(ParameterException e, Console console) {
    List<String> words = new ArrayList<>();
    words.add(String.valueOf(e.getMessage()));
    boolean atTheTop = e.getCommandLine().getParent() == null;
    if (atTheTop
        && e instanceof UnmatchedArgumentException unmatched
        && !unmatched.isUnknownOption()) {
      console.error(unmatched.getUnmatched().getFirst() + ": unknown command (see pollux --help)");
      return ExitCode.USAGE;
    }
    if (e instanceof UnmatchedArgumentException unmatched) {
      List<String> suggestions = unmatched.getSuggestions();
      words.set(
          0,
          (unmatched.isUnknownOption() ? "unknown option " : "unknown argument ")
              + quoted(unmatched));
      if (!suggestions.isEmpty()) {
        words.add("did you mean " + suggestions.getFirst() + "?");
      }
    }
    String command = e.getCommandLine().getCommandSpec().qualifiedName();
    console.error(
        command.replaceFirst("^pollux ?", "").transform(name -> name.isEmpty() ? "" : name + ": ")
            + String.join("; ", words)
            + " (see "
            + command
            + " --help)");
    return ExitCode.USAGE;
  }

  private static String quoted(UnmatchedArgumentException e) {
    return "'" + e.getUnmatched().getFirst() + "'";
  }

  /** Reports the exception that ended the command. Returns the exit status. */
  private static int ended(Throwable e, Console console, boolean debug) {
    int status = switch (e.getCause() instanceof Error error ? error : e) { // an Error is wrapped
          case Failure failure -> {
            console.error(String.valueOf(failure.getMessage()));
            yield failure.status();
          }
          case SyscallException failed -> {
            console.error(String.valueOf(failed.getMessage()));
            yield failed.errno() == Errno.EIO || failed.errno() == Errno.EUCLEAN
                ? Failure.FAULT
                : Failure.COULD_NOT_RUN;
          }
          case OutOfMemoryError memory -> {
            console.error("out of memory: " + memory.getMessage());
            yield Failure.COULD_NOT_RUN;
          }
          case InvalidPathException path -> {
            console.error(path.getInput() + ": " + NO_PATH);
            yield Failure.COULD_NOT_RUN;
          }
          case UncheckedIOException io -> {
            console.error(String.valueOf(io.getMessage()));
            yield Failure.COULD_NOT_RUN;
          }
          default -> {
            console.error(
                "a mistake in pollux itself: " + e + (debug ? "" : " (--debug shows where)"));
            yield Failure.COULD_NOT_RUN;
          }
        };
    if (debug) {
      e.printStackTrace(console.err());
    }
    return status;
  }

  @Override
  public void run() {
    throw Failure.couldNotRun(
        "no command", "there are " + String.join(", ", COMMANDS.keySet()) + " (see pollux --help)");
  }
}
