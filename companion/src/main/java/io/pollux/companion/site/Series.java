// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion.site;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The patches of the series: the list that the integration tests use too. */
final class Series {
  static final String FILE = "it/src/test/resources/io/pollux/it/series/series.tsv";

  /** A patch: its number, its subject as posted, what it does, and the C names of it. */
  record Patch(int number, String subject, String summary, List<String> names) {
    String path() {
      return pathOf(number);
    }
  }

  private final List<Patch> patches = new ArrayList<>();

  static Series read(Path root) throws IOException {
    Series series = new Series();
    for (String line : Files.readAllLines(root.resolve(FILE))) {
      if (!line.startsWith("#")) {
        List<String> fields = List.of(line.split("\t", -1));
        series.patches.add(
            new Patch(
                Integer.parseInt(fields.get(0)),
                fields.get(1),
                fields.get(2),
                List.of(fields.get(3).split(" ", -1))));
      }
    }
    return series;
  }

  static String pathOf(int number) {
    return "patch/%02d.html".formatted(number);
  }

  List<Patch> patches() {
    return patches;
  }
}
