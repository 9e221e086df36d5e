// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.exec;

import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileTable;
import io.pollux.core.vfs.MachineFiles;
import io.pollux.uapi.Fcntl;
import org.jspecify.annotations.Nullable;

/**
 * The descriptors of the program's process. C code reserves and frees the numbers. A number without
 * a file of this kernel is one of the host's.
 */
final class GuestFiles implements MachineFiles {
  // the host's files do not count as open files of this kernel
  private final FileTable foreign = new FileTable();
  private final MachineFile.Host host;

  /** Takes the host calls for the program's table and for the second table. */
  GuestFiles(Machine machine, Machine apart) {
    MachinePolls polls = new MachinePolls(machine, apart);
    host =
        new MachineFile.Host(
            machine, new MachineAio(machine), polls, new MachineDuplicates(machine, apart, polls));
  }

  @Override
  public int reserve(int from) {
    return (int) host.machine().call(Machine.RESERVE, from, 0, 0);
  }

  @Override
  public int reserveAt(int fd) {
    return (int) host.machine().call(Machine.RESERVE_AT, fd, 0, 0);
  }

  @Override
  public void free(int fd) {
    host.machine().call(Machine.FREE, fd, 0, 0);
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
