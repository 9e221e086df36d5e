// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The header is C and C++ without a warning, alone and beside the headers that it has names in
 * common with.
 */
@Timeout(60)
class HeaderCommandTest {
  private final Path dir;

  HeaderCommandTest(@TempDir Path dir) {
    this.dir = dir;
  }

  @Test
  void theHeaderGoesToStandardOutput() {
    Cli result = Cli.run("header");

    assertThat(result.status()).isZero();
    assertThat(result.err()).isEmpty();
    assertThat(result.out())
        .startsWith("/* SPDX-")
        .contains("struct aio_iocb_ring {")
        .endsWith("#endif /* POLLUX_AIO_H */\n");
  }

  @Test
  void helpAndMisuse() {
    assertThat(Cli.run("header", "--help").out())
        .startsWith("Usage: pollux header")
        .contains("pollux_aio.h");
    assertThat(Cli.run("header", "extra").status()).isEqualTo(2);
  }

  @ParameterizedTest
  @CsvSource({
    "c11, c, ''",
    "c11, c, linux/aio_abi.h",
    "gnu11, c, libaio.h",
    "gnu11, c, sys/uio.h",
    "gnu11, c, linux/fs.h",
    "gnu11, c, sys/syscall.h",
    "gnu17, c, linux/aio_abi.h",
    "c++11, c++, ''",
    "c++11, c++, linux/aio_abi.h",
    "gnu++17, c++, libaio.h",
    "c++20, c++, linux/aio_abi.h"
  })
  void compilesBesideOtherHeaders(String standard, String language, String other)
      throws IOException, InterruptedException {
    assertCompiles(
        standard, language, other, other.isEmpty() ? List.of() : List.of(other), List.of());
  }

  @ParameterizedTest
  @CsvSource({"sys/uio.h", "linux/fs.h", "sys/syscall.h"})
  void headersThatOnlyShareConstantsMayFollow(String other)
      throws IOException, InterruptedException {
    assertCompiles("gnu11", "c", other, List.of(), List.of(other));
  }

  private void assertCompiles(
      String standard, String language, String needed, List<String> before, List<String> after)
      throws IOException, InterruptedException {
    String compiler = language.equals("c") ? "cc" : "c++";
    needs(compiler, "/usr/bin");
    if (!needed.isEmpty()) {
      needs(needed, "/usr/include", "/usr/include/x86_64-linux-gnu");
    }
    Files.writeString(dir.resolve("pollux_aio.h"), Cli.run("header").out());
    List<String> lines = new ArrayList<>();
    before.forEach(header -> lines.add("#include <" + header + ">"));
    lines.add("#include \"pollux_aio.h\"");
    lines.add("#include \"pollux_aio.h\"");
    after.forEach(header -> lines.add("#include <" + header + ">"));
    lines.add("int first(const struct aio_io_event_ring *ring);");
    lines.add(
        "int first(const struct aio_io_event_ring *ring) { return"
            + " (int)ring->events[ring->head].res; }");
    Path source = Files.write(dir.resolve("program"), lines);

    Process process =
        new ProcessBuilder(
                compiler,
                "-x",
                language,
                "-std=" + standard,
                "-D_GNU_SOURCE",
                "-O2",
                "-Wall",
                "-Wextra",
                "-Werror",
                "-pedantic",
                "-c",
                source.toString(),
                "-o",
                "/dev/null")
            .redirectErrorStream(true)
            .start();
    String said = new String(process.getInputStream().readAllBytes(), UTF_8);

    assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
    assertThat(said).isEmpty();
    assertThat(process.exitValue()).isZero();
  }

  /** Skips the test where a file is missing, unless nothing may be. */
  private static void needs(String file, String... directories) {
    boolean there =
        List.of(directories).stream().anyMatch(directory -> Files.exists(Path.of(directory, file)));
    if (!"1".equals(System.getenv("POLLUX_REQUIRE_ORACLES"))) {
      Assumptions.assumeTrue(there, "this machine has no " + file);
    }
    assertThat(there).as(file).isTrue();
  }
}
