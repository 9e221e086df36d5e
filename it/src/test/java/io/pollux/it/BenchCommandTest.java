// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The command that a newcomer runs first, as scripts use it. */
@Execution(ExecutionMode.CONCURRENT)
class BenchCommandTest {
  private static final String[] KEYS = {
    "command",
    "fs",
    "disk",
    "mode",
    "polled",
    "fixedBufs",
    "rw",
    "blockSize",
    "depth",
    "batchSubmit",
    "batchComplete",
    "threads",
    "seed",
    "ramp",
    "seconds",
    "ios",
    "iops",
    "calls",
    "errors",
    "verified",
    "mismatches",
    "latencyNs",
    "p50",
    "p99",
    "p999",
    "max",
    "allocatedBytesPerIo"
  };

  /** A key and a value that is no object. */
  private static final Pattern MEMBER =
      Pattern.compile("\"(\\w+)\"\\s*:\\s*(\\{|\"[^\"]*\"|[-+.\\w]+)");

  /** The members of an object and of the objects in it, in order. */
  private static Map<String, String> members(String json) {
    assertThat(json.strip()).startsWith("{").endsWith("}");
    Map<String, String> members = new LinkedHashMap<>();
    Matcher matcher = MEMBER.matcher(json);
    while (matcher.find()) {
      assertThat(members.put(matcher.group(1), matcher.group(2).replace("\"", "")))
          .as("twice")
          .isNull();
    }
    return members;
  }

  @Test
  void verifiesEveryBlockOfTheSample() throws IOException, InterruptedException {
    CommandLineRun run = CommandLineRun.of("bench", "--ios", "20000", "--seed", "7", "--json", "-");
    assertThat(run.status()).as(run.err()).isZero();
    Map<String, String> result = members(run.out());
    assertThat(result.keySet()).containsExactly(KEYS);
    assertThat(result)
        .containsEntry("command", "bench")
        .containsEntry("fs", "xfs")
        .containsEntry("disk", "ram")
        .containsEntry("mode", "ring")
        .containsEntry("polled", "true")
        .containsEntry("fixedBufs", "true")
        .containsEntry("rw", "randread")
        .containsEntry("blockSize", "4096")
        .containsEntry("depth", "32")
        .containsEntry("batchSubmit", "8")
        .containsEntry("batchComplete", "8")
        .containsEntry("threads", "1")
        .containsEntry("seed", "7")
        .containsEntry("ios", "20000")
        .containsEntry("errors", "0")
        .containsEntry("verified", "20000")
        .containsEntry("mismatches", "0");
    assertThat(Double.parseDouble(result.getOrDefault("iops", ""))).isPositive();
    assertThat(Long.parseLong(result.getOrDefault("calls", ""))).isBetween(1L, 20_000L);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--irq",
        "--irq --no-fixed-bufs",
        "--no-fixed-bufs",
        "--mode sync",
        "--mode sync --irq",
        "--buffered --irq",
        "--rw read --bs 64k --depth 4",
        "--fs gfs2",
        "--fs gfs2 --mode aio --irq",
        "--fs gfs2 --buffered --irq",
        "--threads 3 --depth 5 --batch-submit 3 --batch-complete 2",
        "--depth 1 --batch-submit 1 --batch-complete 1 --bs 512"
      })
  void verifiesEveryBlockInEveryMode(String options) throws IOException, InterruptedException {
    CommandLineRun run = CommandLineRun.of(("bench --ios 6000 --json - " + options).split(" "));
    assertThat(run.status()).as(run.err()).isZero();
    Map<String, String> result = members(run.out());
    assertThat(result.keySet()).containsExactly(KEYS);
    assertThat(result).containsEntry("mismatches", "0").containsEntry("errors", "0");
    assertThat(result.get("verified")).isEqualTo(result.get("ios"));
  }

  @Test
  void nullDiskMovesNothingAndIsNotVerified() throws IOException, InterruptedException {
    CommandLineRun run =
        CommandLineRun.of(
            "bench", "--disk", "null", "--no-verify", "--ios", "20000", "--json", "-");
    assertThat(run.status()).as(run.err()).isZero();
    assertThat(members(run.out()))
        .containsOnlyKeys(KEYS)
        .containsEntry("disk", "null")
        .containsEntry("verified", "0")
        .containsEntry("mismatches", "0");
  }

  @Test
  void nothingIsAllocatedPerIo() throws IOException, InterruptedException {
    CommandLineRun run =
        CommandLineRun.optimized(
            "bench", "--disk", "null", "--no-verify", "--runtime", "3", "--json", "-");
    assertThat(run.status()).as(run.err()).isZero();
    assertThat(Double.parseDouble(members(run.out()).getOrDefault("allocatedBytesPerIo", "")))
        .isLessThan(1);
  }

  @Test
  void withoutJsonThereIsATable(@TempDir Path directory) throws IOException, InterruptedException {
    Path json = directory.resolve("result.json");
    CommandLineRun run = CommandLineRun.of("bench", "--ios", "5000", "--json", json.toString());
    assertThat(run.status()).as(run.err()).isZero();
    assertThat(run.out()).containsIgnoringCase("IOPS").containsIgnoringCase("mismatches");
    assertThat(members(Files.readString(json)).keySet()).containsExactly(KEYS);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "bench --nonsense",
        "bench --bs 100",
        "bench --depth 0",
        "bench --polled --irq",
        "bench --ios many",
        "bench --file /no/such/file",
        "bench --file /dirs",
        "bench --read-only --rw write",
        "bench --image /no/such/image",
        "bench --fs gfs2 --file /no/such/file"
      })
  void whatCannotRunSaysSoInOneLine(String command) throws IOException, InterruptedException {
    CommandLineRun.of(command.split(" ")).assertRefused();
  }
}
