// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.bdev;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.Errno;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * The description of a disk: {@code NAME[:ITEM,ITEM…]}. An item is a parameter {@code KEY=VALUE},
 * the name of a lower disk, or a description of a lower disk in parentheses: {@code
 * stripe:chunk=64k,ram,(ram:size=1G)}. {@link DiskStack} opens it.
 *
 * @param type name of the type
 * @param options parameters, each KEY or KEY=VALUE
 * @param lower the disks below it
 */
public record DiskSpec(String type, List<String> options, List<DiskSpec> lower) {
  private static final int MAX_DISKS = 64;
  private static final int MAX_LENGTH = 4096;

  /** Copies the lists. */
  public DiskSpec {
    options = List.copyOf(options);
    lower = List.copyOf(lower);
  }

  /**
   * Describes a disk without parameters.
   *
   * @param type name of the type
   * @return the description
   */
  public static DiskSpec of(String type) {
    return new DiskSpec(type, List.of(), List.of());
  }

  /**
   * Parses a description.
   *
   * @param text any text
   * @return the description
   * @throws ErrnoException EINVAL if it is malformed, or describes too many disks
   */
  public static DiskSpec parse(String text) throws ErrnoException {
    if (text.length() > MAX_LENGTH) {
      throw malformed("it has more than " + MAX_LENGTH + " characters");
    }
    DiskSpec spec = parse(text, MAX_DISKS);
    if (spec.count() > MAX_DISKS) {
      throw malformed("it has more than " + MAX_DISKS + " disks");
    }
    return spec;
  }

  private static DiskSpec parse(String text, int deepest) throws ErrnoException {
    if (deepest == 0) {
      throw malformed("it nests more than " + MAX_DISKS + " disks");
    }
    int colon = text.indexOf(':');
    String type = colon < 0 ? text : text.substring(0, colon);
    if (type.isEmpty() || !Stream.of("(", ")", ",", "=").noneMatch(type::contains)) {
      throw malformed(
          "'" + text + "' is not NAME or NAME:KEY=VALUE,LOWER; for example stripe:ram,ram");
    }
    List<String> options = new ArrayList<>();
    List<DiskSpec> lower = new ArrayList<>();
    for (String item : colon < 0 ? List.<String>of() : split(text.substring(colon + 1))) {
      if (item.startsWith("(")) {
        lower.add(parse(item.substring(1, item.length() - 1), deepest - 1));
      } else if (item.indexOf('=') > 0) {
        options.add(item);
      } else if (item.isEmpty() || item.contains(":")) {
        throw malformed(
            "'"
                + item
                + "' is neither KEY=VALUE nor a lower disk; one with parameters stands in"
                + " parentheses");
      } else {
        lower.add(of(item));
      }
    }
    return new DiskSpec(type, options, lower);
  }

  private static ErrnoException malformed(String why) {
    return new ErrnoException(Errno.EINVAL, why);
  }

  /** Splits at the commas outside parentheses. An item that starts with one ends with one. */
  private static List<String> split(String text) throws ErrnoException {
    List<String> items = new ArrayList<>();
    int depth = 0;
    int start = 0;
    for (int i = 0; i <= text.length(); i++) {
      char c = i == text.length() ? ',' : text.charAt(i);
      boolean first = i == start;
      if (c == '(' && (depth > 0 || first)) {
        depth++;
      } else if (c == ')' && depth > 0) {
        depth--;
        boolean ends = i + 1 == text.length() || text.charAt(i + 1) == ',';
        if (depth == 0 && !ends) {
          throw malformed("a comma is missing after ')' in '" + text + "'");
        }
      } else if (c == ',' && depth == 0) {
        items.add(text.substring(start, i));
        start = i + 1;
      }
    }
    if (depth != 0) {
      throw malformed("a ')' is missing in '" + text + "'");
    }
    return items;
  }

  private int count() {
    return 1 + lower.stream().mapToInt(DiskSpec::count).sum();
  }

  /**
   * Returns the description with more parameters, which count more than those that it has.
   *
   * @param more words, each KEY or KEY=VALUE
   * @return the new description
   */
  public DiskSpec withOptions(List<String> more) {
    List<String> all = new ArrayList<>(options);
    all.addAll(more);
    return new DiskSpec(type, all, lower);
  }

  /**
   * Returns whether the description has a parameter.
   *
   * @param key the parameter's name
   * @return true if so
   */
  public boolean has(String key) {
    return options.stream().anyMatch(word -> word.equals(key) || word.startsWith(key + "="));
  }

  /** The text that {@link #parse} accepts, if each parameter has a value. */
  @Override
  public String toString() {
    List<String> items = new ArrayList<>(options);
    for (DiskSpec disk : lower) {
      String text = disk.toString();
      items.add(text.contains(":") ? "(" + text + ")" : text);
    }
    return items.isEmpty() ? type : type + ":" + String.join(",", items);
  }
}
