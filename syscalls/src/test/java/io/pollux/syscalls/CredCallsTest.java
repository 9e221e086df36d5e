// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Nr;
import io.pollux.uapi.RawMemory;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** User and group IDs of a process. {@link LikeLinuxTest} compares their effects with Linux. */
@Timeout(60)
class CredCallsTest {
  private final Booted booted = new Booted();
  private final Program program = booted.program;

  @AfterEach
  void close() throws ErrnoException {
    booted.close();
  }

  @Test
  void theThreadsOfAProcessShareItsIds() throws Exception {
    assertThat(program.syscall(Nr.SETRESUID, 1, 2, 3)).isZero();
    try (Program thread = program.newThread()) {
      long uid =
          CompletableFuture.supplyAsync(() -> thread.syscall(Nr.GETEUID, 0))
              .get(1, TimeUnit.MINUTES);
      assertThat(uid).isEqualTo(2);
    }
    assertThat(program.syscall(Nr.GETUID, 0)).isEqualTo(1);
  }

  @Test
  void aProgramWithoutCapabilitiesTakesOnlyItsOwnIds() {
    assertThat(program.syscall(Nr.SETRESGID, 10, 11, 12)).isZero();
    assertThat(program.syscall(Nr.SETRESUID, 1, 2, 3)).isZero();
    assertThat(program.syscall(Nr.SETRESUID, 0, 0, 0)).isEqualTo(-Errno.EPERM);
    assertThat(program.syscall(Nr.SETRESUID, 3, 1, -1)).isZero();
    assertThat(program.syscall(Nr.SETRESGID, 11, 12, 10)).isZero();
    assertThat(program.syscall(Nr.SETGID, 13)).isEqualTo(-Errno.EPERM);
    assertThat(program.syscall(Nr.SETGROUPS, 0, 0)).isEqualTo(-Errno.EPERM);
    long at = booted.memory;
    assertThat(program.syscall(Nr.GETRESUID, at, at + 4, at + 8)).isZero();
    assertThat(new int[] {RawMemory.getInt(at), RawMemory.getInt(at + 4), RawMemory.getInt(at + 8)})
        .containsExactly(3, 1, 3);
    assertThat(program.syscall(Nr.GETRESGID, at, at + 4, 8)).isEqualTo(-Errno.EFAULT);
  }
}
