// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.Oops;
import io.pollux.core.sched.Cred;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Differs;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;
import io.pollux.uapi.StatMode;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * An open file: struct file. It has counted references: one for each descriptor, one for each
 * request in flight. The last drop releases it.
 */
@LinuxSource(file = "include/linux/fs.h", name = "file")
public final class File {
  private static final int SETFL_MASK =
      Fcntl.O_APPEND | Fcntl.O_NONBLOCK | Fcntl.O_DIRECT | Fcntl.O_NOATIME;

  private final FileTable table;
  private final Inode inode;
  private final FileOperations op;
  private final @Nullable Dentry dentry;
  private final boolean counted; // as a user of its mount; false for one that is opened as it goes
  private int flags; // setFl changes some; a racing reader sees the flags before or after
  private int iocbFlags;
  private final AtomicLong count = new AtomicLong(1);
  private volatile long pos;
  private volatile int wbErr; // sample of the mapping's errors; written under this file's monitor
  private volatile @Nullable Owner owner;
  private @Nullable Cred cred; // set before the file is published
  private volatile int signal;
  private volatile int fd = -1; // the descriptor installed last, for dumps; -1 for none

  /**
   * Opens an inode, and takes a reference of it. The caller owns the first reference of the file.
   *
   * @param table counts the kernel's open files
   * @param inode the inode
   * @param dentry the name that was opened, or null for a file without a name
   * @param flags O_* flags
   */
  public File(FileTable table, Inode inode, @Nullable Dentry dentry, int flags) {
    this.table = table;
    this.inode = inode;
    this.op = (flags & Fcntl.O_PATH) != 0 ? EmptyOperations.INSTANCE : inode.fop();
    this.dentry = dentry;
    this.flags = flags;
    this.iocbFlags = Kiocb.flagsOfOpen(flags);
    InodeMapping mapping = inode.mapping();
    wbErr = mapping == null ? Errseq.NONE : mapping.wbErr().sample();
    inode.ihold();
    counted = inode.sb().users().get();
    if (isWriter()) {
      inode.sb().users().getWriter();
    }
    table.opened(this);
    boolean done = false;
    try {
      inode.fop().opened(this);
      done = true;
    } finally {
      if (!done) { // it threw: no caller has the file
        drop(1);
        released(null);
      }
    }
  }

  /**
   * The owner, which receives signals of this file. It is only stored; no file here sends signals.
   *
   * @param type one of Fcntl.F_OWNER_*
   * @param pid the host's number
   */
  public record Owner(int type, int pid) {}

  /** Records that the file got a descriptor. Under the lock of the descriptor table. */
  void installed(int as) {
    fd = as;
    table.installed(this, as);
  }

  /**
   * Records that a descriptor no longer refers to the file. Under the lock of the descriptor table.
   */
  void uninstalled(int as) {
    if (fd == as) {
      fd = -1;
    }
    table.uninstalled(this, as);
  }

  /** Returns the descriptor in the text of the file, or -1. */
  int fd() {
    return fd;
  }

  /** Returns f_op, the operations. */
  public FileOperations op() {
    return op;
  }

  /**
   * Makes the whole file durable. From process context.
   *
   * @param current the calling task
   * @param datasync whether metadata that no read needs may stay unwritten
   * @return 0 or a negative errno; -EINVAL if such files can't be synced
   */
  @LinuxSource(file = "fs/sync.c", name = "vfs_fsync")
  public int fsync(Task current, boolean datasync) {
    int result = inode.sb().enter(current);
    return result != 0 ? result : op().fsync(current, this, 0, Long.MAX_VALUE, datasync);
  }

  /** Returns f_inode. */
  public Inode inode() {
    return inode;
  }

  /** Returns the name that was opened, or null. */
  public @Nullable Dentry dentry() {
    return dentry;
  }

  /** Whether the file was opened with O_PATH (FMODE_PATH). */
  public boolean isPath() {
    return (flags & Fcntl.O_PATH) != 0;
  }

  /** Records the credentials of the task that opens the file. */
  void setCred(Cred opener) {
    cred = opener;
  }

  /**
   * Whether the file was opened with these credentials: by the same process, which has not changed
   * its IDs since.
   *
   * @param task the credentials of a task
   */
  @LinuxSource(file = "include/linux/fs.h", name = "f_cred")
  public boolean openedWith(Cred task) {
    return cred == task;
  }

  /** Returns the table that counts this file. */
  public FileTable table() {
    return table;
  }

