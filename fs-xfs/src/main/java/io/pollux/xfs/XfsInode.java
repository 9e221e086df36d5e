// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.buffer.BufData;
import io.pollux.core.Debug;
import io.pollux.core.ErrnoException;
import io.pollux.core.filemap.Mapping;
import io.pollux.core.sched.LockClass;
import io.pollux.core.sched.LockOrder;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.FiemapExtentInfo;
import io.pollux.core.vfs.FileOperations;
import io.pollux.core.vfs.Fileattr;
import io.pollux.core.vfs.Iattr;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.Permission;
import io.pollux.core.vfs.PosixAcl;
import io.pollux.core.vfs.WriteTime;
import io.pollux.iomap.IomapPages;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Stat;
import io.pollux.uapi.StatMode;
import io.pollux.uapi.Statx;
import io.pollux.xfs.format.XfsDinode;
import io.pollux.xfs.format.XfsError;
import io.pollux.xfs.format.XfsTime;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * An inode in memory: what the last commit left. Its extents are read at first use and then stay,
 * until a commit replaces them. Two things are ahead of the disk: the size of a file with dirty
 * pages, and the time of the last write.
 */
@LinuxSource(file = "fs/xfs/xfs_inode.h", name = "xfs_inode")
final class XfsInode extends Inode {
  /** Fifos, sockets and device nodes: they have a name here, and no operations. */
  private static final FileOperations SPECIAL = new FileOperations() {};

  private static final int MIN_STAT_BLKSIZE = 4096;

  @LinuxSource(file = "include/linux/fs.h", name = "BLKDEV_IOSIZE")
  private static final int BLKDEV_IOSIZE = 4096;

  private static final long MAX_MAJOR = (1 << 14) - 1; // of a device node on disk
  private static final long MAX_MINOR = (1 << 18) - 1;

  private final XfsMount mp;
  private volatile XfsInodeBuf.Core core; // replaced by commits
  private final Mapping mapping;
  private final WriteTime writeTime;
  private final Object extentsLock = new Object();
  private volatile @Nullable XfsExtentMap extents; // first written under the lock, then by commits
  private volatile @Nullable XfsAcl acl; // null: not read since the last commit
  private volatile long commit; // the last one that changed it (C: ili_last_lsn)
  private volatile long size; // i_size; at least core.size() for a regular file

  XfsInode(XfsMount mp, long ino, int mode, XfsInodeBuf.Core core) {
    super(mp, ino, mode);
    this.mp = mp;
    this.core = core;
    size = core.size();
    commit = mp.trans().commits(); // the inode may be new, or changed by an object before this one
    mapping = new Mapping(mp.bdev().pageCache(), new IomapPages(this, XfsIomap.OPS, XfsIomap.OPS));
    writeTime = new WriteTime(() -> mp.iflush().add(this));
  }

  XfsMount mp() {
    return mp;
  }

  XfsInodeBuf.Core core() {
    return core;
  }

  XfsInodeBuf.Format format() {
    return core.format();
  }

  /** The data fork as stored in the inode. */
  BufData fork() {
    return core.fork();
  }

  /**
   * The number of extents that the inode claims for the data fork: up to 2^48 on a damaged disk.
   */
  long nextents() {
    return core.nextents();
  }

  @Override
  protected boolean immutable() {
    return core.immutable();
  }

  @Override
  protected boolean appendOnly() {
    return core.append();
  }

  /** The time of the last write, which {@link XfsIflush} writes to the disk. */
  WriteTime writeTime() {
    return writeTime;
  }

  /** The inode's name in error messages. */
  String what() {
    return "inode " + ino();
  }

  /** Makes the EUCLEAN for this inode. */
  ErrnoException corrupt(String how) {
    return XfsError.corrupt(what() + ": " + how);
  }

  /** The extents, or null if they are not in memory. */
  @Nullable XfsExtentMap extentsIfRead() {
    return extents;
  }

