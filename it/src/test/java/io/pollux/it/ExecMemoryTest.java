// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.testkit.Oracles;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The memory of programs under {@code bin/pollux exec}: locks, mappings, and limits. */
@Timeout(600)
@Execution(ExecutionMode.CONCURRENT)
final class ExecMemoryTest {
  private static final String DEVICE = "--fs none --size 64M -- ";

  private final Path dir;

  ExecMemoryTest(@TempDir Path dir) {
    this.dir = dir;
  }

  @BeforeAll
  static void needsCompiler() {
    Oracles.needPrograms("gcc", "cc");
  }

  @ParameterizedTest
  @ValueSource(strings = {"now", "later"})
  void allMemoryIsLocked(String when) throws Exception {
    ExecRun run =
        ExecRun.direct(
            "-- " + CProgram.compile("locked").file() + " " + when + " /pollux/main.dat");
    Oracles.need(run.status() != 77, "this machine does not permit mlockall");
    run.succeeded();
  }

  @ParameterizedTest
  @ValueSource(ints = {6_000_000, 4_000_000, 2_000_000})
  void aLimitOfTheAddressSpaceLeavesRoom(int kibibytes) throws Exception {
    ExecRun run = limited(kibibytes, DEVICE);
    assertThat(run.err()).isEmpty();
    assertThat(run.succeeded().out()).isEqualTo("8\n");
  }

  @Test
  void aLimitOfTheAddressSpaceThatIsTooSmallIsOneSentence() throws Exception {
    ExecRun run = limited(700_000, DEVICE);
    assertThat(run.err()).startsWith("pollux: exec: RLIMIT_AS (ulimit -v) leaves ").hasLineCount(1);
    ExecRun disk = limited(1_200_000, "--fs none --size 1G -- ");
    assertThat(disk.err())
        .startsWith("pollux: ")
        .contains("no memory for a disk of 1073741824 bytes")
        .hasLineCount(1);
  }

  /** Reads eight bytes in a program with a limited address space. */
  private static ExecRun limited(int kibibytes, String target)
      throws IOException, InterruptedException {
    List<String> words = new ArrayList<>(List.of(target.strip().split(" ")));
    String disk = "/pollux/dev/ram0";
    words.addAll(
        List.of("sh", "-c", "ulimit -v " + kibibytes + "; head -c 8 " + disk + " | wc -c"));
    return ExecRun.of(words);
  }

  @Test
  void filesOfTheImageAreNotMapped() throws Exception {
    Path source = dir.resolve("map.c");
    Files.writeString(
        source,
        """
        #include <errno.h>
        #include <fcntl.h>
        #include <sys/mman.h>
        int main(void) {
          int fd = open("/pollux/main.dat", O_RDONLY);
          for (int i = 0; i < 2; i++)
            if (mmap(0, 4096, PROT_READ, MAP_SHARED, fd, 0) != MAP_FAILED || errno != ENODEV) return 1;
          return 0;
        }
        """,
        StandardCharsets.UTF_8);
    Path program = dir.resolve("map");
    Process cc =
        new ProcessBuilder("cc", source.toString(), "-o", program.toString()).inheritIO().start();
    assertThat(cc.waitFor()).isZero();
    assertThat(ExecRun.direct("-- " + program).succeeded().err())
        .contains("ENODEV")
        .hasLineCount(1);
  }
}
