// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.check;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsBtreeBlock;
import io.pollux.xfs.format.XfsDinode;
import io.pollux.xfs.format.XfsError;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.format.XfsVerify;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Reads the extents of a fork, in the inode or in a tree, and checks them. */
@LinuxSource(
    file = "repair/dinode.c",
    name = {"process_exinode", "process_btinode"})
final class CheckExtents {
  static final int RECORD_BYTES = 16;

  private static final int MAX_LEVELS = 16;
  private static final int ROOT_HEADER_BYTES = 4;
  private static final int KEY_BYTES = 8;
  private static final long NULL_FSB = -1;
  private static final long MAX_OFF = 1L << 54;

  /**
   * An extent.
   *
   * @param off its first block in the file
   * @param fsb its first block
   * @param count blocks
   * @param unwritten whether it reads as zeroes
   */
  record Extent(long off, long fsb, long count, boolean unwritten) {
    long end() {
      return off + count;
    }
  }

  private final CheckReader reader;
  private final XfsSb sb;
  private final long ino;
  private final String what;
  private final List<Extent> list = new ArrayList<>();
  private final List<Long> treeBlocks = new ArrayList<>();
  private final Set<Long> visited = new HashSet<>();
  private final long[] last = new long[MAX_LEVELS];
  private final long[] next = new long[MAX_LEVELS];

  private CheckExtents(CheckReader reader, long ino, String what) {
    this.reader = reader;
    this.ino = ino;
    this.what = what;
    sb = reader.sb;
    Arrays.fill(last, NULL_FSB);
    Arrays.fill(next, NULL_FSB);
  }

  /**
   * Reads a fork.
   *
   * @param reader the device
   * @param ino the inode
   * @param inode its bytes, of which the core was checked
   * @param attr the attribute fork instead of the data fork
   * @param what the fork, for sentences
   * @return the extents
   * @throws ErrnoException the damage
   */
  static CheckExtents read(CheckReader reader, long ino, BufData inode, boolean attr, String what)
      throws ErrnoException {
    CheckExtents extents = new CheckExtents(reader, ino, what);
    BufData fork = fork(inode, attr, what);
    int format = inode.u8(attr ? XfsDinode.AFORMAT : XfsDinode.FORMAT);
    long count = count(inode, attr);
    if (format == XfsDinode.FMT_EXTENTS) {
      if (count < 0 || count > fork.size() / RECORD_BYTES) {
        throw XfsError.corrupt(what + ": " + count + " extents do not fit into the inode");
      }
      for (int i = 0; i < count; i++) {
        extents.add(fork, i * RECORD_BYTES);
      }
    } else if (format == XfsDinode.FMT_BTREE) {
      extents.root(fork);
    }
    if (extents.list.size() != count) {
      throw XfsError.corrupt(
          what + ": has " + extents.list.size() + " extents, and counts " + count);
    }
    return extents;
  }

  /** The bytes of a fork, which may be empty. */
  static BufData fork(BufData inode, boolean attr, String what) throws ErrnoException {
    int room = inode.size() - XfsDinode.CORE_BYTES;
    int forkOff = inode.u8(XfsDinode.FORKOFF) << 3;
    if (forkOff >= room) {
      throw XfsError.corrupt(what + ": the attribute fork begins behind the inode's end");
    }
    int split = forkOff == 0 ? room : forkOff;
    return attr
        ? inode.slice(XfsDinode.CORE_BYTES + split, room - split, what)
        : inode.slice(XfsDinode.CORE_BYTES, split, what);
  }

  /** The number of extents that the inode counts. */
  static long count(BufData inode, boolean attr) throws ErrnoException {
    boolean large = (inode.i64(XfsDinode.FLAGS2) & XfsDinode.DIFLAG2_NREXT64) != 0;
    if (attr) {
      return large ? inode.u32(XfsDinode.NEXTENTS) : inode.u16(XfsDinode.ANEXTENTS);
    }
    return large ? inode.i64(XfsDinode.BIG_NEXTENTS) : inode.u32(XfsDinode.NEXTENTS);
  }

  List<Extent> list() {
    return list;
  }

  /** Blocks of the extents and of their tree. */
  long blocks() {
    long blocks = treeBlocks.size();
    for (Extent extent : list) {
      blocks += extent.count;
    }
    return blocks;
  }

  /** Claims all blocks for the inode. */
  void claim(CheckClaims claims, boolean attr) {
    long fork = attr ? CheckClaims.ATTR_FORK : 0;
    for (Extent extent : list) {
      long state = extent.unwritten ? CheckClaims.UNWRITTEN : 0;
      claims.add(sb, extent.fsb, extent.count, ino, extent.off | fork | state);
    }
    for (Long fsb : treeBlocks) {
      claims.add(sb, fsb, 1, ino, fork | CheckClaims.BMBT);
    }
  }

  /** The extent that maps a block of the file, or null. */
  @Nullable Extent find(long off) {
    int low = 0;
    int high = list.size();
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (list.get(middle).end() <= off) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low < list.size() && list.get(low).off <= off ? list.get(low) : null;
  }