  /**
   * Returns the extents of the data fork, read at first use. From process context.
   *
   * @param current the calling task
   * @return all of them
   * @throws ErrnoException EUCLEAN if they are damaged, or the device's error
   */
  XfsExtentMap extents(Task current) throws ErrnoException {
    XfsExtentMap there = extents;
    if (there != null) {
      return there;
    }
    current.aboutToSleep(); // the lock's holder may wait for bios in this task's plug
    if (Debug.ON) {
      LockOrder.enter(LockClass.XFS_EXTENTS, extentsLock);
    }
    synchronized (extentsLock) {
      there = extents;
      if (there == null) {
        if (core.realtime()) {
          throw new ErrnoException(
              Errno.EIO, what() + ": its data is on a realtime device, which is not supported");
        }
        there = XfsBmap.read(current, this);
        extents = there;
      }
      return there;
    }
  }

  /**
   * Reads the extents of the attribute fork. From process context.
   *
   * @param current the calling task
   * @return all of them
   * @throws ErrnoException EUCLEAN if they are damaged, or the device's error
   */
  XfsExtentMap attrExtents(Task current) throws ErrnoException {
    return XfsBmap.readAttr(current, this);
  }

  /**
   * Takes over what a transaction has committed. With the transaction lock.
   *
   * @param to the decoded inode
   * @param changed its extents, or null if they are as before
   */
  void publish(XfsInodeBuf.Core to, @Nullable XfsExtentMap changed) {
    commit = mp.trans().commits();
    if (changed != null) {
      extents = changed;
    }
    core = to;
    acl = null;
    setMode(to.mode());
    if (!isType(StatMode.S_IFREG)) {
      size = to.size();
    }
  }

  /** The access control lists, or null if they are not in memory. */
  @Nullable XfsAcl acl() {
    return acl;
  }

  /** Caches the access control lists until the next commit. With the transaction lock. */
  void setAcl(XfsAcl read) {
    acl = read;
  }

  @Override
  public int permission(Task current, int mask) {
    try {
      PosixAcl list =
          Permission.aclDecides(current, this) ? XfsAcl.of(current, this).access() : null;
      return Permission.generic(current, this, mask, list);
    } catch (ErrnoException e) {
      return -e.errno();
    }
  }

  @Override
  public int creationMask(Task current) throws ErrnoException {
    return XfsAcl.of(current, this).inherited() != null ? 0 : super.creationMask(current);
  }

  @Override
  public long size() {
    return size;
  }

  @Override
  public void iSizeWrite(long bytes) {
    size = bytes;
  }

  /** The largest size of a file in bytes. */
  @LinuxSource(file = "fs/xfs/xfs_super.c", name = "xfs_max_file_offset")
  long maxBytes() {
    return mp.sb().toPos(XfsExtentMap.MAX_FILEOFF);
  }

  /** Sets i_size unless it is larger. With the transaction lock, or iRwsem held exclusively. */
  synchronized void growSize(long bytes) {
    size = Math.max(size, bytes);
  }

  /** The last commit that changed the inode. */
  long lastCommit() {
    return commit;
  }

  @Override
  public int uid() {
    return core.uid();
  }

  @Override
  public int gid() {
    return core.gid();
  }

  @Override
  protected int nlink() {
    return core.nlink();
  }

  @Override
  public Mapping mapping() {
    return mapping;
  }

  @Override
  public FileOperations fop() {
    return switch (mode() & StatMode.S_IFMT) {
      case StatMode.S_IFREG -> XfsFile.OPERATIONS;
      case StatMode.S_IFDIR -> XfsDirFile.OPERATIONS;
      default -> SPECIAL;
    };
  }

  @Override
  @LinuxSource(file = "fs/xfs/xfs_iops.c", name = "xfs_vn_setattr")
  public void setattr(Task current, Iattr attr) throws ErrnoException {
    XfsSetattr.setattr(current, this, attr);
  }

