// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.compare;

import io.pollux.tools.console.Failure;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Programs of the machine that take part. */
final class HostProgram {
  private static final long PATIENCE_SECONDS = 120;

  private HostProgram() {}

  /** Whether there is a program of that name. */
  static boolean exists(String name) {
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

  /** Runs a program to its end and answers its standard output. */
  static String run(List<String> command, double seconds) {
    try {
      Path out = Files.createTempFile("pollux-compare", ".out");
      Path err = Files.createTempFile("pollux-compare", ".err");
      try {
        Process process =
            new ProcessBuilder(command).redirectOutput(out.toFile()).redirectError(err.toFile()).start();
        if (!process.waitFor((long) seconds + PATIENCE_SECONDS, TimeUnit.SECONDS)) {
          process.destroyForcibly();
          throw Failure.couldNotRun(command.getFirst(), "does not end");
        }
        if (process.exitValue() != 0) {
          String why = Files.readString(err, StandardCharsets.UTF_8).strip();
          throw Failure.couldNotRun(command.getFirst(), "ended with status " + process.exitValue() + ": " + why);
        }
        return Files.readString(out, StandardCharsets.UTF_8);
      } finally {
        Files.delete(out);
        Files.delete(err);
      }
    } catch (IOException e) {
      throw Failure.couldNotRun(command.getFirst(), String.valueOf(e.getMessage()), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw Failure.couldNotRun(command.getFirst(), "was interrupted", e);
    }
  }
}
