// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.overwrite;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.driver.RamDisk;
import io.pollux.sample.SampleImage;
import io.pollux.testkit.Oracles;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;

/**
 * An XFS image in a file, and what Linux and xfsprogs do with it.
 *
 * @param file the image
 */
record LinuxImage(Path file) implements JudgedImage {
  private static final int SECONDS = 120;

  /** Files whose every block is written, inside their size. */
  static final List<String> WHOLE =
      List.of("/whole-0", "/whole-1", "/whole-2", "/dir/odd", "/dir/short", "/dir/setuid");

  /**
   * Files with holes, unwritten blocks, or blocks that are shared: not everything can be written
   * there.
   */
  static final List<String> PARTLY = List.of("/holes", "/unwritten", "/checker", "/tail");

  /** What has to be there on this machine. */
  static void need() {
    Oracles.needPrograms("xfsprogs", "mkfs.xfs", "xfs_repair", "xfs_io");
    Oracles.needPrograms("util-linux", "mount", "umount");
    Oracles.needLoopMounts("xfs");
  }

  /** Work of a test on the mounted image. */
  interface Work {
    /** Does it, with the root of the image at a directory. */
    void with(Path root) throws IOException, InterruptedException;
  }

  /** Makes an image and has Linux fill it. */
  static LinuxImage make(Path directory, String options, Random random)
      throws IOException, InterruptedException {
    LinuxImage image = new LinuxImage(directory.resolve("image"));
    try (RandomAccessFile sparse = new RandomAccessFile(image.file.toFile(), "rw")) {
      sparse.setLength(300L << 20);
    }
    List<String> mkfs = new ArrayList<>(List.of("mkfs.xfs", "-q"));
    if (!options.isEmpty()) {
      mkfs.addAll(List.of(options.split(" ", -1)));
    }
    mkfs.add(image.file.toString());
    run(mkfs.toArray(String[]::new));
    image.mounted("rw", root -> fill(root, random));
    return image;
  }

  private static void fill(Path root, Random random) throws IOException, InterruptedException {
    Files.createDirectory(root.resolve("dir"));
    for (String name : WHOLE) {
      int size = name.endsWith("short") ? 700 : name.endsWith("odd") ? 200_001 : 1 << 20;
      Files.write(at(root, name), bytes(random, size));
    }
    run("chmod", "4755", at(root, "/dir/setuid").toString());
    try (RandomAccessFile holes = new RandomAccessFile(at(root, "/holes").toFile(), "rw")) {
      for (int i = 0; i < 8; i++) {
        holes.seek(i * 100_000L);
        holes.write(bytes(random, 30_000));
      }
    }
    String unwritten = at(root, "/unwritten").toString();
    run(
        "xfs_io",
        "-f",
        "-c",
        "falloc 0 512k",
        "-c",
        "pwrite -q -S 7 64k 64k",
        "-c",
        "pwrite -q -S 9 300k 5000",
        unwritten);
    List<String> checker = new ArrayList<>(List.of("xfs_io", "-f"));
    for (int i = 0; i < 60; i++) { // every other block: a tree of extents
      checker.addAll(List.of("-c", "pwrite -q -S " + (i + 1) + " " + i * 8 + "k 4k"));
    }
    checker.add(at(root, "/checker").toString());
    run(checker.toArray(String[]::new));
    run(
        "xfs_io",
        "-f",
        "-c",
        "pwrite -q -S 5 0 10000",
        "-c",
        "falloc -k 0 256k",
        at(root, "/tail").toString());
  }

  /** The sample, unpacked into a file. */
  static LinuxImage sample(Path directory) throws IOException {
    LinuxImage image = new LinuxImage(directory.resolve("image"));
    RamDisk disk = SampleImage.load();
    try {
      image.write(disk.address(), disk.bytes());
    } finally {
      disk.close();
    }
    return image;
  }

  @Override
  public LinuxImage at(Path other) {
    return new LinuxImage(other);
  }

  @Override
  public Map<String, byte[]> contents(List<String> names) throws IOException, InterruptedException {
    Map<String, byte[]> contents = new HashMap<>();
    mounted(
        "ro",
        root -> {
          for (String name : names) {
            contents.put(name, Files.readAllBytes(at(root, name)));
          }
        });
    return contents;
  }

  @Override
  public Map<String, Seen> seenByLinux(List<String> names)
      throws IOException, InterruptedException {
    Map<String, Seen> seen = new HashMap<>();
    mounted(
        "ro",
        root -> {
          for (String name : names) {
            Path path = at(root, name);
            String sum = run("sha256sum", path.toString()).substring(0, 64);
            seen.put(name, new Seen(sum, Files.getLastModifiedTime(path).toInstant()));
          }
        });
    mounted("rw", root -> Files.writeString(root.resolve("linux"), "goes on"));
    return seen;
  }

  /** Has Linux mount it, for a while. */
  void mounted(String how, Work work) throws IOException, InterruptedException {
    Path root = Files.createTempDirectory(file.getParent(), "mnt");
    run("mount", "-t", "xfs", "-o", "loop," + how, file.toString(), root.toString());
    try {
      work.with(root);
    } finally {
      run("umount", root.toString());
    }
    Files.delete(root);
  }

  @Override
  public void recover() throws IOException, InterruptedException {
    mounted("rw", root -> {});
  }

  /** xfs_repair finds nothing. */
  @Override
  public void assertSound() throws IOException, InterruptedException {
    run("xfs_repair", "-n", file.toString());
  }

  /** Where Linux has a path of the image. */
  static Path at(Path root, String name) {
    return root.resolve(name.substring(1));
  }

  static byte[] bytes(Random random, int count) {
    byte[] bytes = new byte[count];
    random.nextBytes(bytes);
    return bytes;
  }

  /** Runs a program, which has to succeed. Answers what it said. */
  static String run(String... command) throws IOException, InterruptedException {
    return run(SECONDS, command);
  }

  static String run(int seconds, String... command) throws IOException, InterruptedException {
    Path said = Files.createTempFile("pollux-overwrite", ".txt");
    try {
      ProcessBuilder builder =
          new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(said.toFile());
      builder
          .environment()
          .merge("PATH", "/usr/local/sbin:/usr/sbin:/sbin", (path, more) -> path + ":" + more);
      Process process = builder.start();
      try {
        assertThat(process.waitFor(seconds, TimeUnit.SECONDS))
            .as("%s ends", String.join(" ", command))
            .isTrue();
      } finally {
        process.destroyForcibly();
      }
      String text = Files.readString(said, UTF_8);
      assertThat(process.exitValue()).as("%s: %s", String.join(" ", command), text).isZero();
      return text;
    } finally {
      Files.delete(said);
    }
  }
}
