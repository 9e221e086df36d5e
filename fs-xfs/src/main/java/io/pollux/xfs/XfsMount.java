// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.BlockDevice;
import io.pollux.block.buffer.Buf;
import io.pollux.block.buffer.BufCache;
import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufOps;
import io.pollux.block.buffer.BufSpace;
import io.pollux.core.ErrnoException;
import io.pollux.core.Oops;
import io.pollux.core.Options;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.Namei;
import io.pollux.core.vfs.SuperBlock;
import io.pollux.iomap.IomapDioBatch;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;
import io.pollux.uapi.Statfs;
import io.pollux.xfs.ag.XfsAgs;
import io.pollux.xfs.ag.XfsAlloc;
import io.pollux.xfs.ag.XfsIalloc;
import io.pollux.xfs.ag.XfsIunlink;
import io.pollux.xfs.ag.XfsRefcountTree;
import io.pollux.xfs.format.XfsError;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.log.XlogRecovery;
import io.pollux.xfs.trans.XfsTrans;
import io.pollux.xfs.trans.XfsTransMount;
import java.util.Objects;
import java.util.function.Supplier;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/** A mounted filesystem, the owner of all its parts. */
@LinuxSource(file = "fs/xfs/xfs_mount.h", name = "xfs_mount")
final class XfsMount extends SuperBlock {
  private final XfsSb sb;
  private static final int BUF_CACHE_BYTES = 8 << 20;
  private static final int RESERVED_PART = 20; // this part of all blocks is reserved,
  private static final int MOST_RESERVED = 8192; // but at most these

  private final BufSpace bufs;
  private final XfsVerifiers verifiers;
  private final XfsPerag perag;
  private final XfsIcache icache;
  private final XfsDaGeometry dirGeo;
  private final XfsIflush iflush;
  private final XfsSbBuf sbBuf;
  private final XfsTransMount trans;
  private final XfsAlloc alloc;
  private final XfsIalloc ialloc;
  private final XfsIunlink iunlink;
  private final XfsInactive inactive;
  private final XfsRefcountTree refcounts;
  private final IomapDioBatch dioBatch = new IomapDioBatch(XfsIomapWrite::finishAll);
  private final boolean norecovery;
  private @Nullable XfsInode root; // set once, when the mount is complete

  private XfsMount(Task current, XfsSb sb, BufCache target, boolean readOnly, boolean norecovery)
      throws ErrnoException {
    super(target.bdev().dev(), readOnly, sb.blockSize);
    this.sb = sb;
    this.norecovery = norecovery;
    bufs = target.newSpace();
    verifiers = XfsVerifiers.of(sb);
    XfsAgs ags = verifiers.ags();
    perag = new XfsPerag(this);
    icache = new XfsIcache(this);
    dirGeo = new XfsDaGeometry(sb);
    iflush = new XfsIflush(this);
    sbBuf = new XfsSbBuf(sb);
    trans = new XfsTransMount(sb, bufs, sb.fdblocks(), sb.inodes(), sb.freeInodes(), this::stopped);
    alloc = new XfsAlloc(ags, trans);
    ialloc = new XfsIalloc(alloc, trans, verifiers.inode(), RandomGenerator.getDefault());
    iunlink = new XfsIunlink(ags, verifiers.inode());
    inactive = new XfsInactive(this);
    refcounts = new XfsRefcountTree(alloc);
    initDioDoneWq(current, "dio/" + bdev().name());
  }