  @Override
  @LinuxSource(file = "fs/xfs/xfs_iops.c", name = "xfs_vn_getattr")
  protected void getattr(Task current, long stat) {
    Stat.stRdev(stat, rdev());
    Stat.stBlksize(
        stat, isDevice() ? BLKDEV_IOSIZE : Math.max(MIN_STAT_BLKSIZE, mp.sb().blockSize));
    Stat.stBlocks(stat, core.nblocks() << (mp.sb().blockLog - 9));
    boolean bigtime = core.bigtime();
    Stat.stAtime(stat, XfsTime.seconds(core.atime(), bigtime));
    Stat.stAtimeNsec(stat, XfsTime.nanos(core.atime(), bigtime));
    long mtime = writeTime.isSet() ? XfsTime.ofMillis(writeTime.millis(), bigtime) : core.mtime();
    long ctime = writeTime.isSet() ? mtime : core.ctime();
    Stat.stMtime(stat, XfsTime.seconds(mtime, bigtime));
    Stat.stMtimeNsec(stat, XfsTime.nanos(mtime, bigtime));
    Stat.stCtime(stat, XfsTime.seconds(ctime, bigtime));
    Stat.stCtimeNsec(stat, XfsTime.nanos(ctime, bigtime));
  }

  private boolean isDevice() {
    return isType(StatMode.S_IFCHR) || isType(StatMode.S_IFBLK);
  }

  /** As in Linux, regular files only. */
  @Override
  public boolean hasFiemap() {
    return isType(StatMode.S_IFREG);
  }

  @Override
  @LinuxSource(file = "fs/xfs/xfs_iops.c", name = "xfs_vn_fiemap")
  public int fiemap(Task current, FiemapExtentInfo fieinfo, long start, long length) {
    return XfsFiemap.fiemap(current, this, fieinfo, start, length);
  }

  @Override
  @LinuxSource(file = "fs/xfs/xfs_ioctl.c", name = "xfs_fileattr_get")
  public Fileattr fileattrGet(Task current) {
    return XfsIoctl.fileattr(this);
  }

  @Override
  @LinuxSource(file = "fs/xfs/xfs_ioctl.c", name = "xfs_fileattr_set")
  public void fileattrSet(Task current, Fileattr attributes) throws ErrnoException {
    XfsIoctl.setFileattr(current, this, attributes);
  }

  /** Fills the attributes. Unlike XFS before 5.3, it also fills stx_attributes_mask. */
  @Override
  @LinuxSource(file = "fs/xfs/xfs_iops.c", name = "xfs_vn_getattr")
  public void fillStatx(long statx, int mask) {
    if ((mask & Statx.STATX_BTIME) != 0) {
      Statx.stxMask(statx, Statx.stxMask(statx) | Statx.STATX_BTIME);
      Statx.stxBtime(statx, XfsTime.seconds(core.crtime(), core.bigtime()));
      Statx.stxBtimeNsec(statx, (int) XfsTime.nanos(core.crtime(), core.bigtime()));
    }
    Statx.stxAttributesMask(
        statx, Statx.STATX_ATTR_IMMUTABLE | Statx.STATX_ATTR_APPEND | Statx.STATX_ATTR_NODUMP);
    Statx.stxAttributes(
        statx,
        (core.immutable() ? Statx.STATX_ATTR_IMMUTABLE : 0)
            | (core.append() ? Statx.STATX_ATTR_APPEND : 0)
            | (core.nodump() ? Statx.STATX_ATTR_NODUMP : 0));
  }

  /**
   * The number of a device node, in the format of stat. On disk it has 14 bits of major and 18 of
   * minor.
   */
  @LinuxSource(file = "fs/xfs/xfs_linux.h", name = "xfs_to_linux_dev_t")
  private long rdev() {
    if (!isDevice()) {
      return 0;
    }
    long disk = Integer.toUnsignedLong(core.rdev());
    long major = disk >>> 18 & 0x3fff;
    long minor = disk & 0x3ffff;
    return (minor & 0xff) | (major << 8) | ((minor & ~0xffL) << 12);
  }

  @Override
  @LinuxSource(file = "fs/xfs/xfs_inode.c", name = "xfs_lookup")
  public XfsInode lookup(Task current, byte[] name) throws ErrnoException {
    if (!isType(StatMode.S_IFDIR)) {
      throw new ErrnoException(Errno.ENOTDIR);
    }
    return mp.iget(current, XfsDir2.lookup(current, this, name));
  }

