// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.mkfs;

import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsAgf;
import io.pollux.xfs.format.XfsAgfl;
import io.pollux.xfs.format.XfsAgi;
import io.pollux.xfs.format.XfsBtreeBlock;
import java.nio.ByteBuffer;

/**
 * The start of a group: its header sectors after the superblock, and the roots of its trees, which
 * are leaves. Only the first group has inodes, and only one has the log.
 */
@LinuxSource(
    file = "fs/xfs/libxfs/xfs_ag.c",
    name = {"xfs_ag_init_headers", "xfs_freesp_init_recs", "xfs_rmaproot_init"})
final class MkfsGroup {
  private static final int NULL_AGBLOCK = -1;
  private static final int AGF_SECTOR = 1;
  private static final int AGI_SECTOR = 2;
  private static final int AGFL_SECTOR = 3;
  private static final int BNO_ENTRY = 4; // bytes of an entry of the free list
  private static final int CHUNK_INODES = 64;
  private static final int USED_INODES = 3; // the root and the two of the realtime device
  private static final int RMAP_RECORD = 24;
  private static final int RECORD = 8; // of free space
  private static final int INOBT_RECORD = 16;

  // XFS_RMAP_OWN_*: owners that are no files
  private static final long OWN_FS = -3;
  private static final long OWN_LOG = -4;
  private static final long OWN_AG = -5;
  private static final long OWN_INOBT = -6;
  private static final long OWN_INODES = -7;
  private static final long OWN_REFC = -8;

  private final MkfsGeometry geo;
  private final byte[] uuid;
  private final long agno;
  private final ByteBuffer block; // from the group's start to the end of its roots
  private final long[] free; // pairs of a block and a count

  private MkfsGroup(MkfsGeometry geo, byte[] uuid, long agno, ByteBuffer block) {
    this.geo = geo;
    this.uuid = uuid;
    this.agno = agno;
    this.block = block;
    free = freeExtents();
  }

  /**
   * Fills the start of a group, except for its superblock.
   *
   * @param geo the geometry
   * @param uuid of the filesystem
   * @param agno the group
   * @param block zeroes, {@code geo.atEnd} blocks
   */
  static void fill(MkfsGeometry geo, byte[] uuid, long agno, ByteBuffer block) {
    MkfsGroup group = new MkfsGroup(geo, uuid, agno, block);
    group.agf();
    group.agi();
    group.agfl();
    group.freeTrees();
    group.inodeTree(geo.atIno, XfsBtreeBlock.INOBT_MAGIC);
    if (geo.features.finobt()) {
      group.inodeTree(geo.atFino, XfsBtreeBlock.FINOBT_MAGIC);
    }
    if (geo.features.rmapbt()) {
      group.owners();
    }
    if (geo.features.reflink()) {
      group.tree(geo.atRefc, XfsBtreeBlock.REFCOUNTBT_MAGIC, 0);
    }
  }

  private long[] freeExtents() {
    long start = geo.freeListAt(agno) + geo.freeList(agno);
    long end = geo.agSize(agno);
    if (agno != 0) {
      return start == end ? new long[0] : new long[] {start, end - start};
    }
    long chunk = geo.rootChunk();
    long after = chunk + geo.chunkBlocks;
    if (start == chunk) {
      return after == end ? new long[0] : new long[] {after, end - after};
    }
    return after == end
        ? new long[] {start, chunk - start}
        : new long[] {start, chunk - start, after, end - after};
  }

  private boolean first() {
    return agno == 0;
  }

