// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * What a filesystem may hold after a power cut. Names are those of one moment, not before the last
 * promise. A sector of a file has a number that was written to it since the last promise for the
 * file, or the one of the promise; a number is in one place only. Zero stands for zeroes.
 */
final class CutModel {
  static final int SECTOR = CutDisk.SECTOR;
  static final int DIRECTORY = -1;

  /** The files after a recovery. */
  interface Found {
    /** Paths to inode numbers. */
    Map<String, Long> names() throws Exception;

    /** The number of each sector of a file. */
    long[] sectors(String path) throws Exception;

    /** The number in the attribute of a file, or 0. */
    int attribute(String path) throws Exception;
  }

  /** A file. */
  static final class Content {
    final long ino;
    final boolean directory;
    int size;
    private final Map<Integer, Set<Long>> sectors = new HashMap<>();
    private final Map<Integer, Long> latest = new HashMap<>();
    private final TreeSet<Integer> sizes = new TreeSet<>(Set.of(0));
    private final Set<Integer> attributes = new HashSet<>(Set.of(0));
    private int attribute;
    private int changed; // index of the names at its last change

    Content(long ino, boolean directory) {
      this.ino = ino;
      this.directory = directory;
    }

    long latest(int sector) {
      return latest.getOrDefault(sector, 0L);
    }

    private void set(int sector, long number) {
      sectors.computeIfAbsent(sector, any -> new HashSet<>(Set.of(0L))).add(number);
      latest.put(sector, number);
    }

    private Set<Long> allowed(int sector) {
      return sectors.getOrDefault(sector, Set.of(0L));
    }
  }

  final Map<Integer, Content> files = new HashMap<>();
  private TreeMap<String, Integer> names = new TreeMap<>();
  private final List<TreeMap<String, Integer>> states = new ArrayList<>(List.of(names));
  private int promised; // index of states

  /** The names as they are, to file numbers. */
  Map<String, Integer> names() {
    return names;
  }

  Content file(int number) {
    return Objects.requireNonNull(files.get(number));
  }

  private void next() {
    names = new TreeMap<>(names);
    states.add(names);
  }

  private void touch(@Nullable Integer number) {
    if (number != null) {
      file(number).changed = states.size() - 1;
    }
  }

  // Changes.

  void make(String path, int number, long ino, boolean directory) {
    next();
    names.put(path, number);
    files.put(number, new Content(ino, directory));
    touch(number);
  }

  void link(String from, String to) {
    next();
    names.put(to, Objects.requireNonNull(names.get(from)));
    touch(names.get(from));
  }

  void unlink(String path) {
    next();
    touch(names.remove(path));
  }

  void rename(String from, String to) {
    next();
    Integer number = Objects.requireNonNull(names.remove(from));
    touch(names.put(to, number));
    touch(number);
    TreeMap<String, Integer> inside = new TreeMap<>(names.subMap(from + "/", from + "0"));
    inside.forEach(
        (path, child) -> {
          names.remove(path);
          names.put(to + path.substring(from.length()), child);
        });
  }

  /** Writes sectors with numbers from one on. */
  void write(int number, int first, int count, long id) {
    Content file = file(number);
    for (int i = 0; i < count; i++) {
      file.set(first + i, id + i);
    }
    size(number, Math.max(file.size, (first + count) * SECTOR));
  }

  /** Makes sectors zeroes. */
  void clear(int number, int first, int count) {
    Content file = file(number);
    for (int i = 0; i < count; i++) {
      file.set(first + i, 0);
    }
    touch(number);
  }

  void size(int number, int bytes) {
    Content file = file(number);
    for (int i = (bytes + SECTOR - 1) / SECTOR; i < (file.size + SECTOR - 1) / SECTOR; i++) {
      file.set(i, 0);
    }
    if (bytes != file.size) { // otherwise there may be nothing to log
      touch(number);
    }
    file.size = bytes;
    file.sizes.add(bytes);
  }

  void share(int from, int first, int to, int toFirst, int count) {
    Content source = file(from);
    long[] numbers = new long[count];
    for (int i = 0; i < count; i++) {
      numbers[i] = source.latest(first + i);
    }
    Content target = file(to);
    for (int i = 0; i < count; i++) {
      target.set(toFirst + i, numbers[i]);
    }
    size(to, Math.max(target.size, (toFirst + count) * SECTOR));
  }

  void attribute(int number, int value) {
    Content file = file(number);
    file.attribute = value;
    file.attributes.add(value);
    touch(number);
  }

  // Promises.

  void fsync(int number) {
    Content file = file(number);
    promised = Math.max(promised, file.changed);
    promise(file);
  }

  void sync() {
    promised = states.size() - 1;
    files.values().forEach(CutModel::promise);
  }

  private static void promise(Content file) {
    file.sizes.retainAll(Set.of(file.size));
    file.sectors.clear();
    file.latest.forEach(
        (sector, number) -> file.sectors.put(sector, new HashSet<>(Set.of(number))));
    file.attributes.retainAll(Set.of(file.attribute));
  }

  // The check.

  /** Fails if the model does not allow what a recovery has left. */
  void check(Found found) throws Exception {
    Map<String, Long> there = found.names();
    Set<Map<String, Integer>> tried = new HashSet<>();
    List<String> wrong = new ArrayList<>();
    for (int i = states.size() - 1; i >= promised; i--) {
      TreeMap<String, Integer> state = states.get(i);
      if (tried.add(state) && inodes(state).equals(there)) {
        String said = contents(state, found);
        if (said.isEmpty()) {
          return;
        }
        wrong.add(said);
      }
    }
    if (wrong.isEmpty()) {
      throw new AssertionError(
          "names of no moment: "
              + there
              + "; promised were "
              + inodes(states.get(promised))
              + ", the last "
              + inodes(names));
    }
    throw new AssertionError(String.join(" / ", wrong));
  }

  private Map<String, Long> inodes(Map<String, Integer> state) {
    Map<String, Long> inodes = new TreeMap<>();
    state.forEach((path, number) -> inodes.put(path, file(number).ino));
    return inodes;
  }

  private String contents(Map<String, Integer> state, Found found) throws Exception {
    for (Map.Entry<String, Integer> each : state.entrySet()) {
      Content file = file(each.getValue());
      if (!file.directory) {
        String said = contents(file, found, each.getKey());
        if (!said.isEmpty()) {
          return each.getKey() + " (inode " + file.ino + "): " + said;
        }
      }
    }
    return "";
  }

  private static String contents(Content file, Found found, String path) throws Exception {
    long[] sectors = found.sectors(path);
    int size = sectors.length * SECTOR;
    if (size < file.sizes.first() || size > file.sizes.last()) {
      return "size " + size + " and not one of " + file.sizes;
    }
    for (int i = 0; i < sectors.length; i++) {
      if (!file.allowed(i).contains(sectors[i])) {
        return "sector "
            + i
            + " has "
            + number(sectors[i])
            + " and not one of "
            + file.allowed(i).stream().map(CutModel::number).toList();
      }
    }
    int attribute = found.attribute(path);
    return file.attributes.contains(attribute)
        ? ""
        : "attribute " + attribute + " and not one of " + file.attributes;
  }

  private static String number(long number) {
    return (number >> 16) + "." + (number & 0xffff);
  }
}
