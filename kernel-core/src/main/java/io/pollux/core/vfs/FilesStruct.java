// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/** The descriptors of a process: the counterpart of struct files_struct. Lookups take no lock. */
@LinuxSource(file = "fs/file.c", name = "files_struct")
public final class FilesStruct {
  /** Most descriptors of one process (RLIMIT_NOFILE). */
  public static final int NR_OPEN = 1024;

  /** The first three belong to the program's own streams, which are none of this kernel's. */
  private static final int FIRST = 3;

  private final AtomicReferenceArray<@Nullable File> fds = new AtomicReferenceArray<>(NR_OPEN);
  private final boolean[] reserved = new boolean[NR_OPEN]; // under its own lock

  /** Makes an empty table. */
  public FilesStruct() {
    Arrays.fill(reserved, 0, FIRST, true);
  }

  /**
   * Installs a file under the lowest free number. The table takes over the caller's reference.
   *
   * @param file the file
   * @return the descriptor, or -EMFILE, with the reference still the caller's
   */
  @LinuxSource(file = "fs/file.c", name = {"get_unused_fd_flags", "fd_install"})
  public int install(File file) {
    synchronized (reserved) {
      for (int fd = FIRST; fd < NR_OPEN; fd++) {
        if (!reserved[fd]) {
          reserved[fd] = true;
          fds.set(fd, file);
          return fd;
        }
      }
    }
    return -Errno.EMFILE;
  }

  /**
   * Looks a descriptor up and takes a reference.
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
    if (fd < 0 || fd >= NR_OPEN) {
      return null;
    }
    while (true) { // ends: a file that is being released has left its place, or is about to
      File file = fds.get(fd);
      if (file == null || file.getMany(refs)) {
        return file;
      }
      Thread.onSpinWait();
    }
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
    file.fput();
    return 0;
  }

  /** Takes a file out of the table. Its reference is the caller's then. */
  private @Nullable File take(int fd) {
    if (fd < 0 || fd >= NR_OPEN) {
      return null;
    }
    synchronized (reserved) {
      File file = fds.getAndSet(fd, null);
      if (file != null) {
        reserved[fd] = false;
      }
      return file;
    }
  }

  /**
   * Closes every descriptor, at the end of the process. From process context.
   *
   * @param current the calling task
   */
  @LinuxSource(file = "fs/file.c", name = "close_files")
  public void closeAll(Task current) {
    for (int fd = FIRST; fd < NR_OPEN; fd++) {
      File file = take(fd);
      if (file != null) {
        file.fput(current);
      }
    }
  }
}
