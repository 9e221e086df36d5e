// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import io.pollux.userland.PathName;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What Linux says of an image, as the scripts that make images recorded it: each name, the sums of
 * the files, and sums of ranges of what is too long for that.
 *
 * @param names every name, by path
 * @param sums SHA-256 by path
 * @param probes ranges
 */
record LinuxView(Map<PathName, Name> names, Map<PathName, String> sums, List<Probe> probes) {

  /** A line of the manifest; each field is what the manifest's head says. */
  record Name(
      String type,
      int mode,
      long uid,
      long gid,
      long nlink,
      long size,
      long blocks,
      long seconds,
      long nanos,
      long ino,
      String rdev,
      PathName target) {}

  /** A range of a file, and how much of it there is to read. */
  record Probe(PathName path, long offset, long wanted, long answered, String sum) {}

  /** Reads BASE.manifest, BASE.sha256 and, where there is one, BASE.probes. */
  static LinuxView read(Path base) throws IOException {
    Map<PathName, Name> names = new LinkedHashMap<>();
    for (String line : lines(base, ".manifest")) {
      String[] field = line.split("\t", -1);
      names.put(
          PathName.of(unescape(field[11], '%')),
          new Name(
              field[0],
              Integer.parseInt(field[1], 8),
              Long.parseLong(field[2]),
              Long.parseLong(field[3]),
              Long.parseLong(field[4]),
              Long.parseLong(field[5]),
              Long.parseLong(field[6]),
              Long.parseLong(field[7]),
              Long.parseLong(field[8]),
              Long.parseLong(field[9]),
              field[10],
              PathName.of(unescape(field[12], '%'))));
    }
    Map<PathName, String> sums = new LinkedHashMap<>();
    for (String line : lines(base, ".sha256")) {
      boolean escaped = line.startsWith("\\");
      String[] field = (escaped ? line.substring(1) : line).split(" {2}", 2);
      byte[] path =
          escaped ? unescape(field[1], '\\') : field[1].getBytes(StandardCharsets.ISO_8859_1);
      sums.put(PathName.of("/").resolve(PathName.of(path)), field[0]);
    }
    List<Probe> probes = new ArrayList<>();
    if (Files.exists(withEnding(base, ".probes"))) {
      for (String line : lines(base, ".probes")) {
        String[] field = line.split(" {2}", -1);
        probes.add(
            new Probe(
                PathName.of("/" + field[4]),
                Long.parseLong(field[1]),
                Long.parseLong(field[2]),
                Long.parseLong(field[3]),
                field[0]));
      }
    }
    return new LinuxView(names, sums, probes);
  }

  private static Path withEnding(Path base, String ending) {
    return base.resolveSibling(base.getFileName() + ending);
  }

  /**
   * The lines that are no comment, with one char for each byte. Not by Files.lines: a name may have
   * a \r in it.
   */
  private static List<String> lines(Path base, String ending) throws IOException {
    String text = Files.readString(withEnding(base, ending), StandardCharsets.ISO_8859_1);
    return List.of(text.split("\n")).stream().filter(line -> !line.startsWith("#")).toList();
  }

  /** Takes back what find's or sha256sum's escaping did. */
  private static byte[] unescape(String text, char mark) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    int at = 0;
    while (at < text.length()) {
      char c = text.charAt(at++);
      if (c != mark) {
        bytes.write(c);
      } else if (mark == '%') {
        bytes.write(Integer.parseInt(text.substring(at, at + 2), 16));
        at += 2;
      } else {
        char escaped = text.charAt(at++);
        bytes.write(escaped == 'n' ? '\n' : escaped == 'r' ? '\r' : escaped);
      }
    }
    return bytes.toByteArray();
  }
}
