// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.image;

import io.pollux.tools.console.Failure;
import io.pollux.tools.console.IoReason;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;

/** Checks of image files of the host. */
final class ImageFile {
  private static final int S_IFMT = 0170000;
  private static final int S_IFREG = 0100000;
  private static final int S_IFBLK = 0060000;

  private ImageFile() {}

  /**
   * Checks that a path can hold an image, before an open that could block forever.
   *
   * @param path path of the image
   * @throws Failure if it is missing, empty, a directory or a pipe
   */
  static void check(Path path) {
    String name = path.toString();
    try {
      int type = (int) Files.getAttribute(path, "unix:mode") & S_IFMT;
      if (Files.isDirectory(path)) {
        throw Failure.couldNotRun(name, "is a directory, not an image");
      }
      if (type != S_IFREG && type != S_IFBLK) {
        throw Failure.couldNotRun(name, "is neither a file nor a block device");
      }
      // no channel: an interrupt would close it
      try (InputStream start = Files.newInputStream(path)) {
        if (start.read() < 0) { // works for block devices, unlike Files.size
          throw Failure.couldNotRun(name, "is empty");
        }
      }
    } catch (IOException e) {
      throw Failure.couldNotRun(name, IoReason.of(e), e);
    }
  }
}
