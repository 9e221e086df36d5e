// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit.suite;

import static io.pollux.testkit.CallAssert.assertThatCall;

import io.pollux.syscalls.Program;
import io.pollux.testkit.TestKernel;
import io.pollux.uapi.Nr;
import java.util.Arrays;

/** A directory of this kernel's root filesystem. */
final class RootMachine implements Machine {
  private static final String DIRECTORY = "/suite";

  private final Program program;

  private RootMachine(Program program) {
    this.program = program;
  }

  static RootMachine start(TestKernel kernel) {
    RootMachine machine = new RootMachine(kernel.newProgram());
    Calls calls = new Calls(machine, "/");
    assertThatCall(calls.mkdir("suite", 0755)).returns(0);
    calls.close();
    return machine;
  }

  @Override
  public long syscall(int nr, long... arguments) {
    return syscall(program, nr, arguments);
  }

  static long syscall(Program program, int nr, long... arguments) {
    long[] all = Arrays.copyOf(arguments, 6);
    return program.syscall(nr, all[0], all[1], all[2], all[3], all[4], all[5]);
  }

  @Override
  public String directory() {
    return DIRECTORY;
  }

  @Override
  public void remount(boolean readOnly) {
    throw new UnsupportedOperationException("the root stays mounted");
  }

  @Override
  public void close() {
    syscall(Nr.CHDIR, 0); // the kernel of the test ends the program
  }
}
