// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.ag;

import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufEdit;
import io.pollux.block.buffer.BufOps;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsAgi;
import io.pollux.xfs.format.XfsDinode;
import io.pollux.xfs.format.XfsError;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.format.XfsVerify;
import io.pollux.xfs.trans.TransBuf;
import io.pollux.xfs.trans.XfsTrans;

/**
 * The files without a name that are still open: 64 lists in each group, linked through the inodes.
 * After a crash they say which inodes must be freed.
 *
 * <p>C keeps the lists in memory as well, so that removal does not read the inodes before.
 */
@LinuxSource(file = "fs/xfs/xfs_inode.c", name = "xfs_iunlink")
public final class XfsIunlink {
  /** The end of a list. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_types.h", name = "NULLAGINO")
  private static final long NULL_AGINO = 0xffff_ffffL;

  private final XfsAgs ags;
  private final BufOps inodeOps;

  /**
   * Creates it for a mount.
   *
   * @param ags the groups
   * @param inodeOps the type of a block of inodes
   */
  public XfsIunlink(XfsAgs ags, BufOps inodeOps) {
    this.ags = ags;
    this.inodeOps = inodeOps;
  }

  /**
   * Puts an inode at the head of its list. It must be in no list.
   *
   * @param tp the transaction
   * @param ino its number
   * @throws ErrnoException EUCLEAN if it is damaged, or the device's error
   */
  @LinuxSource(
      file = "fs/xfs/xfs_inode.c",
      name = {"xfs_iunlink", "xfs_iunlink_insert_inode"})
  public void add(XfsTrans tp, long ino) throws ErrnoException {
    XfsSb sb = tp.sb();
    TransBuf agi = agi(tp, ino);
    long agino = sb.inoToAgino(ino);
    int bucket = bucket(agino);
    long head = agi.data().u32(bucket);
    if (head == agino || next(tp, ino) != NULL_AGINO) {
      throw corrupt(ino, "is in a list of unlinked inodes already");
    }
    if (head != NULL_AGINO) {
      setNext(tp, ino, head);
    }
    agi.edit().put32(bucket, (int) agino);
  }

  /**
   * Removes an inode from its list. O(n) in the length of the list.
   *
   * @param tp the transaction
   * @param ino its number
   * @throws ErrnoException EUCLEAN if it is not there, or the list is damaged
   */
  @LinuxSource(
      file = "fs/xfs/xfs_inode.c",
      name = {"xfs_iunlink_remove", "xfs_iunlink_remove_inode"})
  public void remove(XfsTrans tp, long ino) throws ErrnoException {
    XfsSb sb = tp.sb();
    TransBuf agi = agi(tp, ino);
    long agno = sb.inoToAgno(ino);
    long agino = sb.inoToAgino(ino);
    int bucket = bucket(agino);
    long before = NULL_AGINO;
    long at = agi.data().u32(bucket);
    long most = agi.data().u32(XfsAgi.COUNT);
    for (long i = 0; at != agino; i++) {
      if (at == NULL_AGINO || i >= most || bucket(at) != bucket) {
        throw corrupt(ino, "is not in its list of unlinked inodes, or the list is damaged");
      }
      before = at;
      at = next(tp, sb.ino(agno, at));
    }
    long behind = next(tp, ino);
    if (before == NULL_AGINO) {
      agi.edit().put32(bucket, (int) behind);
    } else {
      setNext(tp, sb.ino(agno, before), behind);
    }
    if (behind != NULL_AGINO) {
      setNext(tp, ino, NULL_AGINO);
    }
  }

  /**
   * Returns the head of a list.
   *
   * @param tp the transaction
   * @param agno the group
   * @param bucket 0 to 63
   * @return the inode's number, or -1 if the list is empty
   * @throws ErrnoException EUCLEAN if it is outside the filesystem, or in another list
   */
  public long first(XfsTrans tp, long agno, int bucket) throws ErrnoException {
    int at = XfsAgi.UNLINKED + 4 * bucket;
    TransBuf agi = ags.agi(tp, agno);
    long head = agi.data().u32(at);
    if (head == NULL_AGINO) {
      return -1;
    }
    XfsSb sb = tp.sb();
    long ino = sb.ino(agno, head);
    if (bucket(head) != at || sb.inoToAgno(ino) != agno || !sb.inoValid(ino)) {
      throw agi.data().corrupt("a list of unlinked inodes begins with inode " + head);
    }
    return ino;
  }

  private TransBuf agi(XfsTrans tp, long ino) throws ErrnoException {
    if (!tp.sb().inoValid(ino)) {
      throw corrupt(ino, "is outside the filesystem");
    }
    return ags.agi(tp, tp.sb().inoToAgno(ino));
  }

  private static int bucket(long agino) {
    return XfsAgi.UNLINKED + 4 * (int) (agino % XfsAgi.UNLINKED_BUCKETS);
  }

  private static ErrnoException corrupt(long ino, String how) {
    return XfsError.corrupt("inode " + Long.toUnsignedString(ino) + ": " + how);
  }

  /** The inode after one. EUCLEAN if that is none of this list. */
  private long next(XfsTrans tp, long ino) throws ErrnoException {
    XfsSb sb = tp.sb();
    TransBuf block = inode(tp, ino);
    BufData disk = block.data().slice(sb.inoToOffset(ino), sb.inodeSize, what(ino));
    if (disk.u16(XfsDinode.MAGICNUM) != XfsDinode.MAGIC || disk.i64(XfsDinode.INO) != ino) {
      throw disk.corrupt("something else is in its place");
    }
    if (!block.changed()) { // else an inode of it has its checksum from before
      XfsVerify.checkCrc(disk, XfsDinode.CRC);
    }
    long next = disk.u32(XfsDinode.NEXT_UNLINKED);
    if (next != NULL_AGINO) {
      long there = sb.ino(sb.inoToAgno(ino), next);
      boolean fits = bucket(next) == bucket(sb.inoToAgino(ino));
      if (!fits || sb.inoToAgno(there) != sb.inoToAgno(ino) || !sb.inoValid(there)) {
        throw disk.corrupt("the unlinked inode after it is " + next);
      }
    }
    return next;
  }

  /** Changes the inode after one, which {@link #next} has checked. */
  @LinuxSource(file = "fs/xfs/xfs_iunlink_item.c", name = "xfs_iunlink_log_dinode")
  private void setNext(XfsTrans tp, long ino, long next) throws ErrnoException {
    XfsSb sb = tp.sb();
    BufEdit block = inode(tp, ino).edit();
    int at = sb.inoToOffset(ino);
    block.put32(at + XfsDinode.NEXT_UNLINKED, (int) next);
    XfsVerify.updateCrc(block, at, sb.inodeSize, XfsDinode.CRC);
  }

  private TransBuf inode(XfsTrans tp, long ino) throws ErrnoException {
    XfsSb sb = tp.sb();
    return tp.read(sb.fsbToByte(sb.inoToFsb(ino)), sb.blockSize, inodeOps, () -> what(ino));
  }

  private static String what(long ino) {
    return "inode " + ino;
  }
}
