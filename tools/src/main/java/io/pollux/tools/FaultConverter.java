// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.block.driver.FaultPlan;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Parses the faults of a disk: {@code seed=7,error-rate=0.001}. */
final class FaultConverter implements ITypeConverter<FaultPlan> {
  FaultConverter() {}

  @Override
  public FaultPlan convert(String text) {
    try {
      return FaultPlan.parse(text);
    } catch (IllegalArgumentException e) {
      throw new TypeConversionException(e.getMessage());
    }
  }
}
