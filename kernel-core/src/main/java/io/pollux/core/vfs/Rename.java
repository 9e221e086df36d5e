// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.LockClass;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;
import org.jspecify.annotations.Nullable;

/** One rename: its locks, checks, and the operation of the filesystem. */
@LinuxSource(
    file = "fs/namei.c",
    name = {"do_renameat2", "vfs_rename"})
final class Rename {
  private final Task current;
  private final Dentry from;
  private final Dentry to;
  private final MountTable mounts;
  private final Inode oldDir;
  private final Inode newDir;
  private final byte[] oldName;
  private final byte[] newName;
  private final boolean oldSlash;
  private final boolean newSlash;
  private final int flags;
  private final boolean exchange;

  // Found under the locks of the directories.
  private @Nullable Inode source;
  private @Nullable Inode target;

  Rename(
      Task current,
      MountTable mounts,
      Walk old,
      byte[] oldName,
      Walk next,
      byte[] newName,
      int flags) {
    this.mounts = mounts;
    this.current = current;
    this.from = old.at();
    this.to = next.at();
    this.oldDir = from.inode();
    this.newDir = to.inode();
    this.oldName = oldName;
    this.newName = newName;
    this.oldSlash = old.slash();
    this.newSlash = next.slash();
    this.flags = flags;
    this.exchange = has(Fcntl.RENAME_EXCHANGE);
  }

  private boolean has(int flag) {
    return (flags & flag) != 0;
  }

  void run() throws ErrnoException {
    SuperBlock sb = oldDir.sb();
    sb.wantWrite(current);
    try {
      if (oldDir == newDir) {
        oldDir.iRwsem.downWrite(current);
        try {
          renameLocked(null, null);
        } finally {
          oldDir.iRwsem.upWrite();
        }
      } else {
        sb.vfsRename.downWrite(current);
        try {
          betweenDirectories();
        } finally {
          sb.vfsRename.upWrite();
        }
      }
    } finally {
      put(source);
      put(target); // may free it, without the locks
      sb.dropWrite();
    }
  }

  private void put(@Nullable Inode inode) {
    if (inode != null) {
      inode.iput(current);
    }
  }

  /** Locks both directories, an ancestor first. The rename lock keeps them in their places. */
  @LinuxSource(file = "fs/namei.c", name = "lock_rename")
  private void betweenDirectories() throws ErrnoException {
    Dentry aboveOld = to.ancestorOf(from); // below newDir, on the way to oldDir
    Dentry aboveNew = from.ancestorOf(to);
    Inode first = aboveOld != null ? newDir : oldDir;
    Inode second = first == oldDir ? newDir : oldDir;
    first.iRwsem.downWrite(current);
    try {
      second.iRwsem.downWriteNested(current, LockClass.I_RWSEM_PARENT2);
      try {
        renameLocked(aboveNew, aboveOld);
      } finally {
        second.iRwsem.upWrite();
      }
    } finally {
      first.iRwsem.upWrite();
    }
  }

  /**
   * Looks the names up and checks them.
   *
   * @param aboveNew the entry of oldDir that newDir is below, or null
   * @param aboveOld the entry of newDir that oldDir is below, or null
   */
  @LinuxSource(file = "fs/namei.c", name = "do_renameat2")
  private void renameLocked(@Nullable Dentry aboveNew, @Nullable Dentry aboveOld)
      throws ErrnoException {
    Inode old = oldDir.lookup(current, oldName);
    old.ihold();
    source = old;
    Inode replaced = NameChanges.find(current, newDir, newName);
    if (replaced != null) {
      replaced.ihold();
      target = replaced;
    }
    if (has(Fcntl.RENAME_NOREPLACE) && replaced != null) {
      throw new ErrnoException(Errno.EEXIST);
    }
    if (exchange) {
      if (replaced == null) {
        throw new ErrnoException(Errno.ENOENT);
      }
      if (newSlash && !replaced.isType(StatMode.S_IFDIR)) {
        throw new ErrnoException(Errno.ENOTDIR);
      }
    }
    if (!old.isType(StatMode.S_IFDIR) && (oldSlash || (!exchange && newSlash))) {
      throw new ErrnoException(Errno.ENOTDIR);
    }
    if (aboveNew != null && aboveNew.inode() == old) {
      throw new ErrnoException(Errno.EINVAL); // into itself
    }
    if (aboveOld != null && aboveOld.inode() == replaced) {
      throw new ErrnoException(exchange ? Errno.EINVAL : Errno.ENOTEMPTY);
    }
    if (old != replaced) {
      rename(old, replaced);
    }
  }

  @LinuxSource(file = "fs/namei.c", name = "vfs_rename")
  private void rename(Inode old, @Nullable Inode replaced) throws ErrnoException {
    boolean directory = old.isType(StatMode.S_IFDIR);
    boolean replacesDirectory = replaced != null && replaced.isType(StatMode.S_IFDIR);
    Permission.mayDelete(current, oldDir, old, directory);
    if (replaced == null) {
      Permission.mayCreate(current, newDir);
    } else {
      Permission.mayDelete(current, newDir, replaced, exchange ? replacesDirectory : directory);
    }
    if (oldDir != newDir) { // the entry ".." changes
      if (directory) {
        Permission.check(current, old, Permission.MAY_WRITE);
      }
      if (exchange && replacesDirectory && replaced != null) {
        Permission.check(current, replaced, Permission.MAY_WRITE);
      }
    }
    if (directory && !exchange) {
      locked(replaced, null, () -> move(old, replaced));
    } else {
      locked(
          directory ? null : old, replacesDirectory ? null : replaced, () -> move(old, replaced));
    }
  }

  private interface Move {
    void run() throws ErrnoException;
  }

  /** Runs with iRwsem of up to two inodes held; of two files, the older one's is taken first. */
  @LinuxSource(file = "fs/inode.c", name = "lock_two_nondirectories")
  private void locked(@Nullable Inode one, @Nullable Inode other, Move move) throws ErrnoException {
    boolean swap = one == null || (other != null && other.isOlderThan(one));
    Inode first = swap ? other : one;
    Inode second = swap ? one : other;
    if (first != null) {
      first.iRwsem.downWriteNested(current, LockClass.I_RWSEM_CHILD);
    }
    try {
      if (second != null) {
        second.iRwsem.downWriteNested(current, LockClass.I_RWSEM_NONDIR2);
      }
      try {
        move.run();
      } finally {
        if (second != null) {
          second.iRwsem.upWrite();
        }
      }
    } finally {
      if (first != null) {
        first.iRwsem.upWrite();
      }
    }
  }

  private void move(Inode old, @Nullable Inode replaced) throws ErrnoException {
    mounts.checkNotCovered(old);
    if (replaced != null) {
      mounts.checkNotCovered(replaced); // a mount holds its iRwsem, as this does
    }
    oldDir.rename(current, oldName, newDir, newName, flags);
    if (exchange) {
      from.exchangeChild(Dentry.name(oldName), to, Dentry.name(newName));
      return;
    }
    if (replaced != null) {
      if (replaced.isType(StatMode.S_IFDIR)) {
        replaced.kill();
      }
      replaced.lostName();
    }
    from.moveChild(Dentry.name(oldName), to, Dentry.name(newName));
  }
}
