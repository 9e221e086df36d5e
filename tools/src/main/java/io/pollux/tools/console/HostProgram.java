// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.console;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** Programs of the machine that take part. */
public final class HostProgram {
  private static final long PATIENCE_SECONDS = 120;
  private static final int KEPT_LINES = 20;

  private HostProgram() {}

  /**
   * Whether there is a program of that name.
   *
   * @param name without a directory
   * @return true if it is found on the PATH
   */
  public static boolean exists(String name) {
    String path = System.getenv("PATH");
    if (path == null) {
      return false;
    }
    for (String directory : path.split(File.pathSeparator, -1)) {
      if (Files.isExecutable(Path.of(directory, name))) {
        return true;
      }
    }
    return false;
  }

  /**
   * Runs a program to its end.
   *
   * @param command its words
   * @param seconds how long it takes, about; two minutes later it is ended
   * @return its standard output
   * @throws Failure if it can't be run, does not end, or ends with another status than 0
   */
  public static String run(List<String> command, double seconds) {
    return run(command, seconds, KEPT_LINES, line -> {});
  }

  /**
   * Runs a program to its end, and passes on what it says on its way.
   *
   * @param command its words
   * @param seconds how long it takes, about; two minutes later it is ended
   * @param progress takes the lines of its standard error, on another thread, while this one waits
   * @return its standard output
   * @throws Failure if it can't be run, does not end, or ends with another status than 0
   */
  public static String run(List<String> command, double seconds, Consumer<String> progress) {
    return run(command, seconds, 1, progress);
  }

  /** So many of the last lines of standard error are in the failure. */
  private static String run(List<String> command, double seconds, int kept, Consumer<String> progress) {
    String name = command.getFirst();
    try {
      Path out = Files.createTempFile("pollux", ".out");
      try {
        Process process = new ProcessBuilder(command).redirectOutput(out.toFile()).start();
        Said said = new Said(process.errorReader(StandardCharsets.UTF_8), kept, progress);
        Thread listener = Thread.ofPlatform().daemon().name("listener").start(said);
        if (!process.waitFor((long) seconds + PATIENCE_SECONDS, TimeUnit.SECONDS)) {
          process.destroyForcibly();
          throw Failure.couldNotRun(name, "does not end");
        }
        listener.join();
        if (process.exitValue() != 0) {
          throw Failure.couldNotRun(name, "ended with status " + process.exitValue() + ": " + String.join(" ", said.last));
        }
        return Files.readString(out, StandardCharsets.UTF_8);
      } finally {
        Files.delete(out);
      }
    } catch (IOException e) {
      throw Failure.couldNotRun(name, String.valueOf(e.getMessage()), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw Failure.couldNotRun(name, "was interrupted", e);
    }
  }

  /** Listens until the program says nothing more, and keeps the last lines, for who has waited until then. */
  private static final class Said implements Runnable {
    private final BufferedReader from;
    private final Consumer<String> to;
    private final int kept;
    private final Deque<String> last = new ArrayDeque<>();

    Said(BufferedReader from, int kept, Consumer<String> to) {
      this.from = from;
      this.kept = kept;
      this.to = to;
    }

    @Override
    public void run() {
      try (from) {
        for (String line = from.readLine(); line != null; line = from.readLine()) {
          if (last.size() == kept) {
            last.removeFirst();
          }
          last.addLast(line);
          to.accept(line);
        }
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
