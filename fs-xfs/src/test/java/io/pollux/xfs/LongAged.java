// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.ErrnoException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * A filesystem that Linux aged: fragmented free space, many freed inodes, deep and large
 * directories, a nearly full disk. Pollux then changes files and names at random. Linux must read
 * every file as its model has it.
 */
final class LongAged {
  private static final long BYTES = 400L << 20;
  private static final int MODELS = 30; // files that change
  private static final int MOST = 1 << 18;
  private static final int MOST_NEW = 1 << 16; // of a new file

  /** Creates files, removes most of them, and fills the remaining space except for holes. */
  private static final String AGE =
      """
      mkdir many; cd many
      for d in 0 1 2 3 4 5 6 7; do
        mkdir $d
        seq 1 1500 | sed "s,^,$d/a-rather-long-name-of-a-file-,; s,$,," | xargs touch
      done
      i=0
      while [ $i -lt 600 ]; do
        i=$((i + 1))
        head -c $((i * 7919 % 60000 + 1)) /dev/urandom >$((i % 8))/data-$i
      done
      ls -d */a-*[1-46-9] | xargs rm
      cd ..
      p=deep; i=0
      while [ $i -lt 40 ]; do p=$p/level-$i; i=$((i + 1)); done
      mkdir -p $p; head -c 5000 /dev/urandom >$p/bottom
      free=$(df --output=avail -B 65536 . | tail -1)
      fallocate -l $(((free - 200) * 65536)) filler
      i=0; c=""
      while [ $i -lt 1500 ]; do
        c="$c -c 'fpunch $((i * 3 * 8192)) 12288'"; i=$((i + 1))
      done
      eval xfs_io $c filler
      ls -d many/*/data-*[02468] | xargs rm
      """;

  private final Path directory;
  private final String geometry;
  private final int operations;
  private final long seed;
  private final Random random;
  private final List<String> log = new ArrayList<>();
  private final List<FileModel> models = new ArrayList<>();
  private final Map<String, String> sums = new TreeMap<>(); // of all files but those of the models
  private int named; // so that no name is taken twice
  private final List<String> ours = new ArrayList<>(); // names of sums that may go

  LongAged(Path directory, String geometry, int operations, long seed) {
    this.directory = directory;
    this.geometry = geometry;
    this.operations = operations;
    this.seed = seed;
    random = new Random(seed);
  }

  String run() throws Exception {
    Path image = LongSteps.mkfs(directory, geometry, BYTES);
    WritableTree.linux(image, "PATH=$PATH:/usr/sbin:/sbin\n" + AGE);
    LinuxXfs.assertSound(image);
    LinuxXfs.look(image, root -> sums.putAll(sums(root)));
    LinuxXfs.look(image, this::choose);
    int inodes = sums.size();
    try {
      for (int left = operations; left > 0; left -= operations / 4 + 1) {
        change(image, Math.min(left, operations / 4 + 1));
        LinuxXfs.assertSound(image);
      }
    } catch (Throwable e) {
      throw new AssertionError("seed " + seed + ", after " + log, e);
    }
    models.forEach(model -> sums.put(model.path(), sum(model.bytes())));
    LinuxXfs.look(image, root -> assertThat(sums(root)).isEqualTo(sums));
    return inodes + " files before, " + sums.size() + " after";
  }

  private static String sum(byte[] bytes) {
    return HexFormat.of().formatHex(MountedTree.sha256().digest(bytes));
  }

  private static Map<String, String> sums(Path root) throws IOException {
    TreeMap<String, String> found = new TreeMap<>();
    try (Stream<Path> paths = Files.walk(root)) {
      for (Path path : (Iterable<Path>) paths::iterator) {
        String name = "/" + root.relativize(path);
        if (Files.isRegularFile(path)) {
          boolean large = Files.size(path) > 1 << 24;
          found.put(name, large ? Files.size(path) + " bytes" : sum(Files.readAllBytes(path)));
        }
      }
    }
    return found;
  }

  /** Chooses the files that change, and those that may be removed. */
  private void choose(Path root) throws IOException {
    List<String> paths = new ArrayList<>(sums.keySet());
    paths.removeIf(path -> !path.contains("/data-"));
    boolean reflink = !geometry.contains("reflink=0");
    int block = geometry.contains("-b size=1024") ? 1024 : 4096;
    for (int i = 0; i < MODELS; i++) {
      String path = paths.remove(random.nextInt(paths.size()));
      byte[] bytes = Files.readAllBytes(root.resolve(path.substring(1)));
      models.add(new FileModel(path, bytes, MOST, block, reflink, random, log));
      sums.remove(path);
    }
    sums.keySet().stream().filter(path -> path.startsWith("/many")).forEach(ours::add);
  }

  private void change(Path image, int count) throws Exception {
    log.add("mount");
    try (WritableTree mounted = new WritableTree(image)) {
      long memory = FileModel.memory(mounted, MOST);
      for (int done = 0; done < count; ) {
        FileModel model = models.get(random.nextInt(MODELS));
        model.open(mounted, memory);
        int most = 1 + random.nextInt(20);
        for (int i = 0; i < most; i++) {
          model.step();
        }
        model.compare(false);
        model.close();
        done += most;
        for (int i = random.nextInt(8); i > 0; i--) {
          names(mounted, memory);
          done++;
        }
      }
    }
  }

  /** Creates, renames or removes a file that belongs to no model. */
  private void names(WritableTree mounted, long memory) throws ErrnoException {
    MountedTree tree = mounted.tree;
    String from = ours.get(random.nextInt(ours.size()));
    String to = "/many/" + random.nextInt(8) + "/new-" + "x".repeat(random.nextInt(60)) + named++;
    switch (random.nextInt(3)) {
      case 0 -> {
        log.add("remove " + from);
        tree.namei.unlink(tree.current, null, bytes(from));
        forget(from);
      }
      case 1 -> {
        log.add("rename " + from + " " + to);
        tree.namei.rename(tree.current, null, bytes(from), null, bytes(to), 0);
        String sum = sums.get(from);
        forget(from);
        remember(to, sum == null ? "" : sum);
      }
      default -> {
        log.add("make " + to);
        FileModel made =
            new FileModel(
                to, new byte[0], MOST_NEW, 4096, false, new Random(random.nextLong()), log);
        made.open(mounted, memory);
        made.step();
        made.close();
        remember(to, sum(made.bytes()));
      }
    }
  }

  private void forget(String path) {
    sums.remove(path);
    ours.remove(path);
  }

  private void remember(String path, String sum) {
    if (sums.put(path, sum) == null) {
      ours.add(path);
    }
  }

  private static byte[] bytes(String path) {
    return path.getBytes(StandardCharsets.ISO_8859_1);
  }
}
