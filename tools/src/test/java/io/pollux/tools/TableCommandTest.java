// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The series' table, really measured, as shortly as it goes. */
@Timeout(120)
class TableCommandTest {
  private final Path dir;

  TableCommandTest(@TempDir Path dir) {
    this.dir = dir;
  }

  @Test
  void everyCellIsMeasuredInEveryRound() throws IOException {
    Path plot = dir.resolve("table.svg");
    Cli result =
        Cli.run(
            "table",
            "--runtime",
            "0.02",
            "--rounds",
            "2",
            "--json",
            "-",
            "--plot",
            plot.toString());

    assertThat(result.status()).as(result.err()).isZero();
    String line = ": thousand IOPS, depth 1 ";
    assertThat(result.err())
        .startsWith("to warm up" + line)
        .contains("\nround 1 of 2" + line, "\nround 2 of 2" + line);
    assertThat(result.err().lines())
        .hasSize(3)
        .allSatisfy(text -> assertThat(text).containsPattern("; depth 64 \\d+ \\d+ \\d+$"));
    Map<String, Object> all = JSON.std.mapFrom(result.out());
    assertThat(all)
        .containsEntry("fs", "xfs")
        .containsEntry("disk", "null")
        .containsEntry("file", "/main.dat");
    for (Object row : (List<?>) Objects.requireNonNull(all.get("rows"))) {
      for (String way : new String[] {"aio", "ring", "all"}) {
        Map<?, ?> cell = (Map<?, ?>) Objects.requireNonNull(((Map<?, ?>) row).get(way));
        assertThat((List<?>) cell.get("rounds"))
            .hasSize(2)
            .allSatisfy(rate -> assertThat((Double) rate).isPositive());
        assertThat((Double) cell.get("iops")).isPositive();
      }
    }
    assertThat(Files.readString(plot)).startsWith("<?xml ").endsWith("</svg>\n");
  }

  @Test
  void anotherDiskIsTakenAndSaid() {
    Cli result =
        Cli.run(
            "table",
            "--fs",
            "none",
            "--disk",
            "ram",
            "--size",
            "4M",
            "--runtime",
            "0.01",
            "--rounds",
            "1");

    assertThat(result.status()).as(result.err()).isZero();
    assertThat(result.out())
        .contains("/dev/ram0 (bare disk on ram0)")
        .contains("a disk in memory\n")
        .contains("reached at ");
  }

  @Test
  void aFileThatCannotBeWrittenIsSaidBeforeTheWork() {
    Cli result = Cli.run("table", "--plot", dir + "/nowhere/table.svg");

    assertThat(result.status()).isEqualTo(2);
    assertThat(result.err())
        .isEqualTo("pollux: " + dir + "/nowhere/table.svg: No such file or directory\n");
  }
}
