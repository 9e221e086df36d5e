// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.check;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsDinode;
import io.pollux.xfs.format.XfsError;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.format.XfsVerify;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Checks a directory of any form: each entry leads to an inode in use of the type that it says; the
 * index has exactly the entries; the lists of free space are right.
 */
@LinuxSource(file = "repair/dir2.c", name = "process_dir2")
final class CheckDir {
  private static final int BLOCK_MAGIC = 0x58444233; // XDB3
  private static final int DATA_MAGIC = 0x58444433; // XDD3
  private static final int FREE_MAGIC = 0x58444633; // XDF3
  private static final int FIRST_OFFSET = 64;
  private static final int BEST_AT = 48;
  private static final int BESTS = 3;
  private static final int FREE_TAG = 0xffff;
  private static final int NULL_BEST = 0xffff;
  private static final int TAIL_BYTES = 8;
  private static final int COUNT = 56;
  private static final int STALE = 58;
  private static final long SPACE_BYTES = 1L << 35;
  private static final byte[] DOT = {'.'};
  private static final byte[] DOTDOT = {'.', '.'};

  /** The type bits of modes, by the type in an entry. */
  private static final byte[] TYPES = {0, 8, 4, 2, 6, 1, 12, 10, 2};

  private final CheckReader reader;
  private final CheckReport report;
  private final CheckInodeTrees trees;
  private final XfsSb sb;
  private final CheckChunk chunk;
  private final int index;
  private final long ino;
  private final BufData inode;
  private final String what;
  private final int blkSize;
  private final int fsbCount;
  private final SortedMap<Long, Integer> bests = new TreeMap<>(); // largest free space of blocks
  private long[] entries = new long[64]; // hash and address of each entry
  private int count;
  private long[] indexed = new long[64]; // and of the index
  private int indexedCount;

  CheckDir(
      CheckReader reader,
      CheckReport report,
      CheckInodeTrees trees,
      CheckChunk chunk,
      int index,
      BufData inode) {
    this.reader = reader;
    this.report = report;
    this.trees = trees;
    this.chunk = chunk;
    this.index = index;
    this.inode = inode;
    sb = reader.sb;
    ino = chunk.ino + index;
    what = "directory " + ino;
    fsbCount = 1 << sb.dirBlkLog;
    blkSize = sb.blockSize << sb.dirBlkLog;
  }

  void check() throws ErrnoException {
    if (inode.u8(XfsDinode.FORMAT) == XfsDinode.FMT_LOCAL) {
      shortForm();
      return;
    }
    CheckExtents extents = CheckExtents.read(reader, ino, inode, false, what);
    long leafBlk = SPACE_BYTES >> sb.blockLog;
    if (extents.list().isEmpty()) {
      throw XfsError.corrupt(what + ": has no blocks");
    }
    boolean blockForm = extents.list().getLast().end() == fsbCount;
    boolean complete = true;
    long done = 0;
    for (CheckExtents.Extent extent : extents.list()) {
      if (extent.unwritten()) {
        throw XfsError.corrupt(what + ": has an unwritten block");
      }
      long end = Math.min(extent.end(), leafBlk);
      for (long off = Math.max(done, extent.off()); off < end; ) {
        long dablk = off / fsbCount * fsbCount;
        complete &= report.attempt(() -> data(extents, dablk, blockForm));
        off = dablk + fsbCount;
        done = off;
      }
    }
    if (done * sb.blockSize != inode.i64(XfsDinode.SIZE)) {
      report.add(what + ": its size is not that of its blocks");
    }
    if (!blockForm) {
      complete &= report.attempt(() -> index(extents, leafBlk));
    }
    if (complete) {
      compareIndex();
      report.attempt(() -> findDuplicates(extents));
    }
    if (complete && !blockForm && bests.isEmpty()) {
      report.add(what + ": has no blocks of entries");
    }
  }

  // Entries.

