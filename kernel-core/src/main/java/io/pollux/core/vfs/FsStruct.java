// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * The working directory and the umask of a process: struct fs_struct. A process starts in the root
 * with umask 0.
 *
 * <p>The working directory is a file opened with O_PATH. So it keeps its inode, and its filesystem
 * is in use.
 */
@LinuxSource(file = "include/linux/fs_struct.h", name = "fs_struct")
public final class FsStruct {
  private final AtomicInteger umask = new AtomicInteger();
  private @Nullable File pwd; // null: the root; under the lock of this object
  private boolean exited; // likewise

  FsStruct() {}

  /** Returns a copy for a child process: the same directory and umask. */
  @LinuxSource(file = "fs/fs_struct.c", name = "copy_fs_struct")
  synchronized FsStruct copy() {
    FsStruct copy = new FsStruct();
    copy.setUmask(umask());
    if (pwd != null) {
      boolean there = pwd.getMany(1);
      assert there : "the reference of this object";
      copy.pwd = pwd;
    }
    return copy;
  }

  /**
   * Returns the state of a task's process ({@code current->fs}).
   *
   * @param task a task; one without descriptors has a state of its own
   */
  public static FsStruct of(Task task) {
    return task.files() instanceof FilesStruct files ? files.fs() : new FsStruct();
  }

  /** Returns the bits that new files do not get. */
  public int umask() {
    return umask.get();
  }

  /**
   * Sets the bits that new files do not get.
   *
   * @param mask mode bits; others are ignored
   * @return the mask before
   */
  @LinuxSource(file = "kernel/sys.c", name = "sys_umask")
  public int setUmask(int mask) {
    return umask.getAndSet(mask & StatMode.S_IRWXUGO);
  }

  /** Returns the working directory, or null for the root. From any context. */
  @LinuxSource(file = "include/linux/fs_struct.h", name = "get_fs_pwd")
  public synchronized @Nullable Dentry pwd() {
    return pwd == null ? null : pwd.dentry();
  }

  /** Whether the working directory was set. From any context. */
  synchronized boolean hasPwd() {
    return pwd != null;
  }

  /**
   * Returns the bytes of the path of the working directory. From any context.
   *
   * @throws ErrnoException ENOENT if it was removed
   */
  @LinuxSource(file = "fs/d_path.c", name = "sys_getcwd")
  public byte[] pwdPath() throws ErrnoException {
    Dentry at = pwd();
    if (at == null) {
      return new byte[] {'/'};
    }
    if (at.unlinked()) {
      throw new ErrnoException(Errno.ENOENT);
    }
    return at.path();
  }

  /**
   * Sets the working directory. From process context.
   *
   * @param current the calling task
   * @param directory a file opened with O_PATH, whose reference passes to this; null for the root
   */
  @LinuxSource(file = "fs/fs_struct.c", name = "set_fs_pwd")
  public void setPwd(Task current, @Nullable File directory) {
    File before;
    synchronized (this) {
      before = exited ? directory : pwd;
      pwd = exited ? null : directory;
    }
    if (before != null) {
      before.fput(current);
    }
  }

  /** Drops the working directory when the process exits. */
  @LinuxSource(file = "fs/fs_struct.c", name = "exit_fs")
  void exit(Task current) {
    setPwd(current, null);
    synchronized (this) {
      exited = true;
    }
  }
}
