// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.btree;

import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufEdit;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsBtreeBlock;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.trans.TransBuf;
import org.jspecify.annotations.Nullable;

/**
 * A block of a tree, or a root in an inode: a header and entries. An entry of a leaf is a record;
 * that of a node is a key and the block below. The keys of a node come first, then its pointers.
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "xfs_btree_block")
final class BtreeNode<R> {
  private static final int FORK_LEVEL = 0;
  private static final int FORK_NUMRECS = 2;
  static final int FORK_HEADER_BYTES = 4;

  private final XfsBtreeType<R> type;
  private final @Nullable TransBuf buf; // one of these two
  private final XfsBtreeHome.@Nullable InFork fork;
  private final int headerBytes;
  private final int entryBytes; // of the first array

  /** Its number, or NONE in an inode. */
  final long bno;

  /** Its level; 0 for a leaf. */
  final int level;

  /** The number of entries that it has room for. */
  final int room;

  /** A block. */
  BtreeNode(XfsBtreeType<R> type, TransBuf buf, long bno, int level) {
    this.type = type;
    this.buf = buf;
    fork = null;
    this.bno = bno;
    this.level = level;
    headerBytes = type.headerBytes;
    room = type.maxRecords(level == 0);
    entryBytes = level == 0 ? type.recordBytes : type.keyBytes;
  }

  /** A root in an inode. */
  BtreeNode(XfsBtreeType<R> type, XfsBtreeHome.InFork fork) throws ErrnoException {
    this.type = type;
    buf = null;
    this.fork = fork;
    bno = XfsBtreeCur.NONE;
    BufData data = fork.root();
    level = data.u16(FORK_LEVEL);
    headerBytes = FORK_HEADER_BYTES;
    room = (data.size() - FORK_HEADER_BYTES) / (type.keyBytes + type.pointerBytes);
    entryBytes = type.keyBytes;
  }

  BufData data() {
    TransBuf block = buf;
    if (block != null) {
      return block.data();
    }
    assert fork != null;
    return fork.root();
  }

  private BufEdit edit() {
    TransBuf block = buf;
    if (block != null) {
      return block.edit();
    }
    assert fork != null;
    return fork.editRoot();
  }

  /** The buffer of a block. */
  TransBuf buf() {
    assert buf != null;
    return buf;
  }

  boolean inFork() {
    return fork != null;
  }

  // Header.

  int records() throws ErrnoException {
    return data().u16(inFork() ? FORK_NUMRECS : XfsBtreeBlock.NUMRECS);
  }

  private void setRecords(int records) throws ErrnoException {
    edit().put16(inFork() ? FORK_NUMRECS : XfsBtreeBlock.NUMRECS, records);
  }

  /** Makes an inode's root one level higher or lower. The node is no longer valid. */
  void setForkLevel(int levelNow) throws ErrnoException {
    edit().put16(FORK_LEVEL, levelNow);
  }

  /** Writes the header of a new block. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_btree.c", name = "xfs_btree_init_block")
  void init(long owner) throws ErrnoException {
    XfsSb sb = type.sb;
    BufEdit to = edit();
    to.put32(XfsBtreeBlock.MAGICNUM, type.magic);
    to.put16(XfsBtreeBlock.LEVEL, level);
    long daddr = to.position() >> XfsSb.BB_SHIFT;
    if (type.longForm) {
      to.put64(XfsBtreeBlock.L_BLKNO, daddr);
      to.put(XfsBtreeBlock.L_UUID, sb.metaUuid);
      to.put64(XfsBtreeBlock.L_OWNER, owner);
    } else {
      to.put64(XfsBtreeBlock.S_BLKNO, daddr);
      to.put(XfsBtreeBlock.S_UUID, sb.metaUuid);
      to.put32(XfsBtreeBlock.S_OWNER, (int) owner);
    }
    setLeft(XfsBtreeCur.NONE);
    setRight(XfsBtreeCur.NONE);
  }

  long left() throws ErrnoException {
    return sibling(XfsBtreeBlock.LEFTSIB);
  }

  long right() throws ErrnoException {
    return sibling(type.longForm ? XfsBtreeBlock.L_RIGHTSIB : XfsBtreeBlock.S_RIGHTSIB);
  }

  private long sibling(int at) throws ErrnoException {
    return type.longForm ? data().i64(at) : data().i32(at);
  }

  /** Checks that this block and the next one of the same parent are siblings. */
  void checkNext(BtreeNode<R> next) throws ErrnoException {
    if (right() != next.bno || next.left() != bno) {
      throw data().corrupt("its siblings are others than its parent says");
    }
  }

  void setLeft(long sibling) throws ErrnoException {
    setSibling(XfsBtreeBlock.LEFTSIB, sibling);
  }

  void setRight(long sibling) throws ErrnoException {
    setSibling(type.longForm ? XfsBtreeBlock.L_RIGHTSIB : XfsBtreeBlock.S_RIGHTSIB, sibling);
  }

  private void setSibling(int at, long sibling) throws ErrnoException {
    if (type.longForm) {
      edit().put64(at, sibling);
    } else {
      edit().put32(at, (int) sibling);
    }
  }

  // Entries.

  /** Offset of a record or key. */
  private int at(int index) {
    return headerBytes + index * entryBytes;
  }

  private int pointerAt(int index) {
    return headerBytes + room * type.keyBytes + index * type.pointerBytes;
  }

  R record(int index) throws ErrnoException {
    return type.decode(data(), at(index));
  }

  int compare(int index, R with) throws ErrnoException {
    return level == 0
        ? type.compareRecord(data(), at(index), with)
        : type.compareKey(data(), at(index), with);
  }

  /** Whether a leaf below a node has no record, or ends before it starts. */
  boolean isOutOfOrder() throws ErrnoException {
    return records() == 0 || compare(0, record(records() - 1)) > 0;
  }

  /** The number of entries that are not above a record. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_btree.c", name = "xfs_btree_lookup")
  int upTo(R rec) throws ErrnoException {
    int low = 0;
    int high = records();
    while (low < high) { // the distance at least halves
      int middle = (low + high) >>> 1;
      if (compare(middle, rec) <= 0) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  /** The first block that an entry of the tree of owners covers. */
  long firstBlock(int index) throws ErrnoException {
    return data().u32(at(index));
  }

  /** The last block that an entry of a node of the tree of owners covers. */
  long lastBlock(int index) throws ErrnoException {
    return data().u32(at(index) + type.keyBytes / 2);
  }

  long pointer(int index) throws ErrnoException {
    int at = pointerAt(index);
    return type.longForm ? data().i64(at) : data().u32(at);
  }

  boolean hasKey(int index, byte[] key) throws ErrnoException {
    return data().matches(at(index), key);
  }

  void setKey(int index, byte[] key) throws ErrnoException {
    edit().put(at(index), key);
  }

  void setRecord(int index, R rec) throws ErrnoException {
    edit().put(at(index), type.encode(rec));
  }

  /** The key of this block in its parent. It has an entry. */
  byte[] key() throws ErrnoException {
    return level == 0
        ? type.keyOfLeaf(data(), records())
        : type.keyOfNode(data(), headerBytes, records());
  }

  /** Inserts an entry: a record, or a key and the block below. There is room. */
  void insert(int index, byte[] entry, long below) throws ErrnoException {
    int records = records();
    move(index, index + 1, records - index);
    BufEdit to = edit();
    to.put(at(index), entry);
    if (level > 0) {
      putPointer(to, index, below);
    }
    setRecords(records + 1);
  }

  private void putPointer(BufEdit to, int index, long below) throws ErrnoException {
    if (type.longForm) {
      to.put64(pointerAt(index), below);
    } else {
      to.put32(pointerAt(index), (int) below);
    }
  }

  void remove(int index) throws ErrnoException {
    removeRange(index, 1);
  }

  private void removeRange(int index, int count) throws ErrnoException {
    int records = records();
    move(index + count, index, records - index - count);
    setRecords(records - count);
  }

  private void move(int from, int to, int count) throws ErrnoException {
    BufEdit open = edit();
    open.move(at(from), at(to), count * entryBytes);
    if (level > 0) {
      open.move(pointerAt(from), pointerAt(to), count * type.pointerBytes);
    }
  }

  /** Moves entries into another node of the same level, which has room for them. */
  void moveTo(BtreeNode<R> other, int from, int to, int count) throws ErrnoException {
    int there = other.records();
    other.move(to, to + count, there - to);
    BufEdit open = other.edit();
    open.put(other.at(to), data().copy(at(from), count * entryBytes));
    if (level > 0) {
      open.put(other.pointerAt(to), data().copy(pointerAt(from), count * type.pointerBytes));
    }
    other.setRecords(there + count);
    removeRange(from, count);
  }
}
