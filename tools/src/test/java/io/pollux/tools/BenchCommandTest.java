// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The bench on real images: exactly so many I/Os, checked; its table and its JSON; and faults found
 * where they are.
 */
class BenchCommandTest {
  private final Path dir;

  BenchCommandTest(@TempDir Path dir) {
    this.dir = dir;
  }

  private static Map<String, Object> json(String... args) throws IOException {
    List<String> all = new ArrayList<>(List.of("bench", "--json", "-"));
    all.addAll(List.of(args));
    Cli result = Cli.run(all.toArray(String[]::new));
    assertThat(result.err()).doesNotContain("pollux:");
    assertThat(result.status()).isZero();
    return JSON.std.mapFrom(result.out());
  }

  @Test
  void jsonHasTheKeysOfTheContractAndNothingElseIsPrinted() throws IOException {
    Map<String, Object> result = json("--ios", "1000", "--seed", "7");

    assertThat(result.keySet())
        .containsExactly(
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
            "allocatedBytesPerIo");
    assertThat(result)
        .containsEntry("command", "bench")
        .containsEntry("fs", "xfs")
        .containsEntry("disk", "ram")
        .containsEntry("mode", "ring")
        .containsEntry("polled", true)
        .containsEntry("fixedBufs", true)
        .containsEntry("rw", "randread")
        .containsEntry("blockSize", 4096)
        .containsEntry("depth", 32)
        .containsEntry("batchSubmit", 8)
        .containsEntry("batchComplete", 8)
        .containsEntry("threads", 1)
        .containsEntry("seed", 7)
        .containsEntry("ramp", 0.0)
        .containsEntry("ios", 1000)
        .containsEntry("calls", 125)
        .containsEntry("errors", 0)
        .containsEntry("verified", 1000)
        .containsEntry("mismatches", 0);
    assertThat(result.get("latencyNs"))
        .asInstanceOf(InstanceOfAssertFactories.MAP)
        .containsOnlyKeys("p50", "p99", "p999", "max");
  }

