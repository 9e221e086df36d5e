// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A program that was run by {@code bin/pollux exec}, as a user would.
 *
 * @param status its exit status; 128 and the signal's number if one ended it
 * @param out what it wrote to standard output
 * @param err to standard error
 */
public record ExecRun(int status, String out, String err) {
  private static final int SECONDS = 180;

  /** Options for two virtual machines that live for a second: the first compiler is enough. */
  private static final String SHORT_RUN = "-XX:TieredStopAtLevel=1";

  /**
   * Runs {@code bin/pollux exec} with a line of words.
   *
   * @param line options, {@code --}, the program and its arguments, apart by single spaces
   * @return how it went
   * @throws IOException if it can't be run
   * @throws InterruptedException if it is interrupted
   */
  public static ExecRun of(String line) throws IOException, InterruptedException {
    return of(List.of(line.split(" ")));
  }

  static ExecRun of(List<String> words) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of(Repository.pollux().toString(), "exec"));
    command.addAll(words);
    return program(command);
  }

  /**
   * Runs a program on the Linux below, as exec runs one on this kernel.
   *
   * @param command the program and its arguments
   */
  static ExecRun program(List<String> command) throws IOException, InterruptedException {
    Path out = Files.createTempFile("pollux-exec", ".out");
    Path err = Files.createTempFile("pollux-exec", ".err");
    try {
      ProcessBuilder builder =
          new ProcessBuilder(command)
              .redirectInput(Path.of("/dev/null").toFile())
              .redirectOutput(out.toFile())
              .redirectError(err.toFile());
      builder.environment().putIfAbsent("POLLUX_JAVA_OPTS", SHORT_RUN);
      Process process = builder.start();
      try {
        assertThat(process.waitFor(SECONDS, TimeUnit.SECONDS)).as("%s ends", command).isTrue();
      } finally {
        process.destroyForcibly();
      }
      return new ExecRun(
          process.exitValue(), Files.readString(out, UTF_8), Files.readString(err, UTF_8));
    } finally {
      Files.delete(out);
      Files.delete(err);
    }
  }

  /**
   * Asserts that the program found everything as it should be.
   *
   * @return this
   */
  public ExecRun succeeded() {
    assertThat(status).as("exit status; it said%n%s%s", out, err).isZero();
    return this;
  }
}
