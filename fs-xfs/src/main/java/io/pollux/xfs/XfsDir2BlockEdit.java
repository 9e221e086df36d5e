// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufEdit;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.XfsDir2SfEdit.Entry;
import io.pollux.xfs.format.XfsDinode;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A directory of one block in a transaction; {@link XfsDir2Data} describes it. */
@LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_block.c")
final class XfsDir2BlockEdit {
  private static final byte[] DOT = {'.'};
  private static final byte[] DOT_DOT = {'.', '.'};

  private XfsDir2BlockEdit() {}

  private static int countAt(BufData buf) {
    return buf.size() - XfsDir2Data.BLOCK_TAIL_BYTES;
  }

  static int count(BufData buf) throws ErrnoException {
    return buf.i32(countAt(buf));
  }

  private static void setCount(BufEdit edit, int count) throws ErrnoException {
    edit.put32(countAt(edit), count);
    edit.put32(countAt(edit) + 4, 0); // stale
  }

  // Names.

  /** Finds the name of the operation. Returns its index, or -1. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_block.c", name = "xfs_dir2_block_lookup_int")
  static int find(XfsDirArgs args, XfsDir2DataEdit block) throws ErrnoException {
    BufData buf = block.data();
    int at = XfsDir2Data.indexAt(buf);
    int count = count(buf);
    int i = XfsDaEntries.lowerBound(buf, at, count, args.hash);
    for (; i < count && XfsDaEntries.hash(buf, at, i) == args.hash; i++) {
      if (XfsDaEntries.value(buf, at, i) != 0 && block.matches(offset(args, block, i))) {
        return i;
      }
    }
    return -1;
  }

  /** The offset of an entry, by its place in the index. */
  static int offset(XfsDirArgs args, XfsDir2DataEdit block, int index) throws ErrnoException {
    BufData buf = block.data();
    long dataptr = XfsDaEntries.value(buf, XfsDir2Data.indexAt(buf), index);
    if (args.geo.dataptrToDablk(dataptr) != 0) {
      throw buf.corrupt("its index points outside the directory");
    }
    return args.geo.dataptrToOff(dataptr);
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_block.c", name = "xfs_dir2_block_addname")
  static void create(XfsDirArgs args) throws ErrnoException {
    XfsDir2DataEdit block = XfsDir2DataEdit.read(args, 0, true);
    compact(block);
    int off = place(args, block);
    if (off < 0) {
      XfsDir2LeafEdit.fromBlock(args, block);
      XfsDir2LeafEdit.create(args);
      return;
    }
    long dataptr = block.addAt(off);
    BufEdit edit = block.edit();
    int at = XfsDir2Data.indexAt(edit);
    block.useFree(block.startOfLast(at), at - XfsDaEntries.BYTES, XfsDaEntries.BYTES);
    int count = count(edit);
    int i = XfsDaEntries.lowerBound(edit, at, count, args.hash);
    edit.move(at, at - XfsDaEntries.BYTES, i * XfsDaEntries.BYTES);
    int entry = at - XfsDaEntries.BYTES + i * XfsDaEntries.BYTES;
    edit.put32(entry, args.hash);
    edit.put32(entry + 4, (int) dataptr);
    setCount(edit, count + 1);
    block.rescan();
  }

  /** Drops index entries of removed names, which Linux leaves behind. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_block.c", name = "xfs_dir2_block_compact")
  private static void compact(XfsDir2DataEdit block) throws ErrnoException {
    if (block.data().i32(countAt(block.data()) + 4) == 0) {
      return;
    }
    BufEdit edit = block.edit();
    int at = XfsDir2Data.indexAt(edit);
    byte[] live = liveIndex(edit, at, count(edit));
    int now = countAt(edit) - live.length;
    edit.put(now, live);
    setCount(edit, live.length / XfsDaEntries.BYTES);
    if (now > at) {
      block.makeFree(at, now - at);
    }
  }

  /** The pairs of an index, without those of removed names. */
  static byte[] liveIndex(BufData buf, int at, int count) throws ErrnoException {
    ByteBuffer live = ByteBuffer.allocate(count * XfsDaEntries.BYTES);
    for (int i = 0; i < count; i++) {
      if (XfsDaEntries.value(buf, at, i) != 0) {
        live.putInt(XfsDaEntries.hash(buf, at, i));
        live.putInt((int) XfsDaEntries.value(buf, at, i));
      }
    }
    return Arrays.copyOf(live.array(), live.position());
  }

  /** Finds room for the entry, beside room for its place in the index. Returns -1 for none. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_block.c", name = "xfs_dir2_block_need_space")
  private static int place(XfsDirArgs args, XfsDir2DataEdit block) throws ErrnoException {
    int end = XfsDir2Data.indexAt(block.data());
    int last = block.startOfLast(end);
    if (!XfsDir2Data.isFree(block.data(), last)) {
      return -1; // the index can't grow
    }
    for (int i = 0; i < 3 && block.bestLength(i) > 0; i++) {
      block.checkBest(i);
      int off = block.bestOffset(i);
      int room = block.bestLength(i) - (off == last ? XfsDaEntries.BYTES : 0);
      if (room >= args.entrySize()) {
        return off;
      }
    }
    return -1;
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_block.c", name = "xfs_dir2_block_removename")
  static boolean remove(XfsDirArgs args) throws ErrnoException {
    XfsDir2DataEdit block = XfsDir2DataEdit.read(args, 0, true);
    compact(block);
    int i = find(args, block);
    if (i < 0) {
      return false;
    }
    block.remove(offset(args, block, i));
    BufEdit edit = block.edit();
    int at = XfsDir2Data.indexAt(edit);
    edit.move(at, at + XfsDaEntries.BYTES, i * XfsDaEntries.BYTES);
    setCount(edit, count(edit) - 1);
    block.makeFree(at, XfsDaEntries.BYTES);
    toShort(args, block);
    return true;
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_block.c", name = "xfs_dir2_block_replace")
  static boolean replace(XfsDirArgs args) throws ErrnoException {
    XfsDir2DataEdit block = XfsDir2DataEdit.read(args, 0, true);
    int i = find(args, block);
    if (i >= 0) {
      block.replace(offset(args, block, i));
    }
    return i >= 0;
  }

  static long lookup(XfsDirArgs args) throws ErrnoException {
    XfsDir2DataEdit block = XfsDir2DataEdit.read(args, 0, true);
    int i = find(args, block);
    return i < 0 ? XfsDir2.NOT_FOUND : XfsDir2Data.ino(block.data(), offset(args, block, i));
  }

  // Other forms.

  /** Stores the directory in the inode, if it fits there. */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_dir2_sf.c",
      name = {"xfs_dir2_block_sfsize", "xfs_dir2_block_to_sf"})
  static void toShort(XfsDirArgs args, XfsDir2DataEdit block) throws ErrnoException {
    BufData buf = block.data();
    int room = args.dp.data().room();
    if (count(buf) - 2 > room / 8) { // an entry takes at least 8 bytes
      return;
    }
    XfsDir2SfEdit sf = XfsDir2SfEdit.empty(args.dp, 0);
    int end = XfsDir2Data.indexAt(buf);
    int size;
    for (int off = XfsDir2Data.FIRST_OFFSET; off < end; off += size) { // each step advances
      size = XfsDir2Data.size(args.sb, buf, off);
      if (XfsDir2Data.isFree(buf, off)) {
        continue;
      }
      byte[] name = XfsDir2Data.name(buf, off);
      if (Arrays.equals(name, DOT_DOT)) {
        sf.setParent(XfsDir2Data.ino(buf, off));
      } else if (!Arrays.equals(name, DOT)) {
        sf.entries().add(new Entry(name, off, block.ftype(off), XfsDir2Data.ino(buf, off)));
      }
    }
    if (sf.parent() == 0) {
      throw buf.corrupt("a directory without a parent");
    }
    if (sf.fits()) {
      args.da.free(0, block.buf());
      sf.store();
    }
  }

