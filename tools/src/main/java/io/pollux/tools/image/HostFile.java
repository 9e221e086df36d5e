// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.image;

import io.pollux.tools.console.Failure;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Locale;

/** Host files, and readable reasons for their errors. */
public final class HostFile {
  private static final int S_IFMT = 0170000;
  private static final int S_IFREG = 0100000;
  private static final int S_IFBLK = 0060000;

  private HostFile() {}

  /**
   * Checks that a path can hold an image, before an open that could block forever.
   *
   * @param path path of the image
   * @throws Failure if it is missing, empty, a directory or a pipe
   */
  static void checkImage(Path path) {
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
      throw Failure.couldNotRun(name, why(e), e);
    }
  }

  /**
   * Returns the reason of an error in a few words.
   *
   * @param e the error
   * @return the reason, without the name of the file
   */
  public static String why(IOException e) {
    if (e instanceof NoSuchFileException) {
      return "No such file or directory";
    }
    if (e instanceof AccessDeniedException) {
      return "Permission denied";
    }
    if (e instanceof FileAlreadyExistsException) {
      return "File exists";
    }
    String reason = e instanceof FileSystemException fse ? fse.getReason() : e.getMessage();
    return reason == null ? e.getClass().getSimpleName().toLowerCase(Locale.ROOT) : reason;
  }
}
