// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.Kiocb;
import io.pollux.core.vfs.SuperBlock;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * An inode of a filesystem that is written to in place only ({@link IomapOverwrite}): what would change more than the
 * content of a file is EOPNOTSUPP. It remembers when it was written to until the filesystem has that on the disk.
 */
public abstract class InPlaceInode extends Inode {
  private static final long NEVER = Long.MIN_VALUE;

  private volatile long writtenMillis = NEVER; // since 1970
  private final AtomicBoolean dirty = new AtomicBoolean(); // that time is not on the disk

  /**
   * For filesystems.
   *
   * @param sb the filesystem
   * @param ino the inode number
   * @param mode type and permissions
   */
  protected InPlaceInode(SuperBlock sb, long ino, int mode) {
    super(sb, ino, mode);
  }

  /**
   * Whether it is marked as one that must not change.
   *
   * @return true if so
   */
  @LinuxSource(file = "include/linux/fs.h", name = "IS_IMMUTABLE")
  protected abstract boolean immutable();

  /**
   * Whether it is marked as one that may only grow.
   *
   * @return true if so
   */
  @LinuxSource(file = "include/linux/fs.h", name = "IS_APPEND")
  protected abstract boolean appendOnly();

  /** Its times have to be written. From any context; called once until {@link #markClean}. */
  protected abstract void timesDirtied();

  /** The content changes now. From any context; allocates nothing but the first time. */
  @LinuxSource(file = "fs/inode.c", name = "file_update_time")
  public final void fileUpdateTime() {
    long now = System.currentTimeMillis(); // as coarse as the tick of a kernel
    if (writtenMillis != now) {
      writtenMillis = now;
    }
    markDirty();
  }

  /** The time has to be written. From any context. */
  public final void markDirty() {
    if (!dirty.get() && dirty.compareAndSet(false, true)) {
      timesDirtied();
    }
  }

  /**
   * The time is about to be written: whoever writes to the file from here on makes it dirty again. From any context.
   *
   * @return false if it was written already
   */
  public final boolean markClean() {
    return dirty.getAndSet(false);
  }

  /** What the disk says counts again, unless there is something to be written. From any context. */
  public final void forgetWritten() {
    if (!dirty.get()) {
      writtenMillis = NEVER;
    }
  }

  /**
   * Whether it was written to since it was read, or {@link #forgetWritten}.
   *
   * @return true if {@link #writtenMillis} is its time of modification and of change
   */
  public final boolean wasWritten() {
    return writtenMillis != NEVER;
  }

  /**
   * When it was written to last.
   *
   * @return milliseconds since 1970; something far away if it was not written to
   */
  public final long writtenMillis() {
    return writtenMillis;
  }

  /**
   * Whether its content may change, as far as its marks say: they may have come after it was opened.
   *
   * @param iocb the request
   * @return 0 or -EPERM
   */
  public final int mayChange(Kiocb iocb) {
    return immutable() || (appendOnly() && !iocb.has(Kiocb.IOCB_APPEND)) ? -Errno.EPERM : 0;
  }

  @Override
  @LinuxSource(file = "fs/namei.c", name = {"inode_permission", "may_open"})
  protected final int mayWrite(int flags) {
    boolean cuts = (flags & Fcntl.O_TRUNC) != 0;
    return immutable() || (appendOnly() && ((flags & Fcntl.O_APPEND) == 0 || cuts)) ? -Errno.EPERM : 0;
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
  public final void setSize(Task current, long bytes) throws ErrnoException {
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
