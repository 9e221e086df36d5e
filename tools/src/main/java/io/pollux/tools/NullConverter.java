// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.block.driver.NullParameters;
import io.pollux.block.driver.NullParameters.IrqMode;
import io.pollux.tools.image.TargetSpec;
import java.util.Locale;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Parses null_blk's module parameters: {@code irqmode=timer,completion_nsec=5000}. */
final class NullConverter implements ITypeConverter<NullParameters> {
  NullConverter() {}

  @Override
  public NullParameters convert(String text) {
    NullParameters made = TargetSpec.NULL_DISK;
    for (String word : text.split(",", -1)) {
      int equals = word.indexOf('=');
      if (equals < 0) {
        throw new TypeConversionException("'" + word + "' is not KEY=VALUE");
      }
      made = with(made, word.substring(0, equals), word.substring(equals + 1));
    }
    return made;
  }

  private static NullParameters with(NullParameters made, String key, String value) {
    try {
      return switch (key) {
        case "irqmode" -> made.withIrqmode(irqmode(value), made.completionNsec());
        case "completion_nsec" -> made.withIrqmode(made.irqmode(), Long.parseLong(value));
        case "hw_queue_depth" ->
            made.withQueues(made.submitQueues(), made.pollQueues(), Integer.parseInt(value));
        case "submit_queues" ->
            made.withQueues(Integer.parseInt(value), made.pollQueues(), made.hwQueueDepth());
        case "poll_queues" ->
            made.withQueues(made.submitQueues(), Integer.parseInt(value), made.hwQueueDepth());
        case "bs" -> made.withBs(Integer.parseInt(value));
        case "memory_backed" -> made.withMemoryBacked(flag(value));
        default ->
            throw new TypeConversionException(
                "'" + key + "' is none of null_blk's parameters here");
      };
    } catch (NumberFormatException e) {
      throw new TypeConversionException(key + ": '" + value + "' is not a number");
    } catch (IllegalArgumentException e) {
      throw new TypeConversionException(key + ": " + value + " is out of range");
    }
  }

  /** Parses a mode by its name, or by the module's number. */
  private static IrqMode irqmode(String value) {
    return switch (value) {
      case "0" -> IrqMode.NONE;
      case "1" -> IrqMode.SOFTIRQ;
      case "2" -> IrqMode.TIMER;
      default -> IrqMode.valueOf(value.toUpperCase(Locale.ROOT));
    };
  }

  private static boolean flag(String value) {
    return switch (value) {
      case "0" -> false;
      case "1" -> true;
      default -> throw new NumberFormatException(value);
    };
  }
}