  private void entry(byte[] name, int ftype, long target, String where) {
    String shown = what + ", '" + new String(name, StandardCharsets.UTF_8) + "'" + where;
    if (Arrays.equals(name, DOT)) {
      report.require(target == ino, shown, "leads to inode " + target);
      return;
    }
    CheckChunk to = trees.chunkOf(target);
    int at = to == null ? 0 : (int) (target - to.ino);
    if (to == null || !to.used(at)) {
      report.add(shown + ": leads to inode " + target + ", which is not in use");
      return;
    }
    int type = to.types[at];
    if (Arrays.equals(name, DOTDOT)) {
      chunk.parent[index] = target;
      report.require(type == 0 || type == 4, shown, "leads to inode " + target + ", no directory");
      return;
    }
    for (byte b : name) {
      if (b == '/' || b == 0) {
        report.add(shown + ": has a byte that names can't have");
      }
    }
    to.names[at]++;
    if (type == 4) {
      if (to.entryIn[at] != 0) {
        report.add(shown + ": is a second name of directory " + target);
      }
      to.entryIn[at] = ino;
    }
    boolean typeRight = !sb.ftype || type == 0 || (ftype < TYPES.length && TYPES[ftype] == type);
    report.require(typeRight, shown, "has type " + ftype + ", which inode " + target + " is not");
  }

  private void shortForm() throws ErrnoException {
    BufData fork = CheckExtents.fork(inode, false, what);
    long size = inode.i64(XfsDinode.SIZE);
    int entriesHere = fork.u8(0);
    int large = fork.u8(1);
    int inoBytes = large == 0 ? 4 : 8;
    long parent = shortIno(fork, 2, inoBytes);
    int seenLarge = parent > 0xffff_ffffL ? 1 : 0;
    entry(DOTDOT, 2, parent, "");
    int at = 2 + inoBytes;
    int least = FIRST_OFFSET + entrySize(1) + entrySize(2);
    Set<String> names = new HashSet<>();
    for (int i = 0; i < entriesHere; i++) {
      int length = fork.u8(at);
      int offset = fork.u16(at + 1);
      int typeAt = at + 3 + length;
      int inoAt = sb.ftype ? typeAt + 1 : typeAt;
      if (length == 0 || inoAt + inoBytes > size || offset < least) {
        throw fork.corrupt("entry " + i + " is damaged");
      }
      long target = shortIno(fork, inoAt, inoBytes);
      seenLarge += target > 0xffff_ffffL ? 1 : 0;
      byte[] name = fork.copy(at + 3, length);
      addName(names, name);
      entry(name, sb.ftype ? fork.u8(typeAt) : 0, target, "");
      least = offset + entrySize(length);
      at = inoAt + inoBytes;
    }
    if (at != size || large != seenLarge) {
      throw fork.corrupt("its size or its counts do not fit its entries");
    }
  }

  private static long shortIno(BufData fork, int at, int bytes) throws ErrnoException {
    return bytes == 4 ? fork.u32(at) : fork.i64(at);
  }

  private int entrySize(int nameLength) {
    return (9 + nameLength + (sb.ftype ? 1 : 0) + 2 + 7) & ~7;
  }

  /** Checks a block of entries. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_data.c", name = "__xfs_dir3_data_check")
  private void data(CheckExtents extents, long dablk, boolean blockForm) throws ErrnoException {
    String name = what + ", block " + dablk;
    BufData block = extents.read(dablk, fsbCount, name);
    verify(block, blockForm ? BLOCK_MAGIC : DATA_MAGIC);
    int end = blockForm ? blockIndex(block) : block.size();
    int[] largest = new int[BESTS];
    int dots = 0;
    for (int off = FIRST_OFFSET; off < end; ) { // each step advances by at least 8 bytes
      boolean free = block.u16(off) == FREE_TAG;
      int length = free ? block.u16(off + 2) : entrySize(block.u8(off + 8));
      if (length < 8
          || (length & 7) != 0
          || length > end - off
          || block.u16(off + length - 2) != off) {
        throw block.corrupt("there is no entry at " + off);
      }
      if (free) {
        insert(largest, length);
      } else {
        dots += dataEntry(block, dablk, off);
      }
      off += length;
    }
    report.require(dots == (dablk == 0 ? 3 : 0), name, "has '.' and '..' at the wrong place");
    for (int i = 0; i < BESTS; i++) {
      report.equal(block.u16(BEST_AT + 4 * i + 2), largest[i], name, "its free space " + i);
    }
    bests.put(dablk / fsbCount, largest[0]);
  }

  /** Returns 1 for '.' at the first place, and 2 for '..' at the second. */
  private int dataEntry(BufData block, long dablk, int off) throws ErrnoException {
    int length = block.u8(off + 8);
    if (length == 0) {
      throw block.corrupt("the entry at " + off + " has no name");
    }
    byte[] name = block.copy(off + 9, length);
    int ftype = sb.ftype ? block.u8(off + 9 + length) : 0;
    entry(name, ftype, block.i64(off), "");
    long address = (((dablk / fsbCount) * blkSize) | off) >>> 3;
    count++;
    if (count > entries.length) {
      entries = Arrays.copyOf(entries, 2 * entries.length);
    }
    entries[count - 1] = CheckDaTree.hash(name) << 32 | address;
    if (Arrays.equals(name, DOT)) {
      return off == FIRST_OFFSET ? 1 : 4;
    }
    return Arrays.equals(name, DOTDOT) ? (off == FIRST_OFFSET + entrySize(1) ? 2 : 4) : 0;
  }

