// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.log;

import static io.pollux.xfs.log.XlogItem.le16;
import static io.pollux.xfs.log.XlogItem.le32;
import static io.pollux.xfs.log.XlogItem.le64;

import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufEdit;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsBtreeBlock;
import io.pollux.xfs.format.XfsDinode;
import io.pollux.xfs.format.XfsSb;

/** Converts an inode as the log has it to an inode on the disk. */
@LinuxSource(file = "fs/xfs/xfs_inode_item_recover.c", name = "xlog_recover_inode_commit_pass2")
final class ReplayInode {
  private static final int PAIR_BYTES = 16; // of a key and a pointer
  private static final int KEY_BYTES = 8;
  private static final int BMDR_BYTES = 4; // header of a root in an inode

  private final XlogItem item;
  private final int shift; // 4 without the padding of 64-bit machines

  ReplayInode(XlogItem item) throws ErrnoException {
    this.item = item;
    int size = item.format().size();
    if (size != XlogFormat.INODE_FORMAT_BYTES && size != XlogFormat.INODE_FORMAT_32_BYTES) {
      throw XlogDevice.corrupt("an inode with a description of " + size + " bytes");
    }
    shift = XlogFormat.INODE_FORMAT_BYTES - size;
    if (daddr() < 0 || daddr() >= 1L << (62 - XfsSb.BB_SHIFT)) {
      throw XlogDevice.corrupt("an inode that is outside the filesystem");
    }
  }

  long ino() throws ErrnoException {
    return le64(item.format(), XlogFormat.ILF_INO - shift);
  }

  /** The buffer of inodes that it is in. */
  long daddr() throws ErrnoException {
    return le64(item.format(), XlogFormat.ILF_BLKNO - shift);
  }

  int bbs() throws ErrnoException {
    return le32(item.format(), XlogFormat.ILF_LEN - shift);
  }

  /** Its offset in the buffer. Any value. */
  int offset() throws ErrnoException {
    return le32(item.format(), XlogFormat.ILF_BOFFSET - shift);
  }

  int fields() throws ErrnoException {
    return le32(item.format(), XlogFormat.ILF_FIELDS);
  }

  /**
   * Changes an inode.
   *
   * @param inode the inode on the disk
   * @param lsn the position of the transaction
   */
  void apply(BufEdit inode, long lsn) throws ErrnoException {
    BufData core = item.region(1);
    if (core.size() > XfsDinode.CORE_BYTES || le16(core, 0) != XfsDinode.MAGIC) {
      throw XlogDevice.corrupt("inode " + ino() + " has an invalid core");
    }
    if (core.u8(XfsDinode.VERSIONNUM) != XfsDinode.VERSION || le64(core, XfsDinode.INO) != ino()) {
      throw XlogDevice.corrupt("inode " + ino() + " has the core of another one");
    }
    core(core, inode, lsn);
    int fields = fields();
    if ((fields & XlogFormat.XFS_ILOG_DEV) != 0) {
      inode.put32(XfsDinode.CORE_BYTES, le32(item.format(), XlogFormat.ILF_RDEV - shift));
    }
    int room = inode.size() - XfsDinode.CORE_BYTES;
    int forkOff = inode.u8(XfsDinode.FORKOFF) << 3;
    if (forkOff >= room) {
      throw XlogDevice.corrupt("inode " + ino() + " has its attributes behind its end");
    }
    int region = 2;
    if ((fields & XlogFormat.XFS_ILOG_DFORK) != 0) {
      boolean root = (fields & XlogFormat.XFS_ILOG_DFORK) == XlogFormat.XFS_ILOG_DBROOT;
      int size = forkOff == 0 ? room : forkOff;
      fork(inode, item.region(region++), XfsDinode.CORE_BYTES, size, root);
    }
    if ((fields & XlogFormat.XFS_ILOG_AFORK) != 0) {
      boolean root = (fields & XlogFormat.XFS_ILOG_AFORK) == XlogFormat.XFS_ILOG_ABROOT;
      int size = forkOff == 0 ? 0 : room - forkOff;
      fork(inode, item.region(region), XfsDinode.CORE_BYTES + forkOff, size, root);
    }
  }

