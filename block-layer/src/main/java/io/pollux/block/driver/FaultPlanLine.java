// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import io.pollux.block.driver.FaultPlan.Errors;
import io.pollux.uapi.Errno;
import java.util.List;

/**
 * Parses the keys of a {@link FaultPlan}'s line. An error is an IllegalArgumentException that names
 * the key.
 */
final class FaultPlanLine {
  /** The keys that have a value. */
  static final List<String> KEYS =
      List.of(
          "seed",
          "error",
          "errors",
          "error-rate",
          "error-at",
          "error-sectors",
          "short-rate",
          "short-at",
          "delay-ns",
          "late-rate",
          "reorder",
          "withhold-tags",
          "cut-after-writes",
          "cut-within-writes");

  private FaultPlanLine() {}

  /** Parses one KEY=VALUE. */
  static void take(FaultPlan.Builder plan, String word) {
    int equals = word.indexOf('=');
    String key = equals < 0 ? word : word.substring(0, equals);
    String value = equals < 0 ? "" : word.substring(equals + 1);
    if (key.equals("volatile-cache")) {
      FaultPlan.Builder.check(equals < 0, key, "it has no value");
      plan.volatileCache();
      return;
    }
    FaultPlan.Builder.check(KEYS.contains(key), key, "there is no such key");
    FaultPlan.Builder.check(!value.isEmpty(), key, "its value is missing");
    switch (key) {
      case "seed" -> plan.seed(number(key, value));
      case "error" -> plan.error(errno(value));
      case "errors" -> plan.errors(which(value));
      case "error-rate" -> plan.errorRate(rate(key, value));
      case "error-at" -> plan.errorAt(number(key, value));
      case "error-sectors" -> {
        int dash = value.indexOf('-');
        FaultPlan.Builder.check(dash > 0, key, value + " is not FIRST-LAST");
        plan.errorSectors(
            number(key, value.substring(0, dash)), number(key, value.substring(dash + 1)));
      }
      case "short-rate" -> plan.shortRate(rate(key, value));
      case "short-at" -> plan.shortAt(number(key, value));
      case "delay-ns" -> plan.delayNanos(number(key, value));
      case "late-rate" -> plan.lateRate(rate(key, value));
      case "reorder" -> plan.reorder(smallNumber(key, value));
      case "withhold-tags" -> plan.withholdTags(smallNumber(key, value));
      case "cut-after-writes" -> plan.cutAfterWrites(number(key, value));
      default -> plan.cutWithinWrites(number(key, value));
    }
  }

  private static int errno(String name) {
    for (int errno : FaultPlan.ERRNOS) {
      if (Errno.name(errno).equals(name)) {
        return errno;
      }
    }
    throw FaultPlan.Builder.wrong("error", "no disk answers " + name);
  }

  private static Errors which(String value) {
    for (Errors each : Errors.values()) {
      if (each.key().equals(value)) {
        return each;
      }
    }
    throw FaultPlan.Builder.wrong("errors", value + " is not read, write or both");
  }

  private static int smallNumber(String key, String value) {
    long number = number(key, value);
    FaultPlan.Builder.check(number == (int) number, key, value + " is too large");
    return (int) number;
  }

  private static long number(String key, String value) {
    try {
      return Long.parseLong(value);
    } catch (NumberFormatException e) {
      throw FaultPlan.Builder.wrong(key, value + " is not a whole number");
    }
  }

  private static double rate(String key, String value) {
    try {
      return Double.parseDouble(value);
    } catch (NumberFormatException e) {
      throw FaultPlan.Builder.wrong(key, value + " is not a number");
    }
  }
}
