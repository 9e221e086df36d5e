// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.userland;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.block.BlockDevice;
import io.pollux.block.driver.RamDisk;
import io.pollux.core.ErrnoException;
import io.pollux.sample.SampleImage;
import io.pollux.sample.SamplePattern;
import io.pollux.syscalls.Kernel;
import io.pollux.syscalls.Program;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.IoEvent;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The application's side of the rings, on the sample. */
class UserRingTest {
  private static final PathName FILE = PathName.of("/mnt" + SampleImage.MAIN_FILE);

  private final RamDisk disk = SampleImage.load();
  private final Kernel kernel = Kernel.boot();
  private final Program program = kernel.newProgram();

  @BeforeEach
  void mount() throws ErrnoException {
    BlockDevice device = disk.disk("ram0", 0x100, true);
    kernel.addDisk(device);
    kernel.mount("mnt", kernel.recognise(device).orElseThrow(), device, "ro");
  }

  @AfterEach
  void shutDown() throws ErrnoException {
    program.close();
    kernel.close();
    disk.close();
  }

  @Test
  void aFileIsReadThroughPolledRings() {
    try (UserFiles files = new UserFiles(program)) {
      int fd = files.open(FILE, Fcntl.O_RDONLY | Fcntl.O_DIRECT);
      try (UserRing ring = UserRing.polled(program, 8, 4096)) {
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
    try (UserFiles files = new UserFiles(program)) {
      int fd = files.open(FILE, Fcntl.O_RDONLY | Fcntl.O_DIRECT);
      try (UserRing ring = UserRing.polled(program, 2, 512)) {
        ring.read(fd, 0, 512);
        ring.read(fd, 512, 512);
        assertThatThrownBy(() -> ring.read(fd, 1024, 512))
            .isInstanceOf(IllegalStateException.class);
        ring.submitAndWait(2);
        assertThat(ring.take()).isEqualTo(-1); // done, and not consumed
        ring.consume(ring.peek());
        assertThat(ring.take()).isEqualTo(2);
      }
    }
  }

  @Test
  void whatTheKernelRefusesIsAnException() {
    assertThatThrownBy(() -> UserRing.setup(program, 8, 1 << 30, 4096))
        .isInstanceOfSatisfying(
            SyscallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EINVAL));
    assertThatThrownBy(() -> UserRing.setup(program, 8, AioAbi.IOCTX_FLAG_FIXEDBUFS, 0))
        .isInstanceOfSatisfying(
            SyscallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EFAULT));
  }
}
