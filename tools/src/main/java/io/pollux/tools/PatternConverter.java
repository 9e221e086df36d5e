// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Parses regular expressions in options, without regard to case. */
final class PatternConverter implements ITypeConverter<Pattern> {
  PatternConverter() {}

  @Override
  public Pattern convert(String value) {
    try {
      return Pattern.compile(value, Pattern.CASE_INSENSITIVE | Pattern.UNICODE_CASE);
    } catch (PatternSyntaxException e) {
      throw new TypeConversionException(
          "'" + value + "' is no regular expression: " + e.getDescription());
    }
  }
}
