// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.testkit.Oracles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code bin/pollux trace -- exec}: the kernel in the program records, and writes at its exit. */
@Timeout(300)
@Execution(ExecutionMode.CONCURRENT)
final class ExecTraceTest {
  private static final int BLOCKS = 7;

  private final Path dir;

  ExecTraceTest(@TempDir Path dir) {
    this.dir = dir;
  }

  @BeforeAll
  static void needsCompiler() {
    Oracles.needPrograms("gcc", "cc");
  }

  private CommandLineRun trace(String options) throws IOException, InterruptedException {
    String files =
        "--text %s --jfr %s --timeline %s"
            .formatted(dir.resolve("t.txt"), dir.resolve("t.jfr"), dir.resolve("t.json"));
    String program =
        "dd if=/pollux/main.dat of=/dev/null bs=4096 status=none iflag=direct count=" + BLOCKS;
    String line = "trace " + files + " -- exec " + options + "-- " + program;
    CommandLineRun run = CommandLineRun.of(line.split(" "));
    assertThat(run.status()).as(run.err()).isZero();
    assertThat(run.err().lines())
        .as("none if dd has closed its standard error")
        .allMatch(said -> said.startsWith("pollux: trace: "));
    return run;
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "--shared "})
  void theReadsOfAProgramAreInAllFiles(String options) throws Exception {
    CommandLineRun run = trace(options);
    assertThat(run.out()).isEmpty();
    try (Stream<String> lines = Files.lines(dir.resolve("t.txt"))) {
      assertThat(lines.filter(line -> line.matches(".* D +R .*#[0-9]+"))).hasSize(BLOCKS);
    }
    List<RecordedEvent> ends =
        RecordingFile.readAllEvents(dir.resolve("t.jfr")).stream()
            .filter(event -> event.getEventType().getName().equals("io.pollux.IomapDioComplete"))
            .toList();
    assertThat(ends).hasSize(BLOCKS).allMatch(event -> event.getLong("ret") == 4096);
    assertThat(dir.resolve("t.json")).content().startsWith("{\"displayTimeUnit\":\"ns\"");
    try (Stream<Path> left = Files.list(dir)) {
      assertThat(left).hasSize(3);
    }
  }

  @Test
  void theStatusIsThePrograms() throws Exception {
    CommandLineRun run =
        CommandLineRun.of(
            "trace",
            "--text",
            dir.resolve("t.txt").toString(),
            "--",
            "exec",
            "--",
            "test",
            "-f",
            "/pollux/nothing");
    assertThat(run.status()).isEqualTo(1);
    assertThat(dir.resolve("t.txt")).content().contains(" Q ");
  }
}
