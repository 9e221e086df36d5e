// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.tools.console.Console;
import io.pollux.tools.image.Target;
import io.pollux.tools.image.TargetSpec;
import io.pollux.userland.PathName;
import io.pollux.userland.SyscallException;
import io.pollux.userland.UserChanges;
import io.pollux.userland.UserFiles;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.LongSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Copies into an image that changes meanwhile. */
@Timeout(60)
class CopyInTest {
  private static final int DEPTH = 80; // more levels than a copy has open
  private static final String BELOW = "/d";

  private final ByteArrayOutputStream said = new ByteArrayOutputStream();
  private final PathWork work =
      new PathWork(
          new Console(
              OutputStream.nullOutputStream(),
              new PrintStream(said, true, StandardCharsets.UTF_8),
              stop -> {}));

  /** The innermost of the closed levels is moved while the file at the bottom is copied. */
  @Test
  void aTreeWhoseLevelWasMovedIsNotContinued(@TempDir Path directory) throws IOException {
    Path image = directory.resolve("image");
    assertThat(Cli.run("mkfs.xfs", "--size", "32M", image.toString()).err()).isEmpty();
    Path top = Files.createDirectory(directory.resolve("d"));
    Path at = top;
    for (int i = 1; i < DEPTH; i++) {
      at = Files.createDirectory(at.resolve("d"));
      Files.createFile(at.resolve("later"));
    }
    Files.createFile(at.resolve("bottom"));
    String moved = BELOW.repeat(8);
    try (Target target = Target.open(TargetSpec.SAMPLE.withImage(image), true);
        UserFiles files = new UserFiles(target.program());
        UserChanges changes = new UserChanges(target.program())) {
      LongSupplier clock =
          () -> {
            if (exists(files, BELOW.repeat(DEPTH)) && exists(files, moved)) {
              changes.rename(PathName.of(moved), PathName.of("/moved"));
            }
            return 0;
          };
      CopyProgress progress = new CopyProgress(new PrintStream(said), clock, false);
      try (CopyIn copy = new CopyIn(target, files, work, progress, true, null, false)) {
        copy.copy(PathName.of(top.toString()), PathName.of("/d"), false);
      }
      assertThat(said.toString(StandardCharsets.UTF_8))
          .isEqualTo("pollux: /d: Structure needs cleaning\n");
      assertThat(exists(files, "/moved/later")).isTrue();
      assertThat(exists(files, BELOW.repeat(7) + "/later")).isFalse();
    }
    assertThat(Cli.run("check", "--image", image.toString()).status()).isZero();
  }

  private static boolean exists(UserFiles files, String path) {
    try {
      files.lstat(PathName.of(path));
      return true;
    } catch (SyscallException e) {
      return false;
    }
  }
}
