// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufEdit;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.trans.TransBuf;

/**
 * A block of directory entries in a transaction; {@link XfsDir2Data} describes it. Its header has
 * the three longest free ranges. The verifier of the block checked its entries, so a walk over them
 * ends.
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_data.c")
final class XfsDir2DataEdit {
  private static final int BEST_AT = 48;
  private static final int BESTS = 3;
  private static final int BEST_BYTES = 4;
  private static final int OWNER_AT = 40;
  private static final int NAME_AT = 9;
  private static final int FREE_TAG = 0xffff;

  private final XfsDirArgs args;
  private final TransBuf buf;
  private final long dablk;

  private XfsDir2DataEdit(XfsDirArgs args, TransBuf buf, long dablk) {
    this.args = args;
    this.buf = buf;
    this.dablk = dablk;
  }

  static XfsDir2DataEdit read(XfsDirArgs args, long dablk, boolean blockForm)
      throws ErrnoException {
    XfsVerifiers verifiers = args.dp.mp().verifiers();
    TransBuf buf =
        args.da.read(dablk, blockForm ? verifiers.dirBlock() : verifiers.dirData(), OWNER_AT);
    if (buf.data().i32(0) != (blockForm ? XfsDir2Data.BLOCK_MAGIC : XfsDir2Data.DATA_MAGIC)) {
      throw buf.data().corrupt("not a block of entries");
    }
    return new XfsDir2DataEdit(args, buf, dablk);
  }

  /** Creates a block without entries, in a place that was just allocated. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_data.c", name = "xfs_dir3_data_init")
  static XfsDir2DataEdit create(XfsDirArgs args, long dablk) throws ErrnoException {
    TransBuf buf = args.da.create(dablk, args.dp.mp().verifiers().dirData());
    BufEdit edit = buf.edit();
    edit.put32(0, XfsDir2Data.DATA_MAGIC);
    edit.put64(8, buf.position() >> XfsSb.BB_SHIFT);
    edit.put(24, args.sb.metaUuid);
    edit.put64(OWNER_AT, args.dp.ino());
    XfsDir2DataEdit made = new XfsDir2DataEdit(args, buf, dablk);
    made.putFree(XfsDir2Data.FIRST_OFFSET, edit.size() - XfsDir2Data.FIRST_OFFSET);
    made.rescan();
    return made;
  }

  TransBuf buf() {
    return buf;
  }

  BufData data() {
    return buf.data();
  }

  BufEdit edit() {
    return buf.edit();
  }

  /** Changes between the block form and a block of entries only. */
  void setBlockForm(boolean blockForm) throws ErrnoException {
    XfsVerifiers verifiers = args.dp.mp().verifiers();
    edit().put32(0, blockForm ? XfsDir2Data.BLOCK_MAGIC : XfsDir2Data.DATA_MAGIC);
    edit().setType(blockForm ? verifiers.dirBlock() : verifiers.dirData());
  }

  // Free ranges.

  int bestOffset(int i) throws ErrnoException {
    return data().u16(BEST_AT + i * BEST_BYTES);
  }

  int bestLength(int i) throws ErrnoException {
    return data().u16(BEST_AT + i * BEST_BYTES + 2);
  }

  /** The length of the longest free range. */
  int best() throws ErrnoException {
    return bestLength(0);
  }

  /** Whether it has no entries. */
  boolean isEmpty() throws ErrnoException {
    return best() == data().size() - XfsDir2Data.FIRST_OFFSET;
  }

  /** Checks that the header tells the truth about one of its free ranges. */
  void checkBest(int i) throws ErrnoException {
    int off = bestOffset(i);
    if (off < XfsDir2Data.FIRST_OFFSET
        || off + bestLength(i) > XfsDir2Data.end(data())
        || !XfsDir2Data.isFree(data(), off)
        || data().u16(off + 2) != bestLength(i)
        || data().u16(off + bestLength(i) - 2) != off) {
      throw data().corrupt("what its header calls free is not");
    }
  }

  private void putFree(int off, int length) throws ErrnoException {
    if (length > 0) {
      edit().put16(off, FREE_TAG);
      edit().put16(off + 2, length);
      edit().put16(off + length - 2, off);
    }
  }

  /** The start of the entry or the free range that ends at an offset. */
  int startOfLast(int end) throws ErrnoException {
    return data().u16(end - 2);
  }

  /** Takes a part of a free range. The caller rescans. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_data.c", name = "xfs_dir2_data_use_free")
  void useFree(int start, int off, int length) throws ErrnoException {
    int end = start + data().u16(start + 2);
    putFree(start, off - start);
    putFree(off + length, end - off - length);
  }

  /** Frees a range, which merges with free ranges beside it. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_data.c", name = "xfs_dir2_data_make_free")
  void makeFree(int off, int length) throws ErrnoException {
    int start = off;
    int end = off + length;
    if (off > XfsDir2Data.FIRST_OFFSET) {
      int before = startOfLast(off);
      start = XfsDir2Data.isFree(data(), before) ? before : off;
    }
    if (end < XfsDir2Data.end(data()) && XfsDir2Data.isFree(data(), end)) {
      end += data().u16(end + 2);
    }
    putFree(start, end - start);
    rescan();
  }

  /** Finds the longest free ranges. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_data.c", name = "xfs_dir2_data_freescan")
  void rescan() throws ErrnoException {
    int[] offsets = new int[BESTS];
    int[] lengths = new int[BESTS];
    BufEdit edit = edit();
    int end = XfsDir2Data.end(edit);
    int off = XfsDir2Data.FIRST_OFFSET;
    while (off < end) { // entries were verified: each step advances
      int size = XfsDir2Data.size(args.sb, edit, off);
      if (XfsDir2Data.isFree(edit, off)) {
        insertBest(offsets, lengths, off, size);
      }
      off += size;
    }
    for (int i = 0; i < BESTS; i++) {
      edit.put16(BEST_AT + i * BEST_BYTES, offsets[i]);
      edit.put16(BEST_AT + i * BEST_BYTES + 2, lengths[i]);
    }
  }

  private static void insertBest(int[] offsets, int[] lengths, int off, int size) {
    int at = BESTS;
    while (at > 0 && size > lengths[at - 1]) {
      at--;
    }
    for (int i = BESTS - 1; i > at; i--) {
      offsets[i] = offsets[i - 1];
      lengths[i] = lengths[i - 1];
    }
    if (at < BESTS) {
      offsets[at] = off;
      lengths[at] = size;
    }
  }

  // Entries.

  /**
   * Adds the entry of the operation at the start of the longest free range. Returns its dataptr.
   */
  long add() throws ErrnoException {
    checkBest(0);
    if (best() < args.entrySize()) {
      throw data().corrupt("less is free in it than the directory says");
    }
    return addAt(bestOffset(0));
  }

  /** Adds the entry of the operation at the start of a free range. Returns its dataptr. */
  long addAt(int off) throws ErrnoException {
    useFree(off, off, args.entrySize());
    putEntry(off, args.name, args.ino, args.ftype);
    rescan();
    return args.geo.toDataptr(dablk, off);
  }

  /** Writes an entry. */
  void putEntry(int off, byte[] name, long ino, int ftype) throws ErrnoException {
    int size = XfsDir2Data.entrySize(args.sb, name.length);
    BufEdit edit = edit();
    edit.clear(off, size);
    edit.put64(off, ino);
    edit.put8(off + 8, name.length);
    edit.put(off + NAME_AT, name);
    if (args.sb.ftype) {
      edit.put8(off + NAME_AT + name.length, ftype);
    }
    edit.put16(off + size - 2, off);
  }

  /** Removes the entry of the operation. */
  void remove(int off) throws ErrnoException {
    if (XfsDir2Data.ino(data(), off) != args.ino) {
      throw data().corrupt("a name has another inode than before");
    }
    makeFree(off, XfsDir2Data.size(args.sb, data(), off));
  }

  /** Replaces the inode of an entry by that of the operation. */
  void replace(int off) throws ErrnoException {
    edit().put64(off, args.ino);
    if (args.sb.ftype) {
      edit().put8(off + NAME_AT + args.name.length, args.ftype);
    }
  }

  int ftype(int off) throws ErrnoException {
    return args.sb.ftype ? data().u8(off + NAME_AT + XfsDir2Data.nameLength(data(), off)) : 0;
  }

  /**
   * Whether the entry that the index points to has the name of the operation.
   *
   * @param off from the index; any value
   * @throws ErrnoException EUCLEAN if there is no entry
   */
  boolean matches(int off) throws ErrnoException {
    if (!XfsDir2Data.isEntryAt(args.sb, data(), off)) {
      throw data().corrupt("the index points to " + off + ", where there is no entry");
    }
    return XfsDir2Data.nameLength(data(), off) == args.name.length
        && data().matches(off + NAME_AT, args.name);
  }
}
