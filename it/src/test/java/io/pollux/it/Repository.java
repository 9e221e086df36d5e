// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import java.nio.file.Path;

/** Where this project's files are while it is being built. */
final class Repository {
  private static final Path ROOT =
      Path.of(System.getProperty("basedir", ".")).toAbsolutePath().resolve("..").normalize();

  private Repository() {}

  /** What Linux says of the sample: xfs-sample.manifest and its companions, without the ending. */
  static Path sample() {
    return ROOT.resolve("sample/src/main/resources/io/pollux/sample/xfs-sample");
  }

  /** The script that makes images of other shapes. */
  static Path makeXfsOracles() {
    return ROOT.resolve("sample/src/sample/make-xfs-oracles.sh");
  }

  /** The command line. */
  static Path pollux() {
    return ROOT.resolve("bin/pollux");
  }

  /** Any file, by its path from the top. */
  static Path file(String path) {
    return ROOT.resolve(path);
  }

  /**
   * A C program that this kernel is to run; the example is with the command line, the tests are
   * here.
   */
  static Path cSource(String name) {
    return ROOT.resolve(name.equals("aio-ring") ? "tools/src/main/c" : "it/src/test/c")
        .resolve(name + ".c");
  }
}
