// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion.source;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import javax.lang.model.element.AnnotationMirror;
import javax.lang.model.element.AnnotationValue;
import javax.lang.model.element.Element;
import javax.lang.model.element.ExecutableElement;
import javax.lang.model.element.VariableElement;

/** Reads {@code @Patch}, {@code @LinuxSource} and {@code @Differs} of an element. */
final class Marks {
  private static final String UAPI = "io.pollux.uapi.";

  private Marks() {}

  static void read(Element element, Decl decl) {
    for (AnnotationMirror mark : element.getAnnotationMirrors()) {
      String type = mark.getAnnotationType().toString();
      if (type.startsWith(UAPI)) {
        read(mark, type.substring(UAPI.length()), decl);
      }
    }
  }

  private static void read(AnnotationMirror mark, String type, Decl decl) {
    switch (type) {
      case "Patch" -> {
        for (Object value : list(mark, "value")) {
          decl.patches.add(((Number) value).intValue());
        }
      }
      case "LinuxSource" -> {
        List<String> names = new ArrayList<>();
        for (Object value : list(mark, "name")) {
          names.add(value.toString());
        }
        decl.linux.add(new Decl.LinuxName(text(mark, "file"), names));
      }
      case "Differs" -> {
        String patch = text(mark, "patch");
        decl.differences.add(
            new Decl.Difference(
                decl,
                patch.isEmpty() ? 0 : Integer.parseInt(patch),
                text(mark, "kind"),
                text(mark, "why"),
                text(mark, "test")));
      }
      case "Differs.All" -> {
        for (Object each : list(mark, "value")) {
          read((AnnotationMirror) each, "Differs", decl);
        }
      }
      default -> {
        // not about the series
      }
    }
  }

  private static String text(AnnotationMirror mark, String name) {
    List<Object> values = list(mark, name);
    return values.isEmpty() ? "" : values.getFirst().toString();
  }

  private static List<Object> list(AnnotationMirror mark, String name) {
    List<Object> values = new ArrayList<>();
    for (Map.Entry<? extends ExecutableElement, ? extends AnnotationValue> entry :
        mark.getElementValues().entrySet()) {
      if (!entry.getKey().getSimpleName().contentEquals(name)) {
        continue;
      }
      Object value = entry.getValue().getValue();
      if (value instanceof List<?> several) {
        for (Object each : several) {
          values.add(plain(((AnnotationValue) each).getValue()));
        }
      } else {
        values.add(plain(value));
      }
    }
    return values;
  }

  private static Object plain(Object value) {
    return value instanceof VariableElement constant ? constant.getSimpleName().toString() : value;
  }
}
