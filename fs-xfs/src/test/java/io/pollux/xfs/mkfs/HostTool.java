// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.mkfs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Runs a program of the host, such as xfs_repair. Without it a test is skipped, or fails where
 * POLLUX_REQUIRE_ORACLES is 1.
 */
public final class HostTool {
  /** What a program said and its exit status. */
  public record Result(int status, String output) {}

  private HostTool() {}

  /** Runs a program and returns what it said; its status must be 0. */
  public static String run(String... command) throws IOException, InterruptedException {
    Result result = tryRun(command);
    assertThat(result.status()).as(String.join(" ", command) + ": " + result.output()).isZero();
    return result.output();
  }

  /** Runs a program. */
  public static Result tryRun(String... command) throws IOException, InterruptedException {
    List<String> words = new ArrayList<>(List.of(command));
    words.set(0, require(command[0]));
    ProcessBuilder builder = new ProcessBuilder(words).redirectErrorStream(true);
    // with these three, mkfs.xfs makes filesystems of less than 300 MiB, as for xfstests
    for (String name : List.of("TEST_DIR", "TEST_DEV", "QA_CHECK_FS")) {
      builder.environment().put(name, "1");
    }
    Process process = builder.start();
    process.getOutputStream().close();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return new Result(process.waitFor(), said);
  }

  /** The path of a program. */
  public static String require(String name) {
    for (String directory : List.of("/usr/sbin", "/sbin", "/usr/bin", "/bin")) {
      Path path = Path.of(directory, name);
      if (Files.isExecutable(path)) {
        return path.toString();
      }
    }
    if ("1".equals(System.getenv("POLLUX_REQUIRE_ORACLES"))) {
      fail(name + " is not installed (Debian: xfsprogs)");
    }
    assumeTrue(false, name + " is not installed (Debian: xfsprogs)");
    return "";
  }

  /** Runs xfs_repair -n, which must find nothing. */
  public static void repairFindsNothing(Path image) throws IOException, InterruptedException {
    run("xfs_repair", "-n", "-f", "-o", "force_geometry", image.toString());
  }
}
