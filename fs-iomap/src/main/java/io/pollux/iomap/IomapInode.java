// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import io.pollux.block.BlockDevice;
import io.pollux.core.ErrnoException;
import io.pollux.core.filemap.Filemap;
import io.pollux.core.filemap.Mapping;
import io.pollux.core.mm.IovIter;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Attr;
import io.pollux.core.vfs.FiemapExtentInfo;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileOperations;
import io.pollux.core.vfs.Iattr;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.Kiocb;
import io.pollux.core.vfs.SuperBlock;
import io.pollux.core.vfs.Timespec64;
import io.pollux.uapi.Differs;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Stat;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * A regular file over iomap, for a filesystem without file operations of its own: direct, buffered
 * and polled reads and writes, seeks, fiemap, attributes, and fsync. The filesystem adds the
 * mapping, {@link SuperBlock#writeInode}, {@link #convert} if its blocks can be unwritten, and
 * {@link #cut} if it frees them.
 *
 * <p>{@link #markDirty} records a change after it was made. The inode is dirty until a write that
 * began later has succeeded.
 *
 * <p>Locks: reads take iRwsem shared, and so do direct writes of whole blocks inside the file. All
 * other writes take it exclusively. An exclusive direct write first waits for those in flight. It
 * completes before it releases the lock, because it zeroes parts of blocks or extends the file.
 *
 * <p>A truncation waits for write-back under the lock that {@link #syncMetadata} takes. So {@link
 * #mapBlocks} and {@link #endIoend} do not sync their own inode.
 */
@LinuxSource(
    file = "fs/xfs/xfs_file.c",
    name = {"xfs_file_read_iter", "xfs_file_write_iter", "xfs_file_dio_aio_write"})
public abstract class IomapInode extends Inode
    implements FileOperations, IomapOps, IomapWritebackOps, IomapDioEnd {
  private final BlockDevice bdev;
  private final Mapping mapping;
  private volatile long size;
  private volatile long mtime; // milliseconds since 1970
  private volatile long ctime;
  private volatile int uid;
  private volatile int gid;
  private volatile long recorded = Long.MIN_VALUE; // times of updateTime that are in changes
  private final AtomicLong changes = new AtomicLong();
  private final AtomicInteger converting = new AtomicInteger(); // conversions not yet in changes
  private volatile long durable; // changes that are on the disk; changed under writing

  /** Held while the inode is written, and while the size and the blocks are cut. */
  private final ReentrantLock writing = new ReentrantLock();

  /**
   * Creates a file without a reference.
   *
   * @param sb the filesystem, which has called {@link SuperBlock#initDioDoneWq}
   * @param bdev the device of its extents
   * @param ino the inode number
   * @param mode type and permissions
   */
  @SuppressWarnings("this-escape") // the mapping uses it only when the file is open
  protected IomapInode(SuperBlock sb, BlockDevice bdev, long ino, int mode) {
    super(sb, ino, mode);
    this.bdev = bdev;
    mapping = new Mapping(bdev.pageCache(), new IomapPages(this, this, this));
  }

  // Implemented by the filesystem.

  /** Returns the largest size of a file in bytes. */
  @LinuxSource(file = "include/linux/fs.h", name = "s_maxbytes")
  protected long maxBytes() {
    return Long.MAX_VALUE;
  }

  /**
   * Drops the blocks from a position on, after the file was cut there. The caller marks the inode
   * dirty. From process context, with iRwsem held exclusively.
   *
   * @param from a multiple of the block size
   */
  protected void cut(long from) {}

  /** Returns i_blocks, the allocated space in units of 512 bytes. From any context. */
  @LinuxSource(file = "include/linux/fs.h", name = "i_blocks")
  protected abstract long blocks();

  /**
   * Converts the unwritten blocks of a range. The caller marks the inode dirty. From any context;
   * does not sleep.
   *
   * @param from first byte of a block
   * @param to end of a block, or of a write
   * @return 0 or a negative errno
   */
  @LinuxSource(file = "fs/xfs/xfs_iomap.c", name = "xfs_iomap_write_unwritten")
  protected int convert(long from, long to) {
    return 0;
  }

  // Durability.

  /** Records a change of the inode that was made before. From any context; does not sleep. */
  @LinuxSource(file = "fs/fs-writeback.c", name = "mark_inode_dirty")
  protected final void markDirty() {
    changes.getAndIncrement();
  }

  /**
   * Whether the inode has changes that are not durable. From any context.
   *
   * <p>A mapping is read before the call: if another task has converted its blocks, the inode is
   * dirty until that is durable.
   */
  protected final boolean isDirty() {
    VarHandle.loadLoadFence(); // pairs with convertBlocks
    return converting.get() != 0 || changes.get() != durable;
  }

  /**
   * Writes the inode if it is dirty, by {@link SuperBlock#writeInode}. Waits for a write by another
   * task. From process context; takes no iRwsem.
   *
   * @param current the calling task
   * @return 0, or a negative errno, after which the inode stays dirty
   */
  @LinuxSource(file = "fs/fs-writeback.c", name = "sync_inode_metadata")
  public final int syncMetadata(Task current) {
    lockWriting(current);
    try {
      long seen = changes.get(); // before the inode is encoded
      int result = seen == durable ? 0 : sb().writeInode(current, this, true);
      durable = result == 0 ? seen : durable;
      return result;
    } finally {
      writing.unlock();
    }
  }

  private void lockWriting(Task current) {
    current.aboutToSleep(); // the holder may wait for bios in this task's plug
    writing.lock();
  }

  /** Takes no iRwsem: a durable direct write calls it with iRwsem held. */
  @Override
  @LinuxSource(file = "fs/libfs.c", name = "generic_file_fsync")
  public int fsync(Task current, File file, long start, long end, boolean datasync) {
    int result = mapping.fsyncRange(current, file, start, end);
    int written = syncMetadata(current);
    int flushed = bdev.flushAndWait(current);
    return result != 0 ? result : written != 0 ? written : flushed;
  }

  // Reads and writes.

  @Override
  public final boolean hasReadIter() {
    return true;
  }

  @Override
  public final long readIter(Task current, Kiocb iocb, IovIter to) {
    if (!iRwsem.downRead(current, iocb.has(Kiocb.IOCB_NOWAIT))) {
      return -Errno.EAGAIN;
    }
    try {
      return iocb.has(Kiocb.IOCB_DIRECT)
          ? IomapDio.rw(current, this, iocb, to, this, null)
          : Filemap.read(current, iocb, to, mapping);
    } finally {
      iRwsem.upRead();
    }
  }

  @Override
  public final boolean hasWriteIter() {
    return true;
  }

  @Override
  public final long writeIter(Task current, Kiocb iocb, IovIter from) {
    if (from.count() == 0) {
      return 0;
    }
    boolean nowait = iocb.has(Kiocb.IOCB_NOWAIT);
    boolean direct = iocb.has(Kiocb.IOCB_DIRECT);
    if (direct && !isAlone(current, iocb, from)) {
      if (!iRwsem.downRead(current, nowait)) {
        return -Errno.EAGAIN;
      }
      try {
        if (!isAlone(current, iocb, from)) { // not truncated meanwhile
          updateTime();
          return IomapDio.rw(current, this, iocb, from, this, this);
        }
      } finally {
        iRwsem.upRead();
      }
    }
    if (!iRwsem.downWrite(current, nowait)) {
      return -Errno.EAGAIN;
    }
    long written;
    try {
      written = writeAlone(current, iocb, from, direct);
    } finally {
      iRwsem.upWrite();
    }
    return direct ? written : IomapBuffered.writeSync(current, iocb, written);
  }

  /** Whether a direct write needs the lock exclusively. */
  private boolean isAlone(Task current, Kiocb iocb, IovIter from) {
    return iocb.has(Kiocb.IOCB_APPEND)
        || ((iocb.kiPos | from.count()) & (sb().blockSize() - 1)) != 0
        || iocb.kiPos > size() - from.count()
        || Attr.removedPrivs(current, this) != 0;
  }

  @Differs(
      kind = Differs.Kind.SIMPLER,
      why =
          "A direct write that extends the file completes before its submission returns. XFS waits"
              + " only for writes of parts of blocks.",
      test = "IomapInodeTest#aDirectWriteThatExtendsTheFileCompletesBeforeItsSubmissionReturns")
  private long writeAlone(Task current, Kiocb iocb, IovIter from, boolean direct) {
    boolean nowait = iocb.has(Kiocb.IOCB_NOWAIT);
    if (direct && nowait) {
      return -Errno.EAGAIN; // it waits for I/O
    }
    if (direct && dioCount() != 0) {
      int result = waitForDirect(current, true);
      if (result != 0) {
        return result;
      }
    }
    int result = Filemap.writeChecks(iocb, from);
    if (result != 0 || iocb.kiPos >= maxBytes()) {
      return result != 0 ? result : -Errno.EFBIG;
    }
    from.truncate(maxBytes() - iocb.kiPos);
    long old = size();
    if (iocb.kiPos > old && hasTail(old)) {
      result = nowait ? -Errno.EAGAIN : clearTail(current, old);
      if (result != 0) {
        return result;
      }
    }
    int privileges = Attr.removedPrivs(current, this);
    if (privileges != 0) {
      setMode(mode() & ~privileges);
      markDirty();
    }
    updateTime();
    long wanted = from.count();
    long written;
    if (direct) {
      written = IomapDio.rw(current, this, iocb, from, this, this);
      waitForDirect(current, false);
    } else {
      written = IomapBuffered.write(current, this, iocb, from, this);
    }
    if (written != wanted) {
      cutBlocks(size()); // what the write allocated after the end
    }
    return written;
  }

  /** Returns the end of the block that has a position; the largest position if that is later. */
  private long wholeBlocks(long bytes) {
    return bytes + Math.min(-bytes & (sb().blockSize() - 1), Long.MAX_VALUE - bytes);
  }

  private void cutBlocks(long end) {
    cut(wholeBlocks(end));
    markDirty();
  }

  private boolean hasTail(long end) {
    return (end & (sb().blockSize() - 1)) != 0;
  }

  /**
   * Clears the last block after the end of the file, on the device too. The block may hold bytes
   * that were cut, or bytes of a write that did not extend the file.
   */
  @LinuxSource(file = "fs/xfs/xfs_file.c", name = "xfs_zero_eof")
  private int clearTail(Task current, long end) {
    int result = IomapBuffered.truncatePage(current, this, end, this);
    return result != 0 ? result : mapping.writeAndWaitRange(current, end, end);
  }

  private int waitForDirect(Task current, boolean interruptible) {
    return InodeDioWait.awaitNone(current, this, bdev, interruptible);
  }

  @Override
  public int endIo(@Nullable Task current, Kiocb iocb, long bytes, int error, int flags) {
    if (error != 0) {
      return 0;
    }
    long end = iocb.kiPos + bytes;
    int result = (flags & IOMAP_DIO_UNWRITTEN) != 0 ? convertBlocks(iocb.kiPos, end) : 0;
    if (result == 0 && end > size()) {
      iSizeWrite(end);
    }
    return result;
  }

  @Override
  public boolean sleeps(Kiocb iocb, long bytes, int error, int flags) {
    return false; // convert does not
  }

  @Override
  public int mapBlocks(Task current, Inode inode, long pos, long length, Iomap iomap) {
    return iomapBegin(current, inode, pos, length, 0, iomap);
  }

  @Override
  public int endIoend(
      Task current, Inode inode, long pos, long length, boolean unwritten, int error) {
    return unwritten && error == 0 ? convertBlocks(pos, pos + length) : 0;
  }

  /**
   * Until the conversion is recorded, a durable write may find its blocks; isDirty is true then.
   */
  private int convertBlocks(long from, long to) {
    converting.getAndIncrement();
    try {
      return convert(from, to);
    } finally {
      markDirty();
      converting.getAndDecrement();
    }
  }

  // Attributes.

  @Override
  public final void setattr(Task current, Iattr attr) throws ErrnoException {
    if (attr.has(Iattr.ATTR_SIZE)) {
      setSize(current, attr.size());
    }
    uid = attr.has(Iattr.ATTR_UID) ? attr.uid() : uid;
    gid = attr.has(Iattr.ATTR_GID) ? attr.gid() : gid;
    if (attr.has(Iattr.ATTR_MODE)) {
      setMode(attr.mode());
    }
    if (attr.has(Iattr.ATTR_MTIME)) {
      boolean given = attr.has(Iattr.ATTR_MTIME_SET);
      mtime = given ? attr.mtime().toMillis() : System.currentTimeMillis();
    }
    updateCtime();
  }

  /**
   * Drops the pages after a smaller size, and zeroes the rest of the last block. The inode on the
   * disk has the old size with the old blocks, or the new size with the new ones.
   */
  @LinuxSource(file = "fs/xfs/xfs_iops.c", name = "xfs_setattr_size")
  private void setSize(Task current, long bytes) throws ErrnoException {
    if (bytes > maxBytes()) {
      throw new ErrnoException(Errno.EFBIG);
    }
    waitForDirect(current, false);
    long end = Math.min(bytes, size());
    int result = bytes != size() && hasTail(end) ? clearTail(current, end) : 0;
    if (result != 0) {
      throw new ErrnoException(-result);
    }
    lockWriting(current);
    try {
      iSizeWrite(bytes);
      mapping.truncateRange(current, bytes, Long.MAX_VALUE);
      cutBlocks(bytes);
    } finally {
      writing.unlock();
    }
  }

  /**
   * Records that the content changes now. From any context.
   *
   * <p>A write in the same millisecond as the one before changes no time, and leaves a clean inode
   * clean: a durable overwrite can then use FUA. It relies on {@code recorded}, which is set after
   * {@link #markDirty}. So an fsync after this call makes the times durable, whichever write set
   * them. Changes of blocks, size and mode mark the inode themselves.
   */
  @LinuxSource(file = "fs/inode.c", name = "file_update_time")
  public final void updateTime() {
    long now = System.currentTimeMillis();
    if (recorded == now && mtime == now && ctime == now) {
      return;
    }
    mtime = now;
    ctime = now;
    markDirty();
    recorded = now;
  }

  /** Records that an attribute or a name changes now. From any context. */
  public final void updateCtime() {
    ctime = System.currentTimeMillis();
    markDirty();
  }

  /**
   * Makes a task the owner of a new file, whose times are now. From any context.
   *
   * @param current the creating task
   */
  @LinuxSource(file = "fs/inode.c", name = "inode_init_owner")
  public final void initOwner(Task current) {
    uid = current.cred().fsuid();
    gid = current.cred().fsgid();
    markDirty();
    updateTime();
  }

  /**
   * Sets the attributes of a file that was read from the disk.
   *
   * @param bytes i_size
   * @param owner i_uid
   * @param group i_gid
   * @param modified i_mtime, in milliseconds since 1970
   * @param changed i_ctime, likewise
   */
  protected final void initAttributes(
      long bytes, int owner, int group, long modified, long changed) {
    size = bytes;
    uid = owner;
    gid = group;
    mtime = modified;
    ctime = changed;
  }

  /**
   * Drops the blocks after the end of a file that was read from the disk. A power cut inside a
   * write that extends the file may leave such blocks, and they may hold data.
   */
  protected final void cutBehindEnd() {
    long before = blocks();
    cut(wholeBlocks(size));
    if (blocks() != before && !sb().readOnly()) {
      markDirty();
    }
  }

  @Override
  public final long size() {
    return size;
  }

  @Override
  public final void iSizeWrite(long bytes) {
    size = bytes;
    markDirty();
  }

  @Override
  public final int uid() {
    return uid;
  }

  @Override
  public final int gid() {
    return gid;
  }

  /** Returns i_mtime, in milliseconds since 1970. */
  public final long mtimeMillis() {
    return mtime;
  }

  /** Returns i_ctime, in milliseconds since 1970. */
  public final long ctimeMillis() {
    return ctime;
  }

  @Override
  protected void getattr(Task current, long stat) {
    Stat.stBlksize(stat, sb().blockSize());
    Stat.stBlocks(stat, blocks());
    Timespec64 modified = Timespec64.ofMillis(mtime);
    Stat.stMtime(stat, modified.seconds());
    Stat.stMtimeNsec(stat, modified.nanos());
    Timespec64 changed = Timespec64.ofMillis(ctime);
    Stat.stCtime(stat, changed.seconds());
    Stat.stCtimeNsec(stat, changed.nanos());
  }

  // Polling, seeks, extents.

  @Override
  public final boolean hasIopoll() {
    return true;
  }

  @Override
  public final int iopoll(Kiocb iocb, boolean spin) {
    return IomapDio.iopoll(iocb, spin);
  }

  @Override
  public final boolean needsPolling(Kiocb iocb) {
    return IomapDio.needsPolling(iocb);
  }

  @Override
  public final boolean canDirect() {
    return true;
  }

  @Override
  public final boolean canNowait() {
    return true;
  }

  @Override
  public final long llseek(Task current, File file, long offset, int whence) {
    boolean data = whence == Fcntl.SEEK_DATA;
    if (!data && whence != Fcntl.SEEK_HOLE) {
      return FileOperations.super.llseek(current, file, offset, whence);
    }
    iRwsem.downRead(current);
    try {
      long found =
          data
              ? IomapSeek.data(current, this, offset, this, mostExtents())
              : IomapSeek.hole(current, this, offset, this, mostExtents());
      return found < 0 ? found : file.vfsSetpos(found);
    } finally {
      iRwsem.upRead();
    }
  }

  /** Returns an exclusive upper bound of the number of extents and holes of a file. */
  private long mostExtents() {
    return 4 * (bdev.bytes() / sb().blockSize()) + 4;
  }

  @Override
  public final boolean hasFiemap() {
    return true;
  }

  @Override
  public final int fiemap(Task current, FiemapExtentInfo fieinfo, long start, long length) {
    iRwsem.downRead(current);
    try {
      return IomapFiemap.fiemap(
          current, this, fieinfo, start, length, this, sb().blockSize(), mostExtents());
    } finally {
      iRwsem.upRead();
    }
  }

  // The inode.

  @Override
  public final Mapping mapping() {
    return mapping;
  }

  @Override
  public final FileOperations fop() {
    return this;
  }

  @Override
  public final boolean hasFsync() {
    return true;
  }
}
