// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufEdit;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.format.XfsVerify;
import io.pollux.xfs.trans.TransBuf;

/**
 * The list of free space of a large directory: the longest free range of each block of entries.
 *
 * <pre>
 *   header 64 bytes: magic, checksum, place, lsn, uuid, owner,
 *     number of the first block 32 bits, slots 32 bits, slots of existing blocks 32 bits
 *   slots 16 bits each
 * </pre>
 */
@LinuxSource(
    file = "fs/xfs/libxfs/xfs_da_format.h",
    name = {"xfs_dir3_free", "xfs_dir3_free_hdr"})
final class XfsDir2Free {
  private static final int MAGIC = 0x58444633; // XDF3
  static final int CRC_OFFSET = 4;
  private static final int BLKNO = 8;
  private static final int UUID = 24;
  private static final int OWNER = 40;
  private static final int FIRST_DB = 48;
  private static final int VALID = 52;
  private static final int USED = 56;
  private static final int BESTS = 64;

  private final XfsDirArgs args;
  private final TransBuf buf;
  private final long fdablk;

  private XfsDir2Free(XfsDirArgs args, TransBuf buf, long fdablk) {
    this.args = args;
    this.buf = buf;
    this.fdablk = fdablk;
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_node.c", name = "xfs_dir3_free_verify")
  static void verify(XfsSb sb, BufData buf) throws ErrnoException {
    if (buf.i32(0) != MAGIC) {
      throw buf.corrupt("bad magic number");
    }
    XfsVerify.checkDaddr(buf, BLKNO);
    XfsVerify.checkUuid(buf, UUID, sb.metaUuid);
    long valid = buf.u32(VALID);
    if (valid > maxBests(buf.size()) || buf.u32(USED) > valid) {
      throw buf.corrupt("more blocks than there is room for");
    }
  }

  /** Slots of a block. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_da_btree.h", name = "xfs_da_geometry.free_max_bests")
  private static int maxBests(int blkSize) {
    return (blkSize - BESTS) / 2;
  }

  /** The block with the slot of a block of entries. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_priv.h", name = "xfs_dir2_db_to_fdb")
  private static long fdablk(XfsDirArgs args, int db) {
    int max = maxBests(args.geo.blkSize);
    return args.geo.freeBlk + (long) (db / max) * args.geo.fsbCount;
  }

  /** Whether the list has the block with the slot of a block of entries. */
  static boolean exists(XfsDirArgs args, int db) throws ErrnoException {
    return args.da.isMapped(fdablk(args, db));
  }

  /** Reads the block with the slot of a block of entries. */
  static XfsDir2Free ofBlock(XfsDirArgs args, int db) throws ErrnoException {
    return read(args, fdablk(args, db));
  }

  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_dir2_node.c",
      name = {"xfs_dir2_free_read", "xfs_dir3_free_header_check"})
  private static XfsDir2Free read(XfsDirArgs args, long fdablk) throws ErrnoException {
    XfsDir2Free free = new XfsDir2Free(args, args.da.read(fdablk, args.dirFree(), OWNER), fdablk);
    if (free.buf.data().i32(0) != MAGIC || free.buf.data().u32(FIRST_DB) != free.firstDb()) {
      throw free.buf.data().corrupt("belongs to another part of the directory");
    }
    return free;
  }

  /** Adds the block with the slot of a block of entries to the list. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_node.c", name = "xfs_dir3_free_get_buf")
  static XfsDir2Free create(XfsDirArgs args, int db) throws ErrnoException {
    long fdablk = fdablk(args, db);
    args.da.allocate(fdablk);
    TransBuf buf = args.da.create(fdablk, args.dirFree());
    BufEdit edit = buf.edit();
    edit.put32(0, MAGIC);
    edit.put64(BLKNO, buf.position() >> XfsSb.BB_SHIFT);
    edit.put(UUID, args.sb.metaUuid);
    edit.put64(OWNER, args.dp.ino());
    XfsDir2Free made = new XfsDir2Free(args, buf, fdablk);
    edit.put32(FIRST_DB, made.firstDb());
    return made;
  }

  /** The first block of entries that has a slot in it. */
  private int firstDb() {
    int index = (int) ((fdablk - args.geo.freeBlk) / args.geo.fsbCount);
    return index * maxBests(args.geo.blkSize);
  }

