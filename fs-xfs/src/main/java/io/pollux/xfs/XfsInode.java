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
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.WriteTime;
import io.pollux.iomap.IomapPages;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Stat;
import io.pollux.uapi.StatMode;
import io.pollux.uapi.Statx;
import io.pollux.xfs.format.XfsError;
import io.pollux.xfs.format.XfsTime;
import org.jspecify.annotations.Nullable;

/**
 * An inode in memory. Immutable, except for the extents, which are read at first use and then stay,
 * and the time of the last write.
 */
@LinuxSource(file = "fs/xfs/xfs_inode.h", name = "xfs_inode")
final class XfsInode extends Inode {
  /** Fifos, sockets and device nodes: they have a name here, and no operations. */
  private static final FileOperations SPECIAL = new FileOperations() {};

  private static final int MIN_STAT_BLKSIZE = 4096;

  @LinuxSource(file = "include/linux/fs.h", name = "BLKDEV_IOSIZE")
  private static final int BLKDEV_IOSIZE = 4096;

  private final XfsMount mp;
  private final XfsInodeBuf.Core core;
  private final Mapping mapping;
  private final WriteTime writeTime;
  private final Object extentsLock = new Object();
  private volatile @Nullable XfsExtents extents; // written once, under the lock

  XfsInode(XfsMount mp, long ino, int mode, XfsInodeBuf.Core core) {
    super(mp, ino, mode);
    this.mp = mp;
    this.core = core;
    mapping = new Mapping(mp.bdev().pageCache(), new IomapPages(this, XfsIomap.OPS, null));
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
  @Nullable XfsExtents extentsIfRead() {
    return extents;
  }

  /**
   * Returns the extents of the data fork, read at first use. From process context.
   *
   * @param current the calling task
   * @return all of them
   * @throws ErrnoException EUCLEAN if they are damaged, or the device's error
   */
  XfsExtents extents(Task current) throws ErrnoException {
    XfsExtents there = extents;
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
        there = XfsBmap.read(current, mp, this);
        extents = there;
      }
      return there;
    }
  }

  @Override
  public long size() {
    return core.size();
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
}
