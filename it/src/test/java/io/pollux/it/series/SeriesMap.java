// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.series;

import java.io.IOException;
import java.lang.classfile.Annotation;
import java.lang.classfile.AnnotationElement;
import java.lang.classfile.AnnotationValue;
import java.lang.classfile.AttributedElement;
import java.lang.classfile.Attributes;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassModel;
import java.lang.classfile.FieldModel;
import java.lang.classfile.MethodModel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The map from the series to the code: read off {@code @Patch} and {@code @LinuxSource} in the compiled classes
 * of every module, tests included, without loading any of them.
 */
final class SeriesMap {
  private static final String PATCH = "Lio/pollux/uapi/Patch;";
  private static final String LINUX_SOURCE = "Lio/pollux/uapi/LinuxSource;";

  /** A row of the series. */
  record Row(int patch, String title, List<String> names, List<String> modules) {}

  /** An annotated class, method or field. */
  record Place(String module, boolean test, String owner, String member, List<Integer> patches, List<String> names) {
    /** As it is written in the documentation. */
    String shown() {
      return member.isEmpty() ? owner : owner + "." + member;
    }
  }

  private final Path root;
  private final List<Row> rows;
  private final List<Place> places = new ArrayList<>();

  SeriesMap(Path root, List<Row> rows) {
    this.root = root;
    this.rows = rows;
  }

  List<Row> rows() {
    return rows;
  }

  /** Reads the classes of every module that the build made. */
  void scan() throws IOException {
    try (Stream<Path> modules = Files.list(root)) {
      for (Path module : modules.filter(m -> Files.exists(m.resolve("pom.xml"))).sorted().toList()) {
        scan(module, "target/classes", false);
        scan(module, "target/test-classes", true);
      }
    }
  }

  private void scan(Path module, String folder, boolean test) throws IOException {
    Path classes = module.resolve(folder);
    if (!Files.isDirectory(classes)) {
      return;
    }
    try (Stream<Path> files = Files.walk(classes)) {
      for (Path file : files.filter(f -> f.toString().endsWith(".class")).sorted().toList()) {
        scan(String.valueOf(module.getFileName()), test, ClassFile.of().parse(file));
      }
    }
  }

  private void scan(String module, boolean test, ClassModel model) {
    String name = model.thisClass().asInternalName();
    String owner = name.substring(name.lastIndexOf('/') + 1).replace('$', '.');
    add(module, test, owner, "", model);
    for (FieldModel field : model.fields()) {
      add(module, test, owner, field.fieldName().stringValue(), field);
    }
    for (MethodModel method : model.methods()) {
      String member = method.methodName().stringValue();
      add(module, test, owner, member.equals("<init>") ? "" : member, method);
    }
  }

  private void add(String module, boolean test, String owner, String member, AttributedElement element) {
    List<Integer> patches = new ArrayList<>();
    List<String> names = new ArrayList<>();
    element
        .findAttribute(Attributes.runtimeVisibleAnnotations())
        .ifPresent(found -> found.annotations().forEach(annotation -> read(annotation, patches, names)));
    if (!patches.isEmpty() || !names.isEmpty()) {
      places.add(new Place(module, test, owner, member, patches, names));
    }
  }

  private static void read(Annotation annotation, List<Integer> patches, List<String> names) {
    String type = annotation.classSymbol().descriptorString();
    for (AnnotationElement element : annotation.elements()) {
      if (type.equals(PATCH)) {
        values(element.value()).map(v -> ((AnnotationValue.OfInt) v).intValue()).forEach(patches::add);
      } else if (type.equals(LINUX_SOURCE) && element.name().equalsString("name")) {
        values(element.value()).map(v -> ((AnnotationValue.OfString) v).stringValue()).forEach(names::add);
      }
    }
  }

  private static Stream<AnnotationValue> values(AnnotationValue value) {
    return value instanceof AnnotationValue.OfArray array ? array.values().stream() : Stream.of(value);
  }

  /** Where a C name of a patch lives: by @LinuxSource, or by the Java name where constants keep theirs. */
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
        .filter(p -> row.names().stream().noneMatch(n -> p.names().contains(n) || p.member().equals(n)))
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
    text.append("<!-- Generated from @Patch and @LinuxSource; SeriesMapTest says how to make it anew. -->\n");
    text.append("# The series, and where each patch lives here\n");
    for (Row row : rows) {
      text.append("\n## ").append(row.patch()).append(". ").append(row.title()).append("\n\n");
      text.append("| C | Java | module |\n| --- | --- | --- |\n");
      for (String name : row.names()) {
        for (Place home : homes(row, name)) {
          line(text, '`' + name + '`', home);
        }
      }
      for (Place place : others(row)) {
        line(text, place.names().stream().map(n -> '`' + n + '`').collect(Collectors.joining(", ")), place);
      }
      text.append("\nTests: ");
      text.append(
          tests(row).stream()
              .map(Place::shown)
              .distinct()
              .sorted(Comparator.naturalOrder())
              .map(t -> '`' + t + '`')
              .collect(Collectors.joining(", ")));
      text.append(".\n");
    }
    return text.toString();
  }

  private static void line(StringBuilder text, String names, Place place) {
    text.append("| ").append(names).append(" | `").append(place.shown()).append("` | ").append(place.module()).append(" |\n");
  }
}