  private void agf() {
    int at = AGF_SECTOR * geo.sectSize;
    long longest = 0;
    for (int i = 1; i < free.length; i += 2) {
      longest = Math.max(longest, free[i]);
    }
    block.putInt(at + XfsAgf.MAGICNUM, XfsAgf.MAGIC);
    block.putInt(at + XfsAgf.VERSIONNUM, XfsAgf.VERSION);
    block.putInt(at + XfsAgf.SEQNO, (int) agno);
    block.putInt(at + XfsAgf.LENGTH, (int) geo.agSize(agno));
    block.putInt(at + XfsAgf.BNO_ROOT, (int) geo.atBno);
    block.putInt(at + XfsAgf.CNT_ROOT, (int) geo.atCnt);
    block.putInt(at + XfsAgf.RMAP_ROOT, (int) geo.atRmap);
    block.putInt(at + XfsAgf.BNO_LEVEL, 1);
    block.putInt(at + XfsAgf.CNT_LEVEL, 1);
    block.putInt(at + XfsAgf.RMAP_LEVEL, geo.features.rmapbt() ? 1 : 0);
    block.putInt(at + XfsAgf.FLFIRST, 1);
    block.putInt(at + XfsAgf.FLLAST, geo.freeList(agno));
    block.putInt(at + XfsAgf.FLCOUNT, geo.freeList(agno));
    block.putInt(at + XfsAgf.FREEBLKS, (int) geo.freeBlocks(agno));
    block.putInt(at + XfsAgf.LONGEST, (int) longest);
    block.put(at + XfsAgf.UUID, uuid);
    block.putInt(at + XfsAgf.RMAP_BLOCKS, geo.features.rmapbt() ? 1 : 0);
    block.putInt(at + XfsAgf.REFCOUNT_BLOCKS, geo.features.reflink() ? 1 : 0);
    block.putInt(at + XfsAgf.REFCOUNT_ROOT, (int) geo.atRefc);
    block.putInt(at + XfsAgf.REFCOUNT_LEVEL, geo.features.reflink() ? 1 : 0);
    MkfsWriter.seal(block, at, geo.sectSize, XfsAgf.CRC);
  }

  private void agi() {
    int at = AGI_SECTOR * geo.sectSize;
    boolean counted = geo.features.inobtcount();
    block.putInt(at + XfsAgi.MAGICNUM, XfsAgi.MAGIC);
    block.putInt(at + XfsAgi.VERSIONNUM, XfsAgi.VERSION);
    block.putInt(at + XfsAgi.SEQNO, (int) agno);
    block.putInt(at + XfsAgi.LENGTH, (int) geo.agSize(agno));
    block.putInt(at + XfsAgi.COUNT, first() ? geo.chunkInodes : 0);
    block.putInt(at + XfsAgi.ROOT, (int) geo.atIno);
    block.putInt(at + XfsAgi.LEVEL, 1);
    block.putInt(at + XfsAgi.FREECOUNT, first() ? geo.chunkInodes - USED_INODES : 0);
    block.putInt(at + XfsAgi.NEWINO, first() ? (int) geo.rootIno() : NULL_AGBLOCK);
    block.putInt(at + XfsAgi.DIRINO, NULL_AGBLOCK);
    for (int i = 0; i < XfsAgi.UNLINKED_BUCKETS; i++) {
      block.putInt(at + XfsAgi.UNLINKED + 4 * i, NULL_AGBLOCK);
    }
    block.put(at + XfsAgi.UUID, uuid);
    block.putInt(at + XfsAgi.FREE_ROOT, (int) geo.atFino);
    block.putInt(at + XfsAgi.FREE_LEVEL, geo.features.finobt() ? 1 : 0);
    block.putInt(at + XfsAgi.IBLOCKS, counted ? 1 : 0);
    block.putInt(at + XfsAgi.FBLOCKS, counted ? 1 : 0);
    MkfsWriter.seal(block, at, geo.sectSize, XfsAgi.CRC);
  }

  private void agfl() {
    int at = AGFL_SECTOR * geo.sectSize;
    block.putInt(at + XfsAgfl.MAGICNUM, XfsAgfl.MAGIC);
    block.putInt(at + XfsAgfl.SEQNO, (int) agno);
    block.put(at + XfsAgfl.UUID, uuid);
    int slots = (geo.sectSize - XfsAgfl.BNO) / BNO_ENTRY;
    for (int i = 0; i < slots; i++) {
      boolean used = i >= 1 && i <= geo.freeList(agno);
      int agbno = used ? (int) geo.freeListAt(agno) + i - 1 : NULL_AGBLOCK;
      block.putInt(at + XfsAgfl.BNO + BNO_ENTRY * i, agbno);
    }
    MkfsWriter.seal(block, at, geo.sectSize, XfsAgfl.CRC);
  }

