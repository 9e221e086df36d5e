// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Iattr;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.Kiocb;
import io.pollux.core.vfs.SuperBlock;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * An inode of a filesystem that writes in place only. Any change beyond a file's content is
 * EOPNOTSUPP. It keeps the time of the last write until the filesystem has written it to disk.
 */
public abstract class InPlaceInode extends Inode {
  private static final long NEVER = Long.MIN_VALUE;

  private volatile long writtenMillis = NEVER; // milliseconds since 1970
  private final AtomicBoolean dirty = new AtomicBoolean(); // the time is not on disk yet

  /**
   * Makes the inode, for filesystems.
   *
   * @param sb the filesystem
   * @param ino the inode number
   * @param mode type and permissions
   */
  protected InPlaceInode(SuperBlock sb, long ino, int mode) {
    super(sb, ino, mode);
  }

  /** {@return whether the inode is marked immutable} */
  @LinuxSource(file = "include/linux/fs.h", name = "IS_IMMUTABLE")
  protected abstract boolean immutable();

  /** {@return whether the inode is marked append-only} */
  @LinuxSource(file = "include/linux/fs.h", name = "IS_APPEND")
  protected abstract boolean appendOnly();

  /**
   * Called when the inode's times must be written. From any context; not called again before {@link
   * #markClean}.
   */
  protected abstract void timesDirtied();

  /**
   * Records that the content changes now. From any context; allocates only when the inode becomes
   * dirty.
   */
  @LinuxSource(file = "fs/inode.c", name = "file_update_time")
  public final void fileUpdateTime() {
    long now = System.currentTimeMillis(); // as coarse as a kernel's tick
    if (writtenMillis != now) {
      writtenMillis = now;
    }
    markDirty();
  }

  /** Marks the time as not written. From any context. */
  public final void markDirty() {
    if (!dirty.get() && dirty.compareAndSet(false, true)) {
      timesDirtied();
    }
  }

  /**
   * Marks the time as written, just before the write. A later change of the file marks it dirty
   * again. From any context.
   *
   * @return false if it was clean already
   */
  public final boolean markClean() {
    return dirty.getAndSet(false);
  }

  /**
   * Drops the time kept in memory, unless it is dirty; then the disk's times count again. From any
   * context.
   */
  public final void forgetWritten() {
    if (!dirty.get()) {
      writtenMillis = NEVER;
    }
  }

  /**
   * {@return whether {@link #writtenMillis} is the time of modification and of change: the file was
   * written to since it was read or since {@link #forgetWritten}}
   */
  public final boolean wasWritten() {
    return writtenMillis != NEVER;
  }

  /**
   * {@return when the file was written to last, in milliseconds since 1970; Long.MIN_VALUE if
   * never}
   */
  public final long writtenMillis() {
    return writtenMillis;
  }

  /**
   * Checks whether the marks allow a change of the content: they may have been set after the file
   * was opened.
   *
   * @param iocb the request
   * @return 0 or -EPERM
   */
  public final int mayChange(Kiocb iocb) {
    return immutable() || (appendOnly() && !iocb.has(Kiocb.IOCB_APPEND)) ? -Errno.EPERM : 0;
  }

  @Override
  @LinuxSource(
      file = "fs/namei.c",
      name = {"inode_permission", "may_open"})
  protected final int mayWrite(int flags) {
    boolean cuts = (flags & Fcntl.O_TRUNC) != 0;
    return immutable() || (appendOnly() && ((flags & Fcntl.O_APPEND) == 0 || cuts))
        ? -Errno.EPERM
        : 0;
  }

  @Override
  public final Inode create(Task current, byte[] name, int permissions) throws ErrnoException {
    throw unsupported();
  }

  @Override
  public final void mkdir(Task current, byte[] name, int permissions) throws ErrnoException {
    throw isThere(current, name) ? new ErrnoException(Errno.EEXIST) : unsupported();
  }

  @Override
  public final void rmdir(Task current, byte[] name) throws ErrnoException {
    boolean directory = lookup(current, name).isType(StatMode.S_IFDIR);
    throw directory ? unsupported() : new ErrnoException(Errno.ENOTDIR);
  }

  @Override
  public final void unlink(Task current, byte[] name) throws ErrnoException {
    boolean directory = lookup(current, name).isType(StatMode.S_IFDIR);
    throw directory ? new ErrnoException(Errno.EISDIR) : unsupported();
  }

  @Override
  public final void setattr(Task current, Iattr attr) throws ErrnoException {
    throw unsupported();
  }

  private ErrnoException unsupported() {
    return new ErrnoException(sb().readOnly() ? Errno.EROFS : Errno.EOPNOTSUPP);
  }

  private boolean isThere(Task current, byte[] name) throws ErrnoException {
    try {
      lookup(current, name);
      return true;
    } catch (ErrnoException e) {
      if (e.errno() != Errno.ENOENT) {
        throw e;
      }
      return false;
    }
  }
}
