// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import static io.pollux.testkit.CallAssert.assertThatCall;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.core.ErrnoException;
import io.pollux.syscalls.Program;
import io.pollux.testkit.TestDisk;
import io.pollux.testkit.TestKernel;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.IoEvent;
import io.pollux.userland.PathName;
import io.pollux.userland.SyscallException;
import io.pollux.userland.UserFiles;
import io.pollux.userland.UserMemory;
import io.pollux.userland.UserRing;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The GFS2 sample, whole, through system calls only, as Linux reads it. */
@Timeout(300)
class Gfs2SampleReadTest {
  @TempDir private static Path directory = Path.of("");

  private static Path image = Path.of("");
  private final TestKernel kernel = TestKernel.boot();

  @BeforeAll
  static void unpack() throws IOException, InterruptedException {
    image = Gfs2Images.unpackSample(directory);
  }

  @BeforeEach
  void mount() throws ErrnoException {
    kernel.addDisk("image0", TestDisk.image(image, true));
    kernel.mount("mnt", "image0");
  }

  @AfterEach
  void close() {
    kernel.close();
  }

  @ParameterizedTest
  @EnumSource
  void everyFileReadsAsLinuxReadsIt(FileRead how) throws IOException {
    LinuxView linux = Gfs2Images.readable(Gfs2Images.sampleView(), how);
    assertThat(linux.sums()).hasSizeGreaterThan(50);
    try (ImageReader reader = new ImageReader(kernel.newProgram(), linux)) {
      reader.checkSums(how);
    }
    kernel.assertNothingHeld();
  }

  @Test
  void rangesOfFilesThatAreTooLongReadAsLinuxReadsThem() throws IOException {
    LinuxView linux = Gfs2Images.sampleView();
    assertThat(linux.probes()).hasSizeGreaterThan(90);
    try (ImageReader reader = new ImageReader(kernel.newProgram(), linux)) {
      reader.checkProbes();
    }
  }

  @Test
  void everyNameIsWhatLinuxSaysItIs() throws IOException {
    LinuxView linux = Gfs2Images.sampleView();
    assertThat(linux.names()).hasSizeGreaterThan(2500);
    try (ImageReader reader = new ImageReader(kernel.newProgram(), linux)) {
      reader.checkStatus();
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {64 << 10, 1000, 280})
  void everyDirectoryHasItsNamesOnce(int room) throws IOException {
    try (ImageReader reader = new ImageReader(kernel.newProgram(), Gfs2Images.sampleView())) {
      reader.checkDirectories(room);
    }
    kernel.assertNothingHeld();
  }

  @Test
  void polledReadsInFlightAreNoHindranceToThePageCache() {
    Program program = kernel.newProgram();
    try (UserFiles files = new UserFiles(program);
        UserMemory memory = UserMemory.map(program, 4096);
        UserRing ring = UserRing.polled(program, 8, 4096)) {
      int direct = files.open(PathName.of("/mnt/main.dat"), Fcntl.O_RDONLY | Fcntl.O_DIRECT);
      int buffered = files.open(PathName.of("/mnt/main.dat"), Fcntl.O_RDONLY);
      for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 8; i++) {
          ring.read(direct, (round * 8L + i) * 4096, 4096);
        }
        ring.enter(0);
        assertThat(files.pread(buffered, memory.address(), 4096, round * 4096L)).isEqualTo(4096);
        assertThat(files.pread(direct, memory.address(), 4096, round * 4096L)).isEqualTo(4096);
        ring.submitAndWait(8);
        int events = 0;
        for (long event = ring.peek(); event != 0; event = ring.peek()) {
          assertThatCall(IoEvent.res(event)).returns(4096);
          ring.consume(event);
          events++;
        }
        assertThat(events).isEqualTo(8);
      }
      files.close(direct);
      files.close(buffered);
    }
    kernel.assertNothingHeld();
  }

  @Test
  void filesThroughTheJournalAreNotForDirectIo() {
    try (UserFiles files = new UserFiles(kernel.newProgram())) {
      assertThatThrownBy(
              () -> files.open(PathName.of("/mnt/journaled.dat"), Fcntl.O_RDONLY | Fcntl.O_DIRECT))
          .isInstanceOfSatisfying(
              SyscallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EINVAL));
      assertThatThrownBy(() -> files.open(PathName.of("/mnt/main.dat"), Fcntl.O_RDWR))
          .isInstanceOfSatisfying(
              SyscallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EROFS));
    }
  }
}
