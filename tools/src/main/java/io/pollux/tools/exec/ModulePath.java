// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.exec;

import io.pollux.core.host.HostCall;
import io.pollux.tools.console.Failure;
import io.pollux.tools.console.IoReason;
import io.pollux.uapi.Nr;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The module path of this process. The archive's path starts at a directory that the script has
 * opened, because the AOT cache accepts only the path that it was made with.
 */
final class ModulePath {
  private static final Pattern OPEN_DIRECTORY = Pattern.compile("/proc/self/fd/([0-9]{1,9})/.*");
  private static final int F_SETFD = 2;
  private static final int FD_CLOEXEC = 1;

  private ModulePath() {}

  /**
   * Returns a path for another program, in which that directory is not open.
   *
   * @param path a module path
   * @throws Failure if an entry does not exist
   */
  static String lasting(String path) {
    if (!OPEN_DIRECTORY.matcher(path).matches()) {
      return path;
    }
    List<String> entries = new ArrayList<>();
    for (String entry : path.split(File.pathSeparator, -1)) {
      try {
        entries.add(Path.of(entry).toRealPath().toString());
      } catch (IOException e) {
        throw Failure.couldNotRun(entry, IoReason.of(e), e);
      }
    }
    return String.join(File.pathSeparator, entries);
  }

  /**
   * Has the directory closed by execve(2), so that the program does not see it.
   *
   * @param path the module path
   */
  static void closeOnExec(String path) {
    Matcher directory = OPEN_DIRECTORY.matcher(path);
    if (!directory.matches()) {
      return;
    }
    int fd = Integer.parseInt(directory.group(1));
    if (HostCall.call(Nr.FCNTL, fd, F_SETFD, FD_CLOEXEC, 0) != 0) {
      throw Failure.couldNotRun(path, "its directory is not open");
    }
  }
}
