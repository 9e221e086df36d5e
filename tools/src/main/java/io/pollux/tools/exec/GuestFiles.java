// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.exec;

import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileTable;
import io.pollux.core.vfs.MachineFiles;
import io.pollux.uapi.Fcntl;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import org.jspecify.annotations.Nullable;

/**
 * The descriptors of the program's process. C code reserves and frees the numbers. A number without
 * a file of this kernel is one of the host's.
 */
final class GuestFiles implements MachineFiles {
  // the host's files do not count as open files of this kernel
  private final FileTable foreign = new FileTable();
  private final MachineFile.Host host;
  private final MethodHandle reserve;
  private final MethodHandle reserveAt;
  private final MethodHandle free;

  /**
   * Takes the host calls for the program's table and for the second table, and the addresses of C
   * functions.
   */
  GuestFiles(
      Machine machine,
      Machine apart,
      MemorySegment reserve,
      MemorySegment reserveAt,
      MemorySegment free) {
    MachinePolls polls = new MachinePolls(machine, apart);
    host =
        new MachineFile.Host(
            machine, new MachineAio(machine), polls, new MachineDuplicates(machine, apart, polls));
    FunctionDescriptor numbered =
        FunctionDescriptor.of(ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG);
    this.reserve = function(reserve, numbered);
    this.reserveAt = function(reserveAt, numbered);
    this.free = function(free, FunctionDescriptor.ofVoid(ValueLayout.JAVA_LONG));
  }

  @SuppressWarnings("restricted") // calls C
  private static MethodHandle function(MemorySegment address, FunctionDescriptor type) {
    return Linker.nativeLinker().downcallHandle(address, type);
  }

  private static int number(MethodHandle function, int argument) {
    try {
      return (int) (long) function.invokeExact((long) argument);
    } catch (Throwable e) {
      throw new AssertionError("a C function has no Java exceptions", e);
    }
  }

  @Override
  public int reserve(int from) {
    return number(reserve, from);
  }

  @Override
  public int reserveAt(int fd) {
    return number(reserveAt, fd);
  }

  @Override
  public void free(int fd) {
    try {
      free.invokeExact((long) fd);
    } catch (Throwable e) {
      throw new AssertionError("a C function has no Java exceptions", e);
    }
  }

  @Override
  public int getFd(int fd) {
    return (int) host.machine().call(Machine.FCNTL, fd, Fcntl.F_GETFD, 0);
  }

  @Override
  public void setFd(int fd, int flags) {
    long result = host.machine().call(Machine.FCNTL, fd, Fcntl.F_SETFD, flags);
    assert result == 0 : "the placeholder is open";
  }

  @Override
  public int pid() {
    return (int) host.machine().call(Machine.GETPID, 0, 0, 0);
  }

  @Override
  public @Nullable File fget(int fd) {
    return MachineFile.open(host, foreign, fd);
  }
}
