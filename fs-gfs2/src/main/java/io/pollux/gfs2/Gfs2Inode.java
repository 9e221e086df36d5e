// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.block.buffer.Buf;
import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufEdit;
import io.pollux.core.ErrnoException;
import io.pollux.core.filemap.Mapping;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.FiemapExtentInfo;
import io.pollux.core.vfs.FileOperations;
import io.pollux.core.vfs.Fileattr;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.WriteTime;
import io.pollux.iomap.IomapFiemap;
import io.pollux.uapi.Differs;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Stat;
import io.pollux.uapi.StatMode;
import io.pollux.uapi.Statx;
import org.jspecify.annotations.Nullable;

/**
 * An inode in memory. Its contents are those of its block when the glock was last taken; they are
 * read again after the glock was unlocked. The time of the last write is kept in memory first
 * ({@link Gfs2Dirty}).
 */
@LinuxSource(file = "fs/gfs2/incore.h", name = "gfs2_inode")
final class Gfs2Inode extends Inode {
  /** Fifos, sockets and device nodes: they have a name here, and no operations. */
  private static final FileOperations SPECIAL = new FileOperations() {};

  /** The dinode and the mapping of its tree, replaced together. */
  private static final class Contents {
    final Gfs2Dinode dinode;
    final @Nullable Gfs2ExtentCache extents;

    Contents(Gfs2Sb sb, Gfs2Dinode dinode) {
      this.dinode = dinode;
      extents = dinode.stuffed() ? null : new Gfs2ExtentCache(sb, dinode);
    }
  }

  private final Gfs2Sbd sdp;
  private final Gfs2Glock glock;
  private final Mapping mapping;
  private final WriteTime writeTime;
  private volatile Contents contents;
  private volatile boolean invalid; // C: GIF_INVALID

