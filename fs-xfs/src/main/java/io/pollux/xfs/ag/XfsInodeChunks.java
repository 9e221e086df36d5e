// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.ag;

import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufEdit;
import io.pollux.block.buffer.BufOps;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.btree.XfsBtreeCur;
import io.pollux.xfs.btree.XfsInobtRec;
import io.pollux.xfs.format.XfsAgf;
import io.pollux.xfs.format.XfsAgi;
import io.pollux.xfs.format.XfsDinode;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.format.XfsVerify;
import io.pollux.xfs.trans.XfsTrans;
import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/** Allocates and frees the blocks of inodes. */
@LinuxSource(file = "fs/xfs/libxfs/xfs_ialloc.c", name = "xfs_ialloc_ag_alloc")
final class XfsInodeChunks {
  private static final long NULL_AGINO = 0xffff_ffffL;
  private static final long ALL_FREE = -1L;

  private final XfsAlloc alloc;
  private final XfsAgs ags;
  private final BufOps inodeOps;
  private final RandomGenerator generations;
  private final XfsInodeGeometry geo;

  XfsInodeChunks(
      XfsAlloc alloc, BufOps inodeOps, RandomGenerator generations, XfsInodeGeometry geo) {
    this.alloc = alloc;
    ags = alloc.ags();
    this.inodeOps = inodeOps;
    this.generations = generations;
    this.geo = geo;
  }

  /**
   * Whether a group has room for inodes, and for new blocks of their trees.
   *
   * @param more blocks for the file itself
   * @param slack whether to count blocks that alignment may waste
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_ialloc.c", name = "xfs_dialloc_good_ag")
  boolean hasRoom(XfsTrans tp, long agno, int more, boolean slack) throws ErrnoException {
    BufData agf = ags.agf(tp, agno).data();
    BufData agi = ags.agi(tp, agno).data();
    long need = (long) geo.sparseBlocks + (slack && geo.sparseBlocks > 1 ? geo.align : 0);
    long trees = agi.u32(XfsAgi.LEVEL) + (tp.sb().finobt ? agi.u32(XfsAgi.FREE_LEVEL) : 0);
    return agf.u32(XfsAgf.FREEBLKS) >= need + more + trees && agf.u32(XfsAgf.LONGEST) >= need;
  }

  /**
   * Allocates a chunk, or a part of one.
   *
   * @return whether the group had room
   */
  boolean allocate(XfsTrans tp, long agno) throws ErrnoException {
    XfsAlloc.Extent whole = allocateWhole(tp, agno);
    if (whole != null) {
      long first = tp.sb().agbno(whole.fsb()) << tp.sb().inopbLog;
      init(tp, whole);
      for (int i = 0; i < geo.inodes; i += XfsInobtRec.INODES) {
        insert(
            tp,
            agno,
            new XfsInobtRec(first + i, 0, XfsInobtRec.INODES, XfsInobtRec.INODES, ALL_FREE));
      }
      count(tp, agno, geo.inodes, first);
      return true;
    }
    XfsAlloc.Extent part = geo.sparse() ? allocatePart(tp, agno) : null;
    if (part == null) {
      return false;
    }
    init(tp, part);
    XfsInobtRec rec = sparseRecord(tp.sb(), part);
    insertSparse(tp, agno, rec);
    count(tp, agno, rec.count(), rec.startino());
    return true;
  }

  /** Behind the chunk before, or near the root of the tree. */
  private XfsAlloc.@Nullable Extent allocateWhole(XfsTrans tp, long agno) throws ErrnoException {
    XfsSb sb = tp.sb();
    BufData agi = ags.agi(tp, agno).data();
    long newino = agi.u32(XfsAgi.NEWINO);
    long behind = (newino >>> sb.inopbLog) + geo.blocks;
    if (newino != NULL_AGINO && behind % geo.align == 0 && behind <= sb.agSize(agno) - geo.blocks) {
      XfsAlloc.Extent found =
          alloc.allocateAt(tp, sb.fsb(agno, behind), geo.blocks, geo.blocks, XfsOwner.INODES);
      if (found != null) {
        return found;
      }
    }
    return alloc.allocateAligned(
        tp, agno, agi.u32(XfsAgi.ROOT), geo.blocks, geo.align, XfsOwner.INODES);
  }

  /**
   * A part whose record is inside the group. The record is aligned, so places at both ends of the
   * group don't fit. They stay allocated until another one is found.
   */
  private XfsAlloc.@Nullable Extent allocatePart(XfsTrans tp, long agno) throws ErrnoException {
    long root = ags.agi(tp, agno).data().u32(XfsAgi.ROOT);
    List<XfsAlloc.Extent> unfit = new ArrayList<>();
    int most = 2 * geo.recordAlign / geo.sparseBlocks; // at each end as many as fit into a record
    XfsAlloc.Extent found;
    do {
      found =
          alloc.allocateAligned(
              tp, agno, root, geo.sparseBlocks, geo.sparseBlocks, XfsOwner.INODES);
      if (found == null || fits(tp.sb(), agno, found)) {
        break;
      }
      unfit.add(found);
      found = null;
    } while (unfit.size() <= most);
    for (XfsAlloc.Extent other : unfit) {
      alloc.free(tp, other.fsb(), other.len(), XfsOwner.INODES);
    }
    return found;
  }

  private boolean fits(XfsSb sb, long agno, XfsAlloc.Extent part) {
    long agbno = sb.agbno(part.fsb());
    long start = agbno - agbno % geo.recordAlign;
    return start > 0 && start <= sb.agSize(agno) - geo.blocks;
  }

