// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.tools.console.Sizes;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Parses sizes in options: 4k, 64M. */
final class SizeConverter implements ITypeConverter<Long> {
  SizeConverter() {}

  @Override
  public Long convert(String value) {
    try {
      return Sizes.parse(value);
    } catch (NumberFormatException e) {
      throw new TypeConversionException(String.valueOf(e.getMessage()));
    }
  }
}
