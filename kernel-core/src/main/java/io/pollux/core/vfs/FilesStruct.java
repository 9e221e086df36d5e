// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.sched.Task;
import io.pollux.core.sched.TaskFiles;
import io.pollux.core.sched.UserProcess;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * The descriptors of a process: the counterpart of struct files_struct. Lookups take no lock; a number is taken,
 * filled, emptied and given back under the table's own.
 */
@LinuxSource(file = "fs/file.c", name = "files_struct")
public final class FilesStruct extends TaskFiles {
  /** Most descriptors of one process (RLIMIT_NOFILE). */
  public static final int NR_OPEN = 1024;

  private final Object lock = new Object();
  private final MachineFiles machine;
  private final AtomicReferenceArray<@Nullable File> fds;

  /** Makes an empty table, whose numbers are its own. */
  public FilesStruct() {
    this(new OwnNumbers(), NR_OPEN);
  }

  /**
   * Makes an empty table of a process that has files of the machine too.
   *
   * @param machine where numbers come from, and what a number is that is not here
   * @param limit numbers are below it
   */
  public FilesStruct(MachineFiles machine, int limit) {
    this.machine = machine;
    this.fds = new AtomicReferenceArray<>(limit);
  }

  /**
   * The descriptors of a task's process ({@code current->files}).
   *
   * @param task a task of a process that has descriptors
   * @return its table
   */
  public static FilesStruct of(Task task) {
    return (FilesStruct) task.files();
  }

  /**
   * The descriptors of a process.
   *
   * @param process a process that has descriptors
   * @return its table
   */
  public static FilesStruct of(UserProcess process) {
    return (FilesStruct) process.files();
  }

  /** Numbers of a process that has no other files than here. Under the table's lock. */
  private static final class OwnNumbers implements MachineFiles {
    /** The first three belong to the program's own streams, which are none of this kernel's. */
    private static final int FIRST = 3;

    private final boolean[] reserved = new boolean[NR_OPEN];
    private final boolean[] closeOnExec = new boolean[NR_OPEN];

    @Override
    public int reserve(int from) {
      for (int fd = Math.max(from, FIRST); fd < NR_OPEN; fd++) {
        if (!reserved[fd]) {
          reserved[fd] = true;
          return fd;
        }
      }
      return -Errno.EMFILE;
    }

    @Override
    public int reserveAt(int fd) {
      reserved[fd] = true;
      closeOnExec[fd] = false;
      return fd;
    }

    @Override
    public void free(int fd) {
      reserved[fd] = false;
      closeOnExec[fd] = false;
    }

    @Override
    public int getFd(int fd) {
      return closeOnExec[fd] ? Fcntl.FD_CLOEXEC : 0;
    }

    @Override
    public void setFd(int fd, int flags) {
      closeOnExec[fd] = flags != 0;
    }

    @Override
    public int pid() {
      return 0;
    }

    @Override
    public @Nullable File fget(int fd) {
      return null;
    }
  }

  /**
   * Installs a file under the lowest free number. The table takes over the caller's reference.
   *
   * @param file the file
   * @return the descriptor, or -EMFILE, with the reference still the caller's
   */
  @LinuxSource(file = "fs/file.c", name = {"get_unused_fd_flags", "fd_install"})
  public int install(File file) {
    return install(file, 0);
  }

  private int install(File file, int from) {
    synchronized (lock) {
      int fd = machine.reserve(from);
      if (fd >= fds.length()) {
        machine.free(fd);
        return -Errno.EMFILE;
      }
      if (fd >= 0) {
        fds.set(fd, file);
      }
      return fd;
    }
  }

  /**
   * The number of the process.
   *
   * @return the host's pid; 0 if it has none
   */
  public int pid() {
    return machine.pid();
  }

  /**
   * Whether a descriptor is closed on exec.
   *
   * @param fd any value at all
   * @return Fcntl.FD_CLOEXEC, 0, or -EBADF
   */
  @LinuxSource(file = "fs/file.c", name = "get_close_on_exec")
  public int getFd(int fd) {
    synchronized (lock) {
      return isHere(fd) ? machine.getFd(fd) : -Errno.EBADF;
    }
  }

  /**
   * Changes whether a descriptor is closed on exec.
   *
   * @param fd any value at all
   * @param flags Fcntl.FD_CLOEXEC or 0; other bits are ignored
   * @return 0 or -EBADF
   */
  @LinuxSource(file = "fs/file.c", name = "set_close_on_exec")
  public int setFd(int fd, int flags) {
    synchronized (lock) {
      if (!isHere(fd)) {
        return -Errno.EBADF;
      }
      machine.setFd(fd, flags & Fcntl.FD_CLOEXEC);
      return 0;
    }
  }

  private boolean isHere(int fd) {
    return fd >= 0 && fd < fds.length() && fds.get(fd) != null;
  }

