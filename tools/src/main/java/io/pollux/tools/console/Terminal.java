// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.console;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Whether people are looking. System.console() knows it of input and output together only. */
public final class Terminal {
  private Terminal() {}

  /**
   * Tells of standard output.
   *
   * @return true if it goes to a terminal
   */
  public static boolean isOutput() {
    return isTerminal(1);
  }

  /**
   * Tells of standard error.
   *
   * @return true if it goes to a terminal
   */
  public static boolean isError() {
    return isTerminal(2);
  }

  private static boolean isTerminal(int fd) {
    try {
      String target = Files.readSymbolicLink(Path.of("/proc/self/fd/" + fd)).toString();
      return target.startsWith("/dev/pts/") || target.startsWith("/dev/tty") || target.equals("/dev/console");
    } catch (IOException | RuntimeException e) {
      return false; // closed, or no /proc: nobody is known to look
    }
  }
}
