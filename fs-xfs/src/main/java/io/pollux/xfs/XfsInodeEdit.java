// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;
import io.pollux.xfs.format.XfsDinode;
import io.pollux.xfs.format.XfsError;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.format.XfsTime;
import io.pollux.xfs.format.XfsVerify;
import io.pollux.xfs.trans.TransBuf;
import io.pollux.xfs.trans.XfsTrans;
import io.pollux.xfs.trans.XfsTransItem;
import java.util.Objects;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/**
 * An inode in a transaction: its bytes in the transaction's copy of their block, and its forks.
 * Valid until the transaction ends or rolls. The commit decodes the bytes again, and the inode in
 * memory, if there is one, gets the result.
 */
@LinuxSource(
    file = "fs/xfs/xfs_inode_item.c",
    name = {"xfs_inode_log_item", "xfs_trans_ijoin"})
final class XfsInodeEdit implements XfsTransItem {
  private static final long NANOS_PER_MILLI = 1_000_000;

  private final XfsTrans tp;
  private final XfsMount mp;
  private final long ino;
  private final @Nullable XfsInode ip; // null: it is new
  private final TransBuf block;
  private final int at; // in the block
  private final XfsForkEdit data;
  private final XfsForkEdit attr;
  private XfsInodeBuf.@Nullable Core next; // decoded when prepared
  private boolean written; // the pending time of a write is in the bytes
  private long writtenMillis;
  private boolean superseded;
  private boolean gone;

  private XfsInodeEdit(XfsTrans tp, XfsMount mp, long ino, @Nullable XfsInode ip)
      throws ErrnoException {
    this.tp = tp;
    this.mp = mp;
    this.ino = ino;
    this.ip = ip;
    XfsSb sb = mp.sb();
    block =
        tp.read(
            sb.fsbToByte(sb.inoToFsb(ino)),
            sb.blockSize,
            mp.verifiers().inode(),
            () -> "inode " + ino);
    at = sb.inoToOffset(ino);
    BufData disk = block.data();
    if (disk.u16(at) != XfsDinode.MAGIC || disk.i64(at + XfsDinode.INO) != ino) {
      throw disk.corrupt("something else is in the place of inode " + ino);
    }
    data = new XfsForkEdit(this, false);
    attr = new XfsForkEdit(this, true);
  }

  /**
   * Joins an inode. From process context.
   *
   * @param tp the transaction
   * @param ip the inode
   * @return its copy, the same for each call
   * @throws ErrnoException EUCLEAN if another inode is in its place, or the device's error
   */
  static XfsInodeEdit of(XfsTrans tp, XfsInode ip) throws ErrnoException {
    XfsTransItem there = tp.item(ip.ino());
    if (there != null) {
      return (XfsInodeEdit) there;
    }
    XfsInodeEdit made = new XfsInodeEdit(tp, ip.mp(), ip.ino(), ip);
    tp.join(ip.ino(), made);
    return made;
  }