  /** Moves a short directory to a block. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_block.c", name = "xfs_dir2_sf_to_block")
  static void fromShort(XfsDirArgs args, XfsDir2SfEdit sf) throws ErrnoException {
    XfsInodeEdit dp = args.dp;
    dp.data().setFormat(XfsDinode.FMT_EXTENTS);
    dp.put(dp.data().start(), new byte[dp.data().room()]);
    dp.setSize(0);
    long dablk = args.growData();
    XfsDir2DataEdit block = XfsDir2DataEdit.create(args, dablk);
    int dotDot = XfsDir2Data.FIRST_OFFSET + XfsDir2Data.entrySize(args.sb, 1);
    List<Entry> entries = new ArrayList<>();
    entries.add(new Entry(DOT, XfsDir2Data.FIRST_OFFSET, XfsDir2Write.FT_DIR, dp.ino()));
    entries.add(new Entry(DOT_DOT, dotDot, XfsDir2Write.FT_DIR, sf.parent()));
    entries.addAll(sf.entries());
    List<Long> index = new ArrayList<>();
    for (Entry entry : entries) {
      int size = XfsDir2Data.entrySize(args.sb, entry.name().length);
      int free = lastFree(block);
      block.useFree(free, entry.offset(), size);
      block.putEntry(entry.offset(), entry.name(), entry.ino(), entry.ftype());
      long dataptr = args.geo.toDataptr(dablk, entry.offset());
      index.add((long) XfsDaEntries.hashName(entry.name()) << 32 | dataptr);
    }
    if (!indexFits(block, index.size())) {
      throw args.da.corrupt("its entries and their index do not fit into a block");
    }
    index.sort(Long::compareUnsigned);
    ByteBuffer pairs = ByteBuffer.allocate(index.size() * XfsDaEntries.BYTES);
    index.forEach(pairs::putLong);
    addIndex(block, pairs.array());
  }

  /** The start of the free range at the end of a block that has no index yet. */
  private static int lastFree(XfsDir2DataEdit block) throws ErrnoException {
    return block.startOfLast(block.data().size());
  }

  /** Puts an index at the end of a block of entries, where it is free. */
  static void addIndex(XfsDir2DataEdit block, byte[] pairs) throws ErrnoException {
    int size = block.data().size();
    int at = size - XfsDir2Data.BLOCK_TAIL_BYTES - pairs.length;
    block.useFree(lastFree(block), at, size - at);
    block.setBlockForm(true);
    block.edit().put(at, pairs);
    setCount(block.edit(), pairs.length / XfsDaEntries.BYTES);
    block.rescan();
  }

  /** Whether an index of so many pairs fits into the free end of a block of entries. */
  static boolean indexFits(XfsDir2DataEdit block, int count) throws ErrnoException {
    BufData buf = block.data();
    int last = lastFree(block);
    return XfsDir2Data.isFree(buf, last)
        && buf.size() - last >= XfsDir2Data.BLOCK_TAIL_BYTES + count * XfsDaEntries.BYTES;
  }
}
