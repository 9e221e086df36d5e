// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsDinode;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A short directory in a transaction: all of it, decoded. {@link XfsDir2Sf} describes the form. An
 * entry keeps the offset that it has in a block, so that positions of readdir stay valid when the
 * form changes.
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_sf.c")
final class XfsDir2SfEdit {
  /** Larger inode numbers take 8 bytes. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_da_format.h", name = "XFS_DIR2_MAX_SHORT_INUM")
  private static final long MAX_SHORT_INO = 0xffff_ffffL;

  private static final int MAX_COUNT = 255;
  private static final int HEADER_BYTES = 2;
  private static final int ENTRY_BYTES = 3; // of an entry, without name, type and inode number

  /**
   * An entry.
   *
   * @param name its name
   * @param offset where it is in a block
   * @param ftype its type, as on disk
   * @param ino its inode number
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Entry(byte[] name, int offset, int ftype, long ino) {
    Entry with(long newIno, int newFtype) {
      return new Entry(name, offset, newFtype, newIno);
    }
  }

  private final XfsInodeEdit dp;
  private final boolean ftype;
  private final List<Entry> entries = new ArrayList<>(); // by offset
  private long parent;

  private XfsDir2SfEdit(XfsInodeEdit dp) {
    this.dp = dp;
    ftype = dp.mp().sb().ftype;
  }

  /** Makes an empty one, to be stored. */
  static XfsDir2SfEdit empty(XfsInodeEdit dp, long parent) {
    XfsDir2SfEdit made = new XfsDir2SfEdit(dp);
    made.parent = parent;
    return made;
  }

  /** Decodes the directory. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_sf.c", name = "xfs_dir2_sf_verify")
  static XfsDir2SfEdit decode(XfsInodeEdit dp) throws ErrnoException {
    XfsDir2SfEdit made = new XfsDir2SfEdit(dp);
    long size = dp.size();
    if (size < HEADER_BYTES + 4 || size > dp.data().room()) {
      throw made.corrupt("more data than fits into the inode");
    }
    made.decode(ByteBuffer.wrap(dp.bytes(dp.data().start(), (int) size)));
    return made;
  }

  private void decode(ByteBuffer from) throws ErrnoException {
    int count = from.get() & 0xff;
    int inoBytes = from.get() == 0 ? 4 : 8;
    if (from.remaining() < inoBytes) {
      throw corrupt("the directory is shorter than its header");
    }
    parent = ino(from, inoBytes);
    int free = firstOffset();
    for (int i = 0; i < count; i++) {
      int nameLength = from.hasRemaining() ? from.get() & 0xff : 0;
      if (nameLength == 0 || from.remaining() < 2 + nameLength + (ftype ? 1 : 0) + inoBytes) {
        throw corrupt("an entry goes beyond the end of the directory");
      }
      int offset = from.getShort() & 0xffff;
      byte[] name = new byte[nameLength];
      from.get(name);
      int type = ftype ? from.get() & 0xff : 0;
      if (offset < free || (offset & 7) != 0) {
        throw corrupt("entries overlap or are not in order");
      }
      free = offset + blockBytes(nameLength);
      entries.add(new Entry(name, offset, type, ino(from, inoBytes)));
    }
    if (from.hasRemaining() || free > dp.mp().dirGeo().blkSize) {
      throw corrupt("the directory is longer than its entries, or than a block");
    }
  }

  private long ino(ByteBuffer from, int bytes) throws ErrnoException {
    long ino = bytes == 4 ? from.getInt() & 0xffff_ffffL : from.getLong();
    if (!dp.mp().sb().inoValid(ino)) {
      throw corrupt("an entry points outside the filesystem");
    }
    return ino;
  }

  private ErrnoException corrupt(String how) {
    return io.pollux.xfs.format.XfsError.corrupt(dp.what() + ": " + how);
  }

  long parent() {
    return parent;
  }

  void setParent(long ino) {
    parent = ino;
  }

  /** The entries by offset. They may change. */
  List<Entry> entries() {
    return entries;
  }

  /** The index of a name, or -1. */
  int find(byte[] name) {
    for (int i = 0; i < entries.size(); i++) {
      if (Arrays.equals(entries.get(i).name, name)) {
        return i;
      }
    }
    return -1;
  }

  /** Where the first entry besides "." and ".." is in a block. */
  private int firstOffset() {
    return XfsDir2Data.FIRST_OFFSET + blockBytes(1) + blockBytes(2);
  }

  private int blockBytes(int nameLength) {
    return XfsDir2Data.entrySize(dp.mp().sb(), nameLength);
  }

  /**
   * Adds an entry, if there is an offset for it.
   *
   * @return false if the entries and their index would not fit into a block
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_sf.c", name = "xfs_dir2_sf_addname_pick")
  boolean add(byte[] name, int type, long ino) {
    int size = blockBytes(name.length);
    int hole = -1;
    int holeOffset = 0;
    int end = firstOffset();
    for (int i = 0; i < entries.size(); i++) {
      if (hole < 0 && end + size <= entries.get(i).offset) {
        hole = i;
        holeOffset = end;
      }
      end = entries.get(i).offset + blockBytes(entries.get(i).name.length);
    }
    int index = (entries.size() + 3) * XfsDaEntries.BYTES + XfsDir2Data.BLOCK_TAIL_BYTES;
    int blkSize = dp.mp().dirGeo().blkSize;
    if (end + index + size <= blkSize) {
      entries.add(new Entry(name, end, type, ino));
    } else if (hole >= 0 && end + index <= blkSize) {
      entries.add(hole, new Entry(name, holeOffset, type, ino));
    } else {
      return false;
    }
    return true;
  }

  /** Bytes in the inode. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_sf.c", name = "xfs_dir2_block_sfsize")
  int bytes() {
    int inoBytes = largeInos() == 0 ? 4 : 8;
    int bytes = HEADER_BYTES + inoBytes;
    for (Entry entry : entries) {
      bytes += ENTRY_BYTES + entry.name.length + (ftype ? 1 : 0) + inoBytes;
    }
    return bytes;
  }

  private int largeInos() {
    int large = parent > MAX_SHORT_INO ? 1 : 0;
    for (Entry entry : entries) {
      large += entry.ino > MAX_SHORT_INO ? 1 : 0;
    }
    return large;
  }

  /** Whether it fits into the inode. */
  boolean fits() throws ErrnoException {
    return entries.size() <= MAX_COUNT && bytes() <= dp.data().room();
  }

  /** Stores it into the inode, which has no blocks. */
  void store() throws ErrnoException {
    int bytes = bytes();
    ByteBuffer to = ByteBuffer.allocate(dp.data().room());
    int large = largeInos();
    to.put((byte) entries.size()).put((byte) large);
    putIno(to, parent, large);
    for (Entry entry : entries) {
      to.put((byte) entry.name.length).putShort((short) entry.offset).put(entry.name);
      if (ftype) {
        to.put((byte) entry.ftype);
      }
      putIno(to, entry.ino, large);
    }
    dp.data().setFormat(XfsDinode.FMT_LOCAL);
    dp.put(dp.data().start(), to.array());
    dp.setSize(bytes);
  }

  private static void putIno(ByteBuffer to, long ino, int large) {
    if (large == 0) {
      to.putInt((int) ino);
    } else {
      to.putLong(ino);
    }
  }
}
