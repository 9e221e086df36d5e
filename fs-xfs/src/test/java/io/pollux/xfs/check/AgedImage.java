// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.check;

import static org.assertj.core.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.xfs.XfsFileSystem;
import io.pollux.xfs.mkfs.HostTool;
import io.pollux.xfs.mkfs.MadeImage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.UserDefinedFileAttributeView;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A filesystem of ours that Linux mounted and filled: directories of each form, fragmented and
 * shared files, links, and attributes of each form; some of all that was removed again.
 */
final class AgedImage {
  private static final int NAMES = 700; // of the largest directory, half of which are removed
  private static final int PIECES = 120; // of a file with an extent tree

  /** Inode numbers by the paths of files. */
  final Map<String, Long> inodes = new LinkedHashMap<>();

  final Path file;

  private AgedImage(Path file) {
    this.file = file;
  }

  /** Makes one. The test is skipped if loop devices can't be mounted. */
  static AgedImage make(Path directory, long bytes, String options)
      throws IOException, InterruptedException, ErrnoException {
    AgedImage image = new AgedImage(MadeImage.make(directory.resolve("aged"), bytes, options));
    Path at = Files.createDirectories(directory.resolve("mounted"));
    HostTool.Result mounted =
        HostTool.tryRun("mount", "-t", "xfs", "-o", "loop", image.file.toString(), at.toString());
    if (mounted.status() != 0) {
      String why = "a loop device can't be mounted: " + mounted.output();
      if ("1".equals(System.getenv("POLLUX_REQUIRE_ORACLES"))) {
        fail(why);
      }
      assumeTrue(false, why);
    }
    try {
      image.fill(at, options.contains("reflink=0"));
    } finally {
      HostTool.run("umount", at.toString());
    }
    return image;
  }

  private void fill(Path at, boolean noSharing) throws IOException, InterruptedException {
    directory(at, "short", 4);
    directory(at, "block", 30);
    directory(at, "leaf", 150);
    directory(at, "node", NAMES);
    for (int i = 0; i < NAMES; i += 2) {
      Files.delete(at.resolve("node/name-" + i));
    }
    Path sub = Files.createDirectories(at.resolve("short/sub/subsub"));
    Files.writeString(sub.resolve("data"), "data".repeat(5000));
    fragments(at.resolve("fragments"));
    Files.createLink(at.resolve("block/hard"), at.resolve("fragments"));
    Files.createSymbolicLink(at.resolve("symlink"), Path.of("target"));
    Files.createSymbolicLink(at.resolve("long"), Path.of("x".repeat(900)));
    HostTool.run("mkfifo", at.resolve("fifo").toString());
    if (!noSharing) {
      Files.write(at.resolve("original"), new byte[40_000]);
      HostTool.run("cp", "--reflink=always", at + "/original", at + "/shared");
      HostTool.run("cp", "--reflink=always", at + "/original", at + "/partly");
      try (FileChannel partly = FileChannel.open(at.resolve("partly"), StandardOpenOption.WRITE)) {
        partly.write(ByteBuffer.wrap("other data".getBytes(StandardCharsets.US_ASCII)), 12_000);
      }
    }
    attribute(at.resolve("short"), "a", 10);
    attribute(at.resolve("block"), "value", 1000);
    attribute(at.resolve("leaf"), "large", 20_000);
    for (int i = 0; i < 60; i++) {
      attribute(at.resolve("node"), "many-" + i, 60);
    }
    String acl =
        "02000000"
            + "01000600ffffffff"
            + "0200040005000000"
            + "04000400ffffffff"
            + "10000400ffffffff"
            + "20000000ffffffff";
    Path guarded = Files.createFile(at.resolve("acl"));
    HostTool.run("setfattr", "-n", "system.posix_acl_access", "-v", "0x" + acl, guarded.toString());
    HostTool.run("fallocate", "-l", "100000", at + "/unwritten");
    try (var paths = Files.walk(at)) {
      for (Path path : (Iterable<Path>) paths::iterator) {
        Object ino = Files.getAttribute(path, "unix:ino", LinkOption.NOFOLLOW_LINKS);
        inodes.put(at.relativize(path).toString(), (Long) ino);
      }
    }
  }

  private static void directory(Path at, String name, int names) throws IOException {
    Path made = Files.createDirectory(at.resolve(name));
    for (int i = 0; i < names; i++) {
      Files.createFile(made.resolve("name-" + i));
    }
  }

  private static void fragments(Path file) throws IOException {
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.WRITE, StandardOpenOption.CREATE)) {
      for (int i = 0; i < PIECES; i++) {
        channel.write(ByteBuffer.wrap(new byte[512]), i * 16384L);
      }
    }
  }

  private static void attribute(Path file, String name, int bytes) throws IOException {
    Files.getFileAttributeView(file, UserDefinedFileAttributeView.class)
        .write(name, ByteBuffer.wrap(new byte[bytes]));
  }

  /** What the check says about an image. */
  static List<String> check(Path image) throws IOException, ErrnoException {
    List<String> damage = new ArrayList<>();
    try (MadeImage opened = new MadeImage(image, 512)) {
      new XfsFileSystem().check(opened.current(), opened.disk(), Options.none(), damage::add);
    }
    return damage;
  }
}
