// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.ErrnoException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Changes directories of mkfs.xfs in transactions, beside a map of names. */
class XfsDir2WriteTest {
  private static final String PROTO =
      "none\n0 0\nd--755 0 0\nd d--755 0 0\n$\na ---644 0 0 /dev/null\nb ---644 0 0 /dev/null\n$\n";

  /** A directory, and what it should have. */
  private static final class Model {
    final WritableTree image;
    final XfsInode dir;
    final Map<String, Long> names = new HashMap<>();
    final List<String> order = new ArrayList<>(); // the same, for random choices
    final Random random;
    final XfsInode[] files;
    final long[] inos = new long[2];
    final long[] links = new long[2];

    Model(WritableTree image, long seed) throws ErrnoException {
      this.image = image;
      random = new Random(seed);
      dir = image.inode("/d");
      files = new XfsInode[] {image.inode("/a"), image.inode("/b")};
      inos[0] = files[0].ino();
      inos[1] = files[1].ino();
    }

    private byte[] bytes(String name) {
      return MountedTree.bytes(name);
    }

    void create() throws ErrnoException {
      String name = newName();
      if (!names.containsKey(name)) {
        create(name, random.nextInt(2));
      }
    }

    void create(String name, int file) throws ErrnoException {
      image.commit(
          tp -> {
            XfsInodeEdit dp = XfsInodeEdit.of(tp, dir);
            assertThat(XfsDir2Write.lookup(dp, bytes(name))).isEqualTo(XfsDir2.NOT_FOUND);
            XfsDir2Write.create(dp, bytes(name), inos[file], 1);
            assertThat(XfsDir2Write.lookup(dp, bytes(name))).isEqualTo(inos[file]);
          });
      names.put(name, inos[file]);
      order.add(name);
      links[file]++;
    }

    private String newName() {
      int length = random.nextInt(20) == 0 ? 255 : 1 + random.nextInt(40);
      char[] chars = new char[length];
      for (int i = 0; i < length; i++) {
        chars[i] = (char) ('a' + random.nextInt(26));
      }
      return new String(chars);
    }

    private String takeName() {
      int i = random.nextInt(order.size());
      String name = order.get(i);
      order.set(i, order.getLast());
      order.removeLast();
      return name;
    }

    void remove() throws ErrnoException {
      if (!order.isEmpty()) {
        remove(takeName());
      }
    }

    private void remove(String name) throws ErrnoException {
      long ino = names.remove(name);
      links[ino == inos[0] ? 0 : 1]--;
      image.commit(
          tp -> {
            XfsInodeEdit dp = XfsInodeEdit.of(tp, dir);
            XfsDir2Write.remove(dp, bytes(name), ino);
            assertThat(XfsDir2Write.lookup(dp, bytes(name))).isEqualTo(XfsDir2.NOT_FOUND);
            assertThat(XfsDir2Write.isEmpty(dp)).isEqualTo(names.isEmpty());
          });
    }

    void replace() throws ErrnoException {
      if (order.isEmpty()) {
        return;
      }
      String name = order.get(random.nextInt(order.size()));
      int file = random.nextInt(2);
      image.commit(
          tp -> XfsDir2Write.replace(XfsInodeEdit.of(tp, dir), bytes(name), inos[file], 1));
      links[names.put(name, inos[file]) == inos[0] ? 0 : 1]--;
      links[file]++;
    }

    /** Compares readdir and lookup with the map. */
    void check() throws ErrnoException {
      Map<String, Long> listed = new HashMap<>();
      for (MountedTree.Entry entry : image.tree.list("/d", 1000)) {
        assertThat(listed.put(entry.name(), entry.ino())).isNull();
      }
      assertThat(listed.remove(".")).isEqualTo(dir.ino());
      assertThat(listed.remove("..")).isEqualTo(image.tree.sb.root().ino());
      assertThat(listed).isEqualTo(names);
      for (Map.Entry<String, Long> entry : names.entrySet()) {
        assertThat(XfsDir2.lookup(image.tree.current, dir, bytes(entry.getKey())))
            .isEqualTo(entry.getValue());
      }
    }

