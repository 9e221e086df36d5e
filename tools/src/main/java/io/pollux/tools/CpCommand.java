// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.tools.console.Console;
import io.pollux.tools.console.Failure;
import io.pollux.tools.image.Target;
import io.pollux.tools.user.PathName;
import io.pollux.tools.user.UserFiles;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** pollux cp: files out of an image. */
@Command(
    name = "cp",
    sortOptions = false,
    description = {
      "Copies files out of an image, with their modes and times; runs of zeroes become holes.",
      "A path begins with image: or host: to say where it is. If the last one is a directory, the others are copied into it."
    })
final class CpCommand implements Callable<Integer> {
  private static final String IMAGE = "image:";
  private static final String HOST = "host:";

  private final Console console;

  @Parameters(paramLabel = "PATH", description = "image:PATH ... host:PATH. With one host:PATH only, --file is copied.")
  private final List<String> paths = new ArrayList<>();

  @Option(names = {"-r", "--recursive"}, description = "Copy directories with all that is in them.")
  private boolean recursive;

  @Mixin private final TargetOptions target = new TargetOptions();
  @Mixin final CommonOptions common = new CommonOptions();

  CpCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    Path to = check();
    PathWork work = new PathWork(console);
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
      boolean into = Files.isDirectory(to);
      if (!into && from.size() > 1) {
        throw Failure.couldNotRun(to.toString(), "is not a directory, and there are several files to copy");
      }
      CopyOut copy = new CopyOut(opened, files, reader, work, recursive);
      for (PathName path : from) {
        work.on(path, () -> copy.copy(path, to, into));
      }
    }
    return work.status();
  }

  /** Refuses what cannot be; answers where to copy to. */
  private Path check() {
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
    return Path.of(last.substring(HOST.length()));
  }
}
