// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.series;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * Every row of the series has a home, every home a test, and docs/series.md says so. To generate
 * the document: {@code mvn verify -Dpollux.series.write=true}.
 */
class SeriesMapTest {
  private static final Path ROOT = Objects.requireNonNull(Path.of("").toAbsolutePath().getParent());
  private static SeriesMap map = new SeriesMap(List.of());

  @BeforeAll
  static void scan() throws IOException {
    map = new SeriesMap(rows());
    map.add(AnnotatedElements.scan(ROOT));
  }

  private static List<SeriesMap.Row> rows() throws IOException {
    List<SeriesMap.Row> rows = new ArrayList<>();
    try (InputStream in =
        Objects.requireNonNull(SeriesMapTest.class.getResourceAsStream("series.tsv"))) {
      for (String line : new String(in.readAllBytes(), StandardCharsets.UTF_8).lines().toList()) {
        if (!line.startsWith("#")) {
          List<String> fields = List.of(line.split("\t", -1));
          rows.add(
              new SeriesMap.Row(
                  Integer.parseInt(fields.get(0)),
                  fields.get(1),
                  fields.get(2),
                  List.of(fields.get(3).split(" ", -1)),
                  List.of(fields.get(4).split(" ", -1))));
        }
      }
    }
    return rows;
  }

  @Test
  void thereAreTwentySixPatches() {
    assertThat(map.rows().stream().map(SeriesMap.Row::patch)).hasSize(26).doesNotHaveDuplicates();
  }

  @Test
  void everyNameOfTheSeriesHasAHome() {
    List<String> homeless = new ArrayList<>();
    for (SeriesMap.Row row : map.rows()) {
      for (String name : row.names()) {
        if (map.homes(row, name).isEmpty()) {
          homeless.add(row.patch() + ": " + name + " in " + row.modules());
        }
      }
    }
    assertThat(homeless).isEmpty();
  }

  @Test
  void everyPatchHasATest() {
    assertThat(
            map.rows().stream().filter(row -> map.tests(row).isEmpty()).map(SeriesMap.Row::patch))
        .isEmpty();
  }

  @Test
  void theDocumentIsWhatTheCodeSays() throws IOException {
    Path document = ROOT.resolve("docs/series.md");
    if (Boolean.getBoolean("pollux.series.write")) {
      Files.writeString(document, map.markdown());
    }
    assertThat(document)
        .content()
        .as("generate it with -Dpollux.series.write=true")
        .isEqualTo(map.markdown());
  }
}
