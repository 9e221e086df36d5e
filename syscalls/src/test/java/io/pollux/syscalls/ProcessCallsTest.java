// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Nr;
import io.pollux.uapi.Rlimit64;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** prlimit64 as a program sees it. */
class ProcessCallsTest {
  private static final int MEMLOCK = Rlimit64.RLIMIT_MEMLOCK;

  private final Booted booted = new Booted();
  private final long wanted = booted.memory;
  private final long old = booted.memory + Rlimit64.SIZE;

  @AfterEach
  void close() throws ErrnoException {
    booted.close();
  }

  private long prlimit(int pid, int resource, long newRlim, long oldRlim) {
    return booted.program.syscall(Nr.PRLIMIT64, pid, resource, newRlim, oldRlim);
  }

  private void want(long cur, long max) {
    Rlimit64.rlimCur(wanted, cur);
    Rlimit64.rlimMax(wanted, max);
  }

  @Test
  void memlockIsWhatWasSet() {
    assertThat(prlimit(0, MEMLOCK, 0, old)).isZero();
    assertThat(Rlimit64.rlimCur(old)).isEqualTo(Rlimit64.RLIM64_INFINITY);
    assertThat(Rlimit64.rlimMax(old)).isEqualTo(Rlimit64.RLIM64_INFINITY);
    want(65_536, Rlimit64.RLIM64_INFINITY);
    assertThat(prlimit(0, MEMLOCK, wanted, 0)).isZero();
    want(4096, 8192);
    assertThat(prlimit(0, MEMLOCK, wanted, old)).isZero();
    assertThat(Rlimit64.rlimCur(old)).isEqualTo(65_536);
    assertThat(Rlimit64.rlimMax(old)).isEqualTo(Rlimit64.RLIM64_INFINITY);
    assertThat(prlimit(0, MEMLOCK, 0, old)).isZero();
    assertThat(Rlimit64.rlimCur(old)).isEqualTo(4096);
    assertThat(Rlimit64.rlimMax(old)).isEqualTo(8192);
  }

  @Test
  void descriptorsAreWhatTheyAre() {
    assertThat(prlimit(0, Rlimit64.RLIMIT_NOFILE, 0, old)).isZero();
    assertThat(Rlimit64.rlimCur(old)).isEqualTo(1024);
    want(1024, 1024);
    assertThat(prlimit(0, Rlimit64.RLIMIT_NOFILE, wanted, 0)).isZero();
    want(1024, 4096);
    assertThat(prlimit(0, Rlimit64.RLIMIT_NOFILE, wanted, 0)).isEqualTo(-Errno.EPERM);
  }

  @Test
  void whatIsRefused() {
    want(2, 1);
    assertThat(prlimit(0, MEMLOCK, wanted, 0)).isEqualTo(-Errno.EINVAL);
    want(Rlimit64.RLIM64_INFINITY, 1);
    assertThat(prlimit(0, MEMLOCK, wanted, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(prlimit(0, MEMLOCK, 8, 0)).isEqualTo(-Errno.EFAULT);
    assertThat(prlimit(0, MEMLOCK, 0, 8)).isEqualTo(-Errno.EFAULT);
    assertThat(prlimit(0, 3, 0, old)).isEqualTo(-Errno.EINVAL);
    assertThat(prlimit(0, -1, 0, old)).isEqualTo(-Errno.EINVAL);
    assertThat(prlimit(4711, MEMLOCK, 0, old)).isEqualTo(-Errno.ESRCH);
  }
}
