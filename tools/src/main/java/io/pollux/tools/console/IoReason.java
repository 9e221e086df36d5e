// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.console;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.Locale;

/** The reason of an error of a host file, as a command shows it. */
public final class IoReason {
  private IoReason() {}

  /**
   * Returns the reason in a few words.
   *
   * @param e the error
   * @return the reason, without the name of the file
   */
  public static String of(IOException e) {
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
