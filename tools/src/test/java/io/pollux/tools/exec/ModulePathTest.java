// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.exec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.tools.console.Failure;
import java.io.FileInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The module path of the archive, which starts at an open directory. */
class ModulePathTest {
  private final Path directory;

  ModulePathTest(@TempDir Path directory) throws IOException {
    this.directory = directory.toRealPath();
  }

  /** Returns the number of an open descriptor of a file, found by its name. */
  private static String descriptor(Path file) throws IOException {
    try (var all = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
      for (Path one : all) {
        if (Files.isSymbolicLink(one) && Files.readSymbolicLink(one).equals(file)) {
          return one.getFileName().toString();
        }
      }
    }
    throw new AssertionError(file + " is not open");
  }

  @Test
  void anOrdinaryPathStays() {
    assertThat(ModulePath.lasting("/a/tools.jar:/a/lib/b.jar"))
        .isEqualTo("/a/tools.jar:/a/lib/b.jar");
    ModulePath.closeOnExec("/a/tools.jar:/a/lib/b.jar");
  }

  @Test
  void aPathFromADescriptorIsResolved() throws IOException {
    Path jar = Files.createFile(directory.resolve("tools.jar"));
    try (var open = Files.newDirectoryStream(directory)) {
      String entry = "/proc/self/fd/" + descriptor(directory) + "/tools.jar";
      assertThat(ModulePath.lasting(entry + ":" + entry)).isEqualTo(jar + ":" + jar);
      assertThat(open).containsExactly(jar);
    }
  }

  @Test
  void anEntryThatIsGoneIsNamed() {
    assertThatThrownBy(() -> ModulePath.lasting("/proc/self/fd/99999/tools.jar"))
        .isInstanceOf(Failure.class)
        .hasMessageContaining("/proc/self/fd/99999/tools.jar");
  }

  @Test
  void theDescriptorIsClosedOnExec() throws IOException {
    Path file = Files.createFile(directory.resolve("open"));
    try (FileInputStream in = new FileInputStream(file.toFile())) {
      String fd = descriptor(file);
      ModulePath.closeOnExec("/proc/self/fd/" + fd + "/tools.jar:x");
      assertThat(Files.readString(Path.of("/proc/self/fdinfo/" + fd)))
          .containsPattern("flags:\\s*02");
      assertThat(in.read()).isEqualTo(-1);
    }
    assertThatThrownBy(() -> ModulePath.closeOnExec("/proc/self/fd/99999/tools.jar"))
        .isInstanceOf(Failure.class);
  }
}