  private static void insert(int[] largest, int length) {
    int value = length;
    for (int i = 0; i < largest.length; i++) {
      if (value > largest[i]) {
        int smaller = largest[i];
        largest[i] = value;
        value = smaller;
      }
    }
  }

  private void verify(BufData block, int magic) throws ErrnoException {
    if (block.i32(0) != magic) {
      throw block.corrupt("bad magic number");
    }
    XfsVerify.checkCrc(block, 4);
    XfsVerify.checkDaddr(block, 8);
    XfsVerify.checkUuid(block, 24, sb.metaUuid);
    XfsVerify.checkOwner(block, 40, ino);
  }

  // The index.

  /** Reads the index of the block form. Returns its offset, where the entries end. */
  private int blockIndex(BufData block) throws ErrnoException {
    int tail = block.size() - TAIL_BYTES;
    long pairs = block.u32(tail);
    if (pairs > (tail - FIRST_OFFSET) / CheckDaTree.PAIR_BYTES) {
      throw block.corrupt("its index is longer than it is itself");
    }
    int at = tail - (int) pairs * CheckDaTree.PAIR_BYTES;
    pairs(block, at, (int) pairs, block.u32(tail + 4));
    return at;
  }

  private void pairs(BufData block, int at, int pairs, long stale) throws ErrnoException {
    CheckDaTree.checkOrder(block, at, pairs);
    int removed = 0;
    for (int i = 0; i < pairs; i++) {
      long address = block.u32(at + i * CheckDaTree.PAIR_BYTES + 4);
      if (address == 0) {
        removed++;
        continue;
      }
      indexedCount++;
      if (indexedCount > indexed.length) {
        indexed = Arrays.copyOf(indexed, 2 * indexed.length);
      }
      indexed[indexedCount - 1] = block.u32(at + i * CheckDaTree.PAIR_BYTES) << 32 | address;
    }
    if (removed != stale) {
      throw block.corrupt("has " + removed + " removed entries, and counts " + stale);
    }
  }

  private void index(CheckExtents extents, long leafBlk) throws ErrnoException {
    long freeBlk = 2 * leafBlk;
    boolean[] single = new boolean[1];
    new CheckDaTree(
            sb,
            ino,
            CheckDaTree.LEAFN_MAGIC,
            what + ", its index",
            dablk -> {
              if (dablk < leafBlk || dablk >= freeBlk || dablk % fsbCount != 0) {
                throw XfsError.corrupt(what + ": its index leads outside the index");
              }
              return extents.read(dablk, fsbCount, what + ", block " + dablk);
            },
            leaf -> {
              single[0] |= leaf.u16(8) == CheckDaTree.LEAF1_MAGIC;
              return leaf(leaf);
            })
        .walk(leafBlk);
    if (!single[0]) {
      freeIndex(extents, freeBlk);
    }
  }