  /** Copies the core. Numbers change from the byte order of the log to big-endian. */
  @LinuxSource(file = "fs/xfs/xfs_inode_item_recover.c", name = "xfs_log_dinode_to_disk")
  private static void core(BufData from, BufEdit to, long lsn) throws ErrnoException {
    boolean bigtime = (le64(from, XfsDinode.FLAGS2) & XfsDinode.DIFLAG2_BIGTIME) != 0;
    boolean large = (le64(from, XfsDinode.FLAGS2) & XfsDinode.DIFLAG2_NREXT64) != 0;
    for (int at : new int[] {XfsDinode.VERSIONNUM, XfsDinode.FORMAT}) {
      to.put8(at, from.u8(at));
    }
    to.put16(6, 0); // di_onlink
    for (int at : new int[] {XfsDinode.FORKOFF, XfsDinode.AFORMAT}) {
      to.put8(at, from.u8(at));
    }
    copy16(from, to, XfsDinode.MAGICNUM, XfsDinode.MODE, XfsDinode.PROJID_LO, XfsDinode.PROJID_HI);
    copy32(from, to, XfsDinode.UID, XfsDinode.GID, XfsDinode.NLINK, XfsDinode.EXTSIZE);
    copy32(from, to, 84, XfsDinode.GEN, XfsDinode.COWEXTSIZE); // 84: di_dmevmask
    copy16(from, to, 88, XfsDinode.FLAGS); // 88: di_dmstate
    copy64(from, to, XfsDinode.SIZE, XfsDinode.NBLOCKS, XfsDinode.CHANGECOUNT);
    copy64(from, to, XfsDinode.FLAGS2, XfsDinode.INO);
    int[] times = {XfsDinode.ATIME, XfsDinode.MTIME, XfsDinode.CTIME, XfsDinode.CRTIME};
    for (int at : times) {
      if (bigtime) {
        copy64(from, to, at);
      } else {
        copy32(from, to, at, at + 4); // seconds, nanoseconds
      }
    }
    to.put64(XfsDinode.LSN, lsn);
    to.clear(XfsDinode.COWEXTSIZE + 4, XfsDinode.CRTIME - XfsDinode.COWEXTSIZE - 4);
    to.put(XfsDinode.UUID, from.copy(XfsDinode.UUID, 16));
    if (large) {
      copy64(from, to, XfsDinode.BIG_NEXTENTS);
      copy32(from, to, XfsDinode.NEXTENTS);
      copy16(from, to, XfsDinode.ANEXTENTS);
    } else {
      to.put64(XfsDinode.BIG_NEXTENTS, 0);
      copy32(from, to, XfsDinode.NEXTENTS);
      copy16(from, to, XfsDinode.ANEXTENTS);
    }
  }

  private static void copy16(BufData from, BufEdit to, int... offsets) throws ErrnoException {
    for (int at : offsets) {
      to.put16(at, le16(from, at));
    }
  }

  private static void copy32(BufData from, BufEdit to, int... offsets) throws ErrnoException {
    for (int at : offsets) {
      to.put32(at, le32(from, at));
    }
  }

  private static void copy64(BufData from, BufEdit to, int... offsets) throws ErrnoException {
    for (int at : offsets) {
      to.put64(at, le64(from, at));
    }
  }

  private void fork(BufEdit inode, BufData from, int at, int size, boolean root)
      throws ErrnoException {
    if (root) {
      root(inode, from, at, size);
      return;
    }
    if (from.size() > size) {
      throw XlogDevice.corrupt("inode " + ino() + " has more data than fits into it");
    }
    inode.put(at, from.copy(0, from.size()));
  }

  /** The root of a tree: the log has it with the header of a block. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_bmap_btree.c", name = "xfs_bmbt_to_bmdr")
  private void root(BufEdit inode, BufData from, int at, int size) throws ErrnoException {
    int records = from.u16(XfsBtreeBlock.NUMRECS);
    int roomThere = (from.size() - XfsBtreeBlock.L_BYTES) / PAIR_BYTES;
    int roomHere = (size - BMDR_BYTES) / PAIR_BYTES;
    if (from.i32(XfsBtreeBlock.MAGICNUM) != XfsBtreeBlock.BMBT_MAGIC
        || from.u16(XfsBtreeBlock.LEVEL) == 0
        || records > roomThere
        || records > roomHere) {
      throw XlogDevice.corrupt("inode " + ino() + " has an invalid root of its extents");
    }
    inode.put16(at, from.u16(XfsBtreeBlock.LEVEL));
    inode.put16(at + 2, records);
    int keys = records * KEY_BYTES;
    inode.put(at + BMDR_BYTES, from.copy(XfsBtreeBlock.L_BYTES, keys));
    inode.put(
        at + BMDR_BYTES + roomHere * KEY_BYTES,
        from.copy(XfsBtreeBlock.L_BYTES + roomThere * KEY_BYTES, keys));
  }
}
