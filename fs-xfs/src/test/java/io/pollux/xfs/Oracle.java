// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.core.ErrnoException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What Linux read from an image, as make-xfs-sample.sh and make-xfs-oracles.sh recorded it:
 * NAME.manifest, NAME.sha256 and NAME.probes.
 */
record Oracle(List<String> manifest, Map<String, String> sums, List<Probe> probes) {
  /** A range of a file that is too large to be read whole. */
  record Probe(String sum, long offset, long length, long answer, String path) {}

  /** Reads the three lists. */
  static Oracle read(Path directory, String name) throws IOException {
    List<String> manifest = lines(directory.resolve(name + ".manifest"));
    Map<String, String> sums = new LinkedHashMap<>();
    for (String line : lines(directory.resolve(name + ".sha256"))) {
      boolean escaped = line.startsWith("\\");
      String plain = escaped ? line.substring(1) : line;
      String path = plain.substring(66);
      sums.put(
          escaped ? path.replace("\\n", "\n").replace("\\\\", "\\") : path, plain.substring(0, 64));
    }
    List<Probe> probes = new ArrayList<>();
    for (String line : lines(directory.resolve(name + ".probes"))) {
      String[] parts = line.split("  ", 5);
      probes.add(
          new Probe(
              parts[0],
              Long.parseLong(parts[1]),
              Long.parseLong(parts[2]),
              Long.parseLong(parts[3]),
              parts[4]));
    }
    return new Oracle(manifest, sums, probes);
  }

  private static List<String> lines(Path file) throws IOException {
    String text = Files.readString(file, StandardCharsets.ISO_8859_1);
    return text.lines().filter(line -> !line.startsWith("#")).toList();
  }

  /**
   * Compares everything.
   *
   * @return what differs, nothing if all is well
   */
  List<String> compare(MountedTree tree) throws ErrnoException {
    List<String> problems = new ArrayList<>();
    List<String> ours = new ArrayList<>(tree.manifest(problems));
    List<String> theirs = new ArrayList<>(manifest);
    ours.sort(null);
    theirs.sort(null);
    if (!ours.equals(theirs)) {
      List<String> extra = new ArrayList<>(ours);
      extra.removeAll(new HashSet<>(theirs));
      theirs.removeAll(new HashSet<>(ours));
      extra.forEach(line -> problems.add("ours:   " + line));
      theirs.forEach(line -> problems.add("theirs: " + line));
    }
    for (boolean direct : new boolean[] {false, true}) {
      for (Map.Entry<String, String> sum : sums.entrySet()) {
        if (!tree.sum(sum.getKey(), direct, 0, Long.MAX_VALUE).equals(sum.getValue())) {
          problems.add("other contents: " + sum.getKey() + (direct ? " (direct)" : ""));
        }
      }
      for (Probe probe : probes) {
        compareProbe(tree, probe, direct, problems);
      }
    }
    return problems;
  }

  private static void compareProbe(
      MountedTree tree, Probe probe, boolean direct, List<String> problems) throws ErrnoException {
    if (direct && ((probe.offset() | probe.length()) & 511) != 0) {
      return; // not possible past the page cache
    }
    MessageDigest digest = MountedTree.sha256();
    long answer = tree.read(probe.path(), direct, probe.offset(), probe.length(), digest);
    if (answer != probe.answer()
        || !HexFormat.of().formatHex(digest.digest()).equals(probe.sum())) {
      problems.add("probe " + probe + " answers " + answer);
    }
  }
}
