// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.pollux.core.ErrnoException;
import io.pollux.testkit.Oracles;
import io.pollux.testkit.TestDisk;
import io.pollux.testkit.TestKernel;
import io.pollux.uapi.Errno;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Images of other shapes than the sample's, made by mkfs.xfs and filled by this machine's Linux,
 * which tells what is in them.
 */
@Execution(ExecutionMode.CONCURRENT)
class OracleImagesTest {
  private static final List<String> IMAGES =
      List.of(
          "dirs64k",
          "blocks1k",
          "rmapbt",
          "spinodes",
          "sectors4k",
          "scattered",
          "inodes2k",
          "plain",
          "deepdir",
          "dirty",
          "extlog",
          "v4");
  private static final long MAKING_MINUTES = 10;

  @TempDir private static Path directory = Path.of("");

  @BeforeAll
  static void make() throws IOException, InterruptedException {
    Oracles.needPrograms("xfsprogs", "mkfs.xfs", "xfs_repair", "xfs_db", "xfs_io");
    Oracles.needPrograms("perl", "perl");
    Oracles.needPrograms("util-linux", "losetup", "fstrim");
    Oracles.needLoopMounts("xfs");
    List<String> command = new ArrayList<>();
    command.addAll(List.of("bash", Repository.makeXfsOracles().toString(), directory.toString()));
    command.addAll(IMAGES);
    Path log = directory.resolve("log");
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile());
    builder
        .environment()
        .merge("PATH", "/usr/local/sbin:/usr/sbin:/sbin", (path, more) -> path + ":" + more);
    Process script = builder.start();
    try {
      assertThat(script.waitFor(MAKING_MINUTES, TimeUnit.MINUTES))
          .as("images made in time")
          .isTrue();
    } finally {
      script.destroy(); // SIGTERM: it unmounts what it mounted
    }
    assertThat(script.exitValue()).as(Files.readString(log)).isZero();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "dirs64k",
        "blocks1k",
        "rmapbt",
        "spinodes",
        "sectors4k",
        "scattered",
        "inodes2k",
        "plain",
        "deepdir"
      })
  void readsAsLinuxReadsIt(String name) throws IOException, ErrnoException {
    try (TestKernel kernel = kernelWith(name)) {
      kernel.mount("mnt", "image0");
      check(kernel, name);
    }
  }

  @Test
  void aDirtyLogIsRefusedAndReadsWithoutRecoveryAsLinuxReadsIt()
      throws IOException, ErrnoException {
    try (TestKernel kernel = kernelWith("dirty")) {
      assertThat(refused(kernel)).containsIgnoringCase("log").containsIgnoringCase("norecovery");
      kernel.mount("mnt", "image0", "ro,norecovery");
      check(kernel, "dirty");
    }
  }

  @Test
  void aLogThatIsElsewhereIsRefusedByName() {
    try (TestKernel kernel = kernelWith("extlog")) {
      assertThat(refused(kernel)).containsIgnoringCase("external log");
    }
  }

  @Test
  void version4IsRefusedByName() {
    try (TestKernel kernel = kernelWith("v4")) {
      assertThat(refused(kernel)).containsIgnoringCase("version 4");
    }
  }

  private static TestKernel kernelWith(String name) {
    TestKernel kernel = TestKernel.boot();
    kernel.addDisk("image0", TestDisk.image(directory.resolve(name + ".img"), true));
    return kernel;
  }

  private static String refused(TestKernel kernel) {
    ErrnoException refusal =
        catchThrowableOfType(ErrnoException.class, () -> kernel.mount("mnt", "image0"));
    assertThat(refusal).isNotNull();
    assertThat(refusal.errno()).isNotIn(Errno.EIO, Errno.EUCLEAN);
    assertThat(refusal.getMessage()).isNotNull().doesNotContain("\n");
    return String.valueOf(refusal.getMessage());
  }

  private static void check(TestKernel kernel, String name) throws IOException {
    LinuxView linux = LinuxView.read(directory.resolve(name));
    try (ImageReader reader = new ImageReader(kernel.newProgram(), linux)) {
      reader.checkStatus();
      reader.checkDirectories(64 << 10);
      reader.checkDirectories(700);
      reader.checkSums(FileRead.BUFFERED);
      reader.checkSums(FileRead.RING_POLLED_FIXED);
      reader.checkProbes();
    }
    kernel.assertNothingHeld();
  }
}