  @Test
  void theTableSaysWhatWasDone() {
    Cli result = Cli.run("bench", "--ios", "1000");

    assertThat(result.status()).isZero();
    assertThat(result.out())
        .contains(
            "4 KiB random reads of /main.dat (xfs on ram0), ring, polled, fixed buffers, depth 32")
        .contains("I/Os          1,000 in")
        .contains("1,000 blocks, 0 mismatches");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--irq",
        "--no-fixed-bufs",
        "--irq --no-fixed-bufs",
        "--mode sync",
        "--mode sync --irq",
        "--rw read",
        "--rw read --threads 3",
        "--bs 512",
        "--bs 64k --depth 4",
        "--bs 1M --depth 3",
        "--depth 1",
        "--depth 1 --batch-submit 1 --batch-complete 1",
        "--depth 7 --batch-submit 3 --batch-complete 5",
        "--depth 300 --batch-submit 64 --batch-complete 200",
        "--threads 3",
        "--threads 3 --depth 5",
        "--copy-engine",
        "--copy-engine --threads 3 --depth 100",
        "--copy-engine --mode useriocb --depth 8",
        "--copy-engine --fs gfs2 --bs 64k",
        "--no-copy-engine",
        "--file /tail.dat",
        "--fs gfs2",
        "--fs gfs2 --mode sync --irq",
        "--fs gfs2 --bs 512 --threads 3",
        "--fs gfs2 --file /tail.dat --bs 512",
      })
  void everyBlockReadIsTheRightOne(String options) throws IOException {
    Map<String, Object> result = json((options + " --verify --ios 1001").split(" ", -1));

    assertThat(result)
        .containsEntry("ios", 1001)
        .containsEntry("verified", 1001)
        .containsEntry("mismatches", 0);
  }

  @ParameterizedTest
  @CsvSource({
    "--no-verify --copy-engine,true",
    "--copy-engine,true",
    "--no-verify --no-copy-engine,false",
    "'',false", // the default is --verify, which needs all data
    "--no-verify --depth 1,false",
    "--no-verify --irq,false"
  })
  void theTableSaysWhetherTheDiskMovesDataByItself(String options, boolean itself) {
    List<String> args = new ArrayList<>(List.of("bench", "--ios", "100"));
    if (!options.isEmpty()) {
      args.addAll(List.of(options.split(" ", -1)));
    }
    Cli result = Cli.run(args.toArray(String[]::new));

    assertThat(result.status()).as(result.err()).isZero();
    assertThat(result.out()).contains(itself ? "(xfs on ram0, copy engine)" : "(xfs on ram0)");
  }

  @Test
  void aDiskDoesNotMoveDataByItselfWhereThereIsNoProcessorForThat() {
    int processors = Runtime.getRuntime().availableProcessors();
    assumeThat(processors).as("no more than bench has threads").isLessThanOrEqualTo(256);
    String threads = String.valueOf(processors);

    assertThat(Cli.run("bench", "--ios", "100", "--no-verify", "--threads", threads).out())
        .contains("(xfs on ram0)");
    String alone = Cli.run("bench", "--ios", "100", "--no-verify").out();
    assertThat(alone).contains(processors > 1 ? "(xfs on ram0, copy engine)" : "(xfs on ram0)");
  }

  @ParameterizedTest
  @CsvSource({
    "--irq --copy-engine,--copy-engine and --irq: exclude each other",
    "--buffered --copy-engine,--copy-engine and --buffered: exclude each other",
    "--mode sync --copy-engine,--copy-engine and --mode sync: exclude each other",
    "--disk null --copy-engine,--copy-engine: is about a disk in memory",
    "--fault seed=1 --copy-engine,--copy-engine and --fault: exclude each other",
    "--no-copy-engine --copy-engine,--copy-engine and --no-copy-engine: exclude each other"
  })
  void aCopyEngineIsForADiskInMemory(String options, String why) {
    Cli result = Cli.run(("bench " + options).split(" ", -1));

    assertThat(result.status()).isEqualTo(2);
    assertThat(result.err()).startsWith("pollux: " + why);
  }

  @ParameterizedTest
  @CsvSource({"randwrite,256", "write,256", "randrw,256", "randwrite,3", "randrw,3", "write,1"})
  void whatIsWrittenIsReadBack(String rw, int kib) throws IOException {
    String[] bare = {"--fs", "none", "--disk", "ram", "--size", kib * 4 + "K"};
    List<String> args = new ArrayList<>(List.of(bare));
    args.addAll(
        List.of("--rw", rw, "--verify", "--ios", "3000", "--threads", kib >= 256 ? "3" : "1"));
    Map<String, Object> result = json(args.toArray(String[]::new));

    assertThat(result)
        .containsEntry("ios", 3000)
        .containsEntry("mismatches", 0)
        .containsEntry("errors", 0);
    assertThat(result.get("verified")).isNotEqualTo(0);
  }

  @ParameterizedTest
  @CsvSource({
    "xfs,randwrite",
    "xfs,randrw",
    "gfs2,randwrite",
    "gfs2,randrw",
    "gfs2,randrw --buffered",
    "gfs2,randrw --mode aio --irq",
    "gfs2,randrw --copy-engine",
    "xfs,randwrite --copy-engine"
  })
  void whatIsWrittenToAFileIsReadBack(String fs, String options) throws IOException {
    Map<String, Object> result =
        json(("--fs " + fs + " --verify --ios 6000 --threads 2 --rw " + options).split(" ", -1));

    assertThat(result).containsEntry("fs", fs).containsEntry("ios", 6000);
    assertThat(result).containsEntry("mismatches", 0).containsEntry("errors", 0);
    assertThat(result.get("verified")).isNotEqualTo(0);
  }

  @Test
  void aNullDiskMovesNothingAndIsNotVerified() throws IOException {
    Map<String, Object> result = json("--disk", "null", "--ios", "5000");

    assertThat(result)
        .containsEntry("disk", "null")
        .containsEntry("ios", 5000)
        .containsEntry("verified", 0);
  }

  @ParameterizedTest
  @ValueSource(strings = {"file", "ram"})
  void aWrongBitIsFoundAndSaidWhere(String disk) throws IOException {
    long wrong = 8 << 20;
    Path image = SampleFile.unpack(dir.resolve("image"), wrong);
    Cli result =
        Cli.run(
            "bench",
            "--image",
            image.toString(),
            "--disk",
            disk,
            "--file",
            "/main.dat",
            "--verify",
            "--rw",
            "read",
            "--ios",
            "4096");

    assertThat(result.status()).isEqualTo(1);
    assertThat(result.out()).contains("4,096 blocks, 1 mismatches");
    assertThat(result.err())
        .contains(
            "pollux: /main.dat: wrong data at offset "
                + (wrong + 100)
                + " (in the block at "
                + wrong
                + ")");
  }

  @Test
  void theJsonFileIsWritten() throws IOException {
    Path file = dir.resolve("result");
    Cli result = Cli.run("bench", "--ios", "10", "--json", file.toString());

    assertThat(result.out()).contains("IOPS");
    assertThat(JSON.std.mapFrom(Files.readString(file))).containsEntry("ios", 10);
  }

  @Test
  void soManyAreMeasuredAfterTheRampAndAllAreVerified() throws IOException {
    Map<String, Object> result = json("--ramp", "0.3", "--ios", "1000", "--threads", "3");

    assertThat(result)
        .containsEntry("ramp", 0.3)
        .containsEntry("ios", 1000)
        .containsEntry("mismatches", 0);
    assertThat(result.get("verified"))
        .asInstanceOf(InstanceOfAssertFactories.INTEGER)
        .isGreaterThan(1000);
    assertThat(result.get("calls"))
        .asInstanceOf(InstanceOfAssertFactories.INTEGER)
        .isBetween(1, 1000);
  }

  @Test
  void aWrongBitInTheRampIsFound() throws IOException {
    Path image = SampleFile.unpack(dir.resolve("image"), 512);
    Cli result =
        Cli.run(
            "bench",
            "--image",
            image.toString(),
            "--disk",
            "ram",
            "--file",
            "/main.dat",
            "--verify",
            "--rw",
            "read",
            "--ramp",
            "0.3",
            "--ios",
            "1",
            "--depth",
            "1");

    assertThat(result.status()).isEqualTo(1);
    assertThat(result.out()).contains("I/Os          1 in").contains("after a ramp of 300.0 ms");
    assertThat(result.err())
        .contains("pollux: /main.dat: wrong data at offset 612 (in the block at 0)");
  }

  @ParameterizedTest
  @ValueSource(strings = {"--ramp 0 --runtime 1.1", "--ramp 1.1 --runtime 1.1", "--runtime 1.1"})
  void theLinesOfTheRampSaySo(String options) {
    Cli result = Cli.run(("bench --disk null " + options).split(" ", -1));

    assertThat(result.status()).isZero();
    String first = result.err().lines().findFirst().orElse("");
    assertThat(first.startsWith("ramp: IOPS=")).isEqualTo(!options.startsWith("--ramp 0"));
    assertThat(result.out().contains("after a ramp of")).isEqualTo(!options.startsWith("--ramp 0"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"-1", "NaN", "1e10"})
  void aRampHasALimit(String seconds) {
    Cli result = Cli.run("bench", "--ramp=" + seconds);

    assertThat(result.status()).isEqualTo(2);
    assertThat(result.err()).hasLineCount(1).contains("--ramp");
  }

  @Test
  void aRunOfMoreThanASecondPrintsALineAndEnds() {
    Cli result = Cli.run("bench", "--runtime", "1.2", "--disk", "null");

    assertThat(result.status()).isZero();
    assertThat(result.err())
        .containsPattern(
            "IOPS=\\d+, IOS/call=\\d+/\\d+, inflight=\\d+ \\(head=\\d+ tail=\\d+\\)\n");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"--mode aio", "--mode aio --irq", "--mode useriocb", "--sq-thread", "--sq-poll"})
  void waysThatThisKernelMayNotHaveWorkOrSaySo(String options) {
    Cli result = Cli.run(("bench --verify --ios 1000 " + options).split(" ", -1));

    if (result.status() == 0) {
      assertThat(result.out()).contains("1,000 blocks, 0 mismatches");
    } else {
      assertThat(result.status()).isEqualTo(2);
      assertThat(result.err()).hasLineCount(1).contains("this kernel does not offer it");
    }
  }
}
