// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufEdit;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.XfsDir2LeafEdit.Found;
import io.pollux.xfs.trans.TransBuf;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A directory with a tree of index blocks in a transaction. {@link XfsDir2Free} has the free
 * lengths of its blocks of entries.
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_node.c")
final class XfsDir2NodeEdit {
  private XfsDir2NodeEdit() {}

  /** Leaves of (hash, dataptr) pairs. An entry is such a pair in 64 bits. */
  private record Leaves(int blkSize) implements XfsDaTree.Leaf<Long> {
    @Override
    public int magic() {
      return XfsDir2Leaf.LEAFN_MAGIC;
    }

    @Override
    public int room() {
      return (blkSize - XfsDir2LeafEdit.PAIRS) / XfsDaEntries.BYTES * XfsDaEntries.BYTES;
    }

    @Override
    public int bytes(Long entry) {
      return XfsDaEntries.BYTES;
    }

    @Override
    public int usedBytes(BufData leaf) throws ErrnoException {
      return (count(leaf) - leaf.u16(XfsDir2LeafEdit.STALE)) * XfsDaEntries.BYTES;
    }

    @Override
    public int count(BufData leaf) throws ErrnoException {
      return XfsDir2LeafEdit.count(leaf);
    }

    @Override
    public int lastHash(BufData leaf) throws ErrnoException {
      return XfsDaEntries.hash(leaf, XfsDir2LeafEdit.PAIRS, count(leaf) - 1);
    }

    @Override
    public List<Long> decode(BufData leaf) throws ErrnoException {
      List<Long> entries = new ArrayList<>(count(leaf) + 1);
      for (int i = 0; i < count(leaf); i++) {
        long entry = leaf.i64(XfsDir2LeafEdit.PAIRS + i * XfsDaEntries.BYTES);
        if ((int) entry != 0) { // not stale
          entries.add(entry);
        }
      }
      return entries;
    }

    @Override
    public void encode(BufEdit leaf, List<Long> entries) throws ErrnoException {
      leaf.clear(XfsDir2LeafEdit.PAIRS, leaf.size() - XfsDir2LeafEdit.PAIRS);
      for (int i = 0; i < entries.size(); i++) {
        leaf.put64(XfsDir2LeafEdit.PAIRS + i * XfsDaEntries.BYTES, entries.get(i));
      }
      leaf.put16(XfsDir2LeafEdit.COUNT, entries.size());
      leaf.put16(XfsDir2LeafEdit.STALE, 0);
    }
  }

  private static XfsDaTree<Long> tree(XfsDirArgs args) {
    return new XfsDaTree<>(
        args.da,
        args.geo.leafBlk,
        args.geo.freeBlk,
        args.dp.mp().verifiers().daNode(),
        new Leaves(args.geo.blkSize));
  }

  // Names.

