// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufEdit;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.trans.TransBuf;
import org.jspecify.annotations.Nullable;

/**
 * A directory with one block of index in a transaction. That block ends with the longest free range
 * of each block of entries:
 *
 * <pre>
 *   header 64 bytes, (hash, dataptr) pairs ..., free lengths 16 bits each, their count 32 bits
 * </pre>
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_leaf.c")
final class XfsDir2LeafEdit {
  static final int COUNT = 56;
  static final int STALE = 58;
  static final int PAIRS = 64;
  private static final int TAIL_BYTES = 4;

  /** The free length of a block of entries that does not exist. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2.h", name = "NULLDATAOFF")
  static final int NO_BLOCK = 0xffff;

  private XfsDir2LeafEdit() {}

  // The index block.

  private static TransBuf read(XfsDirArgs args) throws ErrnoException {
    TransBuf leaf = args.readIndex(args.geo.leafBlk);
    if (leaf.data().u16(XfsDaTree.MAGIC) != XfsDir2Leaf.LEAF1_MAGIC) {
      throw leaf.data().corrupt("not the only leaf of a directory");
    }
    return leaf;
  }

  static int count(BufData leaf) throws ErrnoException {
    return leaf.u16(COUNT);
  }

  /** Drops pairs of removed names, which Linux leaves behind. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_leaf.c", name = "xfs_dir3_leaf_compact")
  static void compact(TransBuf leaf) throws ErrnoException {
    if (leaf.data().u16(STALE) == 0) {
      return;
    }
    BufEdit edit = leaf.edit();
    int count = count(edit);
    byte[] live = XfsDir2BlockEdit.liveIndex(edit, PAIRS, count);
    edit.put(PAIRS, live);
    edit.clear(PAIRS + live.length, count * XfsDaEntries.BYTES - live.length);
    edit.put16(COUNT, live.length / XfsDaEntries.BYTES);
    edit.put16(STALE, 0);
  }

  /** Inserts the pair of an entry. There is room, and no stale pair. */
  static void insert(TransBuf leaf, int hash, long dataptr) throws ErrnoException {
    BufEdit edit = leaf.edit();
    int count = count(edit);
    int i = XfsDaEntries.lowerBound(edit, PAIRS, count, hash);
    int at = PAIRS + i * XfsDaEntries.BYTES;
    edit.move(at, at + XfsDaEntries.BYTES, (count - i) * XfsDaEntries.BYTES);
    edit.put32(at, hash);
    edit.put32(at + 4, (int) dataptr);
    edit.put16(COUNT, count + 1);
  }

  /** Removes a pair. */
  static void removeAt(TransBuf leaf, int index) throws ErrnoException {
    BufEdit edit = leaf.edit();
    int count = count(edit);
    int at = PAIRS + index * XfsDaEntries.BYTES;
    edit.move(at + XfsDaEntries.BYTES, at, (count - 1 - index) * XfsDaEntries.BYTES);
    edit.clear(PAIRS + (count - 1) * XfsDaEntries.BYTES, XfsDaEntries.BYTES);
    edit.put16(COUNT, count - 1);
  }

  // Free lengths.

  static int bestCount(BufData leaf) throws ErrnoException {
    return leaf.i32(leaf.size() - TAIL_BYTES);
  }

  private static int bestsAt(BufData leaf) throws ErrnoException {
    return leaf.size() - TAIL_BYTES - 2 * bestCount(leaf);
  }

  static int best(BufData leaf, int db) throws ErrnoException {
    return leaf.u16(bestsAt(leaf) + 2 * db);
  }

  private static void setBest(TransBuf leaf, int db, int best) throws ErrnoException {
    if (best(leaf.data(), db) != best) {
      leaf.edit().put16(bestsAt(leaf.data()) + 2 * db, best);
    }
  }

  private static void setBestCount(TransBuf leaf, int count) throws ErrnoException {
    BufEdit edit = leaf.edit();
    int before = bestCount(edit);
    int keep = 2 * Math.min(before, count);
    byte[] bests = edit.copy(bestsAt(edit), keep);
    edit.clear(bestsAt(edit), 2 * before);
    edit.put32(edit.size() - TAIL_BYTES, count);
    edit.put(bestsAt(edit), bests);
  }

  private static int freeBytes(BufData leaf) throws ErrnoException {
    return bestsAt(leaf) - PAIRS - count(leaf) * XfsDaEntries.BYTES;
  }

  /** All free lengths, as on disk. */
  static byte[] bests(BufData leaf) throws ErrnoException {
    return leaf.copy(bestsAt(leaf), 2 * bestCount(leaf));
  }

  /** Whether so many free lengths fit beside the pairs. */
  static boolean fits(BufData leaf, int bests) throws ErrnoException {
    return PAIRS + count(leaf) * XfsDaEntries.BYTES + 2 * bests + TAIL_BYTES <= leaf.size();
  }

  /** Changes the kind of a leaf, and stores the free lengths that it has then. */
  static void setForm(TransBuf leaf, int magic, byte[] bests) throws ErrnoException {
    BufEdit edit = leaf.edit();
    int end = PAIRS + count(edit) * XfsDaEntries.BYTES;
    edit.clear(end, edit.size() - end);
    edit.put16(XfsDaTree.MAGIC, magic);
    if (magic == XfsDir2Leaf.LEAF1_MAGIC) {
      edit.put32(edit.size() - TAIL_BYTES, bests.length / 2);
      edit.put(bestsAt(edit), bests);
    }
  }

  // Names.

  /** A name that was found: its pair and its entry. */
  record Found(int index, XfsDir2DataEdit block, int off) {}

  /** Finds the name among the pairs of a leaf of either form. Returns null if it is not there. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_leaf.c", name = "xfs_dir2_leaf_lookup_int")
  static @Nullable Found find(XfsDirArgs args, TransBuf leaf) throws ErrnoException {
    BufData buf = leaf.data();
    int count = count(buf);
    int i = XfsDaEntries.lowerBound(buf, PAIRS, count, args.hash);
    for (; i < count && XfsDaEntries.hash(buf, PAIRS, i) == args.hash; i++) {
      long dataptr = XfsDaEntries.value(buf, PAIRS, i);
      if (dataptr != 0) {
        XfsDir2DataEdit block = XfsDir2DataEdit.read(args, args.geo.dataptrToDablk(dataptr), false);
        int off = args.geo.dataptrToOff(dataptr);
        if (block.matches(off)) {
          return new Found(i, block, off);
        }
      }
    }
    return null;
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_leaf.c", name = "xfs_dir2_leaf_addname")
  static void create(XfsDirArgs args) throws ErrnoException {
    TransBuf leaf = read(args);
    compact(leaf);
    int db = chooseBlock(args, leaf.data());
    int needed = XfsDaEntries.BYTES + (db < 0 ? 2 : 0);
    if (freeBytes(leaf.data()) < needed) {
      XfsDir2NodeEdit.fromLeaf(args, leaf);
      XfsDir2NodeEdit.create(args);
      return;
    }
    XfsDir2DataEdit block =
        db < 0 || best(leaf.data(), db) == NO_BLOCK
            ? growData(args, leaf)
            : XfsDir2DataEdit.read(args, args.dablk(db), false);
    long dataptr = block.add();
    setBest(leaf, args.db(args.geo.dataptrToDablk(dataptr)), block.best());
    insert(leaf, args.hash, dataptr);
  }

  /** Chooses a block with room, else one that does not exist, else returns -1. */
  private static int chooseBlock(XfsDirArgs args, BufData leaf) throws ErrnoException {
    int size = args.entrySize();
    int bests = bestCount(leaf);
    int missing = -1;
    for (int db = 0; db < bests; db++) {
      int best = best(leaf, db);
      if (best != NO_BLOCK && best >= size) {
        return db;
      }
      if (best == NO_BLOCK && missing < 0) {
        missing = db;
      }
    }
    return missing;
  }

  private static XfsDir2DataEdit growData(XfsDirArgs args, TransBuf leaf) throws ErrnoException {
    long dablk = args.growData();
    int db = args.db(dablk);
    int bests = bestCount(leaf.data());
    if (db > bests || (db < bests && best(leaf.data(), db) != NO_BLOCK)) {
      throw leaf.data().corrupt("it names other blocks than the directory has");
    }
    if (db == bests) {
      setBestCount(leaf, bests + 1);
    }
    XfsDir2DataEdit made = XfsDir2DataEdit.create(args, dablk);
    setBest(leaf, db, made.best());
    return made;
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_leaf.c", name = "xfs_dir2_leaf_removename")
  static boolean remove(XfsDirArgs args) throws ErrnoException {
    TransBuf leaf = read(args);
    compact(leaf);
    Found found = find(args, leaf);
    if (found == null) {
      return false;
    }
    int db = args.db(args.geo.dataptrToDablk(XfsDaEntries.value(leaf.data(), PAIRS, found.index)));
    if (db >= bestCount(leaf.data())) {
      throw leaf.data().corrupt("it names other blocks than the directory has");
    }
    found.block.remove(found.off);
    removeAt(leaf, found.index);
    setBest(leaf, db, found.block.best());
    if (found.block.isEmpty()) {
      freeData(args, leaf, db, found.block);
    }
    toBlock(args, leaf);
    return true;
  }

  private static void freeData(XfsDirArgs args, TransBuf leaf, int db, XfsDir2DataEdit block)
      throws ErrnoException {
    if (db == 0) {
      throw block.data().corrupt("no entry for the directory itself");
    }
    args.shrinkData(args.dablk(db), block.buf());
    setBest(leaf, db, NO_BLOCK);
    int bests = bestCount(leaf.data());
    if (db == bests - 1) {
      while (bests > 1 && best(leaf.data(), bests - 1) == NO_BLOCK) {
        bests--;
      }
      setBestCount(leaf, bests);
    }
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_leaf.c", name = "xfs_dir2_leaf_replace")
  static boolean replace(XfsDirArgs args) throws ErrnoException {
    Found found = find(args, read(args));
    if (found != null) {
      found.block.replace(found.off);
    }
    return found != null;
  }

  static long lookup(XfsDirArgs args) throws ErrnoException {
    Found found = find(args, read(args));
    return found == null ? XfsDir2.NOT_FOUND : XfsDir2Data.ino(found.block.data(), found.off);
  }

  // Other forms.

  /** Moves the index of a directory of one block to a block of its own. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_leaf.c", name = "xfs_dir2_block_to_leaf")
  static void fromBlock(XfsDirArgs args, XfsDir2DataEdit block) throws ErrnoException {
    args.da.allocate(args.geo.leafBlk);
    TransBuf leaf = args.da.create(args.geo.leafBlk, args.dp.mp().verifiers().daNode());
    args.da.initHeader(leaf, XfsDir2Leaf.LEAF1_MAGIC);
    BufEdit edit = leaf.edit();
    BufData before = block.data();
    int at = XfsDir2Data.indexAt(before);
    int count = XfsDir2BlockEdit.count(before);
    edit.put(PAIRS, before.copy(at, count * XfsDaEntries.BYTES));
    edit.put16(COUNT, count);
    block.setBlockForm(false);
    block.makeFree(at, before.size() - at);
    setBestCount(leaf, 1);
    setBest(leaf, 0, block.best());
  }

  /** Makes the directory one of the block form, if it fits into a block. */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_dir2_block.c",
      name = {"xfs_dir2_leaf_to_block", "xfs_dir2_leaf_trim_data"})
  static void toBlock(XfsDirArgs args, TransBuf leaf) throws ErrnoException {
    int empty = args.geo.blkSize - XfsDir2Data.FIRST_OFFSET;
    int bests = bestCount(leaf.data());
    while (bests > 1 && best(leaf.data(), bests - 1) == empty) { // left without free blocks
      XfsDir2DataEdit last = XfsDir2DataEdit.read(args, args.dablk(bests - 1), false);
      if (!last.isEmpty()) {
        throw leaf.data().corrupt("it calls a block empty that has entries");
      }
      freeData(args, leaf, bests - 1, last);
      bests = bestCount(leaf.data());
    }
    if (bests > 1) {
      return;
    }
    XfsDir2DataEdit block = XfsDir2DataEdit.read(args, 0, false);
    int count = count(leaf.data());
    if (!XfsDir2BlockEdit.indexFits(block, count)) {
      return;
    }
    byte[] pairs = leaf.data().copy(PAIRS, count * XfsDaEntries.BYTES);
    args.da.free(args.geo.leafBlk, leaf);
    XfsDir2BlockEdit.addIndex(block, pairs);
    XfsDir2BlockEdit.toShort(args, block);
  }
}
