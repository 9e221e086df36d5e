// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.tools.console.Console;
import io.pollux.tools.console.Failure;
import io.pollux.tools.image.Target;
import io.pollux.userland.PathName;
import io.pollux.userland.UserFiles;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
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
  private final Console console;
  private final Output output;

  @Parameters(paramLabel = "PATH", description = "Files. Default: --file and its default.")
  private final List<String> paths = new ArrayList<>();

  @Mixin private final TargetOptions target = new TargetOptions();
  @Mixin final CommonOptions common = new CommonOptions();

  CatCommand(Console console) {
    this.console = console;
    output = new Output(console.out());
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
      reader.read(path, output);
    } catch (IOException e) {
      throw Failure.fault("standard output", String.valueOf(e.getMessage()));
    }
  }

  /** Writes to standard output, with holes as zeroes. */
  private static final class Output implements FileReader.Sink {
    private static final int PIECE = 1 << 20;

    private final OutputStream to;
    private final byte[] piece = new byte[PIECE];
    private boolean zeroes = true; // whether the piece is all zeroes

    Output(OutputStream to) {
      this.to = to;
    }

    @Override
    public void data(MemorySegment data) throws IOException {
      zeroes = false;
      for (long at = 0; at < data.byteSize(); ) {
        int bytes = (int) Math.min(PIECE, data.byteSize() - at);
        MemorySegment.copy(data, ValueLayout.JAVA_BYTE, at, piece, 0, bytes);
        to.write(piece, 0, bytes);
        at += bytes;
      }
    }

    @Override
    public void hole(long bytes) throws IOException {
      if (!zeroes) {
        Arrays.fill(piece, (byte) 0);
        zeroes = true;
      }
      for (long left = bytes; left > 0; left -= Math.min(left, PIECE)) {
        to.write(piece, 0, (int) Math.min(left, PIECE));
      }
    }
  }
}
