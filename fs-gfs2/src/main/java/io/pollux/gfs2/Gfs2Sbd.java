// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.block.BlockDevice;
import io.pollux.block.buffer.Buf;
import io.pollux.block.buffer.BufCache;
import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufOps;
import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Namei;
import io.pollux.core.vfs.SuperBlock;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;
import io.pollux.uapi.Statfs;
import java.nio.charset.StandardCharsets;
import java.util.Objects;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** A mounted filesystem, the owner of all its parts. */
@LinuxSource(file = "fs/gfs2/incore.h", name = "gfs2_sbd")
final class Gfs2Sbd extends SuperBlock {
  private static final int BUF_CACHE_BYTES = 8 << 20;
  private static final int STATFS_BYTES = 3 * Long.BYTES;

  private final Gfs2Sb sb;
  private final BufCache cache;
  private final LmLockops lm;
  private final Gfs2Glops glops = new Gfs2Glops();
  private final Gfs2Dirty dirty = new Gfs2Dirty();
  private final WeakTable<Gfs2LockName, Gfs2Glock> glocks = new WeakTable<>(this::glockGone);
  private final WeakTable<Long, Gfs2Inode> inodes = new WeakTable<>(number -> {});
  private Gfs2Rgrps rgrps; // set to the real ones during the mount
  private boolean norecovery; // set once, during the mount
  private @Nullable Gfs2Inode root; // set once, when the mount is complete
  private @Nullable Gfs2Inode statfsInode; // set once, during the mount

  private Gfs2Sbd(Task current, Gfs2Sb sb, BufCache cache, LmLockops lm, boolean readOnly) {
    super(cache.bdev().dev(), readOnly, 1 << sb.blockLog);
    this.sb = sb;
    this.cache = cache;
    this.lm = lm;
    initDioDoneWq(current, "dio/" + bdev().name());
    rgrps = Gfs2Rgrps.unknown(blocks());
  }

  /**
   * Mounts. From process context.
   *
   * @param current the calling task
   * @param bdev the device
   * @param readOnly whether to reject every write
   * @param options the mount options
   * @param lm the lock module
   * @return the filesystem
   * @throws ErrnoException the reason it can't be mounted; everything is released then
   */
  @LinuxSource(file = "fs/gfs2/ops_fstype.c", name = "fill_super")
  static Gfs2Sbd mount(
      Task current, BlockDevice bdev, boolean readOnly, Options options, LmLockops lm)
      throws ErrnoException {
    boolean norecovery = norecovery(options);
    options.requireAllKnown("gfs2");
    checkOptions(bdev, readOnly, norecovery);
    BufCache cache = new BufCache(bdev, BUF_CACHE_BYTES, Gfs2Error.DAMAGE);
    try {
      Gfs2Sb sb = readSb(current, cache);
      if (!sb.lockProto.equals(lm.protoName()) && !norecovery) {
        throw new ErrnoException(
            Errno.EINVAL,
            "this filesystem belongs to a cluster ("
                + sb.lockProto
                + "), whose other nodes may use it; if none does, mount it read-only and without"
                + " recovery (-o ro,norecovery)");
      }
      Gfs2Sbd sdp = new Gfs2Sbd(current, sb, cache, lm, readOnly);
      sdp.norecovery = norecovery;
      sdp.readSystemFiles(current);
      Gfs2Inode root = sdp.iget(current, new Gfs2Inum(sb.rootFormal, sb.rootAddr));
      if (!root.isType(StatMode.S_IFDIR)) {
        throw Gfs2Error.corrupt("the root of the filesystem is not a directory");
      }
      sdp.root = root;
      return sdp;
    } catch (Throwable e) {
      cache.drop();
      throw e;
    }
  }