  /**
   * Joins an inode that was just allocated, and initialises it: no data, no links, times of now.
   *
   * @param tp the transaction
   * @param mp the filesystem
   * @param ino the number, allocated and free before
   * @param mode type and permissions
   * @return its copy
   * @throws ErrnoException EUCLEAN if the inode is in use
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_inode_util.c", name = "xfs_inode_init")
  static XfsInodeEdit create(XfsTrans tp, XfsMount mp, long ino, int mode) throws ErrnoException {
    XfsInodeEdit made = new XfsInodeEdit(tp, mp, ino, null);
    if (made.u16(XfsDinode.MODE) != 0) {
      throw made.block.data().corrupt("inode " + ino + " is in use, while its group calls it free");
    }
    tp.join(ino, made);
    made.init(mode);
    return made;
  }

  private void init(int mode) throws ErrnoException {
    XfsSb sb = mp.sb();
    block.edit().clear(at + XfsDinode.CORE_BYTES, sb.inodeSize - XfsDinode.CORE_BYTES);
    block.edit().clear(at + XfsDinode.UID, XfsDinode.LSN - XfsDinode.UID);
    block.edit().clear(at + XfsDinode.FLAGS2, XfsDinode.CRTIME - XfsDinode.FLAGS2);
    put32(XfsDinode.NEXT_UNLINKED, -1);
    put16(XfsDinode.MODE, mode);
    put8(XfsDinode.VERSIONNUM, XfsDinode.VERSION);
    put32(XfsDinode.GEN, ThreadLocalRandom.current().nextInt());
    put64(XfsDinode.FLAGS2, newFlags2(sb));
    boolean special =
        !StatMode.isType(mode, StatMode.S_IFREG)
            && !StatMode.isType(mode, StatMode.S_IFDIR)
            && !StatMode.isType(mode, StatMode.S_IFLNK);
    put8(XfsDinode.FORMAT, special ? XfsDinode.FMT_DEV : XfsDinode.FMT_EXTENTS);
    put8(XfsDinode.AFORMAT, XfsDinode.FMT_EXTENTS);
    long now = now();
    put64(XfsDinode.ATIME, now);
    put64(XfsDinode.MTIME, now);
    put64(XfsDinode.CTIME, now);
    put64(XfsDinode.CRTIME, now);
  }

  /** The flags of a new or free inode. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_shared.h", name = "new_diflags2")
  static long newFlags2(XfsSb sb) {
    return (sb.bigtime ? XfsDinode.DIFLAG2_BIGTIME : 0)
        | (sb.nrext64 ? XfsDinode.DIFLAG2_NREXT64 : 0);
  }

  // What it is.

  XfsTrans tp() {
    return tp;
  }

  XfsMount mp() {
    return mp;
  }

  long ino() {
    return ino;
  }

  /** The inode in memory; null for one that is new. */
  @Nullable XfsInode inode() {
    return ip;
  }

  /** Its name in error messages. */
  String what() {
    return "inode " + ino;
  }

  /** Makes the EUCLEAN for this inode. */
  ErrnoException corrupt(String how) {
    return XfsError.corrupt(what() + ": " + how);
  }

  /** The fork of its data. */
  XfsForkEdit data() {
    return data;
  }

  /** The fork of its extended attributes; of size 0 if there is none. */
  XfsForkEdit attr() {
    return attr;
  }

  int mode() throws ErrnoException {
    return u16(XfsDinode.MODE);
  }

  boolean isDirectory() throws ErrnoException {
    return StatMode.isType(mode(), StatMode.S_IFDIR);
  }

  // Fields. Offsets are those of XfsDinode.

  int u8(int field) throws ErrnoException {
    return block.data().u8(at + field);
  }

  int u16(int field) throws ErrnoException {
    return block.data().u16(at + field);
  }

  int i32(int field) throws ErrnoException {
    return block.data().i32(at + field);
  }

  long i64(int field) throws ErrnoException {
    return block.data().i64(at + field);
  }

  byte[] bytes(int from, int length) throws ErrnoException {
    checkInside(from, length);
    return block.data().copy(at + from, length);
  }

  BufData slice(int from, int length) throws ErrnoException {
    checkInside(from, length);
    return block.data().slice(at + from, length, what());
  }

  void put8(int field, int value) throws ErrnoException {
    block.edit().put8(at + field, value);
  }

  void put16(int field, int value) throws ErrnoException {
    block.edit().put16(at + field, value);
  }

  void put32(int field, int value) throws ErrnoException {
    block.edit().put32(at + field, value);
  }

  void put64(int field, long value) throws ErrnoException {
    block.edit().put64(at + field, value);
  }

  void put(int from, byte[] value) throws ErrnoException {
    checkInside(from, value.length);
    block.edit().put(at + from, value);
  }

  private void checkInside(int from, int length) throws ErrnoException {
    if (from < 0 || length < 0 || from > mp.sb().inodeSize - length) {
      throw block.data().corrupt("a part of inode " + ino + " is outside it");
    }
  }

  long size() throws ErrnoException {
    return i64(XfsDinode.SIZE);
  }

  void setSize(long bytes) throws ErrnoException {
    put64(XfsDinode.SIZE, bytes);
  }

  int nlink() throws ErrnoException {
    return i32(XfsDinode.NLINK);
  }

