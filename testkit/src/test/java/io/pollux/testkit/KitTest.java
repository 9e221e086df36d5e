// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit;

import static io.pollux.testkit.CallAssert.assertThatCall;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.sample.SamplePattern;
import io.pollux.syscalls.Kernel;
import io.pollux.syscalls.Program;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Nr;
import io.pollux.userland.PathName;
import io.pollux.userland.UserFiles;
import io.pollux.userland.UserMemory;
import io.pollux.userland.UserRing;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.opentest4j.AssertionFailedError;
import org.opentest4j.TestAbortedException;

/** The kit itself: its examples, and that it notices what it promises to notice. */
class KitTest {
  // The examples of the package's Javadoc, which has them letter by letter; KitDisksTest compares.
  @RegisterExtension
  final PolluxKernel pollux = PolluxKernel.withSample().withDisk("ram0", TestDisk.ram(1 << 20));

  @Test
  void readsTheFirstSectorOfTheMainFile(Program program) {
    try (UserFiles files = new UserFiles(program);
        UserMemory memory = UserMemory.map(program, 512)) {
      int fd = files.open(PathName.of("/mnt/main.dat"), Fcntl.O_RDONLY | Fcntl.O_DIRECT);
      assertThatCall(program.syscall(Nr.PREAD64, fd, memory.address(), 512, 0)).returns(512);
      assertThat(SamplePattern.verify(memory.address(), 512, 0)).isEqualTo(-1);
      assertThatCall(program.syscall(Nr.PREAD64, fd, 0, 512, 0)).failsWith(Errno.EFAULT);
    }
  }

  @Test
  void bootsAKernelOfItsOwn() {
    try (TestKernel kernel = TestKernel.boot()) {
      kernel.addDisk("ram0", TestDisk.ram(1 << 20));
      Program program = kernel.newProgram();
      try (UserFiles files = new UserFiles(program)) {
        int fd = files.open(PathName.of("/dev/ram0"), Fcntl.O_RDONLY);
        assertThatCall(program.syscall(Nr.LSEEK, fd, 0, Fcntl.SEEK_END)).returns(1 << 20);
        files.close(fd);
      }
      kernel.assertNothingHeld();
    }
  }

  @Test
  void parametersAreOfTheRunningTest(
      TestKernel kernel, Kernel booted, Program one, Program another) {
    assertThat(kernel).isSameAs(pollux.kernel());
    assertThat(booted).isSameAs(kernel.kernel());
    assertThat(one).isNotSameAs(another);
  }

  @Test
  void whatIsOpenIsNoticed(TestKernel kernel, Program program) {
    try (UserFiles files = new UserFiles(program)) {
      int fd = files.open(PathName.of("/mnt/main.dat"), Fcntl.O_RDONLY);
      assertThatThrownBy(kernel::assertNothingHeld)
          .isInstanceOf(AssertionError.class)
          .hasMessageContaining("open files: 1");
      files.close(fd);
    }
    kernel.assertNothingHeld();
  }

  @Test
  void whatIsPinnedIsNoticed(TestKernel kernel, Program program) {
    UserRing ring = UserRing.polled(program, 3, 4096);
    assertThatThrownBy(kernel::assertNothingHeld)
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("pages pinned in program 0")
        .hasMessageContaining("requests reserved by aio contexts: 4");
    ring.close();
    kernel.assertNothingHeld();
  }

  @Test
  void aProgramThatEndsLeavesNothing(TestKernel kernel, Program program) {
    UserRing ring = UserRing.polled(program, 3, 4096);
    int fd;
    try (UserFiles files = new UserFiles(program)) {
      fd = files.open(PathName.of("/mnt/main.dat"), Fcntl.O_RDONLY | Fcntl.O_DIRECT);
    }
    ring.read(fd, 0, 4096);
    assertThatCall(ring.enter(0)).returns(1); // and is left in flight
    program.close();
    kernel.assertNothingHeld();
    assertThatCall(program.syscall(Nr.CLOSE, fd)).failsWith(Errno.ESRCH);
  }

  @Test
  void errorsAreSaidByName() {
    assertThatThrownBy(() -> assertThatCall(-Errno.EIO).succeeds()).hasMessageContaining("-EIO");
    assertThatThrownBy(() -> assertThatCall(3).failsWith(Errno.EBADF, Errno.EFAULT))
        .hasMessageContaining("-EBADF or -EFAULT")
        .hasMessageContaining("answered 3");
    assertThatThrownBy(() -> assertThatCall(-Errno.EIO).returns(512)).hasMessageContaining("512");
    assertThatCall(-Errno.EIO).failsWith(Errno.EBADF, Errno.EIO);
    assertThatCall(7).succeeds().returns(7);
  }

  @Test
  void whatIsMissingSkipsOrFails() {
    Oracles.need(true, "nothing", true);
    assertThatThrownBy(() -> Oracles.need(false, "there is no such tool", false))
        .isInstanceOf(TestAbortedException.class)
        .hasMessageContaining("there is no such tool");
    assertThatThrownBy(() -> Oracles.need(false, "there is no such tool", true))
        .isInstanceOf(AssertionFailedError.class)
        .hasMessageContaining("there is no such tool")
        .hasMessageContaining(Oracles.REQUIRE);
  }
}
