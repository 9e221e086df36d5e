// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.table;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Describes the host in a line. */
final class HostWords {
  private HostWords() {}

  /** Returns processor, number of processors, kernel, and virtual machine. */
  static String machine() {
    int processors = Runtime.getRuntime().availableProcessors();
    return processor()
        + ", "
        + (processors == 1 ? "1 CPU" : processors + " CPUs")
        + ", "
        + System.getProperty("os.name")
        + " "
        + System.getProperty("os.version")
        + ", Java "
        + Runtime.version().feature()
        + "."
        + Runtime.version().interim()
        + "."
        + Runtime.version().update();
  }

  private static String processor() {
    try {
      for (String line :
          Files.readAllLines(Path.of("/proc/cpuinfo"), StandardCharsets.ISO_8859_1)) {
        int colon = line.indexOf(':');
        if (line.startsWith("model name") && colon > 0) {
          return line.substring(colon + 1).strip();
        }
      }
    } catch (IOException e) {
      return System.getProperty("os.arch"); // no /proc
    }
    return System.getProperty("os.arch");
  }
}
