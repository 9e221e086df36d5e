// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.core.ErrnoException;
import io.pollux.core.filemap.Mapping;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.FileOperations;
import io.pollux.core.vfs.Inode;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Stat;
import io.pollux.uapi.StatMode;

/**
 * An inode in memory. What it says is what its block said when the glock was taken last; a glock that was given up in
 * between has it read again.
 */
@LinuxSource(file = "fs/gfs2/incore.h", name = "gfs2_inode")
final class Gfs2Inode extends Inode {
  /** Fifos, sockets and device nodes: they have a name here, and are somebody else's to open. */
  private static final FileOperations SPECIAL = new FileOperations() {};

  /** The dinode, and what was found in its tree: they go together. */
  private static final class Contents {
    final Gfs2Dinode dinode;
    final Gfs2ExtentCache extents;

    Contents(Gfs2Sb sb, Gfs2Dinode dinode) {
      this.dinode = dinode;
      extents = new Gfs2ExtentCache(sb, dinode);
    }
  }

  private final Gfs2Sbd sdp;
  private final Gfs2Glock glock;
  private final Mapping mapping;
  private volatile Contents contents;
  private volatile boolean invalid; // C: GIF_INVALID

  Gfs2Inode(Gfs2Sbd sdp, Gfs2Glock glock, Gfs2Dinode dinode) {
    super(sdp, glock.name().number(), dinode.mode());
    this.sdp = sdp;
    this.glock = glock;
    contents = new Contents(sdp.sb(), dinode);
    mapping = new Mapping(sdp.bdev().pageCache(), new Gfs2Aops(this));
  }

  Gfs2Sbd sdp() {
    return sdp;
  }

  Gfs2Glock glock() {
    return glock;
  }

  Gfs2Dinode dinode() {
    return contents.dinode;
  }

  Gfs2ExtentCache extentCache() {
    return contents.extents;
  }

  /** What this is, for sentences. */
  String what() {
    return "inode " + ino();
  }

  /** EIO for this inode. */
  ErrnoException corrupt(String how) {
    return Gfs2Error.corrupt(what() + ": " + how);
  }

  /** The block that it is in. From process context, with the glock held. */
  @LinuxSource(file = "fs/gfs2/meta_io.c", name = "gfs2_meta_inode_buffer")
  Gfs2Buf readDinode(Task current) throws ErrnoException {
    return sdp.readMeta(current, glock, ino(), Gfs2Buf.METATYPE_DI, what());
  }

  /** The glock was given up: what is in memory may be wrong. */
  void invalidate() {
    invalid = true;
  }

  /** The glock is back: reads again what may be wrong. From process context. */
  @LinuxSource(file = "fs/gfs2/glops.c", name = "gfs2_inode_refresh")
  void refresh(Task current) throws ErrnoException {
    if (!invalid) {
      return;
    }
    Gfs2Dinode dinode = Gfs2Dinode.decode(sdp.sb(), ino(), readDinode(current));
    if (!StatMode.isType(dinode.mode(), mode() & StatMode.S_IFMT) || dinode.formalIno() != dinode().formalIno()) {
      throw corrupt("is another file now");
    }
    contents = new Contents(sdp.sb(), dinode);
    invalid = false;
  }

  @Override
  public long size() {
    return contents.dinode.size();
  }

  @Override
  public Mapping mapping() {
    return mapping;
  }

  @Override
  @LinuxSource(file = "fs/gfs2/inode.c", name = "gfs2_set_iop")
  public FileOperations fop() {
    return switch (mode() & StatMode.S_IFMT) {
      case StatMode.S_IFREG -> dinode().jdata() ? Gfs2File.JDATA : Gfs2File.OPERATIONS;
      case StatMode.S_IFDIR -> Gfs2DirFile.OPERATIONS;
      default -> SPECIAL;
    };
  }

  @Override
  @LinuxSource(file = "fs/gfs2/inode.c", name = "gfs2_getattr")
  protected void getattr(long stat) {
    Gfs2Dinode dinode = dinode();
    Gfs2Sb sb = sdp.sb();
    Stat.stNlink(stat, Integer.toUnsignedLong(dinode.nlink()));
    Stat.stUid(stat, dinode.uid());
    Stat.stGid(stat, dinode.gid());
    Stat.stRdev(stat, rdev(dinode));
    Stat.stBlksize(stat, sb.blockSize);
    Stat.stBlocks(stat, dinode.blocks() << (sb.blockLog - 9));
    Stat.stAtime(stat, dinode.atime());
    Stat.stAtimeNsec(stat, dinode.atimeNsec());
    Stat.stMtime(stat, dinode.mtime());
    Stat.stMtimeNsec(stat, dinode.mtimeNsec());
    Stat.stCtime(stat, dinode.ctime());
    Stat.stCtimeNsec(stat, dinode.ctimeNsec());
  }

  /** The number of a device node: 12 bits of major and 20 of minor, in stat as user programs have it. */
  private long rdev(Gfs2Dinode dinode) {
    int type = mode() & StatMode.S_IFMT;
    if (type != StatMode.S_IFCHR && type != StatMode.S_IFBLK) {
      return 0;
    }
    long major = dinode.major() & 0xfff;
    long minor = dinode.minor() & 0xfffff;
    return (minor & 0xff) | (major << 8) | ((minor & ~0xffL) << 12);
  }

  @Override
  @LinuxSource(file = "fs/gfs2/inode.c", name = "gfs2_lookupi")
  public Gfs2Inode lookup(Task current, byte[] name) throws ErrnoException {
    if (!isType(StatMode.S_IFDIR)) {
      throw new ErrnoException(Errno.ENOTDIR);
    }
    Gfs2Inum found;
    Gfs2Holder gh = lock(current, LmState.SHARED);
    try {
      found = Gfs2Dir.search(current, this, name);
    } finally {
      unlock(current, gh);
    }
    return sdp.iget(current, found);
  }

  @Override
  @LinuxSource(file = "fs/gfs2/inode.c", name = "gfs2_get_link")
  public byte[] readlink(Task current) throws ErrnoException {
    if (!isType(StatMode.S_IFLNK)) {
      throw new ErrnoException(Errno.EINVAL);
    }
    Gfs2Holder gh = lock(current, LmState.SHARED);
    try {
      return readDinode(current).copy(Gfs2Sb.DINODE_BYTES, (int) size());
    } finally {
      unlock(current, gh);
    }
  }

  /** Takes the glock, off the way of I/O. From process context. */
  @LinuxSource(file = "fs/gfs2/glock.h", name = "gfs2_glock_nq_init")
  Gfs2Holder lock(Task current, int state) throws ErrnoException {
    return sdp.lock(current, glock, state);
  }

  /** Gives the glock back. From process context. */
  @LinuxSource(file = "fs/gfs2/glock.c", name = "gfs2_glock_dq_uninit")
  static void unlock(Task current, Gfs2Holder gh) {
    gh.glock().dq(current, gh);
    gh.uninit();
  }
}
