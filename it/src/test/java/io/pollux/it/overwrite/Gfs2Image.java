// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.overwrite;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.ErrnoException;
import io.pollux.it.Gfs2Images;
import io.pollux.syscalls.Program;
import io.pollux.testkit.Oracles;
import io.pollux.testkit.TestDisk;
import io.pollux.testkit.TestKernel;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.RawMemory;
import io.pollux.userland.PathName;
import io.pollux.userland.UserFiles;
import io.pollux.userland.UserMemory;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A GFS2 image in a file. No Linux here has the module for it, so its judge is one in an emulator;
 * what is to be had quicker is read by this kernel, whose reading is held against Linux elsewhere.
 *
 * @param file the image
 */
record Gfs2Image(Path file) implements JudgedImage {
  private static final int LINUX_SECONDS = 300;

  /** Bytes that the inodes of the sample have room for. */
  static final int MOST_IN_INODE = 4096 - 232;

  /**
   * Files of the sample whose every block is written, in an inode, behind one, and behind a tree.
   */
  static final List<String> WHOLE =
      List.of(
          "/main.dat",
          "/tail.dat",
          "/prealloc.dat",
          "/sizes/511",
          "/sizes/3864",
          "/sizes/3865",
          "/sizes/4097");

  /** The smaller ones of them. */
  static final List<String> SMALL = WHOLE.subList(1, WHOLE.size());

  /** Files with holes. */
  static final List<String> PARTLY =
      List.of("/fragmented.dat", "/holes.dat", "/onlyhole.dat", "/sizes/grown");

  /** What the checks have to have on this machine. */
  static void need() {
    Oracles.needPrograms("gfs2-utils", "fsck.gfs2");
  }

  /** What {@link #seenByLinux} has to have. */
  static void needLinux() {
    need();
    Oracles.needPrograms("qemu-system-x86", "qemu-system-x86_64");
    Oracles.needPrograms("busybox-static", "busybox");
    Oracles.needPrograms("perl", "perl");
  }

  /** The sample, unpacked into a file. */
  static Gfs2Image sample(Path directory) throws IOException, InterruptedException {
    return new Gfs2Image(Gfs2Images.unpackSample(directory));
  }

  @Override
  public Gfs2Image at(Path other) {
    return new Gfs2Image(other);
  }

  @Override
  public void assertSound() throws IOException, InterruptedException {
    LinuxImage.run("fsck.gfs2", "-n", file.toString());
  }

  @Override
  public Map<String, byte[]> contents(List<String> names) {
    Map<String, byte[]> contents = new HashMap<>();
    try (TestKernel kernel = TestKernel.boot()) {
      kernel.addDisk("image0", TestDisk.image(file, true));
      kernel.mount("mnt", "image0");
      Program program = kernel.newProgram();
      try (UserFiles files = new UserFiles(program);
          UserMemory memory = UserMemory.map(program, CHUNK)) {
        for (String name : names) {
          int fd = files.open(PathName.of("/mnt" + name), Fcntl.O_RDONLY);
          byte[] content = new byte[(int) files.fstat(fd).size()];
          for (int at = 0; at < content.length; at += CHUNK) {
            int bytes = Math.min(CHUNK, content.length - at);
            assertThat(files.pread(fd, memory.address(), bytes, at)).isEqualTo(bytes);
            MemorySegment from = RawMemory.segment(memory.address(), bytes);
            MemorySegment.copy(from, ValueLayout.JAVA_BYTE, 0, content, at, bytes);
          }
          contents.put(name, content);
          files.close(fd);
        }
      }
    } catch (ErrnoException e) {
      throw new AssertionError("the mount", e);
    }
    return contents;
  }

  @Override
  public Map<String, Seen> seenByLinux(List<String> names)
      throws IOException, InterruptedException {
    Path directory = Files.createTempDirectory(file.getParent(), "linux");
    Path script = directory.resolve("script");
    String relative = "." + String.join(" .", names);
    Files.writeString(
        script,
        """
        set -e
        sha256sum %s > "$OUT/sums"
        stat -c '%%.9Y' %s > "$OUT/times"
        echo goes on > linux
        sync
        """
            .formatted(relative, relative));
    LinuxImage.run(
        LINUX_SECONDS + 60, // the script gives up first, and cleans up behind itself
        "bash",
        Gfs2Images.inLinux().toString(),
        "-t",
        String.valueOf(LINUX_SECONDS),
        file.toString(),
        script.toString(),
        directory.toString());
    List<String> sums = Files.readAllLines(directory.resolve("sums"), UTF_8);
    List<String> times = Files.readAllLines(directory.resolve("times"), UTF_8);
    assertThat(sums).hasSameSizeAs(names);
    assertThat(times).hasSameSizeAs(names);
    Map<String, Seen> seen = new HashMap<>();
    for (int i = 0; i < names.size(); i++) {
      String[] time = times.get(i).split("\\.", 2);
      Instant mtime = Instant.ofEpochSecond(Long.parseLong(time[0]), Long.parseLong(time[1]));
      seen.put(names.get(i), new Seen(sums.get(i).substring(0, 64), mtime));
    }
    return seen;
  }
}
