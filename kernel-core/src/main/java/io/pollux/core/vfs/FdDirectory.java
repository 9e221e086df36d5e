// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;
import org.jspecify.annotations.Nullable;

/**
 * /proc/self/fd: the descriptors of the calling process. Each is a link to its file, even if the
 * file has moved. A walk finds the directory by that name; no listing shows it.
 */
@LinuxSource(file = "fs/proc/fd.c", name = "proc_fd_inode_operations")
final class FdDirectory extends Inode {
  static final String PATH = "/proc/self/fd/";

  private static final int MODE = StatMode.S_IFDIR | 0500;
  private static final int DIGITS = 9; // of the longest descriptor

  FdDirectory(SuperBlock sb) {
    super(sb, 0, MODE);
  }

  @Override
  @LinuxSource(file = "fs/proc/fd.c", name = "proc_lookupfd_common")
  public Inode lookup(Task current, byte[] name) throws ErrnoException {
    File file = FilesStruct.of(current).fgetRaw(number(name));
    if (file == null) {
      throw new ErrnoException(Errno.ENOENT);
    }
    try {
      return new Link(sb(), file);
    } finally {
      file.fput(current);
    }
  }

  /** Parses a descriptor: digits without a leading 0. Returns -1 for anything else. */
  private static int number(byte[] name) {
    if (name.length > DIGITS || (name.length > 1 && name[0] == '0')) {
      return -1;
    }
    int number = 0;
    for (byte digit : name) {
      if (digit < '0' || digit > '9') {
        return -1;
      }
      number = number * 10 + digit - '0';
    }
    return number;
  }

  @Override
  public long size() {
    return 0;
  }

  @Override
  public FileOperations fop() {
    return EmptyOperations.INSTANCE;
  }

  @Override
  protected int nlink() {
    return 2;
  }

  /** Each process has its own descriptors here. */
  @Override
  @LinuxSource(file = "fs/proc/fd.c", name = "proc_fd_permission")
  public int permission(Task current, int mask) {
    return 0;
  }

  @Override
  protected void getattr(Task current, long stat) {}

  /** The link of one descriptor. It leads to the file itself, not to its name. */
  @LinuxSource(file = "fs/proc/base.c", name = "proc_pid_link_inode_operations")
  private static final class Link extends Inode {
    private static final int READABLE = 0500;
    private static final int WRITABLE = 0300;
    private static final int SIZE = 64;

    private final @Nullable Dentry to;
    private final Inode inode;

    Link(SuperBlock sb, File file) {
      super(sb, 0, StatMode.S_IFLNK | permissions(file));
      to = file.dentry();
      inode = file.inode();
    }

    private static int permissions(File file) {
      if (file.isPath()) {
        return 0;
      }
      return (file.readable() ? READABLE : 0) | (file.writable() ? WRITABLE : 0);
    }

    @Override
    Dentry jump() throws ErrnoException {
      if (to == null) {
        throw new ErrnoException(Errno.ENXIO); // an eventfd cannot be reopened
      }
      return to;
    }

    @Override
    @LinuxSource(file = "fs/proc/base.c", name = "do_proc_readlink")
    public byte[] readlink(Task current) {
      return to == null ? Dentry.bytes(inode.anonymousName()) : to.path();
    }

    @Override
    boolean isMagic() {
      return true;
    }

    @Override
    public long size() {
      return SIZE;
    }

    @Override
    public FileOperations fop() {
      return EmptyOperations.INSTANCE;
    }

    @Override
    protected void getattr(Task current, long stat) {}
  }
}
