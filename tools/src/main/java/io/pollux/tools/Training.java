// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.tools.console.Arguments;
import io.pollux.tools.console.Console;
import io.pollux.tools.console.Interrupts;
import java.util.Arrays;
import java.util.List;

/**
 * Runs several commands in one virtual machine, while bin/pollux records classes and profiles for
 * its cache. A cache comes from one run.
 */
final class Training {
  /** Classes of the virtual machine in exec's programs, where main programs do not run. */
  private static final List<String> IN_PROGRAMS = List.of("Guest", "GuestFiles", "MachinePolls");

  private static final String THEN = "--then";

  private Training() {}

  /**
   * Runs commands and ignores their results.
   *
   * @param args the arguments of the commands, separated by --then
   */
  public static void main(String[] args) throws ClassNotFoundException {
    List<String> words = Arrays.asList(Arguments.ofProcess(args));
    int from = 0;
    while (from <= words.size()) {
      int rest = words.subList(from, words.size()).indexOf(THEN);
      int to = rest < 0 ? words.size() : from + rest;
      int status = Pollux.run(words.subList(from, to).toArray(String[]::new), Console.ofProcess());
      Interrupts.ended(status);
      from = to + 1;
    }
    for (String name : IN_PROGRAMS) {
      Class<?> ignored = Class.forName("io.pollux.tools.exec." + name);
    }
    System.exit(0);
  }
}