  /** Fills new blocks with free inodes. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_ialloc.c", name = "xfs_ialloc_inode_init")
  private void init(XfsTrans tp, XfsAlloc.Extent extent) throws ErrnoException {
    XfsSb sb = tp.sb();
    int generation = generations.nextInt(); // for all, so that a reused number gets another
    for (long fsb = extent.fsb(); fsb < extent.fsb() + extent.len(); fsb++) {
      long ino = fsb << sb.inopbLog;
      BufEdit block =
          tp.create(sb.fsbToByte(fsb), sb.blockSize, inodeOps, () -> "inode " + ino).edit();
      for (int i = 0; i < 1 << sb.inopbLog; i++) {
        int at = i << sb.inodeLog;
        block.put16(at + XfsDinode.MAGICNUM, XfsDinode.MAGIC);
        block.put8(at + XfsDinode.VERSIONNUM, XfsDinode.VERSION);
        block.put32(at + XfsDinode.GEN, generation);
        block.put32(at + XfsDinode.NEXT_UNLINKED, (int) NULL_AGINO);
        block.put64(at + XfsDinode.INO, ino + i);
        block.put(at + XfsDinode.UUID, sb.metaUuid);
        XfsVerify.updateCrc(block, at, sb.inodeSize, XfsDinode.CRC);
      }
    }
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_ialloc.c", name = "xfs_inobt_insert")
  private void insert(XfsTrans tp, long agno, XfsInobtRec rec) throws ErrnoException {
    alloc.inobt(tp, agno).insert(rec);
    if (tp.sb().finobt) {
      alloc.finobt(tp, agno).insert(rec);
    }
  }

  /** The record of a part of a chunk. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_ialloc.c", name = "xfs_align_sparse_ino")
  private XfsInobtRec sparseRecord(XfsSb sb, XfsAlloc.Extent part) {
    long agbno = sb.agbno(part.fsb());
    long offset = agbno % geo.recordAlign;
    int inodes = (int) part.len() << sb.inopbLog;
    int allocated = (1 << (inodes / XfsInobtRec.INODES_PER_HOLE)) - 1;
    int shift = (int) (offset << sb.inopbLog) / XfsInobtRec.INODES_PER_HOLE;
    return new XfsInobtRec(
        (agbno - offset) << sb.inopbLog,
        ~(allocated << shift) & XfsInobtRec.ALL_HOLES,
        inodes,
        inodes,
        ALL_FREE);
  }

  /** Inserts a part, or adds it to its chunk. The tree of free inodes may not have that. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_ialloc.c", name = "xfs_inobt_insert_sprec")
  private void insertSparse(XfsTrans tp, long agno, XfsInobtRec part) throws ErrnoException {
    XfsBtreeCur<XfsInobtRec> inobt = alloc.inobt(tp, agno);
    XfsInobtRec now = part;
    if (inobt.lookupEq(part)) {
      XfsInobtRec there = inobt.get();
      if ((there.allocated() & part.allocated()) != 0) {
        throw ags.agi(tp, agno)
            .data()
            .corrupt("chunk " + part.startino() + " has inodes in free blocks");
      }
      now =
          new XfsInobtRec(
              part.startino(),
              there.holemask() & part.holemask(),
              there.count() + part.count(),
              there.freecount() + part.freecount(),
              there.free());
      inobt.update(now);
    } else {
      inobt.insert(now);
    }
    if (tp.sb().finobt) {
      XfsBtreeCur<XfsInobtRec> finobt = alloc.finobt(tp, agno);
      if (finobt.lookupEq(now)) {
        finobt.update(now);
      } else {
        finobt.insert(now);
      }
    }
  }

  private void count(XfsTrans tp, long agno, int inodes, long newino) throws ErrnoException {
    BufEdit agi = ags.agi(tp, agno).edit();
    agi.put32(XfsAgi.COUNT, agi.i32(XfsAgi.COUNT) + inodes);
    agi.put32(XfsAgi.FREECOUNT, agi.i32(XfsAgi.FREECOUNT) + inodes);
    agi.put32(XfsAgi.NEWINO, (int) newino);
    tp.modInodes(inodes, inodes);
  }

  /** Frees the blocks of a chunk, in as many pieces as it has, and drops their buffers. */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_ialloc.c",
      name = {"xfs_difree_inode_chunk", "xfs_ifree_cluster"})
  void free(XfsTrans tp, long agno, XfsInobtRec rec) throws ErrnoException {
    XfsSb sb = tp.sb();
    long first = sb.fsb(agno, rec.startino() >>> sb.inopbLog);
    int block = 0;
    while (block < geo.blocks) { // each turn advances
      int end = block;
      while (end < geo.blocks && has(rec, end << sb.inopbLog)) {
        end++;
      }
      if (end > block) {
        freeBlocks(tp, first + block, end - block);
      }
      block = end + 1;
    }
  }

  private void freeBlocks(XfsTrans tp, long fsb, int count) throws ErrnoException {
    XfsSb sb = tp.sb();
    if (!sb.extentValid(fsb, count)) {
      throw ags.agi(tp, sb.agno(fsb)).data().corrupt("a chunk of inodes is outside the group");
    }
    for (long at = fsb; at < fsb + count; at++) {
      long ino = at << sb.inopbLog;
      tp.binval(tp.create(sb.fsbToByte(at), sb.blockSize, inodeOps, () -> "inode " + ino));
    }
    alloc.free(tp, fsb, count, XfsOwner.INODES);
  }

  private static boolean has(XfsInobtRec rec, int index) {
    return (rec.allocated() >>> index & 1) != 0;
  }
}
