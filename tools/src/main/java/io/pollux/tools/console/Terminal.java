// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.console;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Whether input and output are a terminal. System.console() checks only input and output together.
 */
public final class Terminal {
  private Terminal() {}

  /** Whether standard input is a terminal. */
  public static boolean isInput() {
    return isTerminal(0);
  }

  /** Whether standard output is a terminal. */
  public static boolean isOutput() {
    return isTerminal(1);
  }

  /** Whether standard error is a terminal. */
  public static boolean isError() {
    return isTerminal(2);
  }

  private static boolean isTerminal(int fd) {
    try {
      String target = Files.readSymbolicLink(Path.of("/proc/self/fd/" + fd)).toString();
      return target.startsWith("/dev/pts/")
          || target.startsWith("/dev/tty")
          || target.equals("/dev/console");
    } catch (IOException | RuntimeException e) {
      return false; // closed, or no /proc: taken as no terminal
    }
  }
}