  private record FoundAt(XfsDaTree.Path path, Found found) {}

  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_node.c", name = "xfs_dir2_leafn_lookup_for_entry")
  private static @Nullable FoundAt find(XfsDirArgs args, XfsDaTree<Long> tree)
      throws ErrnoException {
    Set<Long> seen = new HashSet<>();
    XfsDaTree.Path path = tree.find(args.hash);
    while (path != null) { // no leaf is seen twice
      Found found = XfsDir2LeafEdit.find(args, path.leaf());
      if (found != null) {
        return new FoundAt(path, found);
      }
      path = tree.next(path, args.hash, seen);
    }
    return null;
  }

  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_dir2_node.c",
      name = {"xfs_dir2_node_addname", "xfs_dir2_leafn_add"})
  static void create(XfsDirArgs args) throws ErrnoException {
    long dataptr = addEntry(args);
    XfsDaTree<Long> tree = tree(args);
    XfsDaTree.Path path = tree.find(args.hash);
    TransBuf leaf = path.leaf();
    XfsDir2LeafEdit.compact(leaf);
    int count = XfsDir2LeafEdit.count(leaf.data());
    Leaves leaves = new Leaves(args.geo.blkSize);
    if ((count + 1) * XfsDaEntries.BYTES <= leaves.room()) {
      XfsDir2LeafEdit.insert(leaf, args.hash, dataptr);
      tree.fixHash(path);
      return;
    }
    List<Long> entries = leaves.decode(leaf.data());
    int at = XfsDaEntries.lowerBound(leaf.data(), XfsDir2LeafEdit.PAIRS, count, args.hash);
    entries.add(at, (long) args.hash << 32 | dataptr);
    tree.store(path, entries);
  }

  /** Adds the entry to a block with room, or to a new one. Returns its dataptr. */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_dir2_node.c",
      name = {"xfs_dir2_node_addname_int", "xfs_dir2_node_add_datablk"})
  private static long addEntry(XfsDirArgs args) throws ErrnoException {
    int db = XfsDir2Free.findRoom(args, args.entrySize());
    XfsDir2DataEdit block;
    XfsDir2Free free;
    if (db >= 0) {
      block = XfsDir2DataEdit.read(args, args.dablk(db), false);
      free = XfsDir2Free.ofBlock(args, db);
    } else {
      long dablk = args.growData();
      db = args.db(dablk);
      block = XfsDir2DataEdit.create(args, dablk);
      free =
          XfsDir2Free.exists(args, db)
              ? XfsDir2Free.ofBlock(args, db)
              : XfsDir2Free.create(args, db);
    }
    long dataptr = block.add();
    free.set(db, block.best());
    return dataptr;
  }

  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_dir2_node.c",
      name = {"xfs_dir2_node_removename", "xfs_dir2_leafn_remove"})
  static boolean remove(XfsDirArgs args) throws ErrnoException {
    XfsDaTree<Long> tree = tree(args);
    FoundAt at = find(args, tree);
    if (at == null) {
      return false;
    }
    Found found = at.found;
    TransBuf leaf = at.path.leaf();
    long dataptr = XfsDaEntries.value(leaf.data(), XfsDir2LeafEdit.PAIRS, found.index());
    int db = args.db(args.geo.dataptrToDablk(dataptr));
    XfsDir2Free free = XfsDir2Free.ofBlock(args, db);
    free.checkSlot(db);
    found.block().remove(found.off());
    if (!found.block().isEmpty()) {
      free.set(db, found.block().best());
    } else if (db == 0) {
      throw found.block().data().corrupt("no entry for the directory itself");
    } else {
      args.shrinkData(args.dablk(db), found.block().buf());
      free.clear(db);
    }
    XfsDir2LeafEdit.removeAt(leaf, found.index());
    XfsDir2LeafEdit.compact(leaf);
    tree.shrink(at.path);
    toLeaf(args);
    return true;
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_node.c", name = "xfs_dir2_node_replace")
  static boolean replace(XfsDirArgs args) throws ErrnoException {
    FoundAt at = find(args, tree(args));
    if (at != null) {
      at.found.block().replace(at.found.off());
    }
    return at != null;
  }

  static long lookup(XfsDirArgs args) throws ErrnoException {
    FoundAt at = find(args, tree(args));
    return at == null
        ? XfsDir2.NOT_FOUND
        : XfsDir2Data.ino(at.found.block().data(), at.found.off());
  }

  // Other forms.

  /** Moves the free lengths of the only leaf to a list of their own. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_node.c", name = "xfs_dir2_leaf_to_node")
  static void fromLeaf(XfsDirArgs args, TransBuf leaf) throws ErrnoException {
    byte[] bests = XfsDir2LeafEdit.bests(leaf.data());
    XfsDir2Free.create(args, 0).setBests(bests);
    XfsDir2LeafEdit.setForm(leaf, XfsDir2Leaf.LEAFN_MAGIC, new byte[0]);
  }

  /** Makes the directory one with a single leaf, if the free lengths fit into it. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_node.c", name = "xfs_dir2_node_to_leaf")
  private static void toLeaf(XfsDirArgs args) throws ErrnoException {
    TransBuf leaf = args.readIndex(args.geo.leafBlk);
    if (leaf.data().u16(XfsDaTree.MAGIC) != XfsDir2Leaf.LEAFN_MAGIC) {
      return; // more than one leaf
    }
    XfsDir2Free.trim(args);
    if (args.dp.data().map().lastOffset() > args.geo.freeBlk + args.geo.fsbCount) {
      return;
    }
    XfsDir2LeafEdit.compact(leaf);
    XfsDir2Free free = XfsDir2Free.ofBlock(args, 0);
    if (!XfsDir2LeafEdit.fits(leaf.data(), free.valid())) {
      return;
    }
    byte[] bests = free.bests();
    free.free();
    XfsDir2LeafEdit.setForm(leaf, XfsDir2Leaf.LEAF1_MAGIC, bests);
    XfsDir2LeafEdit.toBlock(args, leaf);
  }
}
