// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.check;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsBtreeBlock;
import io.pollux.xfs.format.XfsError;
import io.pollux.xfs.format.XfsVerify;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Walks a tree of a group and checks its blocks: headers, levels, siblings and keys. */
@LinuxSource(file = "repair/scan.c", name = "scan_sbtree")
final class CheckTree {
  /** A type of tree. The names are those of the files that implement them in C. */
  enum Kind {
    BNO(XfsBtreeBlock.BNOBT_MAGIC, 8, 8, "free space by block (bnobt)"),
    CNT(XfsBtreeBlock.CNTBT_MAGIC, 8, 8, "free space by size (cntbt)"),
    INO(XfsBtreeBlock.INOBT_MAGIC, 16, 4, "inodes (inobt)"),
    FINO(XfsBtreeBlock.FINOBT_MAGIC, 16, 4, "free inodes (finobt)"),
    RMAP(XfsBtreeBlock.RMAPBT_MAGIC, 24, 20, "owners (rmapbt)"),
    REFC(XfsBtreeBlock.REFCOUNTBT_MAGIC, 12, 4, "reference counts (refcountbt)");

    final int magic;
    final int recordBytes;
    final int keyBytes;
    final String title;

    Kind(int magic, int recordBytes, int keyBytes, String title) {
      this.magic = magic;
      this.recordBytes = recordBytes;
      this.keyBytes = keyBytes;
      this.title = title;
    }

    /** Bytes of the keys of a child: only owners overlap, so only they have a high key. */
    int childKeyBytes() {
      return this == RMAP ? 2 * keyBytes : keyBytes;
    }
  }

  /** Receives the records, in order. */
  interface Records {
    void record(BufData block, int at) throws ErrnoException;
  }

  private static final int MAX_LEVELS = 32;
  private static final long NULL_AGBLOCK = 0xffff_ffffL;
  private static final long OFFSET_FLAG_UNWRITTEN = 1L << 61;
  private static final long OFFSET_FLAG_BMBT = 1L << 62;
  private static final long OFFSET_MASK = (1L << 54) - 1;

  private final CheckReader reader;
  private final CheckReport report;
  private final CheckClaims claims;
  private final Kind kind;
  private final long agno;
  private final long owner;
  private final Records records;
  private final String what;
  private final Set<Long> visited = new HashSet<>();
  private final long[] last = new long[MAX_LEVELS]; // block of each level
  private final long[] next = new long[MAX_LEVELS]; // and its right sibling
  private boolean complete = true;

  CheckTree(
      CheckReader reader,
      CheckReport report,
      CheckClaims claims,
      Kind kind,
      long agno,
      long owner,
      Records records) {
    this.reader = reader;
    this.report = report;
    this.claims = claims;
    this.kind = kind;
    this.agno = agno;
    this.owner = owner;
    this.records = records;
    what = "group " + agno + ", tree of " + kind.title;
    Arrays.fill(last, NULL_AGBLOCK);
    Arrays.fill(next, NULL_AGBLOCK);
  }

  /** The name of the tree, for sentences. */
  String what() {
    return what;
  }

  /** Blocks of the tree. */
  long blocks() {
    return visited.size();
  }

  /**
   * Walks the tree.
   *
   * @param root its root, any value
   * @param levels its levels, any value
   * @return whether all of it could be read
   */
  boolean walk(long root, long levels) {
    if (levels < 1 || levels > MAX_LEVELS) {
      report.add(what + ": has " + levels + " levels");
      return false;
    }
    complete &= report.attempt(() -> visit(root, (int) levels - 1, true));
    for (int i = 0; i < levels; i++) {
      if (complete && next[i] != NULL_AGBLOCK) {
        report.add(what + ": goes on behind its end, with block " + next[i]);
      }
    }
    return complete;
  }

