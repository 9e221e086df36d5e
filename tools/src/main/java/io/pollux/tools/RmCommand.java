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
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** pollux rm: removes names of an image. */
@Command(
    name = "rm",
    sortOptions = false,
    description = "Removes files of an image, and with -r directories with all they contain.")
final class RmCommand implements Callable<Integer> {
  private static final PathName PARENT = PathName.of("..");
  private static final int DIRECTORY = Fcntl.O_RDONLY | Fcntl.O_DIRECTORY | Fcntl.O_NOFOLLOW;

  private final Console console;

  @Parameters(paramLabel = "PATH", description = "What to remove.")
  private final List<String> paths = new ArrayList<>();

  @Option(
      names = {"-r", "--recursive"},
      description = "Remove directories and their contents.")
  private boolean recursive;

  @Option(
      names = {"-f", "--force"},
      description = "Ignore names that do not exist.")
  private boolean force;

  @Mixin private final TargetOptions target = new TargetOptions();
  @Mixin final CommonOptions common = new CommonOptions();
  private volatile boolean stopped;

  RmCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    if (paths.isEmpty()) {
      throw Failure.couldNotRun("rm", "no PATH is given");
    }
    PathWork work = new PathWork(console);
    try (Target opened = target.openToChange();
        UserFiles files = new UserFiles(opened.program());
        UserChanges changes = new UserChanges(opened.program())) {
      console.interrupts().accept(() -> stopped = true);
      for (String path : paths) {
        PathName name = PathName.of(path);
        if (name.fileName().isPlainName()) {
          work.on(
              name, () -> new Remover(files, changes, work).remove(opened.inKernel(name), path));
        } else {
          work.failed(path, "is not removed; name what is in it");
        }
      }
    }
    return work.status();
  }

  /** A directory whose contents are being removed. */
  private record Level(PathName name, long ino, Iterator<PathName> names) {}

  /** Removes a path. It has one open descriptor, so a tree may be deep. */
  private final class Remover {
    private final UserFiles files;
    private final UserChanges changes;
    private final PathWork work;
    private final Deque<Level> levels = new ArrayDeque<>();
    private int directory = Fcntl.AT_FDCWD; // that of the innermost level

    Remover(UserFiles files, UserChanges changes, PathWork work) {
      this.files = files;
      this.changes = changes;
      this.work = work;
    }

    /**
     * Removes a path, as rm of coreutils does. The exception is a symlink to a directory with a
     * slash after its name: coreutils empties the directory and then fails. This fails at once.
     */
    void remove(PathName name, String given) {
      if (isLinkWithSlash(name)) {
        throw new SyscallException(given, Errno.ENOTDIR);
      }
      if (force && isMissing(name)) {
        return;
      }
      try {
        if (!files.lstat(name).is(StatMode.S_IFDIR)) {
          changes.unlink(Fcntl.AT_FDCWD, name, 0);
        } else if (recursive) {
          tree(name);
        } else {
          work.failed(given, "is a directory (-r removes it)");
        }
      } catch (SyscallException e) {
        if (!force || e.errno() != Errno.ENOENT) {
          throw e;
        }
      }
    }

    /** Whether no file has this name. A slash after the name of a file means none either. */
    private boolean isMissing(PathName name) {
      try {
        files.lstat(name);
        return false;
      } catch (SyscallException e) {
        return e.errno() == Errno.ENOENT || e.errno() == Errno.ENOTDIR;
      }
    }

    /** Whether a path is a symlink to a directory, with a slash after it. */
    private boolean isLinkWithSlash(PathName name) {
      byte[] bytes = name.bytes();
      int end = bytes.length;
      while (end > 1 && bytes[end - 1] == '/') {
        end--;
      }
      if (end == bytes.length || isMissing(name)) {
        return false;
      }
      return files.lstat(PathName.of(Arrays.copyOf(bytes, end))).is(StatMode.S_IFLNK);
    }

    private void tree(PathName top) {
      try {
        descend(top);
        while (levels.size() > 1 || levels.getFirst().names.hasNext()) {
          if (stopped) {
            throw Failure.fault("rm", "interrupted");
          }
          Level level = levels.getFirst();
          if (!level.names.hasNext()) {
            ascend();
            continue;
          }
          PathName name = level.names.next();
          if (files.lstatat(directory, name).is(StatMode.S_IFDIR)) {
            descend(name);
          } else {
            changes.unlink(directory, name, 0);
          }
        }
      } finally {
        if (directory != Fcntl.AT_FDCWD) {
          files.close(directory);
        }
      }
      changes.unlink(Fcntl.AT_FDCWD, top, Fcntl.AT_REMOVEDIR);
    }

    private void moveTo(int fd) {
      if (directory != Fcntl.AT_FDCWD) {
        files.close(directory);
      }
      directory = fd;
    }

    private void descend(PathName name) {
      moveTo(files.openat(directory, name, DIRECTORY));
      List<PathName> names = new ArrayList<>();
      files.readDirectory(directory).forEach(entry -> names.add(entry.name()));
      names.removeIf(PathName::isDots);
      levels.push(new Level(name, files.fstat(directory).ino(), names.iterator()));
    }

    private void ascend() {
      Level left = levels.pop();
      moveTo(files.openat(directory, PARENT, DIRECTORY));
      if (files.fstat(directory).ino() != levels.getFirst().ino) {
        throw new SyscallException("..", Errno.EUCLEAN);
      }
      changes.unlink(directory, left.name, Fcntl.AT_REMOVEDIR);
    }
  }
}
