// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.testkit.Oracles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Comparisons that need mkfs.xfs and loop devices of the machine, or bin/pollux, which each side is
 * a process of.
 */
@Timeout(150)
class CompareCommandTest {
  private final Path temporary; // of the command, and of what it starts
  private final Path said; // by the command

  CompareCommandTest(@TempDir Path directory) throws IOException {
    temporary = Files.createDirectory(directory.resolve("temporary"));
    said = Files.createDirectory(directory.resolve("said"));
  }

  private Process start(String... arguments) throws IOException {
    List<String> command = new ArrayList<>(List.of(Repository.pollux().toString(), "compare"));
    command.addAll(List.of(arguments));
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .redirectInput(Path.of("/dev/null").toFile())
            .redirectOutput(said.resolve("out").toFile())
            .redirectError(said.resolve("err").toFile());
    builder.environment().put("POLLUX_JAVA_OPTS", "-Djava.io.tmpdir=" + temporary);
    return builder.start();
  }

  @Test
  void eachSideIsAProcessOfItsOwn() throws IOException, InterruptedException {
    Process compare =
        start(
            "--only", "^growth: depth 8$|^first", "--rounds", "1", "--runtime", "1", "--json", "-");

    assertThat(compare.waitFor(120, TimeUnit.SECONDS)).isTrue();
    String err = Files.readString(said.resolve("err"));
    assertThat(compare.exitValue()).as(err).isZero();
    assertThat(err.lines().filter(line -> !line.startsWith("pollux: ")))
        .hasSize(3)
        .satisfiesExactly(
            line ->
                assertThat(line)
                    .startsWith("first I/O, from start to end: bench --ios 1 ")
                    .endsWith(" (to warm up)"),
            line ->
                assertThat(line)
                    .startsWith("first I/O, from start to end: bench --ios 1 ")
                    .endsWith(" (1 of 1)"),
            line -> assertThat(line).startsWith("growth: depth 8: ").endsWith(" (1 of 1)"));
    assertThat(Files.readString(said.resolve("out")))
        .containsPattern(
            "(?s)\"work\" : \"first I/O, from start to end\".*\"ours\" : \\[ [0-9.]+ \\]")
        .containsPattern("(?s)\"work\" : \"growth: depth 8\".*\"ratios\" : \\[ [0-9.]+ \\]");
    assertThat(temporary).isEmptyDirectory();
  }

  @Test
  void aRunThatIsKilledLeavesNothingBehind() throws IOException, InterruptedException {
    Process compare = start("--only", "^growth: depth 8$", "--rounds", "1000", "--runtime", "1");
    try {
      while (compare.isAlive() && !Files.readString(said.resolve("err")).contains("(1 of 1000)")) {
        Thread.sleep(50);
      }
      List<ProcessHandle> others = compare.descendants().toList();
      assertThat(others).as(Files.readString(said.resolve("err"))).isNotEmpty();
      compare.destroy();

      assertThat(compare.waitFor(60, TimeUnit.SECONDS)).isTrue();
      assertThat(compare.exitValue()).isNotZero();
      assertThat(others).noneMatch(ProcessHandle::isAlive);
      assertThat(temporary).isEmptyDirectory();
    } finally {
      compare.descendants().forEach(ProcessHandle::destroyForcibly);
      compare.destroyForcibly();
    }
  }

  @Test
  void manyFilesAndManyExtentsOnAnXfsThatLinuxMade() throws IOException, InterruptedException {
    Oracles.needPrograms("xfsprogs", "mkfs.xfs", "xfs_io");
    Oracles.needLoopMounts("xfs");

    CommandLineRun run =
        CommandLineRun.optimized(
            "compare",
            "--here",
            "--rounds",
            "1",
            "--runtime",
            "1",
            "--only",
            "growth: (64 files, XFS|all together, XFS|100 extents)");

    assertThat(run.status()).as(run.err()).isZero();
    List<String> lines = run.out().lines().toList();
    assertThat(lines).hasSize(4);
    assertThat(lines.get(1))
        .startsWith("growth: 64 files, XFS ")
        .containsPattern(" ns .* one file .* ns .* <= 1\\.20 ");
    assertThat(lines.get(2))
        .startsWith("growth: all together, XFS ")
        .containsPattern(" ns .* one of each .* ns .* <= 1\\.20 ");
    assertThat(lines.get(3))
        .startsWith("growth: 100 extents, XFS ")
        .containsPattern(" ns .* one extent .* ns ");
  }
}