  int valid() throws ErrnoException {
    return buf.data().i32(VALID);
  }

  /** The free length in a slot. */
  int best(int slot) throws ErrnoException {
    return buf.data().u16(BESTS + 2 * slot);
  }

  /**
   * Finds a block of entries with a free range. Looks at all blocks of the list, as Linux does; one
   * of 4 KiB has slots for 2,016 blocks of entries.
   *
   * @param size the length of the range
   * @return the number of the block of entries, or -1
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_node.c", name = "xfs_dir2_node_find_freeblk")
  static int findRoom(XfsDirArgs args, int size) throws ErrnoException {
    long end = args.dp.data().map().lastOffset();
    long at = args.da.nextMapped(args.geo.freeBlk, end);
    while (at >= 0) { // each step advances by a block
      XfsDir2Free free = read(args, at);
      for (int slot = free.valid() - 1; slot >= 0; slot--) {
        int best = free.best(slot);
        if (best != XfsDir2LeafEdit.NO_BLOCK && best >= size) {
          return free.firstDb() + slot;
        }
      }
      at = args.da.nextMapped(at + args.geo.fsbCount, end);
    }
    return -1;
  }

  /** Stores the free length of a block of entries that exists. */
  void set(int db, int best) throws ErrnoException {
    int slot = db - firstDb();
    if (slot >= valid()) {
      BufEdit edit = buf.edit();
      for (int i = valid(); i <= slot; i++) {
        edit.put16(BESTS + 2 * i, XfsDir2LeafEdit.NO_BLOCK);
      }
      edit.put32(VALID, slot + 1);
    }
    int before = best(slot);
    if (before == XfsDir2LeafEdit.NO_BLOCK) {
      buf.edit().put32(USED, buf.data().i32(USED) + 1);
    }
    if (before != best) {
      buf.edit().put16(BESTS + 2 * slot, best);
    }
  }

  /** Checks that a block of entries has a slot. */
  void checkSlot(int db) throws ErrnoException {
    int slot = db - firstDb();
    if (slot >= valid() || best(slot) == XfsDir2LeafEdit.NO_BLOCK) {
      throw buf.data().corrupt("it names other blocks than the directory has");
    }
  }

  /** Removes the slot of a block of entries that was freed. An empty block of the list is freed. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_node.c", name = "xfs_dir3_data_block_free")
  void clear(int db) throws ErrnoException {
    checkSlot(db);
    BufEdit edit = buf.edit();
    edit.put16(BESTS + 2 * (db - firstDb()), XfsDir2LeafEdit.NO_BLOCK);
    int used = edit.i32(USED) - 1;
    int valid = valid();
    while (valid > 0 && best(valid - 1) == XfsDir2LeafEdit.NO_BLOCK) {
      valid--;
      edit.put16(BESTS + 2 * valid, 0);
    }
    edit.put32(VALID, valid);
    edit.put32(USED, used);
    if (valid == 0) {
      args.da.free(fdablk, buf);
    }
  }

  /** Frees blocks at the end of the list that have no slots. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_node.c", name = "xfs_dir2_node_trim_free")
  static void trim(XfsDirArgs args) throws ErrnoException {
    long last = args.dp.data().map().lastOffset() - args.geo.fsbCount;
    while (last > args.geo.freeBlk) { // each turn frees a block
      XfsDir2Free free = read(args, last);
      if (free.valid() > 0) {
        return;
      }
      args.da.free(last, free.buf);
      last = args.dp.data().map().lastOffset() - args.geo.fsbCount;
    }
  }

  // Conversion to and from the free lengths in a directory's only leaf.

  /** Takes over free lengths. */
  void setBests(byte[] bests) throws ErrnoException {
    BufEdit edit = buf.edit();
    int valid = bests.length / 2;
    edit.put(BESTS, bests);
    edit.put32(VALID, valid);
    int used = 0;
    for (int slot = 0; slot < valid; slot++) {
      used += best(slot) == XfsDir2LeafEdit.NO_BLOCK ? 0 : 1;
    }
    edit.put32(USED, used);
  }

  byte[] bests() throws ErrnoException {
    return buf.data().copy(BESTS, 2 * valid());
  }

  void free() throws ErrnoException {
    args.da.free(fdablk, buf);
  }
}
