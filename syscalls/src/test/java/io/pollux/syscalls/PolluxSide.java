// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.Mman;
import io.pollux.uapi.Nr;
import java.util.Arrays;

/** This kernel: a program whose root is an empty directory, as far as its paths show. */
final class PolluxSide implements Side {
  private final Kernel kernel = Kernel.boot();
  private final Program program = kernel.newProgram();
  private final long memory =
      program.syscall(
          Nr.MMAP,
          0,
          MEMORY,
          Mman.PROT_READ | Mman.PROT_WRITE,
          Mman.MAP_PRIVATE | Mman.MAP_ANONYMOUS,
          -1,
          0);

  PolluxSide() {
    assertThat(memory).isPositive();
  }

  @Override
  public long syscall(int nr, long... arguments) {
    long[] all = Arrays.copyOf(arguments, 6);
    return program.syscall(nr, all[0], all[1], all[2], all[3], all[4], all[5]);
  }

  @Override
  public long memory() {
    return memory;
  }

  @Override
  public void close() throws ErrnoException {
    program.close();
    assertThat(kernel.held()).isEmpty();
    kernel.close();
  }
}
