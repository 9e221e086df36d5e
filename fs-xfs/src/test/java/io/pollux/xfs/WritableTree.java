// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pollux.block.QueueLimits;
import io.pollux.block.fixture.HeldDisk;
import io.pollux.core.ErrnoException;
import io.pollux.core.vfs.File;
import io.pollux.uapi.Fcntl;
import io.pollux.xfs.trans.XfsTrans;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** An image file of mkfs.xfs, mounted for writing. What is written reaches the file. */
final class WritableTree implements AutoCloseable {
  /** A step of a transaction. */
  interface Step {
    void run(XfsTrans tp) throws ErrnoException;
  }

  private final Arena arena = Arena.ofShared();
  final HeldDisk disk;
  final MountedTree tree;
  final XfsMount mp;

  WritableTree(Path image) throws IOException, ErrnoException {
    this(image, "");
  }

  /** Mounts with options, such as "ro". */
  WritableTree(Path image, String options) throws IOException, ErrnoException {
    try (FileChannel file =
        FileChannel.open(image, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      disk =
          new HeldDisk(file.map(FileChannel.MapMode.READ_WRITE, 0, file.size(), arena))
              .letThrough();
      tree =
          new MountedTree(
              disk.disk("image", TestImage.DEV, HeldDisk.TAGS, QueueLimits.of(512), false),
              options);
    }
    mp = (XfsMount) tree.sb;
  }

  XfsInode inode(String path) throws ErrnoException {
    return (XfsInode) tree.find(path).inode();
  }

  /** Opens a file for reading and writing. */
  File open(String path, int flags) throws ErrnoException {
    return tree.namei.open(tree.current, null, MountedTree.bytes(path), flags | Fcntl.O_RDWR, 0644);
  }

  /** Writes equal bytes. Returns what the call returns. */
  long write(File file, long pos, int bytes, int value) {
    return tree.write(file, pos, bytes, value);
  }

  /** Runs a step in a transaction and commits it. */
  void commit(Step step) throws ErrnoException {
    try (XfsTrans tp = mp.trans().begin(tree.current, 64)) {
      step.run(tp);
      tp.commit();
    }
  }

  @Override
  public void close() throws ErrnoException {
    tree.close();
    arena.close();
  }

  /** Has mkfs.xfs make an image of 320 MiB, or of 300 if the options say nothing else. */
  static Path mkfs(Path directory, String proto, String options)
      throws IOException, InterruptedException {
    String mkfs = MkfsImage.requireMkfs();
    Path protofile = Files.writeString(directory.resolve("proto"), proto, StandardCharsets.UTF_8);
    Path image = directory.resolve("image");
    try (RandomAccessFile sparse = new RandomAccessFile(image.toFile(), "rw")) {
      sparse.setLength(320L << 20);
    }
    List<String> command = new ArrayList<>(List.of(mkfs, "-q", "-p", protofile.toString()));
    Stream.of(options.split(" ", -1)).filter(option -> !option.isEmpty()).forEach(command::add);
    command.add(image.toString());
    assertThat(run(command)).isEmpty();
    return image;
  }

  /** Runs a program. Returns what it said if it failed, otherwise nothing. */
  static String run(List<String> command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return process.waitFor() == 0 ? "" : "failed: " + said;
  }

  /**
   * Mounts an image with Linux and runs a shell script in it. Skips the test where that is not
   * possible, or fails where POLLUX_REQUIRE_ORACLES says so.
   *
   * @return what the script said, a char for each byte
   */
  static String linux(Path image, String script) throws IOException, InterruptedException {
    Path mount = Files.createTempDirectory(image.getParent(), "linux");
    String refusal = run(List.of("mount", "-o", "loop,nouuid", image.toString(), mount.toString()));
    if ("1".equals(System.getenv("POLLUX_REQUIRE_ORACLES"))) {
      assertThat(refusal).isEmpty();
    }
    assumeTrue(refusal.isEmpty(), refusal);
    try {
      Process process =
          new ProcessBuilder("sh", "-e", "-c", script)
              .directory(mount.toFile())
              .redirectErrorStream(true)
              .start();
      String said =
          new String(process.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
      assertThat(process.waitFor()).as(said).isZero();
      return said;
    } finally {
      assertThat(run(List.of("umount", mount.toString()))).isEmpty();
    }
  }
}
