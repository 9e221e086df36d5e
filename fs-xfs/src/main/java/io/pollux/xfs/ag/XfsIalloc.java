// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.ag;

import io.pollux.block.buffer.BufEdit;
import io.pollux.block.buffer.BufOps;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;
import io.pollux.xfs.btree.XfsBtreeCur;
import io.pollux.xfs.btree.XfsInobtRec;
import io.pollux.xfs.format.XfsAgi;
import io.pollux.xfs.format.XfsError;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.trans.XfsTrans;
import io.pollux.xfs.trans.XfsTransMount;
import java.util.concurrent.atomic.AtomicLong;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/**
 * Allocates and frees inodes. One per mount.
 *
 * <p>Each group has a tree of its chunks of 64 inodes, with a mask of the free ones: the inobt. The
 * finobt has the records of the chunks with a free inode once more, so that one is found in O(log
 * n). Without it, the search for a free inode reads the inobt from its start in the worst case, as
 * in C.
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_ialloc.c")
public final class XfsIalloc {
  private static final long NULL_AGINO = 0xffff_ffffL;

  /** Without finobt: chunks to look at on each side of the parent. */
  private static final int SEARCH_DISTANCE = 10;

  private static final int MAX_SPLITS = 8; // a tree has fewer levels

  private final XfsAlloc alloc;
  private final XfsAgs ags;
  private final XfsTransMount mount;
  private final XfsInodeGeometry geo;
  private final XfsInodeChunks chunks;

  /** Where the next directory goes: a hint, so it is not part of the transaction. */
  @LinuxSource(file = "fs/xfs/xfs_mount.h", name = "m_agirotor")
  private final AtomicLong rotor = new AtomicLong();

  /**
   * Creates it for a mount.
   *
   * @param alloc allocates blocks
   * @param mount the counters
   * @param inodeOps the type of a block of inodes
   * @param generations the generation of new inodes
   */
  public XfsIalloc(
      XfsAlloc alloc, XfsTransMount mount, BufOps inodeOps, RandomGenerator generations) {
    this.alloc = alloc;
    ags = alloc.ags();
    this.mount = mount;
    geo = new XfsInodeGeometry(mount.sb());
    chunks = new XfsInodeChunks(alloc, inodeOps, generations, geo);
  }

  // Allocation.

  /**
   * Allocates an inode. Directories go to one group after the other; all else goes near its parent,
   * as far as there is room. The inode on disk stays as it is, with mode 0.
   *
   * @param tp the transaction, with room for {@link #maxBlocks}
   * @param parentIno the directory it will be in
   * @param mode its type
   * @return its number
   * @throws ErrnoException ENOSPC; EUCLEAN if a tree is damaged; or the device's error
   */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_ialloc.c",
      name = {"xfs_dialloc", "xfs_dialloc_try_ag"})
  public long allocInode(XfsTrans tp, long parentIno, int mode) throws ErrnoException {
    XfsSb sb = tp.sb();
    boolean directory = (mode & StatMode.S_IFMT) == StatMode.S_IFDIR;
    long start =
        directory
            ? Long.remainderUnsigned(rotor.getAndIncrement(), sb.agCount)
            : Math.min(sb.inoToAgno(parentIno), sb.agCount - 1);
    for (boolean slack : new boolean[] {true, false}) {
      for (long i = 0; i < sb.agCount; i++) {
        long agno = (start + i) % sb.agCount;
        if (ags.agi(tp, agno).data().u32(XfsAgi.FREECOUNT) > 0 || grow(tp, agno, mode, slack)) {
          return allocIn(tp, agno, parentIno);
        }
      }
    }
    throw new ErrnoException(Errno.ENOSPC);
  }

  /** {@return the blocks that an allocation takes at most, for the reservation} */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_trans_space.h", name = "XFS_IALLOC_SPACE_RES")
  public long maxBlocks() {
    return geo.blocks + (mount.sb().finobt ? 2L : 1L) * MAX_SPLITS;
  }

  /**
   * Allocates a chunk in a group, unless there are too many inodes already.
   *
   * @param slack the first of two attempts, which prefers groups with free inodes if space is short
   */
  private boolean grow(XfsTrans tp, long agno, int mode, boolean slack) throws ErrnoException {
    long most = tp.sb().maxInodes();
    if (most > 0 && mount.icount() + geo.inodes > most) {
      return false;
    }
    if (slack && mount.fdblocks() < tp.sb().dblocks / 100) {
      return false;
    }
    int type = mode & StatMode.S_IFMT;
    boolean hasBlocks =
        type == StatMode.S_IFDIR || type == StatMode.S_IFREG || type == StatMode.S_IFLNK;
    return chunks.hasRoom(tp, agno, hasBlocks ? 1 : 0, slack) && chunks.allocate(tp, agno);
  }

  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_ialloc.c",
      name = {"xfs_dialloc_ag", "xfs_dialloc_ag_inobt", "xfs_dialloc_ag_update_inobt"})
  private long allocIn(XfsTrans tp, long agno, long parentIno) throws ErrnoException {
    XfsSb sb = tp.sb();
    long parent = sb.inoToAgno(parentIno) == agno ? sb.inoToAgino(parentIno) : NULL_AGINO;
    XfsInobtRec rec =
        sb.finobt ? findFree(tp, agno, parent) : findFreeWithoutFinobt(tp, agno, parent);
    if (rec == null || rec.freecount() == 0) {
      throw corrupt(agno, "has no chunk with a free inode, while its header counts some");
    }
    int index = rec.firstFree();
    XfsInobtRec now = rec.withFree(index, false);
    if (sb.finobt) {
      XfsBtreeCur<XfsInobtRec> finobt = alloc.finobt(tp, agno);
      requireEqual(agno, finobt, rec);
      if (now.freecount() == 0) {
        finobt.delete();
      } else {
        finobt.update(now);
      }
    }
    XfsBtreeCur<XfsInobtRec> inobt = alloc.inobt(tp, agno);
    requireEqual(agno, inobt, rec);
    inobt.update(now);
    BufEdit agi = ags.agi(tp, agno).edit();
    agi.put32(XfsAgi.FREECOUNT, agi.i32(XfsAgi.FREECOUNT) - 1);
    tp.modInodes(0, -1);
    return checkedIno(sb, agno, rec.startino() + index);
  }

  private static long checkedIno(XfsSb sb, long agno, long agino) throws ErrnoException {
    long ino = sb.ino(agno, agino);
    if (sb.inoToAgno(ino) != agno || !sb.inoValid(ino)) {
      throw corrupt(agno, "has a chunk outside itself");
    }
    return ino;
  }

  /** Moves to a record that another tree has as well. */
  private static void requireEqual(long agno, XfsBtreeCur<XfsInobtRec> cur, XfsInobtRec rec)
      throws ErrnoException {
    if (!cur.lookupEq(rec) || !cur.get().equals(rec)) {
      throw corrupt(agno, "its trees of inodes disagree about chunk " + rec.startino());
    }
  }

  /** The chunk with a free inode that is nearest to the parent, or was allocated last. */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_ialloc.c",
      name = {"xfs_dialloc_ag_finobt_near", "xfs_dialloc_ag_finobt_newino"})
  private @Nullable XfsInobtRec findFree(XfsTrans tp, long agno, long parent)
      throws ErrnoException {
    XfsBtreeCur<XfsInobtRec> finobt = alloc.finobt(tp, agno);
    if (parent == NULL_AGINO) {
      XfsInobtRec last = lastAllocated(tp, agno, finobt);
      return last != null ? last : finobt.first() ? finobt.get() : null;
    }
    XfsInobtRec left = finobt.lookupLe(at(parent)) ? finobt.get() : null;
    if (left != null && parent - left.startino() < XfsInobtRec.INODES) {
      return left;
    }
    XfsInobtRec right = finobt.lookupGe(at(parent)) ? finobt.get() : null;
    return nearer(left, right, parent);
  }

  private static @Nullable XfsInobtRec nearer(
      @Nullable XfsInobtRec left, @Nullable XfsInobtRec right, long parent) {
    if (left == null || right == null) {
      return left == null ? right : left;
    }
    long toLeft = parent - (left.startino() + XfsInobtRec.INODES - 1);
    return toLeft <= right.startino() - parent ? left : right;
  }

  /** A record to look up. */
  private static XfsInobtRec at(long agino) {
    return new XfsInobtRec(agino, 0, 0, 0, 0);
  }

  private @Nullable XfsInobtRec lastAllocated(XfsTrans tp, long agno, XfsBtreeCur<XfsInobtRec> tree)
      throws ErrnoException {
    long newino = ags.agi(tp, agno).data().u32(XfsAgi.NEWINO);
    boolean found = newino != NULL_AGINO && tree.lookupEq(at(newino)) && tree.get().freecount() > 0;
    return found ? tree.get() : null;
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_ialloc.c", name = "xfs_dialloc_ag_inobt")
  private @Nullable XfsInobtRec findFreeWithoutFinobt(XfsTrans tp, long agno, long parent)
      throws ErrnoException {
    XfsBtreeCur<XfsInobtRec> inobt = alloc.inobt(tp, agno);
    if (parent != NULL_AGINO) {
      XfsInobtRec left = inobt.lookupLe(at(parent)) ? search(inobt, false) : null;
      XfsInobtRec right = inobt.lookupGe(at(parent)) ? search(inobt, true) : null;
      XfsInobtRec near = nearer(left, right, parent);
      if (near != null) {
        return near;
      }
    }
    XfsInobtRec last = lastAllocated(tp, agno, inobt);
    if (last != null) {
      return last;
    }
    boolean more = inobt.first();
    while (more && inobt.get().freecount() == 0) {
      more = inobt.next();
    }
    return more ? inobt.get() : null;
  }

  /** The first of some chunks from the position on that has a free inode. */
  private static @Nullable XfsInobtRec search(XfsBtreeCur<XfsInobtRec> inobt, boolean right)
      throws ErrnoException {
    for (int i = 0; i < SEARCH_DISTANCE; i++) {
      XfsInobtRec rec = inobt.get();
      if (rec.freecount() > 0) {
        return rec;
      }
      if (!(right ? inobt.next() : inobt.previous())) {
        return null;
      }
    }
    return null;
  }

  // Freeing.

  /**
   * Frees an inode. If it was the last of its chunk, the chunk's blocks are freed too; then no item
   * of the transaction may write to the inode.
   *
   * @param tp the transaction
   * @param ino its number
   * @return whether its block is still there
   * @throws ErrnoException EUCLEAN if it is free already, or a tree is damaged; or the device's
   *     error
   */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_ialloc.c",
      name = {"xfs_difree", "xfs_difree_inobt"})
  public boolean freeInode(XfsTrans tp, long ino) throws ErrnoException {
    long agno = tp.sb().inoToAgno(ino);
    XfsBtreeCur<XfsInobtRec> inobt = lookupUsed(tp, ino);
    XfsInobtRec rec = inobt.get();
    int index = (int) (tp.sb().inoToAgino(ino) - rec.startino());
    XfsInobtRec now = rec.withFree(index, true);
    boolean gone = now.free() == -1L && !geo.manyInBlock;
    if (gone) {
      inobt.delete();
    } else {
      inobt.update(now);
    }
    if (tp.sb().finobt) {
      freeInFinobt(tp, agno, rec, now, gone);
    }
    int inodes = gone ? now.count() : 0;
    BufEdit agi = ags.agi(tp, agno).edit();
    long left = agi.u32(XfsAgi.COUNT) - inodes;
    long free = agi.u32(XfsAgi.FREECOUNT) + 1 - inodes;
    if (free < 0 || left < free) {
      throw corrupt(agno, "its header counts fewer inodes than there are");
    }
    agi.put32(XfsAgi.COUNT, (int) left);
    agi.put32(XfsAgi.FREECOUNT, (int) free);
    tp.modInodes(-inodes, 1 - inodes);
    if (gone) {
      chunks.free(tp, agno, now);
    }
    return !gone;
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_ialloc.c", name = "xfs_difree_finobt")
  private void freeInFinobt(XfsTrans tp, long agno, XfsInobtRec rec, XfsInobtRec now, boolean gone)
      throws ErrnoException {
    XfsBtreeCur<XfsInobtRec> finobt = alloc.finobt(tp, agno);
    if (rec.freecount() == 0) { // so it is not there
      if (!gone) {
        finobt.insert(now);
      }
      return;
    }
    requireEqual(agno, finobt, rec);
    if (gone) {
      finobt.delete();
    } else {
      finobt.update(now);
    }
  }

  // Checks.

  /**
   * Checks that an inode is allocated, for a number from outside.
   *
   * @param tp the transaction
   * @param ino its number; may be any value
   * @throws ErrnoException EUCLEAN if it is not, or the tree is damaged; or the device's error
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_ialloc.c", name = "xfs_imap_lookup")
  public void checkUsed(XfsTrans tp, long ino) throws ErrnoException {
    lookupUsed(tp, ino);
  }

  /** A cursor at the chunk of an inode that is allocated. */
  private XfsBtreeCur<XfsInobtRec> lookupUsed(XfsTrans tp, long ino) throws ErrnoException {
    XfsSb sb = tp.sb();
    if (!sb.inoValid(ino)) {
      throw XfsError.corrupt("inode " + Long.toUnsignedString(ino) + ": outside the filesystem");
    }
    long agino = sb.inoToAgino(ino);
    XfsBtreeCur<XfsInobtRec> inobt = alloc.inobt(tp, sb.inoToAgno(ino));
    if (!inobt.lookupLe(at(agino)) || !inobt.get().isUsed(agino)) {
      throw XfsError.corrupt("inode " + ino + ": is not allocated");
    }
    return inobt;
  }

  private static ErrnoException corrupt(long agno, String how) {
    return XfsError.corrupt("group " + agno + ": " + how);
  }
}