  /** Takes both words for a mount without recovery, so that both are known. */
  @LinuxSource(file = "fs/gfs2/super.c", name = "Opt_spectator")
  private static boolean norecovery(Options options) throws ErrnoException {
    boolean spectator = options.flag("spectator");
    return options.flag("norecovery") || spectator;
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

  @LinuxSource(file = "fs/gfs2/ops_fstype.c", name = "init_sb")
  private static Gfs2Sb readSb(Task current, BufCache cache) throws ErrnoException {
    BlockDevice bdev = cache.bdev();
    if (bdev.bytes() < Gfs2Sb.POSITION + Gfs2Sb.BYTES) {
      throw new ErrnoException(
          Errno.EINVAL, "not a GFS2 filesystem: the device is too small for one");
    }
    Gfs2Sb sb =
        new Gfs2Sb(cache.readUncached(current, Gfs2Sb.POSITION, Gfs2Sb.BYTES, "superblock"));
    int logical = bdev.queue().logicalBlockSize();
    if (sb.blockSize < logical) {
      throw new ErrnoException(
          Errno.EINVAL,
          "the filesystem has blocks of "
              + sb.blockSize
              + " bytes, the device can't read less than "
              + logical);
    }
    return sb;
  }

  @LinuxSource(
      file = "fs/gfs2/ops_fstype.c",
      name = {"init_inodes", "init_journal"})
  private void readSystemFiles(Task current) throws ErrnoException {
    Gfs2Inode master = iget(current, new Gfs2Inum(sb.masterFormal, sb.masterAddr));
    if (!master.isType(StatMode.S_IFDIR)) {
      throw Gfs2Error.corrupt("the directory of system files is not a directory");
    }
    Gfs2Inode rindex = systemFile(current, master, "rindex", StatMode.S_IFREG);
    Gfs2Holder gh = rindex.lock(current, LmState.SHARED);
    try {
      rgrps = Gfs2Rgrps.read(current, this, rindex);
    } finally {
      Gfs2Inode.unlock(current, gh);
    }
    // these two were read before the bitmap was known
    rgrps.checkDinode(current, this, sb.masterAddr);
    rgrps.checkDinode(current, this, rindex.ino());
    systemFile(current, master, "inum", StatMode.S_IFREG);
    statfsInode = systemFile(current, master, "statfs", StatMode.S_IFREG);
    systemFile(current, master, "quota", StatMode.S_IFREG);
    systemFile(current, master, "per_node", StatMode.S_IFDIR);
    Gfs2Inode jindex = systemFile(current, master, "jindex", StatMode.S_IFDIR);
    if (!norecovery) {
      new Gfs2JournalCheck(current, this).requireClean(jindex);
    }
  }

  @LinuxSource(file = "fs/gfs2/inode.c", name = "gfs2_lookup_simple")
  private static Gfs2Inode systemFile(Task current, Gfs2Inode master, String name, int type)
      throws ErrnoException {
    Gfs2Inode found;
    try {
      found = master.lookup(current, name.getBytes(StandardCharsets.US_ASCII));
    } catch (ErrnoException e) {
      throw e.errno() == Errno.ENOENT ? Gfs2Error.corrupt("there is no system file " + name) : e;
    }
    if (!found.isType(type)) {
      throw Gfs2Error.corrupt("the system file " + name + " is of another type than it has to be");
    }
    return found;
  }

  /**
   * Reads the counts that all nodes have agreed on: struct gfs2_statfs_change, in the system file.
   */
  @Override
  @LinuxSource(
      file = "fs/gfs2/super.c",
      name = {"gfs2_statfs", "gfs2_statfs_change_in"})
  protected void statfs(Task current, long statfs) throws ErrnoException {
    Gfs2Inode counts = statfsInode;
    assert counts != null : "mounted";
    Gfs2Holder gh = counts.lock(current, LmState.SHARED);
    try {
      if (counts.size() < STATFS_BYTES) {
        throw counts.corrupt("is too short for what it has to tell");
      }
      BufData buf = readFile(current, counts, STATFS_BYTES);
      long free = buf.i64(Long.BYTES);
      long dinodes = buf.i64(2 * Long.BYTES);
      Statfs.fType(statfs, Gfs2Meta.MAGIC);
      Statfs.fBsize(statfs, sb.blockSize);
      Statfs.fNamelen(statfs, Namei.NAME_MAX);
      Statfs.fBlocks(statfs, buf.i64(0));
      Statfs.fBfree(statfs, free);
      Statfs.fBavail(statfs, free);
      Statfs.fFiles(statfs, dinodes + free);
      Statfs.fFfree(statfs, free);
    } finally {
      Gfs2Inode.unlock(current, gh);
    }
  }

  Gfs2Sb sb() {
    return sb;
  }

  /** The buffers of metadata. Those under a glock are in its space. */
  BufCache cache() {
    return cache;
  }

  Gfs2Dirty dirty() {
    return dirty;
  }

  Gfs2Rgrps rgrps() {
    return rgrps;
  }

  BlockDevice bdev() {
    return cache.bdev();
  }

  /** Whole blocks of the device. */
  long blocks() {
    return bdev().bytes() >> sb.blockLog;
  }

  /** Returns the glock of a name, made if necessary. From any context. */
  @LinuxSource(file = "fs/gfs2/glock.c", name = "gfs2_glock_get")
  Gfs2Glock glock(Gfs2LockName.Type type, long number) {
    Gfs2LockName name = new Gfs2LockName(type, number);
    Gfs2Glock there = glocks.get(name);
    return there != null
        ? there
        : glocks.insert(name, new Gfs2Glock(name, lm, glops.of(type), cache.newSpace()));
  }

  @LinuxSource(file = "fs/gfs2/glock.c", name = "gfs2_glock_put")
  // reclaim drops its buffers, which no lookup finds any more
  private void glockGone(Gfs2LockName name) {
    lm.putLock(name);
  }

  /** Takes a glock, off the I/O path. From process context. */
  Gfs2Holder lock(Task current, Gfs2Glock glock, int state, int flags) throws ErrnoException {
    Gfs2Holder gh = Gfs2Holder.alloc(current, glock, state, flags);
    int result = glock.nq(current, gh);
    if (result != 0) {
      gh.uninit();
      throw new ErrnoException(-result, "glock " + glock + " can't be taken");
    }
    return gh;
  }

  /**
   * Returns the inode that a directory refers to. From process context, without a glock.
   *
   * @param current the calling task
   * @param inum the reference; any values
   * @return the inode
   * @throws ErrnoException EIO if there is no such inode or it is damaged, or the device's error
   */
  @LinuxSource(file = "fs/gfs2/inode.c", name = "gfs2_inode_lookup")
  Gfs2Inode iget(Task current, Gfs2Inum inum) throws ErrnoException {
    Gfs2Inode there = inodes.get(inum.addr());
    Gfs2Inode inode = there != null ? there : read(current, inum.addr());
    if (inode.dinode().formalIno() != inum.formalIno()) {
      throw inode.corrupt("is another one than the directory says");
    }
    return inode;
  }

  private Gfs2Inode read(Task current, long addr) throws ErrnoException {
    if (!rgrps.hasData(addr)) {
      throw Gfs2Error.corrupt("inode " + Long.toUnsignedString(addr) + ": outside the filesystem");
    }
    Gfs2Glock glock = glock(Gfs2LockName.Type.INODE, addr);
    Gfs2Holder gh = lock(current, glock, LmState.SHARED, 0);
    try {
      rgrps.checkDinode(current, this, addr);
      BufData block = readMeta(current, glock, addr, Gfs2Meta.DINODE, () -> "inode " + addr);
      Gfs2Inode made = new Gfs2Inode(this, glock, Gfs2Dinode.decode(sb, addr, block));
      Gfs2Inode inode = inodes.insert(addr, made);
      if (inode == made) {
        glock.setObject(inode);
      }
      return inode;
    } finally {
      Gfs2Inode.unlock(current, gh);
    }
  }

  /**
   * Reads a block of metadata. From process context, with its glock held.
   *
   * @param current the calling task
   * @param glock the glock that protects it
   * @param block its number; may be any value
   * @param type its verifier
   * @param what the block's name in error messages
   * @return the block
   * @throws ErrnoException EIO if it is not of that type or beyond the device, or the device's
   *     error
   */
  BufData readMeta(Task current, Gfs2Glock glock, long block, BufOps type, Supplier<String> what)
      throws ErrnoException {
    Buf buf = readBuf(current, glock, block, type, what);
    BufData data = buf.data();
    buf.release();
    return data;
  }

  /** As {@link #readMeta}; returns the buffer, with a reference. */
  @LinuxSource(
      file = "fs/gfs2/meta_io.c",
      name = {"gfs2_meta_read", "gfs2_meta_indirect_buffer"})
  Buf readBuf(Task current, Gfs2Glock glock, long block, BufOps type, Supplier<String> what)
      throws ErrnoException {
    if (block < 0 || block >= blocks()) {
      throw Gfs2Error.corrupt(what.get() + ": beyond the end of the device");
    }
    Supplier<String> where = () -> what.get() + " (block " + block + ")";
    return glock.bufs().read(current, block << sb.blockLog, sb.blockSize, type, where);
  }

  /**
   * Reads the first bytes of a system file past the page cache. From process context, with its
   * glock held.
   *
   * @param current the calling task
   * @param ip the file
   * @param length bytes, at most the file's size
   * @return the bytes
   * @throws ErrnoException EIO if it has a hole or is damaged, or the device's error
   */
  @LinuxSource(file = "fs/gfs2/aops.c", name = "gfs2_internal_read")
  BufData readFile(Task current, Gfs2Inode ip, int length) throws ErrnoException {
    if (ip.dinode().stuffed()) {
      return ip.readDinode(current).slice(Gfs2Sb.DINODE_BYTES, length, ip.what());
    }
    byte[] bytes = new byte[length];
    for (int done = 0; done < length; done += sb.blockSize) {
      int fileBlock = done >> sb.blockLog;
      Gfs2Extents extents = Gfs2Bmap.map(current, ip, fileBlock);
      int run = extents.find(fileBlock);
      if (extents.startBlock(run) == Gfs2Extents.HOLE) {
        throw ip.corrupt("a system file with a hole");
      }
      long block = extents.startBlock(run) + fileBlock - extents.startOff(run);
      int step = Math.min(sb.blockSize, length - done);
      byte[] data =
          cache.readUncached(current, block << sb.blockLog, sb.blockSize, ip.what()).copy(0, step);
      System.arraycopy(data, 0, bytes, done, step);
    }
    return new BufData(bytes, 0, ip.what(), Gfs2Error.DAMAGE);
  }

  /** Returns EOPNOTSUPP: the missing operations need allocation. */
  @Override
  protected int unsupported(int errno) {
    return Errno.EOPNOTSUPP;
  }

  @Override
  public Gfs2Inode root() {
    return Objects.requireNonNull(root);
  }

  @Override
  @LinuxSource(file = "fs/gfs2/super.c", name = "gfs2_sync_fs")
  public int sync(Task current) {
    if (readOnly()) {
      return 0;
    }
    int[] first = new int[1];
    inodes.forEach(
        ip -> { // an inode with dirty pages is in the table; an error is also kept for fsync
          int status = ip.mapping().writeBack(current, 0, Long.MAX_VALUE);
          first[0] = first[0] == 0 ? status : first[0];
        });
    int times = dirty.flush(current);
    int flushed = bdev().flushAndWait(current);
    return first[0] != 0 ? first[0] : times != 0 ? times : flushed;
  }

  @Override
  @LinuxSource(file = "fs/gfs2/super.c", name = "gfs2_remount_fs")
  public void remount(Task current, boolean toReadOnly, Options options) throws ErrnoException {
    boolean ignoring = norecovery(options);
    options.requireAllKnown("gfs2");
    if (ignoring && !norecovery) {
      throw new ErrnoException(Errno.EINVAL, "a remount can't change norecovery");
    }
    if (!toReadOnly && norecovery) {
      throw new ErrnoException(Errno.EINVAL, "a mount without recovery stays read-only");
    }
  }

  @Override
  @LinuxSource(file = "fs/gfs2/super.c", name = "gfs2_put_super")
  public void unmount(Task current) throws ErrnoException {
    drainDirectWrites();
    int result = sync(current);
    dirty.drop();
    int[] unseen = new int[1];
    inodes.forEach(
        ip -> {
          int error = ip.mapping().takeUnseenError();
          unseen[0] = unseen[0] == 0 ? error : unseen[0];
          ip.mapping().invalidateAll();
        });
    result = result != 0 ? result : unseen[0];
    inodes.clear();
    glocks.clear();
    cache.drop();
    bdev().pageCache().trim();
    if (result != 0) {
      throw new ErrnoException(
          -result, bdev().name() + ": not everything that changed could be written");
    }
  }
}
