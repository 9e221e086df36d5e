// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Work that is chosen by name, really done. */
@Timeout(120)
class CompareCommandTest {
  @Test
  void onlyWhatIsWantedIsDone() throws IOException {
    Cli result = Cli.run("compare", "--only", "^ONE at", "--rounds", "1", "--runtime", "1", "--json", "-");

    assertThat(result.status()).as(result.err()).isZero();
    assertThat(result.err().lines()).hasSize(2).allSatisfy(line -> assertThat(line).startsWith("one at a time on a null disk: "));
    List<?> lines = (List<?>) Objects.requireNonNull(JSON.std.mapFrom(result.out()).get("comparisons"));
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
        Cli.run("compare", "--here", "--only", "growth: depth 128|reads, rings, fixed buffers, bare", "--rounds", "1", "--runtime", "1");

    assertThat(result.status()).as(result.err()).isZero();
    List<String> lines = result.out().lines().toList();
    assertThat(lines).hasSize(3);
    assertThat(lines.get(0)).startsWith("work ").endsWith(" mark");
    assertThat(lines.get(1)).startsWith("allocation: reads, rings, fixed buffers, bare ").containsPattern(" B .* the goal .* <= 0\\.01 ");
    assertThat(lines.get(2)).startsWith("growth: depth 128 ").containsPattern(" ns .* depth 32 .* ns .*\\)$");
    assertThat(result.err().lines()).hasSize(2);
  }

  @Test
  void theFirstIoTakesACommandLine() {
    Cli result = Cli.run("compare", "--here", "--only", "^first");

    assertThat(result.status()).isEqualTo(2);
    assertThat(result.err()).contains("pollux: compare: all in this process, so nothing of the first I/O\n");
  }

  @Test
  void helpSaysHowLongItTakesAndWhereTheTableIs() {
    assertThat(Cli.run("compare", "--help").out()).contains("minutes", "pollux table", "--here", "--only=PATTERN");
  }
}
