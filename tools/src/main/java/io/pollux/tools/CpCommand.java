// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.tools.console.Console;
import io.pollux.tools.console.Failure;
import io.pollux.tools.console.Terminal;
import io.pollux.tools.host.HostFailure;
import io.pollux.tools.image.Target;
import io.pollux.uapi.Errno;
import io.pollux.userland.PathName;
import io.pollux.userland.SyscallException;
import io.pollux.userland.UserFiles;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** pollux cp: copies files out of an image, and into it. */
@Command(
    name = "cp",
    sortOptions = false,
    description = {
      "Copies files out of an image or into it, with modes, times and holes, and with owners as far"
          + " as this user may set them on the",
      "host. Runs of zeroes also become holes. A file with several names is copied under each."
          + " Extended attributes are not copied.",
      "A path begins with image: or host:. If the last one is a directory, the others are copied"
          + " into it. Reports what it cannot copy",
      "or keep, and then exits with status 1."
    })
final class CpCommand implements Callable<Integer> {
  private static final String IMAGE = "image:";
  private static final String HOST = "host:";

  private final Console console;

  @Parameters(
      paramLabel = "PATH",
      description =
          "image:PATH ... host:PATH, or host:PATH ... image:PATH. With one host:PATH only, --file"
              + " is copied.")
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
    check();
    String last = paths.getLast();
    return last.startsWith(IMAGE) ? copyIn(PathName.of(last.substring(IMAGE.length()))) : copyOut();
  }

  private @Nullable PathName imageFile() {
    Path image = target.spec().image();
    return image == null ? null : PathName.of(image.toString());
  }

  private List<PathName> sources(String prefix) {
    List<PathName> from = new ArrayList<>();
    for (String path : paths.subList(0, paths.size() - 1)) {
      from.add(PathName.of(path.substring(prefix.length())));
    }
    return from;
  }

  private int copyIn(PathName given) {
    PathName to = given.bytes().length == 0 ? PathName.of("/") : given;
    CopyProgress progress = new CopyProgress(console.err(), System::nanoTime, Terminal.isError());
    PathWork work = new PathWork(console, progress::clear);
    List<PathName> from = sources(HOST);
    try (Target opened = target.openToChange();
        UserFiles files = new UserFiles(opened.program());
        CopyIn copy =
            new CopyIn(opened, files, work, progress, recursive, imageFile(), from.size() > 1)) {
      console.interrupts().accept(copy::stop);
      boolean into = copy.isDirectory(to);
      requireDirectory(to, into, from);
      from.forEach(path -> copy.copy(path, to, into));
    } catch (SyscallException e) {
      throw Failure.couldNotRun(to.toString(), Errno.describe(e.errno()), e);
    }
    return work.status();
  }

  private static void requireDirectory(PathName to, boolean into, List<PathName> from) {
    if (!into && from.size() > 1) {
      throw Failure.couldNotRun(
          to.toString(), "is not a directory, and there are several files to copy");
    }
  }

  private int copyOut() {
    String last = paths.getLast().substring(HOST.length());
    PathName to = PathName.of(last.isEmpty() ? "." : last);
    CopyProgress progress = new CopyProgress(console.err(), System::nanoTime, Terminal.isError());
    PathWork work = new PathWork(console, progress::clear);
    try (Target opened = target.open(false);
        UserFiles files = new UserFiles(opened.program());
        FileReader reader = new FileReader(opened, files)) {
      List<PathName> from = sources(IMAGE);
      if (from.isEmpty()) {
        from.add(opened.file(files));
      }
      try (CopyOut copy =
          new CopyOut(
              opened, files, reader, work, progress, recursive, imageFile(), from.size() > 1)) {
        console.interrupts().accept(copy::stop);
        boolean into = copy.isDirectory(to);
        requireDirectory(to, into, from);
        from.forEach(path -> copy.copy(path, to, into));
      }
    } catch (HostFailure e) {
      throw Failure.couldNotRun(to.toString(), String.valueOf(e.getMessage()), e);
    }
    return work.status();
  }

  private void check() {
    if (paths.isEmpty()) {
      throw Failure.couldNotRun("cp", "nothing to copy (see pollux cp --help)");
    }
    for (String path : paths) {
      if (!path.startsWith(IMAGE) && !path.startsWith(HOST)) {
        throw Failure.couldNotRun(path, "begins with neither image: nor host:");
      }
    }
    boolean in = paths.getLast().startsWith(IMAGE);
    if (in && paths.size() == 1) {
      throw Failure.couldNotRun(paths.getLast(), "nothing to copy there (see pollux cp --help)");
    }
    for (String path : paths.subList(0, paths.size() - 1)) {
      if (path.startsWith(IMAGE) == in) {
        throw Failure.couldNotRun(
            path,
            in
                ? "is in the image; cp copies between the image and the host"
                : "is not in the image; cp copies between the image and the host");
      }
    }
  }
}
