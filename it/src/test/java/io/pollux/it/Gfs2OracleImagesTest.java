// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.pollux.core.ErrnoException;
import io.pollux.syscalls.Program;
import io.pollux.testkit.Oracles;
import io.pollux.testkit.TestDisk;
import io.pollux.testkit.TestKernel;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Nr;
import io.pollux.uapi.StatMode;
import io.pollux.uapi.Statfs;
import io.pollux.userland.PathName;
import io.pollux.userland.UserFiles;
import io.pollux.userland.UserMemory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * GFS2 images of other shapes than the sample's, made by mkfs.gfs2 and filled by a Linux in an
 * emulator, which tells what is in them. Making them takes minutes, so this is for those who ask
 * for it: -Dpollux.gfs2.oracles=true. Where nothing may be missing ({@link Oracles#REQUIRE}) the
 * most telling of them are made.
 */
@Execution(ExecutionMode.CONCURRENT)
class Gfs2OracleImagesTest {
  private static final List<String> ALL =
      List.of("blocks512", "blocks1k", "blocks2k", "journals4", "dirty", "empty");
  private static final List<String> MOST_TELLING =
      List.of("blocks512", "blocks1k", "journals4", "empty");
  private static final long MAKING_MINUTES = 20;

  @TempDir private static Path directory = Path.of("");

  private static List<String> images = List.of();

  @BeforeAll
  static void make() throws IOException, InterruptedException {
    if (Boolean.getBoolean("pollux.gfs2.oracles")) {
      images = ALL;
    } else if ("1".equals(System.getenv(Oracles.REQUIRE))) {
      images = MOST_TELLING;
    }
    Assumptions.assumeFalse(
        images.isEmpty(),
        "GFS2 images take minutes to make: -Dpollux.gfs2.oracles=true asks for them");
    Oracles.needPrograms("gfs2-utils", "mkfs.gfs2", "fsck.gfs2", "gfs2_edit");
    Oracles.needPrograms("qemu-system-x86", "qemu-system-x86_64");
    Oracles.needPrograms("busybox-static", "busybox");
    Oracles.needPrograms("perl", "perl");
    Map<String, Process> scripts = new LinkedHashMap<>();
    try {
      for (String image : images) { // all at once: each is one processor's work
        scripts.put(
            image,
            new ProcessBuilder(
                    "bash", Gfs2Images.makeOracles().toString(), directory.toString(), image)
                .redirectErrorStream(true)
                .redirectOutput(log(image).toFile())
                .start());
      }
      for (Map.Entry<String, Process> script : scripts.entrySet()) {
        assertThat(script.getValue().waitFor(MAKING_MINUTES, TimeUnit.MINUTES))
            .as("image made in time")
            .isTrue();
        assertThat(script.getValue().exitValue())
            .as(Files.readString(log(script.getKey())))
            .isZero();
      }
    } finally {
      scripts.values().forEach(Process::destroy);
    }
  }

  private static Path log(String image) {
    return directory.resolve(image + ".log");
  }

  private static TestKernel kernelWith(String name) {
    Assumptions.assumeTrue(
        images.contains(name), "image " + name + " is made with -Dpollux.gfs2.oracles=true only");
    TestKernel kernel = TestKernel.boot();
    kernel.addDisk("image0", TestDisk.image(directory.resolve(name + ".img"), true));
    return kernel;
  }

  @ParameterizedTest
  @ValueSource(strings = {"blocks512", "blocks1k", "blocks2k", "journals4"})
  void readsAsLinuxReadsIt(String name) throws IOException, ErrnoException {
    try (TestKernel kernel = kernelWith(name)) {
      LinuxView linux = LinuxView.read(directory.resolve(name));
      kernel.mount("mnt", "image0");
      assertThat(statfs(kernel.newProgram()))
          .isEqualTo(Files.readString(directory.resolve(name + ".statfs")).strip());
      try (ImageReader reader = new ImageReader(kernel.newProgram(), linux)) {
        reader.checkStatus();
        reader.checkDirectories(64 << 10);
        reader.checkDirectories(700);
        reader.checkSums(FileRead.BUFFERED);
        reader.checkProbes();
      }
      try (ImageReader reader =
          new ImageReader(kernel.newProgram(), Gfs2Images.readable(linux, FileRead.DIRECT))) {
        reader.checkSums(FileRead.DIRECT);
        reader.checkSums(FileRead.RING_POLLED_FIXED);
      }
      kernel.assertNothingHeld();
    }
  }

  /** As stat -f prints it with the format %t %S %b %f %a %c %d %l. */
  private static String statfs(Program program) {
    try (UserFiles files = new UserFiles(program);
        UserMemory memory = UserMemory.map(program, UserMemory.PAGE_SIZE)) {
      int fd = files.open(PathName.of("/mnt"), Fcntl.O_RDONLY | Fcntl.O_DIRECTORY);
      long at = memory.address();
      assertThat(program.syscall(Nr.FSTATFS, fd, at)).isZero();
      files.close(fd);
      return "%x %d %d %d %d %d %d %d"
          .formatted(
              Statfs.fType(at),
              Statfs.fFrsize(at),
              Statfs.fBlocks(at),
              Statfs.fBfree(at),
              Statfs.fBavail(at),
              Statfs.fFiles(at),
              Statfs.fFfree(at),
              Statfs.fNamelen(at));
    }
  }

  @Test
  void aDirtyJournalIsRefusedUnlessRecoveryIs() throws ErrnoException {
    try (TestKernel kernel = kernelWith("dirty")) {
      ErrnoException refusal =
          catchThrowableOfType(ErrnoException.class, () -> kernel.mount("mnt", "image0"));
      assertThat(refusal).isNotNull();
      assertThat(refusal.errno()).isEqualTo(Errno.EROFS);
      assertThat(refusal.getMessage())
          .contains("journal 0")
          .contains("norecovery")
          .doesNotContain("\n");
      kernel.mount("mnt", "image0", "ro,norecovery");
    }
  }

  @Test
  void whatMkfsMadeIsEmpty() throws ErrnoException {
    try (TestKernel kernel = kernelWith("empty")) {
      kernel.mount("mnt", "image0");
      try (UserFiles files = new UserFiles(kernel.newProgram())) {
        assertThat(files.stat(PathName.of("/mnt")).is(StatMode.S_IFDIR)).isTrue();
      }
    }
  }
}