  /** Reads blocks of the file, which may be in several extents. */
  BufData read(long off, int count, String name) throws ErrnoException {
    byte[] bytes = new byte[count << sb.blockLog];
    long position = -1;
    int done = 0;
    while (done < count) { // each step advances by at least a block
      Extent extent = find(off + done);
      if (extent == null || extent.unwritten) {
        throw XfsError.corrupt(name + ": is missing");
      }
      long skip = off + done - extent.off;
      int run = (int) Math.min(count - done, extent.count - skip);
      BufData piece = reader.blocks(extent.fsb + skip, run, name);
      System.arraycopy(piece.copy(0, piece.size()), 0, bytes, done << sb.blockLog, piece.size());
      position = position < 0 ? piece.position() : position;
      done += run;
    }
    return new BufData(bytes, position, name, XfsError.EFSCORRUPTED);
  }

  private void add(BufData from, int at) throws ErrnoException {
    long high = from.i64(at);
    long low = from.i64(at + 8);
    long off = (high & Long.MAX_VALUE) >>> 9;
    long fsb = (high & 0x1ff) << 43 | low >>> 21;
    long count = low & 0x1f_ffff;
    long before = list.isEmpty() ? 0 : list.getLast().end();
    if (!sb.extentValid(fsb, count)) {
      throw XfsError.corrupt(what + ": the extent at " + off + " is outside the filesystem");
    }
    if (off < before || off > MAX_OFF - count) {
      throw XfsError.corrupt(what + ": the extent at " + off + " overlaps the one before");
    }
    list.add(new Extent(off, fsb, count, high < 0));
  }

  private void root(BufData root) throws ErrnoException {
    int level = root.u16(0);
    int records = root.u16(2);
    int room = (root.size() - ROOT_HEADER_BYTES) / (KEY_BYTES + KEY_BYTES);
    if (level < 1 || level >= MAX_LEVELS || records < 1 || records > room) {
      throw XfsError.corrupt(
          what
              + ": its extent tree has "
              + level
              + " levels, and "
              + records
              + " records in its root");
    }
    for (int i = 0; i < records; i++) {
      long key = root.i64(ROOT_HEADER_BYTES + i * KEY_BYTES);
      long child = root.i64(ROOT_HEADER_BYTES + room * KEY_BYTES + i * KEY_BYTES);
      checkKey(key, visit(child, level - 1));
    }
    for (int i = 0; i < level; i++) {
      if (next[i] != NULL_FSB) {
        throw XfsError.corrupt(what + ": its extent tree goes on behind its end");
      }
    }
  }

  private void checkKey(long key, long first) throws ErrnoException {
    if (key != first) {
      throw XfsError.corrupt(what + ": a key of its extent tree is not that of its block");
    }
  }

  /** Reads a subtree. Returns its first offset. */
  private long visit(long fsb, int level) throws ErrnoException {
    String name = what + ", its extent tree";
    BufData block = reader.blocks(fsb, 1, name);
    if (!visited.add(fsb)) {
      throw XfsError.corrupt(name + ": a block is in it twice");
    }
    treeBlocks.add(fsb);
    if (block.i32(XfsBtreeBlock.MAGICNUM) != XfsBtreeBlock.BMBT_MAGIC) {
      throw block.corrupt("bad magic number");
    }
    XfsVerify.checkCrc(block, XfsBtreeBlock.L_CRC);
    XfsVerify.checkUuid(block, XfsBtreeBlock.L_UUID, sb.metaUuid);
    XfsVerify.checkDaddr(block, XfsBtreeBlock.L_BLKNO);
    XfsVerify.checkOwner(block, XfsBtreeBlock.L_OWNER, ino);
    int records = block.u16(XfsBtreeBlock.NUMRECS);
    int room = (block.size() - XfsBtreeBlock.L_BYTES) / RECORD_BYTES;
    if (block.u16(XfsBtreeBlock.LEVEL) != level || records < 1 || records > room) {
      throw block.corrupt("has " + records + " records at level " + level);
    }
    boolean first = last[level] == NULL_FSB;
    if (block.i64(XfsBtreeBlock.LEFTSIB) != last[level] || (!first && next[level] != fsb)) {
      throw block.corrupt("its siblings are others than its parents say");
    }
    last[level] = fsb;
    next[level] = block.i64(XfsBtreeBlock.L_RIGHTSIB);
    int start = list.size();
    for (int i = 0; i < records; i++) {
      if (level == 0) {
        add(block, XfsBtreeBlock.L_BYTES + i * RECORD_BYTES);
      } else {
        long key = block.i64(XfsBtreeBlock.L_BYTES + i * KEY_BYTES);
        int pointer = XfsBtreeBlock.L_BYTES + room * KEY_BYTES + i * KEY_BYTES;
        checkKey(key, visit(block.i64(pointer), level - 1));
      }
    }
    return list.get(start).off;
  }
}