  /**
   * Mounts. From process context.
   *
   * @param current the calling task
   * @param bdev the device
   * @param readOnly whether to reject every write
   * @param options the mount options
   * @return the filesystem
   * @throws ErrnoException the reason it can't be mounted; everything is released then
   */
  @LinuxSource(
      file = "fs/xfs/xfs_super.c",
      name = {"xfs_fs_fill_super", "xfs_mountfs"})
  static XfsMount mount(Task current, BlockDevice bdev, boolean readOnly, Options options)
      throws ErrnoException {
    boolean norecovery = options.flag("norecovery");
    options.requireAllKnown("xfs");
    checkOptions(bdev, readOnly, norecovery);
    BufCache target = new BufCache(bdev, BUF_CACHE_BYTES, XfsError.EFSCORRUPTED);
    XfsMount mp = null;
    try {
      XfsSb sb = readSb(current, target);
      if (!readOnly) {
        sb.checkWritable();
      }
      XlogRecovery recovery = null;
      if (!norecovery) {
        recovery = XlogRecovery.find(current, target, new XfsLogTypes(sb));
        if (!recovery.clean()) {
          recovery.replay();
          sb = readSb(current, target); // it may have grown
        }
      }
      mp = new XfsMount(current, sb, target, readOnly, norecovery);
      XfsInode root = mp.iget(current, sb.rootIno);
      if (!root.isType(StatMode.S_IFDIR)) {
        throw XfsError.corrupt("the root of the filesystem is not a directory");
      }
      mp.root = root;
      mp.start(current, recovery);
      return mp;
    } catch (Throwable e) {
      if (mp != null) {
        mp.trans.dropLog();
      }
      target.drop();
      throw e;
    }
  }

  /** Opens the log, and finishes its recovery. A read-only mount then marks the log as clean. */
  private void start(Task current, @Nullable XlogRecovery recovery) throws ErrnoException {
    if (recovery == null || (readOnly() && recovery.clean())) {
      return;
    }
    trans.startLog(recovery.open());
    if (!recovery.clean()) {
      finishRecovery(current, recovery);
    }
    if (!readOnly()) {
      startWriting(current);
    } else {
      int result = clean(current);
      if (result != 0) {
        throw new ErrnoException(-result, bdev().name() + ": the recovery could not be written");
      }
    }
  }

  /**
   * Finishes the intents of the log, all in one checkpoint. Until it is durable, the next recovery
   * begins where this one did.
   */
  @LinuxSource(file = "fs/xfs/xfs_log.c", name = "xfs_log_mount_finish")
  private void finishRecovery(Task current, XlogRecovery recovery) throws ErrnoException {
    alloc.reserve(current);
    trans.cil().hold(current, true);
    XfsLogIntents.finish(current, this, recovery.intents());
    trans.cil().hold(current, false);
    inactive.recover(current);
    XfsReflink.recoverCow(current, this);
  }

  /** Prepares the first mount for writing, or a remount. */
  private void startWriting(Task current) throws ErrnoException {
    alloc.reserve(current);
    inactive.recover(current);
  }

  private static void checkOptions(BlockDevice bdev, boolean readOnly, boolean norecovery)
      throws ErrnoException {
    if (norecovery && !readOnly) {
      throw new ErrnoException(Errno.EINVAL, "a mount without recovery must be read-only");
    }
    if (!readOnly && bdev.readOnly()) {
      throw new ErrnoException(
          Errno.EACCES, bdev.name() + " can't be written to: mount it read-only");
    }
  }

  @LinuxSource(file = "fs/xfs/xfs_mount.c", name = "xfs_readsb")
  static XfsSb readSb(Task current, BufCache target) throws ErrnoException {
    BlockDevice bdev = target.bdev();
    if (bdev.bytes() < XfsSb.MIN_SECTOR_BYTES) {
      throw new ErrnoException(Errno.EINVAL, "not an XFS filesystem: the device is empty");
    }
    BufData head = target.readUncached(current, 0, XfsSb.MIN_SECTOR_BYTES, "superblock");
    int sectSize = XfsSb.sectorSize(head);
    int logical = bdev.queue().logicalBlockSize();
    if (sectSize < logical) {
      throw new ErrnoException(
          Errno.EINVAL,
          "the filesystem has sectors of "
              + sectSize
              + " bytes, the device can't read less than "
              + logical);
    }
    return new XfsSb(target.readUncached(current, 0, sectSize, "superblock"), bdev.bytes());
  }

  XfsSb sb() {
    return sb;
  }

  /** The buffers of all metadata except the superblock and the log. */
  BufSpace bufs() {
    return bufs;
  }

  XfsVerifiers verifiers() {
    return verifiers;
  }

  XfsPerag perag() {
    return perag;
  }

  XfsDaGeometry dirGeo() {
    return dirGeo;
  }

  XfsIflush iflush() {
    return iflush;
  }

  XfsAlloc alloc() {
    return alloc;
  }

