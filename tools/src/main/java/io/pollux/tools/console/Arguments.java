// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.console;

import io.pollux.userland.PathName;
import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The command's arguments. */
public final class Arguments {
  private Arguments() {}

  /**
   * Returns the process's arguments byte by byte. Java decodes them by the locale and replaces
   * invalid bytes.
   *
   * @param decoded the arguments from Java
   * @return the same arguments, with bytes encoded as in {@link PathName#text()}
   */
  public static String[] ofProcess(String[] decoded) {
    try {
      return exact(decoded, Files.readAllBytes(Path.of("/proc/self/cmdline")));
    } catch (IOException e) {
      return decoded; // no /proc
    }
  }

  /**
   * Extracts the last arguments of a command line, each terminated by a 0. Returns Java's if the
   * line does not match them.
   */
  static String[] exact(String[] decoded, byte[] line) {
    List<byte[]> words = new ArrayList<>();
    int start = 0;
    for (int i = 0; i < line.length; i++) {
      if (line[i] == 0) {
        byte[] word = new byte[i - start];
        System.arraycopy(line, start, word, 0, word.length);
        words.add(word);
        start = i + 1;
      }
    }
    int before = words.size() - decoded.length;
    if (before < 0) {
      return decoded;
    }
    Charset charset = Charset.forName(System.getProperty("sun.jnu.encoding", "UTF-8"));
    String[] exact = new String[decoded.length];
    for (int i = 0; i < exact.length; i++) {
      byte[] word = words.get(before + i);
      if (!new String(word, charset).equals(decoded[i])) {
        return decoded;
      }
      exact[i] = PathName.of(word).text();
    }
    return exact;
  }
}