  /** Returns the owner, or null. */
  @LinuxSource(file = "fs/fcntl.c", name = "f_getown")
  public @Nullable Owner owner() {
    return owner;
  }

  /**
   * Sets the owner.
   *
   * @param owner the owner, or null
   */
  @LinuxSource(file = "fs/fcntl.c", name = "f_setown")
  public void setOwner(@Nullable Owner owner) {
    this.owner = owner;
  }

  /** Returns the number of the signal for I/O; 0 for SIGIO. */
  public int signal() {
    return signal;
  }

  /**
   * Sets the signal for I/O.
   *
   * @param signal its number; 0 for SIGIO
   */
  public void setSignal(int signal) {
    this.signal = signal;
  }

  /** Returns f_flags, the O_* flags. */
  public int flags() {
    return flags;
  }

  /**
   * Changes the flags that can change while a file is open: O_APPEND, O_NONBLOCK, O_DIRECT,
   * O_NOATIME. Requests in flight keep their flags. From process context.
   *
   * @param wanted O_* flags; others are ignored
   * @return 0; -EINVAL if the file does not support O_DIRECT; -EPERM if O_APPEND would be cleared
   *     and the file is append-only
   */
  @LinuxSource(file = "fs/fcntl.c", name = "setfl")
  public int setFl(int wanted) {
    if ((flags & ~wanted & Fcntl.O_APPEND) != 0 && inode.appendOnly()) {
      return -Errno.EPERM;
    }
    if ((wanted & Fcntl.O_DIRECT) != 0 && !op.canDirect()) {
      return -Errno.EINVAL;
    }
    flags = (wanted & SETFL_MASK) | (flags & ~SETFL_MASK);
    iocbFlags = Kiocb.flagsOfOpen(flags);
    return 0;
  }

  /**
   * Sets or clears O_NONBLOCK. From process context.
   *
   * @param on whether to set it
   */
  @LinuxSource(file = "fs/ioctl.c", name = "ioctl_fionbio")
  public void setNonblock(boolean on) {
    flags = on ? flags | Fcntl.O_NONBLOCK : flags & ~Fcntl.O_NONBLOCK;
    iocbFlags = Kiocb.flagsOfOpen(flags);
  }

  int iocbFlags() {
    return iocbFlags;
  }

  /** Whether the file was opened for reading (FMODE_READ). */
  public boolean readable() {
    return (flags & Fcntl.O_ACCMODE) != Fcntl.O_WRONLY;
  }

  /** Whether the file was opened for writing (FMODE_WRITE). */
  public boolean writable() {
    int mode = flags & Fcntl.O_ACCMODE;
    return mode == Fcntl.O_WRONLY || mode == Fcntl.O_RDWR;
  }

  /** Whether the file was opened with O_DIRECT. */
  public boolean direct() {
    return (flags & Fcntl.O_DIRECT) != 0;
  }

  /** Whether the file supports RWF_NOWAIT (FMODE_NOWAIT). */
  public boolean canNowait() {
    return op.canNowait();
  }

  /**
   * Returns a write-back error of the inode's pages that this file has not reported, and marks it
   * reported. From process context.
   *
   * @return 0 or a negative errno
   */
  @LinuxSource(file = "mm/filemap.c", name = "file_check_and_advance_wb_err")
  public int checkAndAdvanceWbErr() {
    InodeMapping mapping = inode.mapping();
    if (mapping == null) {
      return 0;
    }
    mapping.clearErrors();
    return mapping.wbErr().check(wbErr) == 0 ? 0 : advanceWbErr(mapping.wbErr());
  }

  private synchronized int advanceWbErr(Errseq errors) {
    int before = wbErr;
    int after = errors.advance(before);
    wbErr = after;
    return after == before ? 0 : Errseq.errorOf(after); // another thread may have reported it
  }

  /**
   * Lists the directory from context.pos on. From process context.
   *
   * @param current the calling task
   * @param context receives entries until it is full
   * @return 0 or a negative errno; -ENOENT if the directory was removed
   */
  @LinuxSource(file = "fs/readdir.c", name = "iterate_dir")
  public int iterateDir(Task current, DirContext context) {
    return inode.isDead() ? -Errno.ENOENT : op.iterateShared(current, this, context);
  }

  /** Returns f_pos, the position of read, write and getdents64. */
  public long pos() {
    return pos;
  }

  /**
   * Sets the position.
   *
   * @param pos f_pos
   */
  public void setPos(long pos) {
    this.pos = pos;
  }

