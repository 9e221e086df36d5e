// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.ErrnoException;
import io.pollux.core.vfs.Inode;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.StatMode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Random changes of a tree of names, against a model. Afterwards xfs_repair finds nothing, and
 * Linux sees the same tree. {@code -Dpollux.seed} repeats a run, {@code -Dpollux.xfs.names} makes
 * it longer.
 */
@Timeout(value = 10, unit = TimeUnit.MINUTES)
final class XfsNamesTest {
  private final int operations = Integer.getInteger("pollux.xfs.names", 1500);

  private final long seed = Long.getLong("pollux.seed", System.nanoTime());
  private final Random random = new Random(seed);
  private final List<String> log = new ArrayList<>();

  /** Paths below the root that the test made, with what is there: "d", "f" or the link's target. */
  private final TreeMap<String, String> model = new TreeMap<>();

  @ParameterizedTest(name = "mkfs.xfs {0}")
  @ValueSource(
      strings = {
        "",
        "-b size=1024",
        "-m rmapbt=1,reflink=1 -n size=8192",
        "-m reflink=0,finobt=0 -i size=1024,sparse=0 -s size=4096"
      })
  void theTreeIsWhatTheOperationsMadeIt(String options, @TempDir Path directory) throws Exception {
    System.out.println("XfsNamesTest: -Dpollux.seed=" + seed);
    Path image = MkfsImage.make(directory, options, new byte[100]);
    try (WritableTree mounted = new WritableTree(image)) {
      MountedTree tree = mounted.tree;
      tree.namei.mkdir(tree.current, null, MountedTree.bytes("/t"), 0755);
      model.put("/t", "d");
      for (int i = 0; i < operations; i++) {
        step(tree);
      }
      assertThat(walk(tree, "/t")).isEqualTo(model);
    } catch (Throwable e) {
      throw new AssertionError("seed " + seed + ", after " + log, e);
    }
    LinuxXfs.assertSound(image);
    LinuxXfs.look(image, root -> assertThat(onLinux(root)).isEqualTo(model));
    emptied(image);
  }

  /** Removes all that was there. */
  private void emptied(Path image) throws Exception {
    try (WritableTree mounted = new WritableTree(image)) {
      MountedTree tree = mounted.tree;
      for (String path : model.descendingKeySet()) {
        if (isDirectory(path)) {
          tree.namei.rmdir(tree.current, null, MountedTree.bytes(path));
        } else {
          tree.namei.unlink(tree.current, null, MountedTree.bytes(path));
        }
      }
    }
    LinuxXfs.assertSound(image);
  }

  private void step(MountedTree tree) throws ErrnoException {
    int what = random.nextInt(20);
    if (what < 6) {
      make(tree, what);
    } else if (what < 9) {
      String path = newPath();
      String old = pick("f");
      if (old != null && !model.containsKey(path)) {
        log.add("link " + old + " " + path);
        tree.namei.link(tree.current, tree.find(old).inode(), null, MountedTree.bytes(path));
        model.put(path, "f");
      }
    } else if (what < 14) {
      remove(tree);
    } else {
      rename(tree);
    }
  }

  private void make(MountedTree tree, int what) throws ErrnoException {
    String path = newPath();
    if (model.containsKey(path)) {
      return;
    }
    byte[] name = MountedTree.bytes(path);
    log.add("make " + what + " " + path);
    switch (what) {
      case 0 -> {
        tree.namei.mkdir(tree.current, null, name, 0755);
        model.put(path, "d");
      }
      case 1 -> {
        String target = "x".repeat(1 + random.nextInt(random.nextBoolean() ? 40 : 1000));
        tree.namei.symlink(tree.current, MountedTree.bytes(target), null, name);
        model.put(path, target);
      }
      default -> {
        tree.namei
            .open(tree.current, null, name, Fcntl.O_CREAT | Fcntl.O_EXCL | Fcntl.O_RDWR, 0644)
            .fput(tree.current);
        model.put(path, "f");
      }
    }
  }

  private void remove(MountedTree tree) throws ErrnoException {
    String path = pick(null);
    if (path == null || path.equals("/t")) {
      return;
    }
    log.add("remove " + path);
    if (!isDirectory(path)) {
      tree.namei.unlink(tree.current, null, MountedTree.bytes(path));
      model.remove(path);
      return;
    }
    boolean empty = model.higherKey(path) == null || !model.higherKey(path).startsWith(path + "/");
    try {
      tree.namei.rmdir(tree.current, null, MountedTree.bytes(path));
      assertThat(empty).as("rmdir of " + path).isTrue();
      model.remove(path);
    } catch (ErrnoException e) {
      assertThat(e.errno()).isEqualTo(Errno.ENOTEMPTY);
      assertThat(empty).as("rmdir of " + path + ": " + e.getMessage()).isFalse();
    }
  }