  /** Fills the header of a root and its checksum; the records are there already. */
  private void tree(long agbno, int magic, int records) {
    int at = (int) (agbno << geo.blockLog);
    block.putInt(at + XfsBtreeBlock.MAGICNUM, magic);
    block.putShort(at + XfsBtreeBlock.NUMRECS, (short) records);
    block.putInt(at + XfsBtreeBlock.LEFTSIB, NULL_AGBLOCK);
    block.putInt(at + XfsBtreeBlock.S_RIGHTSIB, NULL_AGBLOCK);
    block.putLong(at + XfsBtreeBlock.S_BLKNO, geo.position(agno, agbno) >> 9);
    block.put(at + XfsBtreeBlock.S_UUID, uuid);
    block.putInt(at + XfsBtreeBlock.S_OWNER, (int) agno);
    MkfsWriter.seal(block, at, geo.blockSize, XfsBtreeBlock.S_CRC);
  }

  private static int records(MkfsGeometry geo, long agbno) {
    return (int) (agbno << geo.blockLog) + XfsBtreeBlock.S_BYTES;
  }

  /** The trees of free space by block and by size. */
  private void freeTrees() {
    int extents = free.length / 2;
    // the gap before the inodes is smaller, unless the log leaves hardly any room behind them
    boolean swapped = extents == 2 && free[1] > free[3];
    for (int i = 0; i < extents; i++) {
      int bySize = swapped ? 1 - i : i;
      free(records(geo, geo.atBno) + i * RECORD, i);
      free(records(geo, geo.atCnt) + bySize * RECORD, i);
    }
    tree(geo.atBno, XfsBtreeBlock.BNOBT_MAGIC, extents);
    tree(geo.atCnt, XfsBtreeBlock.CNTBT_MAGIC, extents);
  }

  private void free(int at, int index) {
    block.putInt(at, (int) free[2 * index]);
    block.putInt(at + 4, (int) free[2 * index + 1]);
  }

  /** A tree of inode chunks: all of the first group have free inodes. */
  private void inodeTree(long agbno, int magic) {
    int chunks = first() ? geo.chunkInodes / CHUNK_INODES : 0;
    for (int i = 0; i < chunks; i++) {
      int used = i == 0 ? USED_INODES : 0;
      int at = records(geo, agbno) + i * INOBT_RECORD;
      block.putInt(at, (int) geo.rootIno() + i * CHUNK_INODES);
      if (geo.features.sparse()) { // no holes, and the count of inodes
        block.put(at + 6, (byte) CHUNK_INODES);
        block.put(at + 7, (byte) (CHUNK_INODES - used));
      } else {
        block.putInt(at + 4, CHUNK_INODES - used);
      }
      block.putLong(at + 8, -1L << used);
    }
    tree(agbno, magic, chunks);
  }

  /** The tree of owners. */
  private void owners() {
    Owners owners = new Owners(records(geo, geo.atRmap));
    owners.add(0, geo.atBno, OWN_FS);
    owners.add(geo.atBno, 2, OWN_AG);
    owners.add(geo.atIno, geo.features.finobt() ? 2 : 1, OWN_INOBT);
    owners.add(geo.atRmap, 1, OWN_AG);
    if (geo.features.reflink()) {
      owners.add(geo.atRefc, 1, OWN_REFC);
    }
    if (agno == geo.logAg) {
      owners.add(geo.atEnd, geo.logBlocks, OWN_LOG);
    }
    owners.add(geo.freeListAt(agno), geo.freeList(agno), OWN_AG);
    if (first()) {
      owners.add(geo.rootChunk(), geo.chunkBlocks, OWN_INODES);
    }
    tree(geo.atRmap, XfsBtreeBlock.RMAPBT_MAGIC, owners.count);
  }

  /** Records of owners, in order of their blocks; adjacent ones of an owner are one. */
  private final class Owners {
    private final int start;
    private int count;
    private long end; // of the last record
    private long last; // its owner

    Owners(int start) {
      this.start = start;
    }

    void add(long agbno, long blocks, long owner) {
      if (blocks == 0) { // no free list
        return;
      }
      if (count > 0 && owner == last && agbno == end) {
        int at = start + (count - 1) * RMAP_RECORD + 4;
        block.putInt(at, block.getInt(at) + (int) blocks);
      } else {
        int at = start + count * RMAP_RECORD;
        block.putInt(at, (int) agbno);
        block.putInt(at + 4, (int) blocks);
        block.putLong(at + 8, owner);
        count++;
      }
      end = agbno + blocks;
      last = owner;
    }
  }
}