  void addLinks(int delta) throws ErrnoException {
    put32(XfsDinode.NLINK, nlink() + delta);
  }

  void addBlocks(long delta) throws ErrnoException {
    long blocks = i64(XfsDinode.NBLOCKS) + delta;
    if (blocks < 0) {
      throw block.data().corrupt("inode " + ino + " has more blocks than it counts");
    }
    put64(XfsDinode.NBLOCKS, blocks);
  }

  int flags() throws ErrnoException {
    return u16(XfsDinode.FLAGS);
  }

  long flags2() throws ErrnoException {
    return i64(XfsDinode.FLAGS2);
  }

  boolean nrext64() throws ErrnoException {
    return (flags2() & XfsDinode.DIFLAG2_NREXT64) != 0;
  }

  boolean reflink() throws ErrnoException {
    return (flags2() & XfsDinode.DIFLAG2_REFLINK) != 0;
  }

  // Times.

  private long now() throws ErrnoException {
    return time(System.currentTimeMillis());
  }

  /** Converts milliseconds since 1970 to the format of this inode. */
  long time(long millis) throws ErrnoException {
    return XfsTime.ofMillis(millis, (flags2() & XfsDinode.DIFLAG2_BIGTIME) != 0);
  }

  /** The content changes now. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_trans_inode.c", name = "xfs_trans_ichgtime")
  void touch() throws ErrnoException {
    long now = now();
    put64(XfsDinode.MTIME, now);
    put64(XfsDinode.CTIME, now);
  }

  /** An attribute or a link changes now. */
  void touchChange() throws ErrnoException {
    put64(XfsDinode.CTIME, now());
  }

  /** The times that follow replace that of the last write. */
  void supersedeWriteTime() throws ErrnoException {
    storeWriteTime();
    superseded = true;
  }

  /** The inode was freed, and its block with it. */
  void gone() {
    gone = true;
  }

  // The commit.

  @Override
  public void prepare(XfsTrans trans) throws ErrnoException {
    if (gone) {
      return;
    }
    data.prepare();
    attr.prepare();
    if (!superseded) {
      storeWriteTime();
    }
    put64(XfsDinode.CHANGECOUNT, i64(XfsDinode.CHANGECOUNT) + 1);
    XfsVerify.updateCrc(block.edit(), at, mp.sb().inodeSize, XfsInodeBuf.CRC_OFFSET);
    if (mode() != 0) {
      next =
          XfsInodeBuf.decodeCore(
              mp.sb(), mode(), block.data().slice(at, mp.sb().inodeSize, what()));
    }
  }

  /** Stores the time of a write that is only in memory, unless a later one was stored. */
  private void storeWriteTime() throws ErrnoException {
    XfsInode there = ip;
    if (there == null || !there.writeTime().isSet()) {
      return;
    }
    written = true;
    writtenMillis = there.writeTime().millis();
    boolean bigtime = (flags2() & XfsDinode.DIFLAG2_BIGTIME) != 0;
    long pending = XfsTime.ofMillis(writtenMillis, bigtime);
    if (isLater(pending, i64(XfsDinode.MTIME), bigtime)) {
      put64(XfsDinode.MTIME, pending);
    }
    if (isLater(pending, i64(XfsDinode.CTIME), bigtime)) {
      put64(XfsDinode.CTIME, pending);
    }
  }

  private static boolean isLater(long a, long b, boolean bigtime) {
    long seconds = XfsTime.seconds(a, bigtime) - XfsTime.seconds(b, bigtime);
    return seconds != 0
        ? seconds > 0
        : XfsTime.nanos(a, bigtime) / NANOS_PER_MILLI > XfsTime.nanos(b, bigtime) / NANOS_PER_MILLI;
  }

  @Override
  public void committed() {
    XfsInode there = ip;
    if (there == null) {
      return;
    }
    if (next == null) {
      mp.freed(there);
      return;
    }
    there.publish(Objects.requireNonNull(next), data.changed());
    if (written) {
      there.writeTime().markClean();
      if (there.writeTime().millis() == writtenMillis) {
        there.writeTime().forget();
      } else {
        there.writeTime().markDirty(); // written to meanwhile
      }
    }
  }
}
