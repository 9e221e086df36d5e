// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.compare;

import io.pollux.tools.console.Failure;
import io.pollux.tools.console.HostProgram;
import io.pollux.userland.header.CHeader;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;

/** The C programs of comparisons, compiled from the jar's copies of tools/src/main/c. */
final class CPrograms {
  private static final double SECONDS = 60;

  private CPrograms() {}

  /** Whether the host can compile them. */
  static boolean possible() {
    return HostProgram.exists("cc") && Files.isReadable(Path.of("/usr/include/liburing.h"));
  }

  /** Compiles a program into a directory. */
  static Path compile(Path directory, String name) {
    Path source = directory.resolve(name + ".c");
    Path program = directory.resolve(name);
    Path header = directory.resolve("pollux_aio.h");
    for (Path made : List.of(source, program, header)) {
      made.toFile().deleteOnExit(); // also on Control-C
    }
    try (InputStream in = CPrograms.class.getResourceAsStream(name + ".c")) {
      Files.write(source, Objects.requireNonNull(in, name).readAllBytes());
      Files.writeString(header, CHeader.text());
    } catch (IOException e) {
      throw Failure.couldNotRun(source.toString(), String.valueOf(e.getMessage()), e);
    }
    HostProgram.run(
        List.of(
            "cc",
            "-std=gnu11",
            "-O2",
            "-I" + directory,
            source.toString(),
            "-o",
            program.toString(),
            "-luring"),
        SECONDS);
    return program;
  }
}
