// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.testkit.Oracles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * One of the C programs, compiled once beside the header that the command line writes.
 *
 * @param file the program
 */
record CProgram(Path file) {
  private static final int SECONDS = 120;

  /** The programs of this run of the tests, by name and options. */
  private static final Map<List<String>, CProgram> COMPILED = new HashMap<>();

  /** What a program said, on both of its outputs, and its exit status. */
  record Run(int status, String said) {}

  /**
   * Compiles a program, without a warning, unless a test before did. The test is skipped where
   * there is nothing to compile with.
   *
   * @param name of the source, without its ending
   * @param options more for the compiler
   */
  static synchronized CProgram compile(String name, String... options)
      throws IOException, InterruptedException {
    Oracles.needPrograms("gcc", "cc");
    List<String> key = new ArrayList<>(List.of(options));
    key.add(name);
    CProgram there = COMPILED.get(key);
    if (there != null) {
      return there;
    }
    Path directory = Files.createTempDirectory("pollux-" + name);
    directory.toFile().deleteOnExit();
    Path header = directory.resolve("pollux_aio.h");
    header.toFile().deleteOnExit();
    Files.writeString(header, header());
    Path program = directory.resolve(name);
    program.toFile().deleteOnExit();
    List<String> command =
        new ArrayList<>(
            List.of("cc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-I" + directory));
    command.addAll(List.of(Repository.cSource(name).toString(), "-o", program.toString()));
    if (name.equals("libaio-cases")) {
      Oracles.need(
          Files.exists(Path.of("/usr/include/libaio.h")),
          "there is no libaio.h (Debian: apt-get install libaio-dev)");
      command.add("-laio");
    }
    command.add("-lpthread");
    command.addAll(List.of(options));
    Run compiled = run(command);
    assertThat(compiled.said()).isEmpty();
    assertThat(compiled.status()).isZero();
    CProgram made = new CProgram(program);
    COMPILED.put(key, made);
    return made;
  }

  /** The header that the command line writes. */
  private static String header() throws IOException, InterruptedException {
    CProgram first = COMPILED.isEmpty() ? null : COMPILED.values().iterator().next();
    if (first != null) {
      return Files.readString(first.file.resolveSibling("pollux_aio.h"));
    }
    CommandLineRun made = CommandLineRun.of("header");
    assertThat(made.status()).as(made.err()).isZero();
    return made.out();
  }

  /** Runs it on the Linux below. */
  Run onLinux(String... arguments) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of(file.toString()));
    command.addAll(List.of(arguments));
    return run(command);
  }

  private static Run run(List<String> command) throws IOException, InterruptedException {
    Path said = Files.createTempFile("pollux-c", ".txt");
    try {
      Process process =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(said.toFile())
              .start();
      try {
        assertThat(process.waitFor(SECONDS, TimeUnit.SECONDS)).as("%s ends", command).isTrue();
      } finally {
        process.destroyForcibly();
      }
      return new Run(process.exitValue(), Files.readString(said, UTF_8));
    } finally {
      Files.delete(said);
    }
  }
}
