// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.pollux.testkit.Oracles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * A loop device of the Linux below, over an image.
 *
 * @param name such as /dev/loop0
 */
record LoopDevice(String name) implements AutoCloseable {
  /** Needs root and loop devices. */
  static void need() {
    Oracles.needPrograms("util-linux", "losetup");
    Oracles.need(
        Files.isWritable(Path.of("/dev/loop-control")),
        "a loop device takes root and /dev/loop-control");
  }

  /**
   * Attaches an image.
   *
   * @param image its file
   */
  static LoopDevice over(Path image) throws IOException, InterruptedException {
    return new LoopDevice(run("losetup", "--find", "--show", image.toString()));
  }

  @Override
  public void close() throws IOException {
    try {
      run("losetup", "--detach", name);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("losetup --detach " + name + ": interrupted", e);
    }
  }

  private static String run(String... command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(List.of(command)).redirectErrorStream(true).start();
    String said = new String(process.getInputStream().readAllBytes(), UTF_8).strip();
    if (process.waitFor() != 0) {
      throw new IOException(String.join(" ", command) + ": " + said);
    }
    return said;
  }
}
