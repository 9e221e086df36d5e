// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.differential;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.driver.RamDisk;
import io.pollux.core.ErrnoException;
import io.pollux.syscalls.Kernel;
import io.pollux.syscalls.Program;
import java.util.List;

/** This kernel, with a RAM disk. For one thread. */
final class PolluxMachine implements Machine {
  private final RamDisk disk = new RamDisk(AioProgram.DISK_BYTES);
  private final Kernel kernel = Kernel.boot();
  private final Program program;

  PolluxMachine() {
    kernel.addDisk(disk.disk("ram0", 259L << 8, false));
    program = kernel.newProgram();
  }

  @Override
  public String name() {
    return "this kernel";
  }

  @Override
  public String diskPath() {
    return "/dev/ram0";
  }

  @Override
  public long syscall(int nr, long a0, long a1, long a2, long a3, long a4, long a5) {
    return program.syscall(nr, a0, a1, a2, a3, a4, a5);
  }

  @Override
  public void assertNothingIsHeld() {
    assertThat(program.pinnedPages()).as("pinned pages").isZero();
    List<String> held = kernel.held();
    assertThat(held.stream().filter(what -> !what.equals("open files: " + ProgramRun.OPEN_FILES)))
        .as("held")
        .isEmpty();
  }

  @Override
  public void close() {
    program.close();
    try {
      assertThat(kernel.held()).as("held").isEmpty();
      kernel.close();
    } catch (ErrnoException e) {
      throw new AssertionError("the kernel did not shut down", e);
    }
    disk.close();
  }
}
