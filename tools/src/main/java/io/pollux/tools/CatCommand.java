// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.tools.console.Console;
import io.pollux.tools.console.Failure;
import io.pollux.tools.image.Target;
import io.pollux.tools.user.PathName;
import io.pollux.tools.user.UserFiles;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** pollux cat: files of an image to standard output. */
@Command(name = "cat", sortOptions = false, description = "Writes files of an image to standard output.")
final class CatCommand implements Callable<Integer> {
  private final Console console;

  @Parameters(paramLabel = "PATH", description = "Files. Default: --file and its default.")
  private final List<String> paths = new ArrayList<>();

  @Mixin private final TargetOptions target = new TargetOptions();
  @Mixin final CommonOptions common = new CommonOptions();

  CatCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    PathWork work = new PathWork(console);
    try (Target opened = target.open(false);
        UserFiles files = new UserFiles(opened.program());
        FileReader reader = new FileReader(opened, files)) {
      List<PathName> wanted =
          paths.isEmpty() ? List.of(opened.file(files)) : paths.stream().map(PathName::of).toList();
      for (PathName path : wanted) {
        work.on(path, () -> copy(reader, path));
      }
    }
    return work.status();
  }

  private void copy(FileReader reader, PathName path) {
    try {
      reader.read(path, this::write);
    } catch (IOException e) {
      throw Failure.fault("standard output", String.valueOf(e.getMessage()));
    }
  }

  private void write(ByteBuffer piece) throws IOException {
    byte[] bytes = new byte[piece.remaining()];
    piece.get(bytes);
    console.out().write(bytes);
  }
}
