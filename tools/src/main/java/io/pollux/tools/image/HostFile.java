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

/** Files of the machine, and why they cannot be used, in a few words. */
public final class HostFile {
  private static final int S_IFMT = 0170000;
  private static final int S_IFREG = 0100000;
  private static final int S_IFBLK = 0060000;

  private HostFile() {}

  /**
   * Makes sure that a path is something that can hold an image, before anything is opened that might never answer.
   *
   * @param path where it should be
   * @throws Failure if it is missing, empty, a directory, a pipe
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
      try (InputStream start = Files.newInputStream(path)) { // no channel: an interrupt would close it
        if (start.read() < 0) { // this knows block devices too, Files.size does not
          throw Failure.couldNotRun(name, "is empty");
        }
      }
    } catch (IOException e) {
      throw Failure.couldNotRun(name, why(e), e);
    }
  }

  /**
   * Says why the machine refused.
   *
   * @param e the refusal
   * @return a few words, without the name of the file
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
