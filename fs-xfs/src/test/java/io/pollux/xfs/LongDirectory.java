// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.Fcntl;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;

/** Very many empty files in one directory: created, listed, looked up and removed. */
final class LongDirectory {
  private static final long BYTES = 6L << 30;

  private final Path image;
  private final int count;
  private final int[] order;
  private final LongSteps steps = new LongSteps();

  LongDirectory(Path directory, String geometry, int count, long seed)
      throws IOException, InterruptedException {
    image = LongSteps.mkfs(directory, geometry, BYTES);
    this.count = count;
    order = LongSteps.shuffled(count, new Random(seed));
  }

  private static byte[] name(int number) {
    return MountedTree.bytes("/d/name-" + number);
  }

  String run() throws Exception {
    long free = create();
    LinuxXfs.assertSound(image);
    LinuxXfs.look(image, this::onLinux);
    steps.done("Linux");
    try (WritableTree mounted = new WritableTree(image)) {
      MountedTree tree = mounted.tree;
      steps.begin();
      List<MountedTree.Entry> listed = tree.list("/d", 1000);
      assertThat(listed).as("names").hasSize(count + 2);
      steps.done("list");
      steps.each("look up", count, i -> tree.find("/d/name-" + order[i]));
      steps.memory();
      steps.each(
          "remove", count, i -> tree.namei.unlink(tree.current, null, name(order[count - 1 - i])));
      tree.namei.rmdir(tree.current, null, MountedTree.bytes("/d"));
    }
    steps.done("unmount");
    LinuxXfs.assertSound(image);
    try (WritableTree mounted = new WritableTree(image)) {
      assertThat(mounted.mp.trans().fdblocks()).as("free blocks").isEqualTo(free);
    }
    return steps.toString();
  }

  private long create() throws ErrnoException, IOException {
    long free;
    try (WritableTree mounted = new WritableTree(image)) {
      MountedTree tree = mounted.tree;
      free = mounted.mp.trans().fdblocks();
      tree.namei.mkdir(tree.current, null, MountedTree.bytes("/d"), 0755);
      int flags = Fcntl.O_CREAT | Fcntl.O_EXCL | Fcntl.O_RDWR;
      steps.each(
          "create",
          count,
          i -> tree.namei.open(tree.current, null, name(order[i]), flags, 0644).fput(tree.current));
      steps.memory();
    }
    steps.done("unmount");
    return free;
  }

  private void onLinux(Path root) throws IOException {
    try (Stream<Path> names = Files.list(root.resolve("d"))) {
      assertThat(names.count()).as("names in Linux").isEqualTo(count);
    }
    for (int i = 0; i < count; i += 97) {
      assertThat(root.resolve("d/name-" + i)).isEmptyFile();
    }
  }
}
