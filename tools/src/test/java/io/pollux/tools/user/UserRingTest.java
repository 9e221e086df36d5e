// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.user;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.syscalls.Program;
import io.pollux.tools.image.SamplePattern;
import io.pollux.tools.image.Target;
import io.pollux.tools.image.TargetSpec;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.IoEvent;
import io.pollux.userland.PathName;
import io.pollux.userland.SyscallException;
import io.pollux.userland.UserFiles;
import io.pollux.userland.UserRing;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

/** The application's side of the rings, on the sample. */
class UserRingTest {
  private static final PathName FILE = PathName.of("/mnt/main.dat");

  @Test
  void aFileIsReadThroughPolledRings() {
    try (Target target = Target.open(TargetSpec.SAMPLE, false);
        UserFiles files = new UserFiles(target.program())) {
      int fd = files.open(FILE, Fcntl.O_RDONLY | Fcntl.O_DIRECT);
      try (UserRing ring = UserRing.polled(target.program(), 8, 4096)) {
        int seen = 0;
        for (int round = 0; round < 5; round++) {
          for (int i = 0; i < 8; i++) {
            ring.read(fd, (round * 8 + i) * 4096L, 4096);
          }
          assertThat(ring.take()).isEqualTo(-1);
          ring.submitAndWait(8);
          for (long event = ring.peek(); event != 0; event = ring.peek()) {
            assertThat(IoEvent.res(event)).isEqualTo(4096);
            int slot = ring.slot(event);
            long offset = ring.segment(slot).get(ValueLayout.JAVA_LONG, 8); // the data says it
            assertThat(SamplePattern.verify(ring.buffer(slot), 4096, offset)).isEqualTo(-1);
            assertThat(offset / 4096 / 8).isEqualTo(round);
            ring.consume(event);
            seen++;
          }
          assertThat(ring.outstanding()).isZero();
        }
        assertThat(seen).isEqualTo(40);
      }
    }
  }

  @Test
  void aSlotIsNotGivenAwayBeforeItsEventWasConsumed() {
    try (Target target = Target.open(TargetSpec.SAMPLE, false);
        UserFiles files = new UserFiles(target.program())) {
      int fd = files.open(FILE, Fcntl.O_RDONLY | Fcntl.O_DIRECT);
      try (UserRing ring = UserRing.polled(target.program(), 2, 512)) {
        ring.read(fd, 0, 512);
        ring.read(fd, 512, 512);
        assertThatThrownBy(() -> ring.read(fd, 1024, 512)).isInstanceOf(IllegalStateException.class);
        ring.submitAndWait(2);
        assertThat(ring.take()).isEqualTo(-1); // done, and not consumed
        ring.consume(ring.peek());
        assertThat(ring.take()).isEqualTo(2);
      }
    }
  }

  @Test
  void whatTheKernelRefusesIsAnException() {
    try (Target target = Target.open(TargetSpec.SAMPLE, false)) {
      Program program = target.program();
      assertThatThrownBy(() -> UserRing.setup(program, 8, 1 << 30, 4096))
          .isInstanceOfSatisfying(SyscallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EINVAL));
      assertThatThrownBy(() -> UserRing.setup(program, 8, AioAbi.IOCTX_FLAG_FIXEDBUFS, 0))
          .isInstanceOfSatisfying(SyscallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EFAULT));
    }
  }
}