  Gfs2Inode(Gfs2Sbd sdp, Gfs2Glock glock, Gfs2Dinode dinode) {
    super(sdp, glock.name().number(), dinode.mode());
    this.sdp = sdp;
    this.glock = glock;
    contents = new Contents(sdp.sb(), dinode);
    mapping = new Mapping(sdp.bdev().pageCache(), new Gfs2Aops(this));
    writeTime = new WriteTime(() -> sdp.dirty().add(this));
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

  /** The cached mapping, or null if the file is stuffed. */
  @Nullable Gfs2ExtentCache extentCache() {
    return contents.extents;
  }

  /** The inode's name in error messages. */
  String what() {
    return "inode " + ino();
  }

  /** Makes the EIO for this inode. */
  ErrnoException corrupt(String how) {
    return Gfs2Error.corrupt(what() + ": " + how);
  }

  /** Reads the inode's block. From process context, with the glock held. */
  @LinuxSource(file = "fs/gfs2/meta_io.c", name = "gfs2_meta_inode_buffer")
  BufData readDinode(Task current) throws ErrnoException {
    return sdp.readMeta(current, glock, ino(), Gfs2Meta.DINODE, this::what);
  }

  /** Called when the glock is unlocked: the contents may be stale. */
  void invalidate() {
    invalid = true;
  }

  /** Called when the glock is locked again: reads stale contents again. From process context. */
  @LinuxSource(file = "fs/gfs2/glops.c", name = "gfs2_inode_refresh")
  void refresh(Task current) throws ErrnoException {
    if (!invalid) {
      return;
    }
    Gfs2Dinode dinode = Gfs2Dinode.decode(sdp.sb(), ino(), readDinode(current));
    if (!StatMode.isType(dinode.mode(), mode() & StatMode.S_IFMT)
        || dinode.formalIno() != dinode().formalIno()) {
      throw corrupt("is another file now");
    }
    contents = new Contents(sdp.sb(), dinode);
    writeTime.forget();
    invalid = false;
  }

  @Override
  protected boolean immutable() {
    return dinode().immutable();
  }

  @Override
  protected boolean appendOnly() {
    return dinode().appendOnly();
  }

  /** The time of the last write, which {@link Gfs2Dirty} writes to the disk. */
  WriteTime writeTime() {
    return writeTime;
  }

  /** A change of the inode's block. */
  private interface Change {
    void make(BufEdit block) throws ErrnoException;
  }

  /**
   * Writes the time of the last write, if it is dirty. From process context, with the glock in any
   * state but unlocked.
   *
   * @param current the calling task
   * @return 0, or a negative errno, after which the time is dirty again. Each open file reports the
   *     error at its next fsync.
   */
  @LinuxSource(file = "fs/gfs2/super.c", name = "gfs2_write_inode")
  int writeTimes(Task current) {
    if (!writeTime.markClean()) {
      return 0;
    }
    int result = -Errno.EIO; // if it throws
    try {
      result = rewrite(current, block -> Gfs2Dinode.putTimes(block, writeTime.millis()));
    } finally {
      if (result != 0) {
        mapping.wbErr().set(result);
        writeTime.markDirty();
      }
    }
    return result;
  }

  /**
   * Writes the data inside the inode. From process context, with the page locked.
   *
   * @param current the calling task
   * @param address kernel address of the page with the data
   * @return 0 or a negative errno
   */
  int writeStuffed(Task current, long address) {
    int length = (int) size();
    return rewrite(current, block -> block.putMemory(Gfs2Sb.DINODE_BYTES, address, length));
  }

  /**
   * Changes the inode's block on disk. Unlike in C the write bypasses the journal, so the block
   * must be valid whichever of its sectors a crash leaves unwritten.
   *
   * <p>After a failed write the block is clean, and no reference stays. The caller keeps the
   * change, and the error for fsync.
   *
   * @return 0 or a negative errno
   */
  @Differs(
      kind = Differs.Kind.SIMPLER,
      why =
          "A failed write of an inode block reaches fsync as EIO, and the mount stays. Linux"
              + " withdraws the filesystem.",
      test = "Gfs2TimesTest#anErrorReachesFsyncOncePerOpenFileAndLeavesNoDirtyBlock")
  private int rewrite(Task current, Change change) {
    try {
      Buf buf = sdp.readBuf(current, glock, ino(), Gfs2Meta.DINODE, this::what);
      try {
        buf.lock(current); // one task at a time rewrites the block
        try {
          rewrite(current, buf, change);
        } finally {
          buf.unlock();
        }
      } finally {
        buf.release();
      }
      return 0;
    } catch (ErrnoException e) {
      return -e.errno();
    }
  }

  private void rewrite(Task current, Buf buf, Change change) throws ErrnoException {
    Gfs2Dinode there = Gfs2Dinode.decode(sdp.sb(), ino(), buf.data());
    if (there.formalIno() != dinode().formalIno()
        || there.size() != size()
        || there.height() != dinode().height()) {
      throw corrupt("is another file now");
    }
    change.make(buf.edit());
    buf.markDirty();
    try {
      buf.write(current);
    } finally {
      buf.clean(); // a failed write leaves it dirty (C: gfs2_io_error_bh)
    }
  }

  @Override
  public long size() {
    return contents.dinode.size();
  }

  @Override
  public int uid() {
    return dinode().uid();
  }

  @Override
  public int gid() {
    return dinode().gid();
  }

  @Override
  protected int nlink() {
    return dinode().nlink();
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
  protected void getattr(Task current, long stat) {
    Gfs2Dinode dinode = dinode();
    Gfs2Sb sb = sdp.sb();
    Stat.stRdev(stat, rdev(dinode));
    Stat.stBlksize(stat, sb.blockSize);
    Stat.stBlocks(stat, dinode.blocks() << (sb.blockLog - 9));
    Stat.stAtime(stat, dinode.atime());
    Stat.stAtimeNsec(stat, dinode.atimeNsec());
    if (writeTime.isSet()) {
      long millis = writeTime.millis();
      long seconds = Math.floorDiv(millis, 1000);
      int nanos = Math.floorMod(millis, 1000) * 1_000_000;
      Stat.stMtime(stat, seconds);
      Stat.stMtimeNsec(stat, nanos);
      Stat.stCtime(stat, seconds);
      Stat.stCtimeNsec(stat, nanos);
    } else {
      Stat.stMtime(stat, dinode.mtime());
      Stat.stMtimeNsec(stat, dinode.mtimeNsec());
      Stat.stCtime(stat, dinode.ctime());
      Stat.stCtimeNsec(stat, dinode.ctimeNsec());
    }
  }

  @Override
  public boolean hasFiemap() {
    return isType(StatMode.S_IFREG) || isType(StatMode.S_IFDIR);
  }

  @Override
  @LinuxSource(file = "fs/gfs2/inode.c", name = "gfs2_fiemap")
  public int fiemap(Task current, FiemapExtentInfo fieinfo, long start, long length) {
    iRwsem.downRead(current);
    try {
      Gfs2Holder gh = lock(current, LmState.SHARED);
      try {
        // one before and one after each block of the device
        long most = 2 * (sdp.bdev().bytes() >> sdp.sb().blockLog) + 2;
        return IomapFiemap.fiemap(
            current, this, fieinfo, start, length, Gfs2Iomap.OPS, sdp.sb().blockSize, most);
      } finally {
        unlock(current, gh);
      }
    } catch (ErrnoException e) {
      return -e.errno();
    } finally {
      iRwsem.upRead();
    }
  }

  /** Returns the flags of files and directories; other inodes have none. */
  @Override
  @LinuxSource(file = "fs/gfs2/file.c", name = "gfs2_get_flags")
  public @Nullable Fileattr fileattrGet(Task current) throws ErrnoException {
    if (!hasFiemap()) {
      return null;
    }
    Gfs2Holder gh = lock(current, LmState.SHARED);
    try {
      return Fileattr.ofFlags(dinode().fsFlags());
    } finally {
      unlock(current, gh);
    }
  }

  /**
   * Fills the attributes; GFS2 has no birth time. The mask claims more attributes than are ever
   * set, as in Linux.
   */
  @Override
  @LinuxSource(file = "fs/gfs2/inode.c", name = "gfs2_getattr")
  public void fillStatx(long statx, int mask) {
    Statx.stxAttributesMask(
        statx,
        Statx.STATX_ATTR_APPEND
            | Statx.STATX_ATTR_COMPRESSED
            | Statx.STATX_ATTR_ENCRYPTED
            | Statx.STATX_ATTR_IMMUTABLE
            | Statx.STATX_ATTR_NODUMP);
    Statx.stxAttributes(
        statx,
        (immutable() ? Statx.STATX_ATTR_IMMUTABLE : 0)
            | (appendOnly() ? Statx.STATX_ATTR_APPEND : 0));
  }

  /** The number of a device node: 12 bits of major and 20 bits of minor, in the format of stat. */
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

  /** Takes the glock, off the I/O path. From process context. */
  @LinuxSource(file = "fs/gfs2/glock.h", name = "gfs2_glock_nq_init")
  Gfs2Holder lock(Task current, int state) throws ErrnoException {
    return sdp.lock(current, glock, state, 0);
  }

  /** Releases the glock. From process context. */
  @LinuxSource(file = "fs/gfs2/glock.c", name = "gfs2_glock_dq_uninit")
  static void unlock(Task current, Gfs2Holder gh) {
    gh.glock().dq(current, gh);
    gh.uninit();
  }
}
