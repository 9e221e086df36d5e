// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.tools.console.Console;
import io.pollux.tools.console.Failure;
import io.pollux.tools.console.Terminal;
import io.pollux.tools.host.HostFailure;
import io.pollux.tools.image.Target;
import io.pollux.userland.PathName;
import io.pollux.userland.UserFiles;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** pollux cp: copies files out of an image. */
@Command(
    name = "cp",
    sortOptions = false,
    description = {
      "Copies files out of an image, with modes, times and holes, and with owners as far as this"
          + " user may set them. Runs of zeroes",
      "also become holes. A file with several names is copied under each. Extended attributes are"
          + " not copied. A path begins with",
      "image: or host:. If the last one is a directory, the others are copied into it. If something"
          + " cannot be copied or kept,",
      "it is reported, and the exit status is 1."
    })
final class CpCommand implements Callable<Integer> {
  private static final String IMAGE = "image:";
  private static final String HOST = "host:";

  private final Console console;

  @Parameters(
      paramLabel = "PATH",
      description = "image:PATH ... host:PATH. With one host:PATH only, --file is copied.")
  private final List<String> paths = new ArrayList<>();

  @Option(
      names = {"-r", "--recursive"},
      description = {
        "Copy directories recursively, and symlinks, pipes, sockets and devices as such. Without"
            + " this option symlinks are",
        "followed."
      })
  private boolean recursive;

  @Mixin private final TargetOptions target = new TargetOptions();
  @Mixin final CommonOptions common = new CommonOptions();

  CpCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    PathName to = check();
    CopyProgress progress = new CopyProgress(console.err(), System::nanoTime, Terminal.isError());
    PathWork work = new PathWork(console, progress::clear);
    Path image = target.spec().image();
    try (Target opened = target.open(false);
        UserFiles files = new UserFiles(opened.program());
        FileReader reader = new FileReader(opened, files)) {
      List<PathName> from = new ArrayList<>();
      for (String path : paths.subList(0, paths.size() - 1)) {
        from.add(PathName.of(path.substring(IMAGE.length())));
      }
      if (from.isEmpty()) {
        from.add(opened.file(files));
      }
      PathName own = image == null ? null : PathName.of(image.toString());
      try (CopyOut copy =
          new CopyOut(opened, files, reader, work, progress, recursive, own, from.size() > 1)) {
        console.interrupts().accept(copy::stop);
        boolean into = copy.isDirectory(to);
        if (!into && from.size() > 1) {
          throw Failure.couldNotRun(
              to.toString(), "is not a directory, and there are several files to copy");
        }
        from.forEach(path -> copy.copy(path, to, into));
      }
    } catch (HostFailure e) {
      throw Failure.couldNotRun(to.toString(), String.valueOf(e.getMessage()), e);
    }
    return work.status();
  }

  /** Validates the arguments. Returns the target. */
  private PathName check() {
    if (paths.isEmpty()) {
      throw Failure.couldNotRun("cp", "nothing to copy (see pollux cp --help)");
    }
    for (String path : paths) {
      if (!path.startsWith(IMAGE) && !path.startsWith(HOST)) {
        throw Failure.couldNotRun(path, "begins with neither image: nor host:");
      }
    }
    String last = paths.getLast();
    if (last.startsWith(IMAGE)) {
      throw Failure.couldNotRun(last, "cannot be written to, images are read-only for now");
    }
    for (String path : paths.subList(0, paths.size() - 1)) {
      if (path.startsWith(HOST)) {
        throw Failure.couldNotRun(path, "is not in the image; cp copies out of it");
      }
    }
    String to = last.substring(HOST.length());
    return PathName.of(to.isEmpty() ? "." : to);
  }
}
