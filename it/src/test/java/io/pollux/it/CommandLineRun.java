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
 * What a command of the command line did, in a process of its own, run from what this build made.
 *
 * @param status the exit status
 * @param out standard output
 * @param err standard error
 */
record CommandLineRun(int status, String out, String err) {
  private static final long SECONDS = 120;

  /** Runs bin/pollux's program with arguments. */
  static CommandLineRun of(String... arguments) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-ea:io.pollux...", "-XX:+UseSerialGC", "-Xmx1g"));
    String modules = System.getProperty("jdk.module.path");
    if (modules == null) {
      command.addAll(
          List.of(
              "--enable-native-access=ALL-UNNAMED", "-cp", System.getProperty("java.class.path")));
      command.add("io.pollux.tools.Pollux");
    } else {
      command.add(
          "--enable-native-access=io.pollux.uapi,io.pollux.core,io.pollux.block,io.pollux.tools");
      command.addAll(
          List.of("--module-path", modules, "--module", "io.pollux.tools/io.pollux.tools.Pollux"));
    }
    command.addAll(List.of(arguments));
    Path out = Files.createTempFile("pollux-out", ".txt");
    Path err = Files.createTempFile("pollux-err", ".txt");
    try {
      Process process =
          new ProcessBuilder(command)
              .redirectOutput(out.toFile())
              .redirectError(err.toFile())
              .start();
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
