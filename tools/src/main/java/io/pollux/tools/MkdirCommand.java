// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.tools.console.Console;
import io.pollux.tools.console.Failure;
import io.pollux.tools.image.Target;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.StatMode;
import io.pollux.userland.PathName;
import io.pollux.userland.SyscallException;
import io.pollux.userland.UserChanges;
import io.pollux.userland.UserFiles;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** pollux mkdir: creates directories in an image. */
@Command(name = "mkdir", sortOptions = false, description = "Creates directories in an image.")
final class MkdirCommand implements Callable<Integer> {
  private static final int MODE = 0755;

  private final Console console;

  @Parameters(paramLabel = "PATH", description = "The new directories.")
  private final List<String> paths = new ArrayList<>();

  @Option(
      names = {"-p", "--parents"},
      description = "Also create missing parents; an existing directory is no error.")
  private boolean parents;

  @Mixin private final TargetOptions target = new TargetOptions();
  @Mixin final CommonOptions common = new CommonOptions();

  MkdirCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    if (paths.isEmpty()) {
      throw Failure.couldNotRun("mkdir", "no PATH is given");
    }
    PathWork work = new PathWork(console);
    try (Target opened = target.openToChange();
        UserFiles files = new UserFiles(opened.program());
        UserChanges changes = new UserChanges(opened.program())) {
      for (String path : paths) {
        PathName name = PathName.of(path);
        work.on(name, () -> make(opened, files, changes, name));
      }
    }
    return work.status();
  }

  private void make(Target opened, UserFiles files, UserChanges changes, PathName path) {
    if (parents) {
      byte[] bytes = path.bytes();
      for (int i = 1; i < bytes.length; i++) {
        if (bytes[i] == '/' && bytes[i - 1] != '/') {
          ensure(opened, files, changes, PathName.of(Arrays.copyOf(bytes, i)));
        }
      }
      ensure(opened, files, changes, path);
    } else {
      changes.makeDirectory(Fcntl.AT_FDCWD, opened.inKernel(path), MODE);
    }
  }

  private static void ensure(
      Target opened, UserFiles files, UserChanges changes, PathName directory) {
    PathName name = opened.inKernel(directory);
    try {
      changes.makeDirectory(Fcntl.AT_FDCWD, name, MODE);
    } catch (SyscallException e) {
      if (e.errno() != Errno.EEXIST || !files.stat(name).is(StatMode.S_IFDIR)) {
        throw e;
      }
    }
  }
}
