// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.exec;

import io.pollux.tools.image.Disks;
import io.pollux.tools.image.TargetSpec;
import java.io.IOException;
import java.io.StringReader;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.OptionalLong;
import java.util.Properties;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A target in an environment variable: the command line writes it, and the kernel in the program
 * reads it.
 */
final class Order {
  /** Name of the variable. */
  static final String VARIABLE = "POLLUX_TARGET";

  private Order() {}

  static String write(TargetSpec spec) {
    Properties fields = new Properties();
    put(fields, "image", spec.image() == null ? null : spec.image().toAbsolutePath());
    put(fields, "fs", spec.fs());
    put(fields, "disk", spec.disk());
    put(fields, "size", spec.size().isPresent() ? spec.size().getAsLong() : null);
    put(fields, "readOnly", spec.readOnly());
    put(fields, "norecovery", spec.norecovery());
    put(fields, "options", spec.options());
    put(fields, "null", spec.nullDisk());
    put(fields, "faults", spec.faults());
    put(fields, "modules", absolute(spec.modules()));
    // replaces the date, for which Java would load the names of all time zones
    System.setProperty("java.properties.date", VARIABLE);
    StringWriter text = new StringWriter();
    try {
      fields.store(text, null);
    } catch (IOException e) {
      throw new UncheckedIOException("a string can be written", e);
    }
    return text.toString();
  }

  /** Makes paths absolute, because a program may change its directory before its first call. */
  private static String absolute(String modules) {
    return modules.isEmpty()
        ? ""
        : Stream.of(modules.split(":", -1))
            .map(path -> path.isEmpty() ? path : Path.of(path).toAbsolutePath().toString())
            .collect(Collectors.joining(":"));
  }

  private static void put(Properties fields, String name, @Nullable Object value) {
    if (value != null) {
      fields.setProperty(name, value.toString());
    }
  }

  static TargetSpec read(String text) {
    Properties fields = new Properties();
    try {
      fields.load(new StringReader(text));
    } catch (IOException e) {
      throw new UncheckedIOException("a string can be read", e);
    }
    String image = fields.getProperty("image");
    String disk = fields.getProperty("disk");
    String size = fields.getProperty("size");
    return new TargetSpec(
        image == null ? null : Path.of(image),
        fields.getProperty("fs"),
        null,
        disk == null ? null : Disks.parse(disk),
        size == null ? OptionalLong.empty() : OptionalLong.of(Long.parseLong(size)),
        Boolean.parseBoolean(fields.getProperty("readOnly")),
        Boolean.parseBoolean(fields.getProperty("norecovery")),
        fields.getProperty("options", ""),
        fields.getProperty("null"),
        fields.getProperty("faults"),
        false, // only for bench
        fields.getProperty("modules", ""));
  }
}
