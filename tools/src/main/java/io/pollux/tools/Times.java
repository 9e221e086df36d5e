// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.userland.FileStatus.Time;
import java.time.DateTimeException;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Locale;

/** Formats times of files in UTC, so that the output does not depend on the user's time zone. */
final class Times {
  private static final DateTimeFormatter MINUTES =
      DateTimeFormatter.ofPattern("uuuu-MM-dd HH:mm", Locale.ROOT);
  private static final DateTimeFormatter NANOS =
      DateTimeFormatter.ofPattern("uuuu-MM-dd HH:mm:ss.SSSSSSSSS 'UTC'", Locale.ROOT);

  private Times() {}

  /** Formats a time to the minute. */
  static String minutes(Time time) {
    return show(time, MINUTES);
  }

  /** Formats a time to the nanosecond. */
  static String full(Time time) {
    return show(time, NANOS);
  }

  private static String show(Time time, DateTimeFormatter format) {
    try {
      return format.format(
          LocalDateTime.ofEpochSecond(time.seconds(), (int) time.nanos(), ZoneOffset.UTC));
    } catch (DateTimeException e) {
      return "@" + time.seconds(); // an image may contain any number
    }
  }
}
