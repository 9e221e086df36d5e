// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.compare;

import io.pollux.tools.console.Failure;
import io.pollux.tools.console.HostProgram;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A program with the option {@code -r SECONDS} that prints its total IOPS at the end. */
final class ProgramContestant implements Contestant {
  private static final Pattern TOTAL = Pattern.compile("(?m)^total: .* (\\d+) IOPS$");

  private final String name;
  private final List<String> before;
  private final List<String> after;

  /** Creates a contestant from the command's arguments before and after {@code -r SECONDS}. */
  ProgramContestant(String name, List<String> before, List<String> after) {
    this.name = name;
    this.before = before;
    this.after = after;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public double run(double seconds) {
    List<String> command = new ArrayList<>(before);
    command.addAll(List.of("-r", String.valueOf(Math.max(1, Math.round(seconds)))));
    command.addAll(after);
    Matcher total = TOTAL.matcher(HostProgram.run(command, seconds));
    if (!total.find()) {
      throw Failure.couldNotRun(before.getFirst(), "says no total");
    }
    return Double.parseDouble(total.group(1));
  }
}
