// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.ramfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.sched.Cred;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Iattr;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.Timespec64;
import io.pollux.uapi.Capability;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Stat;
import io.pollux.uapi.StatMode;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * The common part of all inodes in memory: owner, names, times and extended attributes.
 *
 * <p>The number of names changes under iRwsem held exclusively. Other attributes do too, except for
 * times.
 */
@LinuxSource(file = "fs/ramfs/inode.c", name = "ramfs_get_inode")
abstract class RamInode extends Inode {
  private static final int SECTOR_SHIFT = 9;

  private final AtomicInteger nlink;
  private final RamXattrs xattrs = new RamXattrs();
  private final RamTime atime;
  private final RamTime mtime;
  private final RamTime ctime;
  private volatile int uid;
  private volatile int gid;

  /**
   * Owner, group and mode of a new inode.
   *
   * @param uid owner
   * @param gid group
   * @param mode type and permissions
   */
  record Owner(int uid, int gid, int mode) {
    /** Returns those of an inode that the kernel makes. */
    static Owner root(int mode) {
      return new Owner(0, 0, mode);
    }

    /** Returns those of an inode that a task makes in a directory, which may pass its group on. */
    @LinuxSource(file = "fs/inode.c", name = "inode_init_owner")
    static Owner of(Task current, Inode directory, int mode) {
      Cred cred = current.cred();
      boolean inherits = (directory.mode() & StatMode.S_ISGID) != 0;
      int gid = inherits ? directory.gid() : cred.fsgid();
      int kept = mode;
      if (inherits && StatMode.isType(mode, StatMode.S_IFDIR)) {
        kept |= StatMode.S_ISGID;
      } else if (inherits
          && (mode & (StatMode.S_ISGID | StatMode.S_IXGRP)) == (StatMode.S_ISGID | StatMode.S_IXGRP)
          && !cred.inGroup(gid)
          && !cred.capable(Capability.CAP_FSETID)) {
        kept &= ~StatMode.S_ISGID;
      }
      return new Owner(cred.fsuid(), gid, kept);
    }
  }

  /**
   * Creates an inode.
   *
   * @param fs the filesystem, which counted it
   * @param owner owner and mode
   * @param nlink its number of names
   */
  RamInode(Ramfs fs, Owner owner, int nlink) {
    super(fs, fs.nextIno(), owner.mode);
    this.nlink = new AtomicInteger(nlink);
    uid = owner.uid;
    gid = owner.gid;
    long now = System.currentTimeMillis();
    atime = new RamTime(now);
    mtime = new RamTime(now);
    ctime = new RamTime(now);
  }

  @Override
  public final int uid() {
    return uid;
  }

  @Override
  public final int gid() {
    return gid;
  }

  @Override
  protected final int nlink() {
    return nlink.get();
  }

  /** Counts a name. Under iRwsem held exclusively. */
  @LinuxSource(file = "fs/inode.c", name = "inc_nlink")
  final void incNlink() {
    nlink.incrementAndGet();
    changed();
  }

  /** Drops a name. Under iRwsem held exclusively. */
  @LinuxSource(file = "fs/inode.c", name = "drop_nlink")
  final void dropNlink() {
    int left = nlink.decrementAndGet();
    assert left >= 0 : "a name was taken away twice";
    changed();
  }

  /** Drops all names of a directory: its entry and its ".". Under iRwsem held exclusively. */
  @LinuxSource(file = "fs/inode.c", name = "clear_nlink")
  final void clearNlink() {
    nlink.set(0);
    changed();
  }

  /** Returns the number of pages. */
  int nrPages() {
    return 0;
  }

  /** Returns the number of a device, as in struct stat. */
  long rdev() {
    return 0;
  }

  /** Changes the size, with iRwsem held exclusively. Only regular files have one to change. */
  void resize(long bytes) throws ErrnoException {
    throw new ErrnoException(Errno.EINVAL);
  }

  /** Frees what the inode holds, after its last name and its last reference. From any context. */
  void evict() {}

  /** Sets the times of a change of the content. */
  @LinuxSource(file = "fs/inode.c", name = "file_update_time")
  final void modified() {
    long now = System.currentTimeMillis();
    mtime.set(now);
    ctime.set(now);
  }

  /** Sets the time of a change of the attributes. */
  final void changed() {
    ctime.set(System.currentTimeMillis());
  }

  @Override
  @LinuxSource(
      file = "fs/libfs.c",
      name = {"simple_setattr", "setattr_copy"})
  public final void setattr(Task current, Iattr attr) throws ErrnoException {
    if (attr.has(Iattr.ATTR_SIZE)) {
      resize(attr.size());
    }
    if (attr.has(Iattr.ATTR_UID)) {
      uid = attr.uid();
    }
    if (attr.has(Iattr.ATTR_GID)) {
      gid = attr.gid();
    }
    if (attr.has(Iattr.ATTR_MODE)) {
      setMode(attr.mode());
    }
    long now = System.currentTimeMillis();
    if (attr.has(Iattr.ATTR_ATIME)) {
      setTime(atime, attr.has(Iattr.ATTR_ATIME_SET) ? attr.atime() : null, now);
    }
    if (attr.has(Iattr.ATTR_MTIME)) {
      setTime(mtime, attr.has(Iattr.ATTR_MTIME_SET) ? attr.mtime() : null, now);
    }
    ctime.set(now);
  }

  private static void setTime(RamTime time, @Nullable Timespec64 named, long now) {
    if (named == null) {
      time.set(now);
    } else {
      time.set(named);
    }
  }

  @Override
  protected final void getattr(Task current, long stat) {
    Stat.stRdev(stat, rdev());
    Stat.stBlksize(stat, HostMemory.PAGE_SIZE);
    Stat.stBlocks(stat, (long) nrPages() << (HostMemory.PAGE_SHIFT - SECTOR_SHIFT));
    Timespec64 access = atime.get(); // not changed by reads
    Stat.stAtime(stat, access.seconds());
    Stat.stAtimeNsec(stat, access.nanos());
    Timespec64 write = mtime.get();
    Stat.stMtime(stat, write.seconds());
    Stat.stMtimeNsec(stat, write.nanos());
    Timespec64 change = ctime.get();
    Stat.stCtime(stat, change.seconds());
    Stat.stCtimeNsec(stat, change.nanos());
  }

  @Override
  public final byte[] getxattr(Task current, String name) throws ErrnoException {
    return xattrs.get(name);
  }

  @Override
  public final void setxattr(Task current, String name, byte @Nullable [] value, int flags)
      throws ErrnoException {
    xattrs.set(name, value, flags);
    changed();
  }

  @Override
  public final List<String> listxattr(Task current) {
    return xattrs.list(current);
  }
}
