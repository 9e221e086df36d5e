// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.overwrite;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.driver.RamDisk;
import io.pollux.core.ErrnoException;
import io.pollux.sample.SampleImage;
import io.pollux.syscalls.Program;
import io.pollux.testkit.TestDisk;
import io.pollux.testkit.TestKernel;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.IoEvent;
import io.pollux.uapi.Nr;
import io.pollux.uapi.RawMemory;
import io.pollux.userland.PathName;
import io.pollux.userland.UserFiles;
import io.pollux.userland.UserMemory;
import io.pollux.userland.UserRing;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A thread has polled I/O in flight that no other thread polls for. It then makes calls on the same
 * file that wait for this I/O. The calls return the correct data, and the events are posted.
 */
@Timeout(60)
final class OwnPolledIoTest {
  private static final int DEPTH = 8;
  private static final int BLOCK = 4096;
  private static final int ROUNDS = 20;

  @ParameterizedTest
  @ValueSource(strings = {"xfs", "gfs2"})
  void callsThatWaitForItEnd(String fs) throws ErrnoException {
    try (RamDisk disk = SampleImage.load(fs);
        TestKernel kernel = TestKernel.boot()) {
      kernel.addDisk("ram0", TestDisk.shared(disk, false));
      kernel.mount("mnt", "ram0", "rw");
      Program program = kernel.newProgram();
      try (UserFiles files = new UserFiles(program);
          UserMemory memory = UserMemory.map(program, BLOCK);
          UserRing ring = UserRing.polled(program, DEPTH, BLOCK)) {
        int direct = files.open(PathName.of("/mnt/main.dat"), Fcntl.O_RDWR | Fcntl.O_DIRECT);
        int buffered = files.open(PathName.of("/mnt/main.dat"), Fcntl.O_RDWR);
        for (int round = 0; round < ROUNDS; round++) {
          long base = (long) round * DEPTH * BLOCK;
          for (int i = 0; i < DEPTH; i++) {
            int slot = ring.write(direct, base + (long) i * BLOCK, BLOCK);
            ring.segment(slot).asSlice(0, BLOCK).fill((byte) (round + i));
          }
          ring.enter(0);
          RawMemory.segment(memory.address(), BLOCK).fill((byte) -1);
          assertThat(program.syscall(Nr.PWRITE64, direct, memory.address(), 512, base))
              .as("part of a block")
              .isEqualTo(512);
          assertThat(program.syscall(Nr.PWRITE64, buffered, memory.address(), 10, base + BLOCK))
              .isEqualTo(10);
          assertThat(program.syscall(Nr.FSYNC, buffered)).isZero();
          assertThat(files.pread(buffered, memory.address(), BLOCK, base + 2 * BLOCK))
              .isEqualTo(BLOCK);
          assertThat(RawMemory.getByte(memory.address())).isEqualTo((byte) (round + 2));
          ring.submitAndWait(DEPTH);
          int events = 0;
          for (long event = ring.peek(); event != 0; event = ring.peek()) {
            assertThat(IoEvent.res(event)).isEqualTo(BLOCK);
            ring.consume(event);
            events++;
          }
          assertThat(events).isEqualTo(DEPTH);
          assertThat(files.pread(direct, memory.address(), BLOCK, base + BLOCK)).isEqualTo(BLOCK);
          assertThat(RawMemory.getByte(memory.address() + 9)).isEqualTo((byte) -1);
          assertThat(RawMemory.getByte(memory.address() + 10)).isEqualTo((byte) (round + 1));
        }
        files.close(direct);
        files.close(buffered);
      }
      kernel.assertNothingHeld();
    }
  }
}
