// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.series;

import io.pollux.it.differential.IntendedDifference;
import java.lang.classfile.Annotation;
import java.lang.classfile.AnnotationElement;
import java.lang.classfile.AnnotationValue;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The ledger: every {@code @Differs} of the code as a row of docs/differences.md, and every {@link
 * IntendedDifference} from today's Linux.
 */
final class Ledger {
  private static final String DIFFERS = "Lio/pollux/uapi/Differs;";
  private static final String ALL = "Lio/pollux/uapi/Differs$All;";
  private static final Set<String> MARKS_OF_TESTS =
      Set.of(
          "Lorg/junit/jupiter/api/Test;",
          "Lorg/junit/jupiter/api/TestFactory;",
          "Lorg/junit/jupiter/params/ParameterizedTest;",
          "Lnet/jqwik/api/Property;");

  /** One difference. */
  record Row(int patch, String kind, String place, String link, String why, String test) {}

  private final List<Row> rows = new ArrayList<>();
  private final Map<String, String> sourcesOfTests = new HashMap<>(); // by Class#method

  /** Reads the elements of every module. */
  Ledger(List<AnnotatedElements.Element> elements) {
    for (AnnotatedElements.Element element : elements) {
      if (element.test() && element.annotations().stream().anyMatch(Ledger::marksATest)) {
        sourcesOfTests.put(element.owner() + '#' + element.member(), element.source());
      }
      for (Annotation annotation : element.annotations()) {
        String type = annotation.classSymbol().descriptorString();
        if (type.equals(DIFFERS)) {
          rows.add(row(element, annotation));
        } else if (type.equals(ALL)) {
          AnnotatedElements.values(annotation.elements().getFirst().value())
              .forEach(
                  each ->
                      rows.add(row(element, ((AnnotationValue.OfAnnotation) each).annotation())));
        }
      }
    }
    rows.sort(
        Comparator.comparingInt((Row row) -> row.patch() == 0 ? Integer.MAX_VALUE : row.patch())
            .thenComparing(Row::place)
            .thenComparing(Row::why));
  }

  private static boolean marksATest(Annotation annotation) {
    return MARKS_OF_TESTS.contains(annotation.classSymbol().descriptorString());
  }

  private static Row row(AnnotatedElements.Element element, Annotation annotation) {
    int patch = 0;
    String kind = "";
    String why = "";
    String test = "";
    for (AnnotationElement field : annotation.elements()) {
      switch (field.name().stringValue()) {
        case "patch" -> patch = ((AnnotationValue.OfInt) field.value()).intValue();
        case "kind" -> kind = ((AnnotationValue.OfEnum) field.value()).constantName().stringValue();
        case "why" -> why = ((AnnotationValue.OfString) field.value()).stringValue();
        case "test" -> test = ((AnnotationValue.OfString) field.value()).stringValue();
        default ->
            throw new IllegalStateException(
                "Ledger does not know @Differs." + field.name().stringValue());
      }
    }
    return new Row(patch, kind, element.shown(), element.link(), why, test);
  }

  List<Row> rows() {
    return rows;
  }

  /** The rows whose test is not in the compiled test classes. */
  List<Row> withoutATest() {
    return rows.stream().filter(row -> !sourcesOfTests.containsKey(row.test())).toList();
  }

  /** The whole ledger as docs/differences.md has it. */
  String markdown() {
    StringBuilder text = new StringBuilder();
    text.append("<!-- SPDX-License-Identifier: GPL-2.0-only -->\n");
    text.append(
        "<!-- Generated from @Differs and IntendedDifference; LedgerTest says how to generate it."
            + " -->\n");
    text.append("# Differences\n\n");
    text.append(
        "This page lists where this kernel differs from the posted series, and where it differs"
            + " from today's Linux.\n\n");
    text.append("## From the series as posted\n\n");
    text.append(
        "Each row is an `@Differs` at the declaration that it links to. Its test fails if the"
            + " difference goes away.\n");
    text.append(
        "`mvn verify` fails if a row names no existing test. A row without a patch is about code"
            + " that the series does not have.\n\n");
    text.append("| kind | meaning |\n| --- | --- |\n");
    text.append(
        "| OURS | The posting leaves the behaviour open, or this kernel chooses another one. |\n");
    text.append("| FIXES | The posting has a fault here. |\n");
    text.append("| SIMPLER | The posting does more, and the rest makes no difference here. |\n");
    text.append("| LATER | The behaviour came to Linux after the posting. |\n\n");
    text.append("| patch | kind | where | difference | test |\n| --- | --- | --- | --- | --- |\n");
    for (Row row : rows) {
      text.append("| ").append(row.patch() == 0 ? "–" : String.valueOf(row.patch()));
      text.append(" | ")
          .append(row.kind())
          .append(" | ")
          .append(row.link())
          .append(" | ")
          .append(row.why());
      text.append(" | [`")
          .append(row.test())
          .append("`](../")
          .append(sourcesOfTests.get(row.test()))
          .append(") |\n");
    }
    text.append("\n## From today's Linux\n\n");
    text.append(
        "`DifferentialProperties` runs random programs of the old aio calls on this kernel and on"
            + " the host's Linux.\n");
    text.append(
        "Both see the same call results, events, keys, buffers, eventfds and disk contents.\n");
    text.append("The programs avoid what this table lists.\n\n");
    text.append("| difference | reason |\n| --- | --- |\n");
    for (IntendedDifference difference : IntendedDifference.values()) {
      text.append("| `")
          .append(difference.name())
          .append("` | ")
          .append(difference.reason())
          .append(" |\n");
    }
    return text.toString();
  }
}
