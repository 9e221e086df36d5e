// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.trace;

import java.io.IOException;
import java.io.StringReader;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Properties;
import org.jspecify.annotations.Nullable;

/**
 * What to record, and where to write it. A program in {@code exec} gets it in an environment
 * variable.
 *
 * @param text the text, - for standard output, or null
 * @param jfr the Flight Recorder file, or null
 * @param timeline the timeline, or null
 * @param limit maximum number of events
 */
public record TraceOptions(
    @Nullable String text, @Nullable String jfr, @Nullable String timeline, int limit) {
  /** Name of the environment variable. */
  public static final String VARIABLE = "POLLUX_TRACE";

  /** Instead of a process: any process's files have the names. */
  public static final long ANY = 0;

  /** The name of standard output. */
  public static final String STANDARD_OUTPUT = "-";

  /** Whether nothing is written. */
  public boolean isNothing() {
    return text == null && jfr == null && timeline == null;
  }

  /** Whether the text goes to standard output. */
  public boolean toStandardOutput() {
    return STANDARD_OUTPUT.equals(text);
  }

  /**
   * Returns the options as the value of the variable. Paths are absolute, because a program may
   * change its directory.
   *
   * @param pid the process whose files have these names; others append their number
   * @return lines
   */
  public String write(long pid) {
    Properties fields = new Properties();
    fields.setProperty("limit", Integer.toString(limit));
    fields.setProperty("pid", Long.toString(pid));
    put(fields, "text", text);
    put(fields, "jfr", jfr);
    put(fields, "timeline", timeline);
    StringWriter written = new StringWriter();
    try {
      fields.store(written, null);
    } catch (IOException e) {
      throw new UncheckedIOException("a string can be written", e);
    }
    return written.toString();
  }

  private static void put(Properties fields, String name, @Nullable String file) {
    if (file != null) {
      fields.setProperty(
          name, file.equals(STANDARD_OUTPUT) ? file : Path.of(file).toAbsolutePath().toString());
    }
  }

  /**
   * Reads the variable's value.
   *
   * @param value as {@link #write} returned it
   * @param pid the reading process
   * @return the options, with names of this process's own if it is not the first
   */
  public static TraceOptions read(String value, long pid) {
    Properties fields = new Properties();
    try {
      fields.load(new StringReader(value));
    } catch (IOException e) {
      throw new UncheckedIOException("a string can be read", e);
    }
    long first = Long.parseLong(fields.getProperty("pid", "0"));
    String suffix = first == ANY || first == pid ? "" : "." + pid;
    return new TraceOptions(
        own(fields.getProperty("text"), suffix),
        own(fields.getProperty("jfr"), suffix),
        own(fields.getProperty("timeline"), suffix),
        Integer.parseInt(fields.getProperty("limit", "1")));
  }

  private static @Nullable String own(@Nullable String file, String suffix) {
    return file == null || file.equals(STANDARD_OUTPUT) ? file : file + suffix;
  }
}
