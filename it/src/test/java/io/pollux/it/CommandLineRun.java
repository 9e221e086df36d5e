// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * What a command of {@code bin/pollux} did, in a process of its own, from the jars of this build.
 *
 * @param status the exit status
 * @param out standard output
 * @param err standard error
 */
record CommandLineRun(int status, String out, String err) {
  private static final long SECONDS = 120;

  /** Runs {@code bin/pollux} with arguments. The first compiler is enough for so short a run. */
  static CommandLineRun of(String... arguments) throws IOException, InterruptedException {
    return run(ExecRun.SHORT_RUN, arguments);
  }

  /** Runs {@code bin/pollux} with arguments, with both compilers, for a test that measures. */
  static CommandLineRun optimized(String... arguments) throws IOException, InterruptedException {
    return run("", arguments);
  }

  private static CommandLineRun run(String options, String... arguments)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of(Repository.pollux().toString()));
    command.addAll(List.of(arguments));
    Path out = Files.createTempFile("pollux-out", ".txt");
    Path err = Files.createTempFile("pollux-err", ".txt");
    try {
      ProcessBuilder builder =
          new ProcessBuilder(command).redirectOutput(out.toFile()).redirectError(err.toFile());
      builder.environment().put("POLLUX_JAVA_OPTS", options);
      Process process = builder.start();
      try {
        assertThat(process.waitFor(SECONDS, TimeUnit.SECONDS))
            .as("%s ends", List.of(arguments))
            .isTrue();
      } finally {
        process.destroyForcibly();
      }
      return new CommandLineRun(
          process.exitValue(),
          Files.readString(out, StandardCharsets.ISO_8859_1),
          Files.readString(err, StandardCharsets.ISO_8859_1));
    } finally {
      Files.delete(out);
      Files.delete(err);
    }
  }

  /** It could not run, and says so in one line, {@code pollux: WHAT: WHY}, and no other word. */
  void assertRefused() {
    assertThat(status).as(err).isEqualTo(2);
    assertThat(err)
        .matches("pollux: [^\n]+: [^\n]+\n")
        .doesNotContain("Exception", "a mistake in pollux");
    assertThat(out).isEmpty();
  }
}
