// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.series;

import java.lang.classfile.Annotation;
import java.lang.classfile.AnnotationElement;
import java.lang.classfile.AnnotationValue;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;

/**
 * The map from the series to the code, made from {@code @Patch} and {@code @LinuxSource} in the
 * compiled classes of every module.
 */
final class SeriesMap {
  private static final String PATCH = "Lio/pollux/uapi/Patch;";
  private static final String LINUX_SOURCE = "Lio/pollux/uapi/LinuxSource;";

  /** A row of the series: a patch's subject as posted, and what it does. */
  record Row(int patch, String subject, String title, List<String> names, List<String> modules) {}

  /** An annotated class, method or field. */
  record Place(AnnotatedElements.Element element, List<Integer> patches, List<String> names) {
    String module() {
      return element.module();
    }

    boolean test() {
      return element.test();
    }

    String member() {
      return element.member();
    }
  }

  private final List<Row> rows;
  private final List<Place> places = new ArrayList<>();

  SeriesMap(List<Row> rows) {
    this.rows = rows;
  }

  List<Row> rows() {
    return rows;
  }

  /** Takes the elements that name patches or C sources. */
  void add(List<AnnotatedElements.Element> elements) {
    for (AnnotatedElements.Element element : elements) {
      List<Integer> patches = new ArrayList<>();
      List<String> names = new ArrayList<>();
      element.annotations().forEach(annotation -> read(annotation, patches, names));
      if (!patches.isEmpty() || !names.isEmpty()) {
        places.add(new Place(element, patches, names));
      }
    }
  }

  private static void read(Annotation annotation, List<Integer> patches, List<String> names) {
    String type = annotation.classSymbol().descriptorString();
    for (AnnotationElement element : annotation.elements()) {
      if (type.equals(PATCH)) {
        AnnotatedElements.values(element.value())
            .map(v -> ((AnnotationValue.OfInt) v).intValue())
            .forEach(patches::add);
      } else if (type.equals(LINUX_SOURCE) && element.name().equalsString("name")) {
        AnnotatedElements.values(element.value())
            .map(v -> ((AnnotationValue.OfString) v).stringValue())
            .forEach(names::add);
      }
    }
  }

  /**
   * Where a C name of a patch lives: by @LinuxSource, or by the Java name where constants keep
   * theirs.
   */
  List<Place> homes(Row row, String name) {
    return places.stream()
        .filter(p -> !p.test() && row.modules().contains(p.module()))
        .filter(p -> p.names().contains(name) || p.member().equals(name))
        .distinct()
        .toList();
  }

  /** What else carries a patch's number. */
  List<Place> others(Row row) {
    return places.stream()
        .filter(p -> !p.test() && p.patches().contains(row.patch()))
        .filter(
            p -> row.names().stream().noneMatch(n -> p.names().contains(n) || p.member().equals(n)))
        .toList();
  }

  /** The tests that carry a patch's number. */
  List<Place> tests(Row row) {
    return places.stream().filter(p -> p.test() && p.patches().contains(row.patch())).toList();
  }

  /** The whole map as docs/series.md has it. */
  String markdown() {
    StringBuilder text = new StringBuilder();
    text.append("<!-- SPDX-License-Identifier: GPL-2.0-only -->\n");
    text.append(
        "<!-- Generated from @Patch and @LinuxSource; SeriesMapTest says how to generate it."
            + " -->\n");
    text.append("# The series, and where each patch lives here\n\n");
    text.append(
        "Each heading is the subject of a patch as posted. [differences.md](differences.md) lists"
            + " where this kernel differs.\n");
    for (Row row : rows) {
      text.append("\n## ").append(row.patch()).append(". ").append(row.subject()).append("\n\n");
      text.append("What it does: ").append(row.title()).append(".\n\n");
      text.append("| C | Java | module |\n| --- | --- | --- |\n");
      for (String name : row.names()) {
        for (Place home : homes(row, name)) {
          line(text, '`' + name + '`', home);
        }
      }
      for (Place place : others(row)) {
        line(
            text,
            place.names().stream().map(n -> '`' + n + '`').collect(Collectors.joining(", ")),
            place);
      }
      text.append("\nTests: ");
      text.append(
          tests(row).stream()
              .sorted(Comparator.comparing((Place test) -> test.element().shown()))
              .map(test -> test.element().link())
              .distinct()
              .collect(Collectors.joining(", ")));
      text.append(".\n");
    }
    return text.toString();
  }

  private static void line(StringBuilder text, String names, Place place) {
    text.append("| ")
        .append(names)
        .append(" | ")
        .append(place.element().link())
        .append(" | ")
        .append(place.module())
        .append(" |\n");
  }
}