  @Override
  @LinuxSource(file = "fs/xfs/xfs_symlink.c", name = "xfs_readlink")
  public byte[] readlink(Task current) throws ErrnoException {
    if (!isType(StatMode.S_IFLNK)) {
      throw new ErrnoException(Errno.EINVAL);
    }
    return XfsSymlink.read(current, this);
  }

  @Override
  public byte[] getxattr(Task current, String name) throws ErrnoException {
    return XfsXattr.get(current, this, name);
  }

  @Override
  public List<String> listxattr(Task current) throws ErrnoException {
    return XfsXattr.list(current, this);
  }

  @Override
  public void setxattr(Task current, String name, byte @Nullable [] value, int flags)
      throws ErrnoException {
    XfsXattr.set(current, this, name, value, flags);
  }

  // Names.

  @Override
  public Inode create(Task current, byte[] name, int permissions) throws ErrnoException {
    requireWritable();
    int mode = StatMode.S_IFREG | permissions;
    return held(mp.iget(current, XfsNames.create(current, this, name, mode, made -> {})));
  }

  private void requireWritable() throws ErrnoException {
    if (mp.readOnly()) {
      throw new ErrnoException(Errno.EROFS);
    }
  }

  private static XfsInode held(XfsInode ip) {
    ip.ihold();
    return ip;
  }

  @Override
  public void mkdir(Task current, byte[] name, int permissions) throws ErrnoException {
    requireWritable();
    XfsNames.create(current, this, name, StatMode.S_IFDIR | permissions, made -> {});
  }

  @Override
  public void mknod(Task current, byte[] name, int mode, long rdev) throws ErrnoException {
    requireWritable();
    long major = (rdev >>> 8 & 0xfff) | (rdev >>> 32 & ~0xfffL);
    long minor = (rdev & 0xff) | (rdev >>> 12 & 0xffffff00L);
    if (major > MAX_MAJOR || minor > MAX_MINOR) {
      throw new ErrnoException(Errno.EINVAL);
    }
    int disk = (int) (major << 18 | minor);
    XfsNames.create(current, this, name, mode, made -> made.put32(XfsDinode.CORE_BYTES, disk));
  }

  @Override
  public void symlink(Task current, byte[] name, byte[] target) throws ErrnoException {
    requireWritable();
    if (target.length > XfsSymlink.MAX_LENGTH) {
      throw new ErrnoException(Errno.ENAMETOOLONG);
    }
    int mode = StatMode.S_IFLNK | StatMode.S_IRWXUGO;
    XfsNames.create(current, this, name, mode, made -> XfsSymlinkWrite.init(made, target));
  }

  @Override
  public void link(Task current, byte[] name, Inode old) throws ErrnoException {
    requireWritable();
    XfsNames.link(current, this, name, (XfsInode) old);
  }

  @Override
  public void rmdir(Task current, byte[] name) throws ErrnoException {
    unlink(current, name);
  }

  @Override
  public void unlink(Task current, byte[] name) throws ErrnoException {
    requireWritable();
    XfsNames.remove(current, this, name, lookup(current, name));
  }

  @Override
  public void rename(Task current, byte[] oldName, Inode newDir, byte[] newName, int flags)
      throws ErrnoException {
    requireWritable();
    XfsInode to = (XfsInode) newDir;
    XfsInode target;
    try {
      target = to.lookup(current, newName);
    } catch (ErrnoException e) {
      if (e.errno() != Errno.ENOENT) {
        throw e;
      }
      target = null;
    }
    XfsNames.rename(current, this, oldName, lookup(current, oldName), to, newName, target, flags);
  }

  @Override
  public Inode tmpfile(Task current, int permissions) throws ErrnoException {
    requireWritable();
    long ino = XfsNames.tmpfile(current, this, StatMode.S_IFREG | permissions);
    return held(mp.iget(current, ino));
  }
}
