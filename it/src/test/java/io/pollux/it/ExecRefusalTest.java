// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What {@code bin/pollux exec} refuses before the program runs, each with one sentence. */
@Timeout(600)
@Execution(ExecutionMode.CONCURRENT)
final class ExecRefusalTest {
  private final Path dir;

  ExecRefusalTest(@TempDir Path dir) {
    this.dir = dir;
  }

  @Test
  void aMissingProgramIsOneSentence() throws Exception {
    ExecRun run = ExecRun.of("-- no-such-program");
    assertThat(run.status()).isEqualTo(2);
    assertThat(run.err()).isEqualTo("pollux: no-such-program: No such file or directory\n");
  }

  @Test
  void aMissingImageIsOneSentence() throws Exception {
    ExecRun run = ExecRun.of("--image /no/such/image -- true");
    assertThat(run.status()).isEqualTo(2);
    assertThat(run.err()).startsWith("pollux: /no/such/image: ").hasLineCount(1);
  }

  @Test
  void anImageWithoutAFilesystemIsOneSentence() throws Exception {
    Path image = dir.resolve("empty");
    Files.write(image, new byte[1 << 20]);
    ExecRun run = ExecRun.of("--image " + image + " -- cat /pollux/x");
    assertThat(run.status()).isEqualTo(2);
    assertThat(run.err())
        .startsWith("pollux: " + image + ": no filesystem recognised")
        .hasLineCount(1);
  }

  /** The options are those of a broken installation. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "--add-modules=no.such.module",
        "--module-path=/no/such/path --add-modules=io.pollux.tools",
        "-XX:NoSuchOption",
        "-Xmx1"
      })
  void aVirtualMachineThatDoesNotStartEndsTheProgram(String options) throws Exception {
    String lines = options.replace(" ", "\n");
    ExecRun run =
        ExecRun.of(
            List.of(
                "--fs",
                "none",
                "--",
                "sh",
                "-c",
                "POLLUX_JVM_OPTIONS='" + lines + "' exec cat /pollux/x"));
    assertThat(run.status()).isEqualTo(2);
    assertThat(run.err().lines().filter(line -> line.startsWith("pollux:")))
        .as("beside the virtual machine's own lines")
        .singleElement()
        .asString()
        .startsWith("pollux: exec: the Java virtual machine did not start");
  }

  @Test
  void aRelativeMountPointIsOneSentence() throws Exception {
    ExecRun run = ExecRun.of("--at relative -- true");
    assertThat(run.status()).isEqualTo(2);
    assertThat(run.err()).startsWith("pollux: --at relative: ").hasLineCount(1);
  }

  @Test
  void aFaultPlanWithAnUnknownKeyIsRefused() throws Exception {
    ExecRun run = ExecRun.of("--fault error-rat=1 -- true");
    assertThat(run.status()).isEqualTo(2);
    assertThat(run.err()).contains("fault has no option 'error-rat'").hasLineCount(1);
  }
}