  /**
   * Free blocks that files and names may have. The others are for trees that grow when data is
   * written back and when blocks are freed, which must not fail for lack of space.
   */
  @LinuxSource(
      file = "fs/xfs/xfs_mount.c",
      name = {"xfs_fdblocks_unavailable", "xfs_default_resblks"})
  long available() {
    long pool = readOnly() ? 0 : Math.min(sb.dblocks / RESERVED_PART, MOST_RESERVED);
    return Math.max(0, trans.available() - alloc.reserved() - pool);
  }

  XfsIunlink iunlink() {
    return iunlink;
  }

  XfsIalloc ialloc() {
    return ialloc;
  }

  XfsRefcountTree refcounts() {
    return refcounts;
  }

  /**
   * Receives the error of a call that has cancelled a transaction. Damage that was met after the
   * first change shuts the filesystem down: what is on the disk can't be trusted.
   *
   * @param current the calling task
   * @param e the error
   * @return the error
   */
  @LinuxSource(file = "fs/xfs/xfs_fsops.c", name = "xfs_do_force_shutdown")
  ErrnoException failed(Task current, ErrnoException e) {
    if (e.errno() == XfsError.EFSCORRUPTED && trans.stop(current)) {
      String also = shutDown(); // of the calls that change nothing
      Oops.warn(bdev().name() + ": " + e.getMessage() + "; its XFS changes no more" + also);
    }
    return e;
  }

  /** The device has failed: all calls but close and umount fail from now on. */
  private void stopped(String why) {
    Oops.warn(bdev().name() + ": " + why + "; its XFS changes no more" + shutDown());
  }

  /** Sets the superblock's bit for attributes, in a transaction that adds some to an inode. */
  void usesAttributes(XfsTrans tp) throws ErrnoException {
    sbBuf.addAttributes(tp);
  }

  /** Begins transactions. */
  XfsTransMount trans() {
    return trans;
  }

  /** The direct writes that wait to be finished. */
  IomapDioBatch dioBatch() {
    return dioBatch;
  }

  /** Forgets an inode that a transaction has freed. */
  void freed(XfsInode ip) {
    icache.remove(ip);
    iflush.remove(ip);
  }

  BlockDevice bdev() {
    return bufs.cache().bdev();
  }

  /** Returns an inode. From process context. */
  XfsInode iget(Task current, long ino) throws ErrnoException {
    return icache.iget(current, ino);
  }

  /**
   * Reads a run of blocks. From process context.
   *
   * @param current the calling task
   * @param fsb the first; may be any value
   * @param count number of blocks, bounded by the disk structure
   * @param type their verifier
   * @param what the blocks' name in error messages
   * @return their buffer, with a reference
   * @throws ErrnoException EUCLEAN if they are outside the filesystem or not of that type, or the
   *     device's error
   */
  Buf readBlocks(Task current, long fsb, int count, BufOps type, Supplier<String> what)
      throws ErrnoException {
    if (!sb.extentValid(fsb, count)) {
      throw XfsError.corrupt(what.get() + ": points outside the filesystem");
    }
    return bufs.read(current, sb.fsbToByte(fsb), count << sb.blockLog, type, what);
  }

  /** As {@link #readBlocks}, for one block, without a reference. */
  BufData readBlockData(Task current, long fsb, BufOps type, Supplier<String> what)
      throws ErrnoException {
    Buf buf = readBlocks(current, fsb, 1, type, what);
    BufData data = buf.data();
    buf.release();
    return data;
  }

  /** Frees an inode. Without a task it leaves the inode to the next sync. */
  @Override
  @LinuxSource(file = "fs/xfs/xfs_super.c", name = "xfs_fs_destroy_inode")
  protected void evictInode(@Nullable Task current, Inode inode) {
    if (readOnly()) {
      return;
    }
    if (current == null) {
      inactive.defer((XfsInode) inode);
    } else {
      inactive.inactivate(current, (XfsInode) inode); // an error leaves it to the next sync
    }
  }

  @Override
  public XfsInode root() {
    return Objects.requireNonNull(root);
  }

