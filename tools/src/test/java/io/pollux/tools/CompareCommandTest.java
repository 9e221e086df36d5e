// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.jr.ob.JSON;
import io.pollux.tools.bench.Manner;
import io.pollux.tools.compare.Comparison;
import io.pollux.tools.compare.Mark;
import io.pollux.tools.compare.Outcome;
import io.pollux.tools.compare.Unit;
import io.pollux.tools.console.Console;
import io.pollux.tools.console.Failure;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Work that is chosen by name, really done. */
@Timeout(120)
class CompareCommandTest {
  @Test
  void onlyWhatIsWantedIsDone() throws IOException {
    Cli result =
        Cli.run("compare", "--only", "^ONE at", "--rounds", "1", "--runtime", "1", "--json", "-");

    assertThat(result.status()).as(result.err()).isZero();
    assertThat(result.err().lines())
        .hasSize(2)
        .allSatisfy(line -> assertThat(line).startsWith("one at a time on a null disk: "));
    List<?> lines =
        (List<?>) Objects.requireNonNull(JSON.std.mapFrom(result.out()).get("comparisons"));
    assertThat(lines).hasSize(1);
    Map<?, ?> line = (Map<?, ?>) lines.getFirst();
    assertThat(line.get("work")).isEqualTo("one at a time on a null disk");
    assertThat(line.get("theirs")).isEqualTo(List.of(5e6));
    assertThat(line.get("mark")).isEqualTo(1.0);
    assertThat(line.get("bound")).isEqualTo("least");
  }

  @Test
  void growthAndAllocationAreLinesLikeOthers() {
    Cli result =
        Cli.run(
            "compare",
            "--here",
            "--only",
            "growth: depth 128|reads, rings, fixed buffers, bare",
            "--rounds",
            "1",
            "--runtime",
            "1");

    assertThat(result.status()).as(result.err()).isZero();
    List<String> lines = result.out().lines().toList();
    assertThat(lines).hasSize(3);
    assertThat(lines.get(0)).startsWith("work ").endsWith(" mark");
    assertThat(lines.get(1))
        .startsWith("allocation: reads, rings, fixed buffers, bare ")
        .containsPattern(" B .* the goal .* <= 0\\.05 ");
    assertThat(lines.get(2))
        .startsWith("growth: depth 128 ")
        .containsPattern(" ns .* depth 32 .* ns .*\\)$");
    assertThat(result.err().lines()).hasSize(2);
  }

  @Test
  void aNewFileNeedsAFilesystemThatAllocates() {
    Cli result = Cli.run("compare", "--only", "new file", "--rounds", "1", "--runtime", "1");

    assertThat(result.status()).isEqualTo(2);
    assertThat(result.err())
        .contains("compare: no --fs with a filesystem that allocates, so nothing about a new file");
  }

  @Test
  void theFilesystemOfANewFileExists() {
    Cli result =
        Cli.run("compare", "--only", "new file", "--fs", "zfs", "--rounds", "1", "--runtime", "1");

    assertThat(result.status()).isEqualTo(2);
    assertThat(result.err()).containsPattern("--fs zfs|, so nothing about a new file");
  }

  /** A line that is what the test makes of it. */
  private record Scripted(String work, @Nullable Supplier<RuntimeException> fails)
      implements Comparison {
    @Override
    public Unit unit() {
      return Unit.NANOS;
    }

    @Override
    public String against() {
      return "nothing";
    }

    @Override
    public Mark mark() {
      return Mark.NONE;
    }

    @Override
    public Outcome run(int rounds, double seconds, PrintStream progress) {
      if (fails != null) {
        throw fails.get();
      }
      return new Outcome(this, List.of(1.0), List.of(2.0), List.of(0.5), 0.5);
    }
  }

  @Test
  void whateverFailsDoesNotTakeTheOthersWithIt() {
    RuntimeException mistake = new IllegalStateException("a mistake");
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    CompareCommand compare =
        new CompareCommand(new Console(out, new PrintStream(err, true, UTF_8), stop -> {}));
    List<Comparison> all =
        List.of(
            new Scripted("first", () -> mistake),
            new Scripted(
                "second",
                () -> {
                  throw new OutOfMemoryError("no heap");
                }),
            new Scripted("third", () -> Failure.couldNotRun("fio", "is gone")),
            new Scripted("good", null));

    assertThatThrownBy(() -> compare.compare(all)).isSameAs(mistake);
    assertThat(out.toString(UTF_8).lines().toList())
        .hasSize(2)
        .last()
        .asString()
        .startsWith("good ");
    assertThat(err.toString(UTF_8).lines())
        .containsExactly(
            "pollux: compare: first is left out: java.lang.IllegalStateException: a mistake",
            "pollux: compare: second is left out: java.lang.OutOfMemoryError: no heap",
            "pollux: compare: third is left out: fio: is gone");
  }

  @Test
  void theFirstIoTakesACommandLine() {
    Cli result = Cli.run("compare", "--here", "--only", "^first");

    assertThat(result.status()).isEqualTo(2);
    assertThat(result.err())
        .contains("pollux: compare: all in this process, so nothing of the first I/O\n");
  }

  @Test
  void helpSaysHowLongItTakesAndWhereTheTableIs() {
    assertThat(Cli.run("compare", "--help").out().replaceAll("\\s+", " "))
        .contains(
            "in " + Manner.values().length + " ways",
            "minutes",
            "pollux table",
            "--here",
            "--only=PATTERN");
  }
}
