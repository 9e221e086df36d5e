// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * The root, the working directory and the umask of a process: struct fs_struct. A process starts in
 * the root of the namespace, which is its own, with umask 0.
 *
 * <p>Each of the two directories is a file opened with O_PATH. So it keeps its inode, and its
 * filesystem is in use.
 */
@LinuxSource(file = "include/linux/fs_struct.h", name = "fs_struct")
public final class FsStruct {
  private static final byte[] UNREACHABLE = Dentry.bytes("(unreachable)");

  private final AtomicInteger umask = new AtomicInteger();
  // null: the root of the namespace. Written under the lock of this object, as all below.
  private volatile @Nullable File root;
  private @Nullable File pwd; // likewise
  private boolean exited;

  FsStruct() {}

  /** Returns a copy for a child process: the same directories and umask. */
  @LinuxSource(file = "fs/fs_struct.c", name = "copy_fs_struct")
  synchronized FsStruct copy() {
    FsStruct copy = new FsStruct();
    copy.setUmask(umask());
    copy.pwd = another(pwd);
    copy.root = another(root);
    return copy;
  }

  private static @Nullable File another(@Nullable File held) {
    if (held != null) {
      boolean there = held.getMany(1);
      assert there : "the reference of this object";
    }
    return held;
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

  /** Returns the root of the process, or null for that of the namespace. From any context. */
  @LinuxSource(file = "include/linux/fs_struct.h", name = "get_fs_root")
  public @Nullable Dentry root() {
    File held = root;
    return held == null ? null : held.dentry();
  }

  /** Returns the working directory, or null for the namespace's root. From any context. */
  @LinuxSource(file = "include/linux/fs_struct.h", name = "get_fs_pwd")
  public synchronized @Nullable Dentry pwd() {
    return pwd == null ? null : pwd.dentry();
  }

  /** Whether the working directory was set. From any context. */
  synchronized boolean hasPwd() {
    return pwd != null;
  }

  /**
   * Returns the bytes of the path of the working directory, below the root of the process. A
   * directory outside has "(unreachable)" before its path in the namespace. From any context.
   *
   * @throws ErrnoException ENOENT if it was removed
   */
  @LinuxSource(file = "fs/d_path.c", name = "sys_getcwd")
  public byte[] pwdPath() throws ErrnoException {
    Dentry at = pwd();
    if (at != null && at.unlinked()) {
      throw new ErrnoException(Errno.ENOENT);
    }
    byte[] path = at == null ? new byte[] {'/'} : at.path();
    Dentry top = root();
    if (top == null) {
      return path;
    }
    byte[] above = top.path();
    int length = above.length == 1 ? 0 : above.length; // of all before the first slash below it
    boolean below =
        path.length >= length
            && Arrays.equals(path, 0, length, above, 0, length)
            && (path.length == length || path[length] == '/');
    if (!below) {
      byte[] marked = Arrays.copyOf(UNREACHABLE, UNREACHABLE.length + path.length);
      System.arraycopy(path, 0, marked, UNREACHABLE.length, path.length);
      return marked;
    }
    return path.length == length ? new byte[] {'/'} : Arrays.copyOfRange(path, length, path.length);
  }

  /**
   * Sets the working directory. From process context.
   *
   * @param current the calling task
   * @param directory a file opened with O_PATH, whose reference passes to this; null for the
   *     namespace's root
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

  /**
   * Sets the root of the process: absolute paths and links start there, and ".." does not lead out
   * of it. The working directory stays. From process context.
   *
   * @param current the calling task
   * @param directory a file opened with O_PATH, whose reference passes to this
   */
  @LinuxSource(file = "fs/fs_struct.c", name = "set_fs_root")
  public void setRoot(Task current, @Nullable File directory) {
    File before;
    synchronized (this) {
      before = exited ? directory : root;
      root = exited ? null : directory;
    }
    if (before != null) {
      before.fput(current);
    }
  }

  /** Drops both directories when the process exits. */
  @LinuxSource(file = "fs/fs_struct.c", name = "exit_fs")
  void exit(Task current) {
    setPwd(current, null);
    setRoot(current, null);
    synchronized (this) {
      exited = true;
    }
  }
}
