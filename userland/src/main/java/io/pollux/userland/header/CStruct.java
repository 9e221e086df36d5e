// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.userland.header;

import java.lang.foreign.GroupLayout;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.PaddingLayout;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * One structure in C, generated from its layout, with assertions of its offsets and size.
 *
 * <p>A layout has no signs, so the signed fields are listed; the others are unsigned.
 */
final class CStruct {
  private final StructLayout layout;
  private final String name;
  private final Set<String> signed;
  private final @Nullable String entries;

  /**
   * Creates a structure without entries.
   *
   * @param layout with a name, and a name for each field
   * @param name name in C
   * @param signed names of the signed fields
   */
  CStruct(StructLayout layout, String name, String... signed) {
    this(layout, name, Set.of(signed), null);
  }

  private CStruct(StructLayout layout, String name, Set<String> signed, @Nullable String entries) {
    this.layout = layout;
    this.name = name;
    this.entries = entries;
    this.signed = signed;
    Set<String> unknown = new HashSet<>(signed);
    unknown.removeAll(fieldNames(layout));
    if (!unknown.isEmpty()) {
      throw new IllegalArgumentException(name + " has no " + unknown);
    }
  }

  /**
   * Creates a header structure that is followed by entries.
   *
   * @param layout of the header
   * @param name name in C
   * @param entries declaration of the entries, without its semicolon
   */
  static CStruct followedBy(StructLayout layout, String name, String entries) {
    return new CStruct(layout, name, Set.of(), entries);
  }

  private static Set<String> fieldNames(GroupLayout layout) {
    Set<String> names = new HashSet<>();
    layout.memberLayouts().forEach(member -> member.name().ifPresent(names::add));
    return names;
  }

  /** Returns the structure and its assertions. */
  String text() {
    StringBuilder text = new StringBuilder("struct " + name + " {\n");
    List<String> assertions = new ArrayList<>();
    long offset = 0;
    for (MemoryLayout member : layout.memberLayouts()) {
      if (member instanceof PaddingLayout) {
        text.append(line("uint8_t pad" + offset + "[" + member.byteSize() + "];", offset));
      } else {
        String field = member.name().orElseThrow();
        text.append(line(type(member) + " " + field + ";", offset));
        assertions.add(
            assertion(
                "offsetof(struct " + name + ", " + field + ") == " + offset, name + "." + field));
      }
      offset += member.byteSize();
    }
    if (entries != null) {
      text.append(line("__extension__ " + entries + ";", offset));
      String array = entries.replaceFirst("^.* ", "").replace("[]", "");
      assertions.add(
          assertion(
              "offsetof(struct " + name + ", " + array + ") == " + offset, name + "." + array));
    }
    text.append("};\n");
    assertions.add(
        assertion("sizeof(struct " + name + ") == " + layout.byteSize(), "size of " + name));
    return text.append(String.join("", assertions)).toString();
  }

  private static String line(String declaration, long offset) {
    return String.format(Locale.ROOT, "\t%-40s /* %d */\n", declaration, offset);
  }

  private static String assertion(String what, String message) {
    return "POLLUX_ASSERT(" + what + ", \"" + message + "\");\n";
  }

  private String type(MemoryLayout member) {
    if (!(member instanceof ValueLayout)) {
      throw new IllegalArgumentException(name + ": no C type for " + member);
    }
    return (signed.contains(member.name().orElseThrow()) ? "int" : "uint")
        + member.byteSize() * 8
        + "_t";
  }
}
