// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.userland.header;

import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.function.IntFunction;

/** The public int constants of a class with a common prefix, in C. */
final class CConstants {
  /** A flag: one bit, written as in other headers, so that a second definition is identical. */
  static final IntFunction<String> BIT =
      value -> {
        if (Integer.bitCount(value) != 1) {
          throw new IllegalArgumentException("not a flag: " + value);
        }
        return "(1 << " + Integer.numberOfTrailingZeros(value) + ")";
      };

  /** A number in decimal. */
  static final IntFunction<String> DECIMAL = Integer::toString;

  /** A number in eight hexadecimal digits. */
  static final IntFunction<String> HEXADECIMAL =
      value -> String.format(Locale.ROOT, "0x%08x", value);

  private record Constant(String name, int value) {}

  private final List<Constant> constants;
  private final IntFunction<String> form;

  private CConstants(List<Constant> constants, IntFunction<String> form) {
    this.constants = constants;
    this.form = form;
  }

  /**
   * Collects constants under their Java names.
   *
   * @param type class of the constants
   * @param prefix common prefix; at least one constant must match
   * @param form formats a value
   * @return the constants, by value
   */
  static CConstants of(Class<?> type, String prefix, IntFunction<String> form) {
    return named(type, prefix, "", form);
  }

  /**
   * Collects numbers of system calls, as {@code __NR_name}.
   *
   * @param type class of the constants
   * @param prefix common prefix; at least one constant must match
   * @return the numbers, in order
   */
  static CConstants calls(Class<?> type, String prefix) {
    return named(type, prefix, "__NR_", DECIMAL);
  }

  private static CConstants named(
      Class<?> type, String prefix, String before, IntFunction<String> form) {
    List<Constant> found = new ArrayList<>();
    Arrays.stream(type.getFields())
        .filter(field -> Modifier.isStatic(field.getModifiers()) && field.getType() == int.class)
        .filter(field -> field.getName().startsWith(prefix))
        .forEach(field -> found.add(new Constant(cName(field, before), value(field))));
    if (found.isEmpty()) {
      throw new IllegalArgumentException(type + " has nothing that starts with " + prefix);
    }
    found.sort(Comparator.comparingInt(Constant::value).thenComparing(Constant::name));
    return new CConstants(found, form);
  }

  private static String cName(Field field, String before) {
    return before.isEmpty() ? field.getName() : before + field.getName().toLowerCase(Locale.ROOT);
  }

  private static int value(Field field) {
    try {
      return field.getInt(null);
    } catch (IllegalAccessException e) {
      throw new IllegalArgumentException(e); // getFields returns public fields only
    }
  }

  /**
   * Returns a macro for each constant, guarded against a second definition, and assertions of the
   * values.
   */
  String macros() {
    StringBuilder text = new StringBuilder();
    for (Constant constant : constants) {
      text.append("#ifndef ").append(constant.name).append('\n');
      text.append("#define ")
          .append(constant.name)
          .append(' ')
          .append(form.apply(constant.value))
          .append('\n');
      text.append("#endif\n");
    }
    return text.append(assertions()).toString();
  }

  /**
   * Returns an enumeration, for names that another header also enumerates.
   *
   * @param unless the guard of that header, after which the enumeration is skipped
   */
  String enumerationUnless(String unless) {
    StringBuilder text = new StringBuilder("#ifndef " + unless + "\nenum {\n");
    for (int i = 0; i < constants.size(); i++) {
      Constant constant = constants.get(i);
      String comma = i + 1 < constants.size() ? "," : "";
      text.append('\t')
          .append(constant.name)
          .append(" = ")
          .append(form.apply(constant.value))
          .append(comma)
          .append('\n');
    }
    return text.append("};\n#endif\n").append(assertions()).toString();
  }

  private String assertions() {
    StringBuilder text = new StringBuilder();
    for (Constant constant : constants) {
      // another header may have defined it with another sign
      text.append("POLLUX_ASSERT((uint32_t)").append(constant.name).append(" == ");
      text.append(Integer.toUnsignedString(constant.value))
          .append("u, \"")
          .append(constant.name)
          .append("\");\n");
    }
    return text.toString();
  }
}