  private long leaf(BufData leaf) throws ErrnoException {
    int pairs = leaf.u16(COUNT);
    int end = leaf.size();
    if (leaf.u16(8) == CheckDaTree.LEAF1_MAGIC) {
      long blocks = leaf.u32(end - 4);
      int room = (end - CheckDaTree.HEADER_BYTES - 4) / 2;
      if (blocks > room) {
        throw leaf.corrupt("its list of free space is longer than it is itself");
      }
      end -= 4 + 2 * (int) blocks;
      for (int i = 0; i < blocks; i++) {
        best(leaf, end + 2 * i, i);
      }
      report.require(
          bests.isEmpty() || bests.lastKey() < blocks, what, "its list of free space is too short");
    }
    if (pairs > (end - CheckDaTree.HEADER_BYTES) / CheckDaTree.PAIR_BYTES) {
      throw leaf.corrupt("has more entries than there is room");
    }
    pairs(leaf, CheckDaTree.HEADER_BYTES, pairs, leaf.u16(STALE));
    int lastAt = CheckDaTree.HEADER_BYTES + (pairs - 1) * CheckDaTree.PAIR_BYTES;
    return pairs == 0 ? -1 : leaf.u32(lastAt);
  }

  private void best(BufData block, int at, long db) throws ErrnoException {
    Integer best = bests.get(db);
    report.equal(
        block.u16(at),
        best == null ? NULL_BEST : best,
        what,
        "the free space listed for block " + db);
  }

  /** Checks the blocks that list the free space of a large directory. */
  @LinuxSource(file = "repair/phase6.c", name = "check_dir3_header")
  private void freeIndex(CheckExtents extents, long freeBlk) throws ErrnoException {
    int most = (blkSize - FIRST_OFFSET) / 2;
    long covered = 0;
    for (CheckExtents.Extent extent : extents.list()) {
      if (extent.end() <= freeBlk) {
        continue;
      }
      for (long off = Math.max(freeBlk, extent.off()); off < extent.end(); off += fsbCount) {
        long dablk = off / fsbCount * fsbCount;
        BufData block = extents.read(dablk, fsbCount, what + ", block " + dablk);
        verify(block, FREE_MAGIC);
        long first = block.u32(48);
        long valid = block.u32(52);
        report.equal(first, (dablk - freeBlk) / fsbCount * most, what, "the first block listed");
        if (valid > most) {
          throw block.corrupt("lists more blocks than there is room");
        }
        long used = 0;
        for (int i = 0; i < valid; i++) {
          used += block.u16(FIRST_OFFSET + 2 * i) == NULL_BEST ? 0 : 1;
          best(block, FIRST_OFFSET + 2 * i, first + i);
        }
        report.equal(block.u32(56), used, what, "the number of blocks listed");
        covered += used;
      }
    }
    report.equal(covered, bests.size(), what, "the number of blocks with listed free space");
  }

  /** Finds equal names. Only names of the same hash are read again and compared. */
  @LinuxSource(file = "repair/phase6.c", name = "dir_hash_add")
  private void findDuplicates(CheckExtents extents) throws ErrnoException {
    long[] sorted = Arrays.copyOf(entries, count);
    Arrays.sort(sorted);
    for (int first = 0; first < count; ) {
      int end = first + 1;
      while (end < count && sorted[end] >> 32 == sorted[first] >> 32) {
        end++;
      }
      Set<String> names = new HashSet<>();
      for (int i = first; i < end && end - first > 1; i++) {
        addName(names, nameAt(extents, (sorted[i] & 0xffff_ffffL) << 3));
      }
      first = end;
    }
  }

  private byte[] nameAt(CheckExtents extents, long at) throws ErrnoException {
    long dablk = at / blkSize * fsbCount;
    int off = (int) (at % blkSize);
    BufData block = extents.read(dablk, fsbCount, what + ", block " + dablk);
    return block.copy(off + 9, block.u8(off + 8));
  }

  private void addName(Set<String> names, byte[] name) {
    if (!names.add(new String(name, StandardCharsets.ISO_8859_1))) {
      report.add(what + ": has two entries '" + new String(name, StandardCharsets.UTF_8) + "'");
    }
  }

  private void compareIndex() {
    long differs =
        CheckDaTree.firstDifference(
            Arrays.copyOf(entries, count), Arrays.copyOf(indexed, indexedCount));
    if (differs != -1) {
      report.add(
          what
              + ": its index does not have the entry at "
              + ((differs & 0xffff_ffffL) << 3)
              + " as it is, or has it twice");
    }
  }
}
