// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** What Linux and its tools say about an image that was written. */
final class LinuxXfs {
  private LinuxXfs() {}

  /** What looks at a mounted image. */
  interface Look {
    void at(Path root) throws IOException, InterruptedException;
  }

  /** xfs_repair finds nothing. */
  static void assertSound(Path image) throws IOException, InterruptedException {
    MkfsImage.requireMkfs(); // Debian has both in xfsprogs
    Process process =
        new ProcessBuilder(tool("xfs_repair"), "-n", image.toString())
            .redirectErrorStream(true)
            .start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(said).isZero();
  }

  private static String tool(String name) {
    return List.of("/usr/sbin/" + name, "/sbin/" + name, "/usr/bin/" + name).stream()
        .filter(path -> Files.isExecutable(Path.of(path)))
        .findFirst()
        .orElse(name);
  }

  /** Has Linux mount an image read-only. Skips the rest of the test where that is not possible. */
  static void look(Path image, Look look) throws IOException, InterruptedException {
    look(image, "ro,loop", look);
  }

  /** As {@link #look}, mounted for writing: Linux recovers the log. */
  static void recover(Path image, Look look) throws IOException, InterruptedException {
    look(image, "loop", look);
  }

  private static void look(Path image, String options, Look look)
      throws IOException, InterruptedException {
    if (!Files.isWritable(Path.of("/dev/loop-control"))) {
      assertThat(System.getenv("POLLUX_REQUIRE_ORACLES"))
          .as("mounting takes root and loop devices")
          .isNotEqualTo("1");
      assumeTrue(false, "mounting takes root and loop devices; all before it was checked");
    }
    Path root = Files.createTempDirectory(image.getParent(), "mnt");
    run("mount", "-t", "xfs", "-o", options, image.toString(), root.toString());
    try {
      look.at(root);
    } catch (UncheckedIOException e) {
      throw e.getCause();
    } finally {
      run("umount", root.toString());
    }
    Files.delete(root);
  }

  private static void run(String... command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(String.join(" ", command) + ": " + said).isZero();
  }
}
