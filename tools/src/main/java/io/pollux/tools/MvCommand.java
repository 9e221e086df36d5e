// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.tools.console.Console;
import io.pollux.tools.console.Failure;
import io.pollux.tools.image.Target;
import io.pollux.uapi.Errno;
import io.pollux.uapi.StatMode;
import io.pollux.userland.PathName;
import io.pollux.userland.SyscallException;
import io.pollux.userland.UserChanges;
import io.pollux.userland.UserFiles;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** pollux mv: moves names inside an image. */
@Command(
    name = "mv",
    sortOptions = false,
    description = {
      "Renames a file or directory of an image. If the last path is a directory, the others are"
          + " moved into it. A file that has the",
      "new name is replaced."
    })
final class MvCommand implements Callable<Integer> {
  private final Console console;

  @Parameters(paramLabel = "PATH", description = "What to move, and where to.")
  private final List<String> paths = new ArrayList<>();

  @Mixin private final TargetOptions target = new TargetOptions();
  @Mixin final CommonOptions common = new CommonOptions();

  MvCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    if (paths.size() < 2) {
      throw Failure.couldNotRun("mv", "needs a PATH and its new PATH");
    }
    PathName to = PathName.of(paths.getLast());
    List<PathName> from = paths.subList(0, paths.size() - 1).stream().map(PathName::of).toList();
    PathWork work = new PathWork(console);
    try (Target opened = target.openToChange();
        UserFiles files = new UserFiles(opened.program());
        UserChanges changes = new UserChanges(opened.program())) {
      boolean into = isDirectory(files, opened.inKernel(to));
      if (!into && from.size() > 1) {
        throw Failure.couldNotRun(
            to.toString(), "is not a directory, and there are several files to move");
      }
      Set<PathName> taken = new HashSet<>();
      for (PathName path : from) {
        PathName name = path.fileName();
        PathName place = into && name.isPlainName() ? to.resolve(name) : to;
        if (!taken.add(name)) { // all go to one directory
          work.failed(path.toString(), "another file of this name was moved there before");
          continue;
        }
        work.on(path, () -> changes.rename(opened.inKernel(path), opened.inKernel(place)));
      }
    }
    return work.status();
  }

  private static boolean isDirectory(UserFiles files, PathName path) {
    try {
      return files.stat(path).is(StatMode.S_IFDIR);
    } catch (SyscallException e) {
      if (e.errno() == Errno.ENOENT) {
        return false;
      }
      throw Failure.couldNotRun(path.toString(), Errno.describe(e.errno()), e);
    }
  }
}