  /**
   * Looks up a descriptor, including one opened with O_PATH, and takes a reference.
   *
   * @param fd any value at all
   * @return the file, or null (EBADF)
   */
  @LinuxSource(file = "fs/file.c", name = "fget_raw")
  public @Nullable File fgetRaw(int fd) {
    if (fd < 0 || fd >= fds.length()) {
      return null;
    }
    File file = fds.get(fd);
    return file == null || !file.isPath() ? fget(fd) : file.getMany(1) ? file : null;
  }

  /**
   * Looks up a descriptor and takes a reference. Ignores one opened with O_PATH.
   *
   * @param fd any value at all
   * @return the file, or null (EBADF)
   */
  @LinuxSource(file = "fs/file.c", name = "fget")
  public @Nullable File fget(int fd) {
    return fgetMany(fd, 1);
  }

  /**
   * Looks a descriptor up and takes many references with one atomic operation.
   *
   * @param fd any value at all
   * @param refs how many, at least 1
   * @return the file, or null (EBADF)
   */
  @Patch(17)
  @LinuxSource(file = "fs/file.c", name = "fget_many")
  public @Nullable File fgetMany(int fd, int refs) {
    assert refs > 0 : refs;
    if (fd < 0 || fd >= fds.length()) {
      return null;
    }
    while (true) { // ends: a file that is being released has left its place, or is about to
      File file = fds.get(fd);
      if (file == null) {
        return ofMachine(fd, refs);
      }
      if (file.isPath()) {
        return null;
      }
      if (file.getMany(refs)) {
        return file;
      }
      Thread.onSpinWait();
    }
  }

  private @Nullable File ofMachine(int fd, int refs) {
    File file = machine.fget(fd);
    if (file != null && refs > 1) {
      boolean there = file.getMany(refs - 1);
      assert there : "the caller's reference";
    }
    return file;
  }

  /**
   * Gives a file another number.
   *
   * @param fd the descriptor; any value at all
   * @param from the lowest number that will do; any value at all
   * @return the lowest free number, -EBADF, -EINVAL for a number that can't be, -EMFILE
   */
  @LinuxSource(file = "fs/file.c", name = {"ksys_dup", "f_dupfd"})
  public int dup(int fd, int from) {
    File file = fgetRaw(fd);
    if (file == null) {
      return -Errno.EBADF;
    }
    int made = from < 0 || from >= fds.length() ? -Errno.EINVAL : install(file, from);
    if (made < 0) {
      file.fput();
    }
    return made;
  }

  /**
   * Gives a file the number that is asked for; what had it is closed. From process context.
   *
   * @param current the calling task
   * @param fd the descriptor; any value at all
   * @param as another number; any value at all
   * @return that number, or -EBADF
   */
  @LinuxSource(file = "fs/file.c", name = {"ksys_dup3", "do_dup2"})
  public int dup3(Task current, int fd, int as) {
    File file = fgetRaw(fd);
    if (file == null) {
      return -Errno.EBADF;
    }
    if (as < 0 || as >= fds.length()) {
      file.fput();
      return -Errno.EBADF;
    }
    File before;
    int made;
    synchronized (lock) {
      made = machine.reserveAt(as);
      before = made < 0 ? file : fds.getAndSet(as, file);
    }
    if (before != null) {
      if (made >= 0) {
        before.closed(this);
      }
      before.fput(current);
    }
    return made;
  }

  /**
   * Closes a descriptor. From process context.
   *
   * @param current the calling task
   * @param fd any value at all
   * @return 0 or -EBADF
   */
  @LinuxSource(file = "fs/file.c", name = "__close_fd")
  public int close(Task current, int fd) {
    File file = take(fd);
    if (file == null) {
      return -Errno.EBADF;
    }
    file.closed(this);
    file.fput(current);
    return 0;
  }

  /**
   * Closes a descriptor for somebody who is no task. From any context: what a release would have to sleep for
   * is left undone.
   *
   * @param fd any value at all
   * @return 0 or -EBADF
   */
  public int close(int fd) {
    File file = take(fd);
    if (file == null) {
      return -Errno.EBADF;
    }
    file.closed(this);
    file.fput();
    return 0;
  }

  /** Takes a file out of the table. Its reference is the caller's then. */
  private @Nullable File take(int fd) {
    if (fd < 0 || fd >= fds.length()) {
      return null;
    }
    synchronized (lock) {
      File file = fds.getAndSet(fd, null);
      if (file != null) {
        machine.free(fd);
      }
      return file;
    }
  }

  @Override
  @LinuxSource(file = "fs/file.c", name = "close_files")
  public void closeAll(Task current) {
    for (int fd = 0; fd < fds.length(); fd++) {
      File file = take(fd);
      if (file != null) {
        file.closed(this);
        file.fput(current);
      }
    }
  }
}
