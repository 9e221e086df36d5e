// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.testkit.Oracles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The C programs on Linux itself: what they expect of a kernel is what Linux does. All but the
 * rings, which it doesn't have.
 */
@Timeout(300)
@Execution(ExecutionMode.CONCURRENT)
@ResourceLock("aio of the host")
class CProgramsOnLinuxTest {
  private static final int NOT_HERE = 77;

  private final Path dir;

  CProgramsOnLinuxTest(@TempDir Path dir) {
    this.dir = dir;
  }

  private static void needsAio() {
    Oracles.need(
        Files.exists(Path.of("/proc/sys/fs/aio-max-nr")), "the Linux of this machine has no aio");
  }

  private String file() throws IOException {
    byte[] bytes = new byte[1 << 20];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) (i * 31 + (i >> 12)); // no two blocks alike for a while
    }
    return Files.write(dir.resolve("file"), bytes).toString();
  }

  @Test
  void theLayoutIsTheOneOfTheAbi() throws IOException, InterruptedException {
    assertThat(CProgram.compile("abi-layout").onLinux()).isEqualTo(new CProgram.Run(0, "ok\n"));
  }

  @Test
  void theExampleSaysThatLinuxHasNoRings() throws IOException, InterruptedException {
    CProgram.Run run = CProgram.compile("aio-ring").onLinux("-D", "0", "-p", "0", file());

    assertThat(run.status()).isEqualTo(2);
    assertThat(run.said()).startsWith("aio-ring: io_setup2: ").hasLineCount(1);
  }

  @Test
  void wildPointersAreFaulted() throws IOException, InterruptedException {
    needsAio();
    String file = file();
    CProgram.Run run = CProgram.compile("wild-pointers").onLinux("-n", file, file);

    assertThat(run.status()).as(run.said()).isZero();
  }

  @Test
  void fileCalls() throws IOException, InterruptedException {
    CProgram.Run run = CProgram.compile("file-calls").onLinux("write", dir.toString());

    assertThat(run.status()).as(run.said()).isZero();
  }

  @Test
  void functionsOfTheCLibrary() throws IOException, InterruptedException {
    CProgram program = CProgram.compile("c-library");
    CProgram.Run run = program.onLinux("calls", dir.toString());

    assertThat(run.status()).as(run.said()).isZero();
    String file = file();
    assertThat(program.onLinux("end", file)).isEqualTo(new CProgram.Run(0, ""));
    assertThat(Files.readAllBytes(Path.of(file))).startsWith("kept\n".getBytes(US_ASCII));
  }

  @Test
  void threadsAndSignals() throws IOException, InterruptedException {
    needsAio();
    CProgram.Run run = CProgram.compile("threads-signals").onLinux("-x", "42", file());

    assertThat(run.status()).as(run.said()).isEqualTo(42);
  }

  @ParameterizedTest
  @ValueSource(strings = {"files", "streams", "waits", "polls", "eventfds", "many"})
  void filesThatAreNotTheKernelsOwn(String name) throws IOException, InterruptedException {
    needsAio();
    CProgram.Run run = CProgram.compile("host-files").onLinux(name, dir.toString());

    assertThat(run.status()).as(run.said()).isZero();
    assertThat(run.said()).endsWith(name + ": 0 differences\n");
  }

  @ParameterizedTest
  @ValueSource(strings = {"stacks", "thread-masks"})
  void stacksAndMasks(String name) throws IOException, InterruptedException {
    needsAio();
    CProgram.Run run = CProgram.compile(name).onLinux(file());

    assertThat(run).isEqualTo(new CProgram.Run(0, name + ": 0 differences\n"));
  }

  /** The end of each block that a program writes at its end. */
  @ParameterizedTest
  @CsvSource({
    "threads, 3, ''",
    "waiting, 4, ''",
    "late, 5, abcde",
    "quick, 6, q",
    "last, 0, l",
    "canceled, 7, ''",
    "handler, 8, ''",
    "other, 9, ''",
    "twice, 10, ''",
    "alone, 11, ''"
  })
  void endings(String how, int status, String written) throws IOException, InterruptedException {
    needsAio();
    String file = file();

    assertThat(CProgram.compile("endings").onLinux(how, file))
        .isEqualTo(new CProgram.Run(status, ""));
    byte[] bytes = Files.readAllBytes(Path.of(file));
    for (int i = 0; i < written.length(); i++) {
      assertThat((char) bytes[i * 512]).isEqualTo(written.charAt(i));
    }
  }

  /** Case 20 takes all that the machine has, which others may need just now. */
  @ParameterizedTest
  @ValueSource(ints = {2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 21, 22, 23})
  void casesOfLibaio(int number) throws IOException, InterruptedException {
    needsAio();
    CProgram.Run run =
        CProgram.compile("libaio-cases").onLinux(Integer.toString(number), dir.toString());

    assertThat(run.status()).as(run.said()).isIn(0, NOT_HERE);
    assertThat(run.said()).startsWith("case " + number + ": ").hasLineCount(1);
  }
}
