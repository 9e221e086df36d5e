// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
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

  /** Options for a virtual machine that lives for a second: the first compiler is enough. */
  static final String SHORT_RUN = "-XX:TieredStopAtLevel=1";

  /** Environments of programs, by the options of exec. */
  private static final Map<List<String>, Map<String, String>> ENVIRONMENTS = new HashMap<>();

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
   * Runs a program in the environment that {@code bin/pollux exec} gives it. The first run with the
   * same options asks the command for this environment. The others save the command's own virtual
   * machine, which takes longer than most of these programs.
   *
   * @param line as in {@link #of(String)}; the program is a path
   */
  static ExecRun direct(String line) throws IOException, InterruptedException {
    return direct(List.of(line.split(" ")));
  }

  /** As {@link #direct(String)}, with words that may contain spaces. */
  static ExecRun direct(List<String> words) throws IOException, InterruptedException {
    int program = words.indexOf("--") + 1;
    List<String> options = words.subList(0, program);
    Map<String, String> environment;
    synchronized (ENVIRONMENTS) {
      environment = ENVIRONMENTS.get(options);
      if (environment == null) {
        environment = environment(options);
        ENVIRONMENTS.put(List.copyOf(options), environment);
      }
    }
    return program(words.subList(program, words.size()), environment);
  }

  /** Asks exec for the environment of a program. */
  private static Map<String, String> environment(List<String> options)
      throws IOException, InterruptedException {
    List<String> words = new ArrayList<>(options);
    words.addAll(List.of("env", "-0"));
    ExecRun run = of(words).succeeded();
    Map<String, String> all = new HashMap<>();
    for (String entry : run.out.split("\0", -1)) {
      int name = entry.indexOf('=');
      if (name > 0) { // the text after the last zero byte is empty
        all.put(entry.substring(0, name), entry.substring(name + 1));
      }
    }
    assertThat(all).as("the environment of a program under exec").containsKey("POLLUX_LIBJVM");
    return all;
  }

  /**
   * Runs a program on the Linux below, as exec runs one on this kernel.
   *
   * @param command the program and its arguments
   */
  static ExecRun program(List<String> command) throws IOException, InterruptedException {
    return program(command, Map.of());
  }

  private static ExecRun program(List<String> command, Map<String, String> environment)
      throws IOException, InterruptedException {
    Path out = Files.createTempFile("pollux-exec", ".out");
    Path err = Files.createTempFile("pollux-exec", ".err");
    try {
      ProcessBuilder builder =
          new ProcessBuilder(command)
              .redirectInput(Path.of("/dev/null").toFile())
              .redirectOutput(out.toFile())
              .redirectError(err.toFile());
      builder.environment().putIfAbsent("POLLUX_JAVA_OPTS", SHORT_RUN);
      builder.environment().putAll(environment);
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
