// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.Debug;
import io.pollux.core.sched.LockClass;
import io.pollux.core.sched.LockOrder;
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
 * The descriptors of a process: struct files_struct. Lookups take no lock. The table's lock guards
 * allocation, installation and release of descriptors.
 */
@LinuxSource(file = "fs/file.c", name = "files_struct")
public final class FilesStruct extends TaskFiles {
  /** Maximum number of descriptors of a process (RLIMIT_NOFILE). */
  public static final int NR_OPEN = 1024;

  private final Object lock = new Object();
  private final MachineFiles machine;
  private final FsStruct fs;
  private final AtomicReferenceArray<@Nullable File> fds;

  /** Creates an empty table that allocates its own numbers. */
  public FilesStruct() {
    this(new OwnNumbers(), NR_OPEN);
  }

  /**
   * Creates an empty table of a process that also has files of the host.
   *
   * @param machine allocates numbers, and returns the host's files
   * @param limit upper limit of the numbers, exclusive
   */
  public FilesStruct(MachineFiles machine, int limit) {
    this(machine, limit, new FsStruct());
  }

  private FilesStruct(MachineFiles machine, int limit, FsStruct fs) {
    this.machine = machine;
    this.fds = new AtomicReferenceArray<>(limit);
    this.fs = fs;
  }

  /**
   * Creates a copy for a child process: the same files under the same numbers, working directory
   * and umask. From any context.
   *
   * @param childs the child's numbers, where the copied ones are already reserved
   * @return the copy, with references of its own
   */
  @LinuxSource(
      file = "fs/file.c",
      name = {"dup_fd", "copy_files"})
  public FilesStruct copy(MachineFiles childs) {
    FilesStruct copy = new FilesStruct(childs, fds.length(), fs.copy());
    lockdep();
    synchronized (lock) {
      for (int fd = 0; fd < fds.length(); fd++) {
        File file = fds.get(fd);
        if (file != null) {
          boolean there = file.getMany(1);
          assert there : "the reference of this table";
          file.installed(fd);
          copy.fds.set(fd, file);
        }
      }
    }
    return copy;
  }

  /** Whether a number is a descriptor of this table. */
  public boolean has(int fd) {
    return isHere(fd);
  }

  /** Whether the working directory was set; it is the root otherwise. */
  public boolean hasPwd() {
    return fs.hasPwd();
  }

  /**
   * Returns the descriptors of a task's process ({@code current->files}).
   *
   * @param task a task of a process that has descriptors
   */
  public static FilesStruct of(Task task) {
    return (FilesStruct) task.files();
  }

  /**
   * Returns the descriptors of a process.
   *
   * @param process a process that has descriptors
   */
  public static FilesStruct of(UserProcess process) {
    return (FilesStruct) process.files();
  }

  /** Returns the working directory and the umask of the process ({@code current->fs}). */
  FsStruct fs() {
    return fs;
  }

  /** Allocates the numbers of a process without files of the host. Under the table's lock. */
  private static final class OwnNumbers implements MachineFiles {
    /**
     * The first three are reserved for the program's standard streams, which are not files of this
     * kernel.
     */
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
   * Installs a file under the lowest free number. On success the table owns the caller's reference.
   *
   * @param file the file
   * @return the descriptor, or -EMFILE; the caller then still owns the reference
   */
  @LinuxSource(
      file = "fs/file.c",
      name = {"get_unused_fd_flags", "fd_install"})
  public int install(File file) {
    return install(file, 0);
  }

  private int install(File file, int from) {
    lockdep();
    synchronized (lock) {
      int fd = machine.reserve(from);
      if (fd >= fds.length()) {
        machine.free(fd);
        return -Errno.EMFILE;
      }
      if (fd >= 0) {
        file.installed(fd); // first: a thread that finds the descriptor finds its number
        fds.set(fd, file);
      }
      return fd;
    }
  }

  /** Returns the host's pid of the process; 0 if it has none. */
  public int pid() {
    return machine.pid();
  }