  /** The bounds of a subtree: its first key, and the highest end. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Bounds(byte[] low, long @Nullable [] high) {}

  private Bounds visit(long agbno, int level, boolean root) throws ErrnoException {
    String name = what + ", block " + agbno;
    if (agbno >= reader.sb.agSize(agno) || !visited.add(agbno)) {
      throw XfsError.corrupt(
          name + (visited.contains(agbno) ? ": is in it twice" : ": is outside the group"));
    }
    BufData block = reader.blocks(reader.sb.fsb(agno, agbno), 1, name);
    claims.add(agno, agbno, 1, owner, 0);
    int count = header(block, level, root);
    siblings(block, agbno, level);
    int room = level == 0 ? kind.recordBytes : kind.childKeyBytes() + 4;
    int most = (block.size() - XfsBtreeBlock.S_BYTES) / room;
    if (count > most) {
      throw block.corrupt("has " + count + " records, and room for " + most);
    }
    return level == 0 ? leaf(block, count) : node(block, count, most, level);
  }

  private int header(BufData block, int level, boolean root) throws ErrnoException {
    if (block.i32(XfsBtreeBlock.MAGICNUM) != kind.magic) {
      throw block.corrupt("bad magic number");
    }
    XfsVerify.checkCrc(block, XfsBtreeBlock.S_CRC);
    XfsVerify.checkUuid(block, XfsBtreeBlock.S_UUID, reader.sb.metaUuid);
    XfsVerify.checkDaddr(block, XfsBtreeBlock.S_BLKNO);
    if (block.u32(XfsBtreeBlock.S_OWNER) != agno) {
      throw block.corrupt("belongs to another group");
    }
    if (block.u16(XfsBtreeBlock.LEVEL) != level) {
      throw block.corrupt("has level " + block.u16(XfsBtreeBlock.LEVEL) + " instead of " + level);
    }
    int count = block.u16(XfsBtreeBlock.NUMRECS);
    if (count == 0 && (!root || level > 0)) {
      throw block.corrupt("is empty");
    }
    return count;
  }

  private void siblings(BufData block, long agbno, int level) throws ErrnoException {
    long left = block.u32(XfsBtreeBlock.LEFTSIB);
    boolean first = last[level] == NULL_AGBLOCK;
    if (complete && (left != last[level] || (!first && next[level] != agbno))) {
      report.add(what + ", block " + agbno + ": its siblings are others than its parents say");
    }
    last[level] = agbno;
    next[level] = block.u32(XfsBtreeBlock.S_RIGHTSIB);
  }

  private Bounds leaf(BufData block, int count) throws ErrnoException {
    byte[] low = new byte[0];
    long[] high = null;
    for (int i = 0; i < count; i++) {
      int at = XfsBtreeBlock.S_BYTES + i * kind.recordBytes;
      records.record(block, at);
      if (i == 0) {
        low = key(block, at);
      }
      if (kind == Kind.RMAP) {
        high = higher(high, highOf(block, at));
      }
    }
    return new Bounds(low, high);
  }

  private Bounds node(BufData block, int count, int most, int level) throws ErrnoException {
    byte[] low = new byte[0];
    long[] high = null;
    int pointers = XfsBtreeBlock.S_BYTES + most * kind.childKeyBytes();
    for (int i = 0; i < count; i++) {
      long child = block.u32(pointers + 4 * i);
      int at = XfsBtreeBlock.S_BYTES + i * kind.childKeyBytes();
      Bounds[] bounds = new Bounds[1];
      complete &= report.attempt(() -> bounds[0] = visit(child, level - 1, false));
      Bounds of = bounds[0];
      byte[] given = mask(block.copy(at, kind.keyBytes));
      if (i == 0) {
        low = given;
      }
      if (of == null) {
        continue;
      }
      if (!Arrays.equals(given, of.low)) {
        report.add(what + ": the key of block " + child + " is not its first record's");
      }
      long[] childHigh = of.high;
      if (kind == Kind.RMAP && childHigh != null) {
        int highAt = at + kind.keyBytes;
        long[] stored = {
          block.u32(highAt), block.i64(highAt + 4), block.i64(highAt + 12) & ~OFFSET_FLAG_UNWRITTEN
        };
        if (!Arrays.equals(stored, childHigh)) {
          report.add(what + ": the high key of block " + child + " is wrong");
        }
        high = higher(high, childHigh);
      }
    }
    return new Bounds(low, high);
  }

  private byte[] key(BufData block, int at) throws ErrnoException {
    if (kind != Kind.RMAP) {
      return block.copy(at, kind.keyBytes);
    }
    byte[] key = new byte[kind.keyBytes];
    System.arraycopy(block.copy(at, 4), 0, key, 0, 4);
    System.arraycopy(block.copy(at + 8, 16), 0, key, 4, 16);
    return mask(key);
  }

  /** Older versions of Linux have the unwritten flag in keys. */
  private byte[] mask(byte[] key) {
    if (kind == Kind.RMAP) {
      key[12] &= (byte) ~(OFFSET_FLAG_UNWRITTEN >>> 56);
    }
    return key;
  }

  /** The last block, owner and offset of a record. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_rmap_btree.c", name = "xfs_rmapbt_init_high_key_from_rec")
  private static long[] highOf(BufData block, int at) throws ErrnoException {
    long more = block.u32(at + 4) - 1;
    long owner = block.i64(at + 8);
    long offset = block.i64(at + 16) & ~OFFSET_FLAG_UNWRITTEN;
    boolean grows = owner >= 0 && (offset & OFFSET_FLAG_BMBT) == 0;
    long end = grows ? (offset & ~OFFSET_MASK) | ((offset & OFFSET_MASK) + more) : offset;
    return new long[] {block.u32(at) + more, owner, end};
  }

  private static long[] higher(long @Nullable [] one, long[] other) {
    if (one == null) {
      return other;
    }
    int order = Long.compare(one[0], other[0]);
    if (order == 0) {
      order = Long.compareUnsigned(one[1], other[1]);
    }
    if (order == 0) {
      order = Long.compare(one[2] & OFFSET_MASK, other[2] & OFFSET_MASK);
    }
    return order >= 0 ? one : other;
  }
}