    /** Gives the files as many links as they have names. */
    void fixLinks() throws ErrnoException {
      image.commit(
          tp -> {
            for (int i = 0; i < 2; i++) {
              XfsInodeEdit edit = XfsInodeEdit.of(tp, files[i]);
              edit.addLinks((int) (1 + links[i] - edit.nlink()));
            }
          });
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "-b size=1024",
        "-b size=1024 -n size=4096",
        "-b size=4096 -n size=65536",
        "-b size=4096 -i nrext64=0,size=2048"
      })
  void growsAndShrinksThroughAllForms(String options, @TempDir Path directory)
      throws IOException, InterruptedException, ErrnoException {
    long seed = Long.getLong("xfs.seed", System.nanoTime());
    System.out.println("XfsDir2WriteTest seed " + seed + ", " + options);
    Path image = WritableTree.mkfs(directory, PROTO, options);
    int most = Integer.getInteger("xfs.names", 800);
    for (int size : new int[] {30, most, 0}) {
      try (WritableTree tree = new WritableTree(image)) {
        Model model = model(tree, seed + size);
        move(model, size);
        model.check();
        model.fixLinks();
      }
      LinuxXfs.assertSound(image);
    }
  }

  private static Model model(WritableTree tree, long seed) throws ErrnoException {
    Model model = new Model(tree, seed);
    for (MountedTree.Entry entry : tree.tree.list("/d", 1000)) {
      if (!entry.name().startsWith(".")) {
        model.names.put(entry.name(), entry.ino());
        model.order.add(entry.name());
        model.links[entry.ino() == model.inos[0] ? 0 : 1]++;
      }
    }
    return model;
  }

  /** Creates or removes until there are so many names; every fourth step goes the other way. */
  private static void move(Model model, int size) throws ErrnoException {
    boolean grows = model.names.size() < size;
    for (int i = 0; model.names.size() != size; i++) {
      if (i % 5 == 0) {
        model.replace();
      }
      if (grows != (i % 4 == 3)) {
        model.create();
      } else {
        model.remove();
      }
      if (i % 997 == 0) {
        model.check();
      }
    }
  }

  @Test
  void namesOfOneHash(@TempDir Path directory)
      throws IOException, InterruptedException, ErrnoException {
    Path image = WritableTree.mkfs(directory, PROTO, "-b size=1024");
    try (WritableTree tree = new WritableTree(image)) {
      Model model = new Model(tree, 1);
      for (String name : sameHash(600)) {
        model.create(name, 0);
      }
      model.check();
    }
    try (WritableTree tree = new WritableTree(image)) { // xfs_repair wants them in one leaf
      Model model = model(tree, 2);
      move(model, 2000);
      model.check();
      move(model, 100);
      model.check();
      model.fixLinks();
    }
    LinuxXfs.assertSound(image);
  }

  @ParameterizedTest
  @ValueSource(strings = {"-b size=1024", "-b size=4096 -n size=16384"})
  void linuxReadsAndChangesThem(String options, @TempDir Path directory)
      throws IOException, InterruptedException, ErrnoException {
    Path image = WritableTree.mkfs(directory, PROTO, options);
    for (int size : new int[] {8, 90, 700}) {
      try (WritableTree tree = new WritableTree(image)) {
        Model model = model(tree, size);
        move(model, size);
        model.fixLinks();
      }
      assertLinuxLists(image, "");
    }
    // Linux removes two names of three, and adds others.
    String change =
        "cd d && find . -type f | awk 'NR % 3 != 0' | xargs rm"
            + " && seq 500 | xargs -I% ln ../a %-of-linux";
    assertLinuxLists(image, change);
    LinuxXfs.assertSound(image);
    try (WritableTree tree = new WritableTree(image)) {
      Model model = model(tree, 5);
      model.check();
      move(model, 3);
      model.check();
      model.fixLinks();
    }
    assertLinuxLists(image, "");
    LinuxXfs.assertSound(image);
  }

  /** Runs a script under Linux; then Linux lists the directory as we do. */
  private static void assertLinuxLists(Path image, String script)
      throws IOException, InterruptedException, ErrnoException {
    WritableTree.linux(image, script);
    String listed = WritableTree.linux(image, "find d -mindepth 1 -printf '%i %f\\n'");
    List<String> ours = new ArrayList<>();
    try (WritableTree tree = new WritableTree(image)) {
      for (MountedTree.Entry entry : tree.tree.list("/d", 1000)) {
        if (!entry.name().startsWith(".")) {
          ours.add(entry.ino() + " " + entry.name());
        }
      }
    }
    assertThat(ours).containsExactlyInAnyOrderElementsOf(listed.lines().toList());
  }

  /** Names whose hashes are equal: two bytes change together. */
  private static List<String> sameHash(int count) {
    List<String> names = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      byte[] name = new byte[20];
      Arrays.fill(name, (byte) 0x40);
      for (int bit = 0; bit < 10; bit++) {
        if ((i >> bit & 1) != 0) { // both are the same bit of the hash
          name[2 * bit] ^= 1;
          name[2 * bit + 1] ^= (byte) 0x80;
        }
      }
      names.add(new String(name, StandardCharsets.ISO_8859_1));
    }
    return names;
  }
}