  /**
   * Whether a descriptor is closed on exec.
   *
   * @param fd any value
   * @return Fcntl.FD_CLOEXEC, 0, or -EBADF
   */
  @LinuxSource(file = "fs/file.c", name = "get_close_on_exec")
  public int getFd(int fd) {
    lockdep();
    synchronized (lock) {
      return isHere(fd) ? machine.getFd(fd) : -Errno.EBADF;
    }
  }

  /**
   * Changes whether a descriptor is closed on exec.
   *
   * @param fd any value
   * @param flags Fcntl.FD_CLOEXEC or 0; other bits are ignored
   * @return 0 or -EBADF
   */
  @LinuxSource(file = "fs/file.c", name = "set_close_on_exec")
  public int setFd(int fd, int flags) {
    lockdep();
    synchronized (lock) {
      if (!isHere(fd)) {
        return -Errno.EBADF;
      }
      machine.setFd(fd, flags & Fcntl.FD_CLOEXEC);
      return 0;
    }
  }

  private void lockdep() {
    if (Debug.ON) {
      LockOrder.enter(LockClass.FILES, lock);
    }
  }

  private boolean isHere(int fd) {
    return fd >= 0 && fd < fds.length() && fds.get(fd) != null;
  }

  /**
   * Looks up a descriptor, including one opened with O_PATH, and takes a reference.
   *
   * @param fd any value
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
   * @param fd any value
   * @return the file, or null (EBADF)
   */
  @LinuxSource(file = "fs/file.c", name = "fget")
  public @Nullable File fget(int fd) {
    return fgetMany(fd, 1);
  }

  /**
   * Looks up a descriptor and takes several references by one atomic operation.
   *
   * @param fd any value
   * @param refs number of references, at least 1
   * @return the file, or null (EBADF)
   */
  @Patch(17)
  @LinuxSource(file = "fs/file.c", name = "fget_many")
  public @Nullable File fgetMany(int fd, int refs) {
    assert refs > 0 : refs;
    if (fd < 0 || fd >= fds.length()) {
      return null;
    }
    while (true) { // ends: a file that is being released has left the table, or is about to
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
   * Duplicates a descriptor.
   *
   * @param fd the descriptor; any value
   * @param from lower limit of the new number; any value
   * @return the lowest free number, -EBADF, -EINVAL for an invalid limit, -EMFILE
   */
  @LinuxSource(
      file = "fs/file.c",
      name = {"ksys_dup", "f_dupfd"})
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
   * Duplicates a descriptor under a given number. A file that had the number is closed. From
   * process context.
   *
   * @param current the calling task
   * @param fd the descriptor; any value
   * @param as the new number; any value
   * @return that number, or -EBADF
   */
  @LinuxSource(
      file = "fs/file.c",
      name = {"ksys_dup3", "do_dup2"})
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
    lockdep();
    synchronized (lock) {
      made = machine.reserveAt(as);
      before = made < 0 ? file : replace(as, file);
    }
    if (before != null) {
      if (made >= 0) {
        before.closed(this);
      }
      before.fput(current);
    }
    return made;
  }

  /** Installs a file under a reserved number. Returns the file that had it, or null. */
  private @Nullable File replace(int fd, File file) {
    file.installed(fd);
    File before = fds.getAndSet(fd, file);
    if (before != null) {
      before.uninstalled(fd);
    }
    return before;
  }

  /**
   * Closes a descriptor. From process context.
   *
   * @param current the calling task
   * @param fd any value
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
   * Closes a descriptor without a task. From any context: the release skips what would have to
   * sleep.
   *
   * @param fd any value
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

  /** Removes a file from the table. The caller then owns its reference. */
  private @Nullable File take(int fd) {
    if (fd < 0 || fd >= fds.length()) {
      return null;
    }
    lockdep();
    synchronized (lock) {
      File file = fds.getAndSet(fd, null);
      if (file != null) {
        machine.free(fd);
        file.uninstalled(fd);
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
    fs.exit(current);
  }
}