  private void rename(MountedTree tree) throws ErrnoException {
    String from = pick(null);
    String to = random.nextBoolean() ? newPath() : pick(null);
    if (from == null || to == null || from.equals("/t") || to.equals("/t")) {
      return;
    }
    if (to.startsWith(from + "/") || from.startsWith(to + "/") || from.equals(to)) {
      return;
    }
    boolean directory = isDirectory(from);
    boolean exchange = model.containsKey(to) && random.nextInt(4) == 0;
    String there = model.get(to);
    if (!exchange && there != null && (there.equals("d") != directory || hasChildren(to))) {
      return;
    }
    log.add((exchange ? "exchange " : "rename ") + from + " " + to);
    Inode one = tree.find(from).inode();
    Inode other = there == null ? null : tree.find(to).inode();
    tree.namei.rename(
        tree.current,
        null,
        MountedTree.bytes(from),
        null,
        MountedTree.bytes(to),
        exchange ? Fcntl.RENAME_EXCHANGE : 0);
    if (one == other) {
      return; // two names of one file: nothing changes
    }
    Map<String, String> moved = take(from);
    Map<String, String> replaced = there == null ? new TreeMap<>() : take(to);
    moved.forEach((path, value) -> model.put(to + path, value));
    if (exchange) {
      replaced.forEach((path, value) -> model.put(from + path, value));
    }
  }

  private boolean isDirectory(String path) {
    return "d".equals(model.get(path));
  }

  private boolean hasChildren(String path) {
    String next = model.higherKey(path + "/");
    return next != null && next.startsWith(path + "/");
  }

  /** Takes a subtree out of the model; its keys are relative. */
  private Map<String, String> take(String path) {
    TreeMap<String, String> taken = new TreeMap<>();
    model.forEach(
        (key, value) -> {
          if (key.equals(path) || key.startsWith(path + "/")) {
            taken.put(key.substring(path.length()), value);
          }
        });
    taken.keySet().forEach(key -> model.remove(path + key));
    return taken;
  }

  private String newPath() {
    List<String> directories =
        model.entrySet().stream()
            .filter(e -> e.getValue().equals("d"))
            .map(e -> e.getKey())
            .toList();
    // the first directories get many names, so that they take every form
    int most = random.nextBoolean() ? Math.min(2, directories.size()) : directories.size();
    String name = "n" + random.nextInt(2000) + "y".repeat(random.nextInt(4) == 0 ? 200 : 3);
    return directories.get(random.nextInt(most)) + "/" + name;
  }

  private @Nullable String pick(@Nullable String value) {
    List<String> paths =
        model.entrySet().stream()
            .filter(e -> value == null || e.getValue().equals(value))
            .map(e -> e.getKey())
            .toList();
    return paths.isEmpty() ? null : paths.get(random.nextInt(paths.size()));
  }

  private Map<String, String> walk(MountedTree tree, String path) throws ErrnoException {
    TreeMap<String, String> found = new TreeMap<>();
    Inode inode = tree.find(path).inode();
    if (inode.isType(StatMode.S_IFLNK)) {
      found.put(path, new String(inode.readlink(tree.current), StandardCharsets.ISO_8859_1));
      return found;
    }
    found.put(path, inode.isType(StatMode.S_IFDIR) ? "d" : "f");
    if (inode.isType(StatMode.S_IFDIR)) {
      for (MountedTree.Entry entry : tree.list(path, 1000)) {
        if (!entry.name().equals(".") && !entry.name().equals("..")) {
          found.putAll(walk(tree, path + "/" + entry.name()));
        }
      }
    }
    return found;
  }

  private static Map<String, String> onLinux(Path root) throws IOException {
    TreeMap<String, String> found = new TreeMap<>();
    try (Stream<Path> paths = Files.walk(root.resolve("t"))) {
      for (Path path : (Iterable<Path>) paths::iterator) {
        String value =
            Files.isSymbolicLink(path)
                ? Files.readSymbolicLink(path).toString()
                : Files.isDirectory(path) ? "d" : "f";
        found.put("/" + root.relativize(path), value);
      }
    }
    return found;
  }
}
