// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.tools.console.Console;
import io.pollux.tools.console.Sizes;
import io.pollux.tools.image.Target;
import io.pollux.uapi.StatMode;
import io.pollux.userland.FileStatus;
import io.pollux.userland.PathName;
import io.pollux.userland.UserFiles;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** pollux stat: prints the status of files in an image. */
@Command(
    name = "stat",
    sortOptions = false,
    description = "Prints the status of files in an image.")
final class StatCommand implements Callable<Integer> {
  private final Console console;

  @Parameters(
      paramLabel = "PATH",
      description = "Files of any type. Default: --file and its default.")
  private final List<String> paths = new ArrayList<>();

  @Option(
      names = {"-L", "--dereference"},
      description = "Follow symlinks.")
  private boolean follow;

  @Mixin private final TargetOptions target = new TargetOptions();
  @Mixin final CommonOptions common = new CommonOptions();

  StatCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    PathWork work = new PathWork(console);
    try (Target opened = target.open(false);
        UserFiles files = new UserFiles(opened.program())) {
      List<PathName> wanted =
          paths.isEmpty() ? List.of(opened.file(files)) : paths.stream().map(PathName::of).toList();
      for (PathName path : wanted) {
        work.on(path, () -> show(files, path, opened.inKernel(path)));
      }
    }
    return work.status();
  }

  private void show(UserFiles files, PathName path, PathName at) {
    FileStatus status = follow ? files.stat(at) : files.lstat(at);
    String name = path.toString();
    if (status.is(StatMode.S_IFLNK)) {
      name += " -> " + files.readlink(at);
    }
    row("File", name);
    row("Type", FileModes.type(status.mode()) + special(status));
    row(
        "Size",
        status.size() + (status.size() < 1024 ? "" : " (" + Sizes.show(status.size()) + ")"));
    row("Blocks", status.blocks() + " of 512 bytes, I/O in blocks of " + status.blksize());
    row(
        "Mode",
        String.format(
            Locale.ROOT, "%04o (%s)", status.mode() & 07777, FileModes.show(status.mode())));
    row(
        "Owner",
        Integer.toUnsignedString(status.uid()) + ":" + Integer.toUnsignedString(status.gid()));
    row(
        "Inode",
        Long.toUnsignedString(status.ino()) + " on device " + FileModes.device(status.dev()));
    row("Links", Long.toUnsignedString(status.nlink()));
    row("Accessed", Times.full(status.atime()));
    row("Modified", Times.full(status.mtime()));
    row("Changed", Times.full(status.ctime()));
  }

  private static String special(FileStatus status) {
    boolean device = status.is(StatMode.S_IFBLK) || status.is(StatMode.S_IFCHR);
    return device ? " " + FileModes.device(status.rdev()) : "";
  }

  private void row(String name, String value) {
    console.print(String.format(Locale.ROOT, "%8s: %s%n", name, value));
  }
}
