// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit;

import static org.junit.jupiter.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.abort;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * Checks for what a test compares this kernel with: programs of other projects, and Linux. A test
 * calls a method first for each that it needs. If one is missing, the test is skipped with a
 * reason. If the environment variable {@value #REQUIRE} is 1, it fails.
 */
public final class Oracles {
  /** The environment variable. */
  public static final String REQUIRE = "POLLUX_REQUIRE_ORACLES";

  private static final List<String> SYSTEM_DIRECTORIES =
      List.of("/usr/local/sbin", "/usr/sbin", "/sbin");
  private static final long MODPROBE_SECONDS = 20;

  private Oracles() {}

  /**
   * Requires a condition.
   *
   * @param there the condition
   * @param missing the reason for a skip: what is missing, and how to install it
   */
  public static void need(boolean there, String missing) {
    need(there, missing, "1".equals(System.getenv(REQUIRE)));
  }

  static void need(boolean there, String missing, boolean required) {
    if (!there) {
      if (required) {
        fail(missing + ", and " + REQUIRE + "=1 says that nothing may be missing");
      }
      abort(missing);
    }
  }

  /**
   * Requires programs.
   *
   * @param debianPackage the package that contains them
   * @param programs their names
   */
  public static void needPrograms(String debianPackage, String... programs) {
    for (String program : programs) {
      need(
          isInstalled(program),
          "there is no " + program + " (Debian: apt-get install " + debianPackage + ")");
    }
  }

  private static boolean isInstalled(String program) {
    String path = System.getenv("PATH");
    List<String> directories = path == null ? List.of() : List.of(path.split(File.pathSeparator));
    return Stream.concat(directories.stream(), SYSTEM_DIRECTORIES.stream())
        .anyMatch(directory -> Files.isExecutable(Path.of(directory, program)));
  }

  /**
   * Requires that the host can mount images of a filesystem: root, loop devices, and the
   * filesystem.
   *
   * @param fileSystem as in /proc/filesystems
   */
  public static void needLoopMounts(String fileSystem) {
    need(isRoot(), "mounting takes root");
    need(
        Files.isWritable(Path.of("/dev/loop-control")),
        "this machine has no loop devices (/dev/loop-control)");
    need(
        knows(fileSystem) || (modprobe(fileSystem) && knows(fileSystem)),
        "this machine's Linux has no " + fileSystem);
  }

  private static boolean isRoot() {
    try {
      return (int) Files.getAttribute(Path.of("/proc/self"), "unix:uid") == 0;
    } catch (IOException | UnsupportedOperationException e) {
      return false;
    }
  }

  private static boolean knows(String fileSystem) {
    try (var lines = Files.lines(Path.of("/proc/filesystems"))) {
      return lines.anyMatch(line -> line.endsWith("\t" + fileSystem));
    } catch (IOException | UncheckedIOException e) {
      return false;
    }
  }

  private static boolean modprobe(String fileSystem) {
    try {
      Process process =
          new ProcessBuilder("modprobe", fileSystem)
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .start();
      return process.waitFor(MODPROBE_SECONDS, TimeUnit.SECONDS) && process.exitValue() == 0;
    } catch (IOException e) {
      return false;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }
}
