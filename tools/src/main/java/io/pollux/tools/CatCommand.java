// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.tools.console.Console;
import io.pollux.tools.console.Failure;
import io.pollux.tools.image.Target;
import io.pollux.userland.PathName;
import io.pollux.userland.UserFiles;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** pollux cat: writes files of an image to standard output. */
@Command(
    name = "cat",
    sortOptions = false,
    description = "Writes files of an image to standard output.")
final class CatCommand implements Callable<Integer> {
  private static final long ZEROES = 1 << 20; // bytes of a hole that are written at once

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
    try (Arena arena = Arena.ofConfined();
        Target opened = target.open(false);
        UserFiles files = new UserFiles(opened.program());
        FileReader reader = new FileReader(opened, files)) {
      List<PathName> wanted =
          paths.isEmpty() ? List.of(opened.file(files)) : paths.stream().map(PathName::of).toList();
      Output output = new Output(console, arena.allocate(ZEROES));
      for (PathName path : wanted) {
        work.on(path, () -> copy(reader, path, output));
      }
    }
    return work.status();
  }

  private static void copy(FileReader reader, PathName path, Output output) {
    try {
      reader.read(path, output);
    } catch (IOException e) {
      throw Failure.fault("standard output", String.valueOf(e.getMessage()));
    }
  }

  /** Writes to standard output, with holes as zeroes. */
  private record Output(Console console, MemorySegment zeroes) implements FileReader.Sink {
    @Override
    public void data(MemorySegment data) throws IOException {
      console.write(data);
    }

    @Override
    public void hole(long bytes) throws IOException {
      for (long left = bytes; left > 0; left -= Math.min(left, ZEROES)) {
        console.write(zeroes.asSlice(0, Math.min(left, ZEROES)));
      }
    }
  }
}