  /** Fills in the superblock's counts, without the blocks that a writable mount reserves. */
  @Override
  @LinuxSource(file = "fs/xfs/xfs_super.c", name = "xfs_fs_statfs")
  protected void statfs(Task current, long statfs) throws ErrnoException {
    Statfs.fType(statfs, XfsSb.MAGIC);
    Statfs.fBsize(statfs, sb.blockSize);
    Statfs.fNamelen(statfs, Namei.NAME_MAX);
    Statfs.fFsid(statfs, bdev().dev());
    Statfs.fBlocks(statfs, sb.dblocks - sb.logBlocks);
    long free = available();
    Statfs.fBfree(statfs, free);
    Statfs.fBavail(statfs, free);
    long inodes = trans.icount();
    long files = inodes + (free << sb.inopbLog);
    long most = sb.maxInodes();
    files = Math.max(most == 0 ? files : Math.min(files, most), inodes);
    Statfs.fFiles(statfs, files);
    Statfs.fFfree(statfs, files - (inodes - trans.ifree()));
  }

  @Override
  @LinuxSource(file = "fs/xfs/xfs_super.c", name = "xfs_fs_sync_fs")
  public int sync(Task current) {
    if (readOnly()) {
      return 0;
    }
    if (trans.stopped()) {
      return -Errno.EIO;
    }
    int result = icache.writeBack(current);
    int freed = inactive.run(current);
    int times = iflush.flush(current);
    int forced = trans.force(current, trans.commits());
    int flushed = bdev().flushAndWait(current);
    return firstError(result, freed, times, forced, flushed);
  }

  @Override
  public boolean canFreeze() {
    return true;
  }

  /** Marks the log as clean, so that a copy of the frozen disk needs no recovery. */
  @Override
  @LinuxSource(file = "fs/xfs/xfs_super.c", name = "xfs_fs_freeze")
  protected int freezeFs(Task current) {
    return quiesce(current);
  }

  /**
   * Writes everything to its place, and marks the log as clean. No call changes the filesystem
   * meanwhile, and all direct writes are complete.
   */
  @LinuxSource(
      file = "fs/xfs/xfs_log.c",
      name = {"xfs_log_quiesce", "xfs_log_clean"})
  private int quiesce(Task current) {
    int result = sync(current);
    return result != 0 ? result : clean(current);
  }

  private int clean(Task current) {
    int result = sbBuf.storeCounters(current, trans);
    result = result != 0 ? result : trans.pushAll(current);
    result = result != 0 ? result : bdev().flushAndWait(current);
    return result != 0 ? result : trans.writeUnmount(current);
  }

  private static int firstError(int... results) {
    for (int result : results) {
      if (result != 0) {
        return result;
      }
    }
    return 0;
  }

  @Override
  @LinuxSource(file = "fs/xfs/xfs_super.c", name = "xfs_fs_remount")
  public void remount(Task current, boolean toReadOnly, Options options) throws ErrnoException {
    boolean ignoring = options.flag("norecovery");
    options.requireAllKnown("xfs");
    if (ignoring && !norecovery) {
      throw new ErrnoException(Errno.EINVAL, "a remount can't change norecovery");
    }
    if (!toReadOnly && norecovery) {
      throw new ErrnoException(Errno.EINVAL, "a mount without recovery stays read-only");
    }
    if (!toReadOnly) {
      sb.checkWritable();
      if (!trans.hasLog()) {
        XlogRecovery log = XlogRecovery.find(current, bufs.cache(), new XfsLogTypes(sb));
        if (!log.clean()) {
          throw XfsError.corrupt("the log has changed since the mount");
        }
        trans.startLog(log.open());
      }
      startWriting(current);
      return;
    }
    int result = quiesce(current);
    if (result != 0) {
      throw new ErrnoException(-result, bdev().name() + ": not everything could be written");
    }
  }

  @Override
  @LinuxSource(file = "fs/xfs/xfs_super.c", name = "xfs_fs_put_super")
  public void unmount(Task current) throws ErrnoException {
    drainDirectWrites();
    int result = trans.stopped() || readOnly() ? 0 : quiesce(current);
    trans.dropLog();
    iflush.drop();
    int unseen = icache.drop();
    result = result != 0 ? result : unseen;
    bufs.cache().drop();
    bdev().pageCache().trim();
    if (result != 0) {
      throw new ErrnoException(
          -result, bdev().name() + ": not everything that changed could be written");
    }
  }
}