  /**
   * Sets the position and returns the result of llseek.
   *
   * @param offset the position; any value
   * @return the new position, or -EINVAL if it is negative
   */
  @LinuxSource(file = "fs/read_write.c", name = "vfs_setpos")
  public long vfsSetpos(long offset) {
    if (offset < 0) {
      return -Errno.EINVAL;
    }
    pos = offset;
    return offset;
  }

  /** Returns f_count, the number of references. */
  public long references() {
    return count.get();
  }

  /**
   * Takes references, unless the last one was dropped.
   *
   * @param refs number of references
   * @return false if the file is being released
   */
  @Patch(17)
  @LinuxSource(file = "include/linux/fs.h", name = "get_file_rcu_many")
  boolean getMany(int refs) {
    long before;
    do {
      before = count.get();
      if (before == 0) {
        return false;
      }
    } while (!count.compareAndSet(before, before + refs));
    return true;
  }

  /**
   * Drops a reference. From process context: the last drop releases the file, which may sleep. A
   * block device, for example, writes back.
   *
   * @param current the calling task
   */
  @LinuxSource(file = "fs/file_table.c", name = "__fput")
  public void fput(Task current) {
    if (drop(1)) {
      release(current);
    }
  }

  /**
   * Releases the file, from process context with a task, from any context without. A release that
   * throws is reported and does not affect the caller.
   */
  private void release(@Nullable Task current) {
    try {
      releaseLocks(this);
      if (current == null) {
        inode.fop().release(this);
      } else {
        inode.fop().release(current, this);
      }
    } catch (Throwable e) {
      String closed = "the file is closed, and what it held may be lost";
      Oops.report("the release of a file", e, closed + inode.sb().shutDown());
    }
    released(current);
  }

  /** Releases what the file holds. */
  private void released(@Nullable Task current) {
    try {
      inode.iput(current);
    } catch (Throwable e) {
      Oops.report("the end of an inode", e, "its space may be lost" + inode.sb().shutDown());
    }
    MountUsers users = inode.sb().users();
    if (isWriter()) {
      users.putWriter();
    }
    if (counted) {
      users.put();
    }
    table.closed(this);
  }

  /** Whether its filesystem can't become read-only while this file is open. */
  boolean isWriter() {
    return writable() && !isPath() && inode.isType(StatMode.S_IFREG);
  }

  /** Drops a reference. From any context. */
  @LinuxSource(file = "fs/file_table.c", name = "fput")
  public void fput() {
    fputMany(1);
  }

  /**
   * Drops references. From any context.
   *
   * @param refs number of references
   */
  @Differs(
      patch = 17,
      kind = Differs.Kind.SIMPLER,
      why =
          "The last put releases the file inline. The posting queues the release as task work,"
              + " which runs when the task leaves the kernel.",
      test = "FilesStructTest#aFileLivesAsLongAsAReferenceToIt")
  @Patch(17)
  @LinuxSource(file = "fs/file_table.c", name = "fput_many")
  public void fputMany(int refs) {
    if (drop(refs)) {
      release(null);
    }
  }

  /**
   * Drops the POSIX locks of a process that closes a descriptor of this file, even if it has other
   * descriptors of the file.
   */
  @LinuxSource(file = "fs/open.c", name = "filp_close")
  void closed(FilesStruct process) {
    releaseLocks(process);
  }

  private void releaseLocks(Object lockOwner) {
    FileLocks locks = inode.locksIfAny();
    if (locks != null) {
      locks.release(table, lockOwner);
    }
  }

  /**
   * Drops a reference without releasing the file, for a caller with a lock under which it must not
   * release. From any context.
   *
   * @return whether it was the last; the caller then calls {@link #release()}
   */
  public boolean drop() {
    return drop(1);
  }

  /** Releases the file after {@link #drop} has returned true. From any context. */
  public void release() {
    release(null);
  }

  /** Drops references. Returns whether they were the last. */
  private boolean drop(int refs) {
    long left = count.addAndGet(-refs);
    assert left >= 0 : "more references dropped than taken";
    return left == 0;
  }

  /**
   * Describes the file in one line, for a dump: descriptor, path, flags, references. From any
   * context; takes no lock.
   */
  @Override
  public String toString() {
    int number = fd;
    return "file "
        + (number < 0 ? "" : number + " ")
        + (dentry == null ? inode.anonymousName() : dentry)
        + " "
        + OpenFlags.text(flags)
        + " refs "
        + count.get();
  }
}
