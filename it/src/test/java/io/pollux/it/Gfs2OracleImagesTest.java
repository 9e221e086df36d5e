// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.pollux.block.bdev.MountOptions;
import io.pollux.core.ErrnoException;
import io.pollux.tools.user.PathName;
import io.pollux.tools.user.UserFiles;
import io.pollux.uapi.Errno;
import io.pollux.uapi.StatMode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * GFS2 images of other shapes than the sample's, made by mkfs.gfs2 and filled by a Linux in an emulator, which tells what is in
 * them. Making them takes minutes, so this is for those who ask for it: -Dpollux.gfs2.oracles=true.
 */
class Gfs2OracleImagesTest {
  private static final List<String> IMAGES = List.of("blocks512", "blocks1k", "blocks2k", "journals4", "dirty", "empty");
  private static final long MAKING_MINUTES = 20;

  @TempDir private static Path directory = Path.of("");

  @BeforeAll
  static void make() throws IOException, InterruptedException {
    boolean wanted = Boolean.getBoolean("pollux.gfs2.oracles");
    Assumptions.assumeTrue(wanted, "GFS2 images take minutes to make: -Dpollux.gfs2.oracles=true asks for them");
    Oracles.needPrograms("gfs2-utils", "mkfs.gfs2", "fsck.gfs2", "gfs2_edit");
    Oracles.needPrograms("qemu-system-x86", "qemu-system-x86_64");
    Oracles.needPrograms("busybox-static", "busybox");
    Oracles.needPrograms("perl", "perl");
    List<String> command = new ArrayList<>(List.of("bash", Gfs2Images.makeOracles().toString(), directory.toString()));
    command.addAll(IMAGES);
    Path log = directory.resolve("log");
    Process script =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile()).start();
    try {
      assertThat(script.waitFor(MAKING_MINUTES, TimeUnit.MINUTES)).as("images made in time").isTrue();
    } finally {
      script.destroy();
    }
    assertThat(script.exitValue()).as(Files.readString(log)).isZero();
  }

  private static TestKernel kernelWith(String name) {
    TestKernel kernel = TestKernel.boot();
    kernel.addDisk("image0", TestDisk.image(directory.resolve(name + ".img"), true));
    return kernel;
  }

  @ParameterizedTest
  @ValueSource(strings = {"blocks512", "blocks1k", "blocks2k", "journals4"})
  void readsAsLinuxReadsIt(String name) throws IOException, ErrnoException {
    LinuxView linux = LinuxView.read(directory.resolve(name));
    try (TestKernel kernel = kernelWith(name)) {
      kernel.mount("mnt", "image0");
      try (ImageReader reader = new ImageReader(kernel.newProgram(), linux)) {
        reader.checkStatus();
        reader.checkDirectories(64 << 10);
        reader.checkDirectories(700);
        reader.checkSums(FileRead.BUFFERED);
        reader.checkProbes();
      }
      try (ImageReader reader = new ImageReader(kernel.newProgram(), Gfs2Images.readable(linux, FileRead.DIRECT))) {
        reader.checkSums(FileRead.DIRECT);
        reader.checkSums(FileRead.RING_POLLED_FIXED);
      }
      kernel.assertNothingHeld();
    }
  }

  @Test
  void aDirtyJournalIsRefusedUnlessRecoveryIs() throws ErrnoException {
    try (TestKernel kernel = kernelWith("dirty")) {
      ErrnoException refusal = catchThrowableOfType(ErrnoException.class, () -> kernel.mount("mnt", "image0"));
      assertThat(refusal).isNotNull();
      assertThat(refusal.errno()).isEqualTo(Errno.EROFS);
      assertThat(refusal.getMessage()).contains("journal 0").contains("norecovery").doesNotContain("\n");
      kernel.mount("mnt", "image0", new MountOptions(true, true));
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
