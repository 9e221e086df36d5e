// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.log;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsBtreeBlock;
import io.pollux.xfs.format.XfsDinode;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * An inode as an item of a checkpoint: what changed of it, and its regions. These are the format,
 * the core in the byte order of the machine, and the forks that changed.
 */
@LinuxSource(
    file = "fs/xfs/xfs_inode_item.c",
    name = {"xfs_inode_item_format", "xfs_inode_log_item"})
final class XfsInodeItem {
  // What changed.
  static final int CORE = 1;
  static final int DATA_FORK = 2;
  static final int ATTR_FORK = 4;
  static final int NEXT_UNLINKED = 8;

  private static final int EXTENT_BYTES = 16;
  private static final int BMDR_BYTES = 4; // the header of a root in an inode
  private static final int KEY_AND_POINTER_BYTES = 16;

  /** Fields of 2, 4 and 8 bytes; others have the same form in both byte orders. */
  private static final int[] FIELDS_16 = {0, 2, 20, 22, 80, 88, 90};

  private static final int[] FIELDS_32 = {8, 12, 16, 72, 76, 84, 92, 96, 100, 128};
  private static final int[] FIELDS_64 = {24, 56, 64, 104, 112, 120, 152};
  private static final int[] TIMES = {
    XfsDinode.ATIME, XfsDinode.MTIME, XfsDinode.CTIME, XfsDinode.CRTIME
  };

  private XfsInodeItem() {}

  /** Returns what a change of a block changes of an inode. */
  static int changes(BufData before, BufData after, int at, int inodeSize) throws ErrnoException {
    int changes = 0;
    if (!same(before, after, at, 0, XfsDinode.NEXT_UNLINKED)
        || !same(before, after, at, XfsDinode.CHANGECOUNT, XfsDinode.LSN)
        || !same(before, after, at, XfsDinode.FLAGS2, XfsDinode.CORE_BYTES)) {
      changes |= CORE;
    }
    if (!same(before, after, at, XfsDinode.NEXT_UNLINKED, XfsDinode.CRC)) {
      changes |= NEXT_UNLINKED;
    }
    int attr = attrFork(after, at, inodeSize);
    boolean moved = before.u8(at + XfsDinode.FORKOFF) != after.u8(at + XfsDinode.FORKOFF);
    // What a fork does not use is not logged, so more use of the same bytes is a change of it.
    boolean counts = !same(before, after, at, XfsDinode.NEXTENTS, XfsDinode.FORKOFF + 2);
    moved |=
        counts
            || !same(before, after, at, XfsDinode.FORMAT, XfsDinode.FORMAT + 1)
            || !same(before, after, at, XfsDinode.BIG_NEXTENTS, XfsDinode.BIG_NEXTENTS + 8);
    if (moved || !same(before, after, at, XfsDinode.CORE_BYTES, attr)) {
      changes |= CORE | DATA_FORK;
    }
    if (moved || !same(before, after, at, attr, inodeSize)) {
      changes |= CORE | ATTR_FORK;
    }
    return changes;
  }

  private static boolean same(BufData before, BufData after, int at, int from, int to)
      throws ErrnoException {
    return before.equalsAt(after, at + from, to - from);
  }

  private static int attrFork(BufData block, int at, int inodeSize) throws ErrnoException {
    int forkoff = block.u8(at + XfsDinode.FORKOFF);
    return forkoff == 0 ? inodeSize : Math.min(inodeSize, XfsDinode.CORE_BYTES + 8 * forkoff);
  }

  /** The bytes that an inode needs in the log, at most. */
  static int logBytes(int inodeSize) {
    return XlogFormat.INODE_FORMAT_BYTES
        + inodeSize
        + 2 * XfsBtreeBlock.L_BYTES
        + 4 * XlogFormat.OP_HEADER_BYTES;
  }

  /**
   * Makes the regions.
   *
   * @param block the block of inodes
   * @param at the inode in it
   * @param inodeSize its length
   * @param changes what changed
   * @return the regions in their order
   */
  static List<byte[]> regions(BufData block, int at, int inodeSize, int changes)
      throws ErrnoException {
    BufData inode = block.slice(at, inodeSize, "inode");
    int attrAt = attrFork(inode, 0, inodeSize);
    boolean hasAttr = attrAt < inodeSize;
    int fields = XlogFormat.XFS_ILOG_CORE;
    int dataBytes = 0;
    int attrBytes = 0;
    List<byte[]> regions = new ArrayList<>();
    regions.add(new byte[XlogFormat.INODE_FORMAT_BYTES]);
    regions.add(core(inode));
    int rdev = 0;
    if ((changes & DATA_FORK) != 0) {
      int format = inode.u8(XfsDinode.FORMAT);
      if (format == XfsDinode.FMT_DEV) {
        fields |= XlogFormat.XFS_ILOG_DEV;
        rdev = inode.i32(XfsDinode.CORE_BYTES);
      } else {
        byte[] fork =
            fork(
                inode,
                format,
                XfsDinode.CORE_BYTES,
                attrAt,
                inode.i64(XfsDinode.SIZE),
                extents(inode));
        if (fork.length > 0) {
          dataBytes = fork.length;
          fields |= field(format, false);
          regions.add(padded(fork));
        }
      }
    }
    if ((changes & ATTR_FORK) != 0 && hasAttr) {
      int format = inode.u8(XfsDinode.AFORMAT);
      long size = format == XfsDinode.FMT_LOCAL ? inode.u16(attrAt) : 0;
      byte[] fork = fork(inode, format, attrAt, inodeSize, size, attrExtents(inode));
      if (fork.length > 0) {
        attrBytes = fork.length;
        fields |= field(format, true);
        regions.add(padded(fork));
      }
    }
    Xlog.host(regions.getFirst())
        .putShort((short) XlogFormat.XFS_LI_INODE)
        .putShort((short) regions.size())
        .putInt(fields)
        .putShort((short) attrBytes)
        .putShort((short) dataBytes)
        .putInt(0)
        .putLong(inode.i64(XfsDinode.INO))
        .putInt(rdev)
        .position(40)
        .putLong(block.position() >> XlogFormat.BB_SHIFT)
        .putInt(block.size() >> XlogFormat.BB_SHIFT)
        .putInt(at);
    return regions;
  }

  private static int field(int format, boolean attr) {
    return switch (format) {
      case XfsDinode.FMT_LOCAL -> attr ? XlogFormat.XFS_ILOG_ADATA : XlogFormat.XFS_ILOG_DDATA;
      case XfsDinode.FMT_EXTENTS -> attr ? XlogFormat.XFS_ILOG_AEXT : XlogFormat.XFS_ILOG_DEXT;
      default -> attr ? XlogFormat.XFS_ILOG_ABROOT : XlogFormat.XFS_ILOG_DBROOT;
    };
  }

  private static byte[] padded(byte[] bytes) {
    return Arrays.copyOf(bytes, bytes.length + 3 & ~3);
  }

  private static boolean large(BufData inode) throws ErrnoException {
    return (inode.i64(XfsDinode.FLAGS2) & XfsDinode.DIFLAG2_NREXT64) != 0;
  }

  private static long extents(BufData inode) throws ErrnoException {
    return large(inode) ? inode.i64(XfsDinode.BIG_NEXTENTS) : inode.u32(XfsDinode.NEXTENTS);
  }

  private static long attrExtents(BufData inode) throws ErrnoException {
    return large(inode) ? inode.u32(XfsDinode.NEXTENTS) : inode.u16(XfsDinode.ANEXTENTS);
  }

  /** The part of a fork that is in use. */
  @LinuxSource(
      file = "fs/xfs/xfs_inode_item.c",
      name = {"xfs_inode_item_format_data_fork", "xfs_inode_item_format_attr_fork"})
  private static byte[] fork(BufData inode, int format, int from, int end, long local, long extents)
      throws ErrnoException {
    long bytes =
        switch (format) {
          case XfsDinode.FMT_LOCAL -> local;
          case XfsDinode.FMT_EXTENTS -> EXTENT_BYTES * extents;
          case XfsDinode.FMT_BTREE -> 0;
          default -> throw inode.corrupt("its fork has no known format");
        };
    if (bytes < 0 || bytes > end - from) {
      throw inode.corrupt("its fork is longer than its place");
    }
    return format == XfsDinode.FMT_BTREE ? root(inode, from, end) : inode.copy(from, (int) bytes);
  }

  /** The root of an extent tree as it is in the memory of Linux: a block with a long header. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_bmap_btree.c", name = "xfs_bmdr_to_bmbt")
  private static byte[] root(BufData inode, int from, int end) throws ErrnoException {
    int count = inode.u16(from + 2);
    int most = (end - from - BMDR_BYTES) / KEY_AND_POINTER_BYTES;
    if (count == 0 || count > most) {
      throw inode.corrupt("the root of its extents has " + count + " records");
    }
    byte[] root = new byte[XfsBtreeBlock.L_BYTES + count * KEY_AND_POINTER_BYTES];
    ByteBuffer out = ByteBuffer.wrap(root); // big-endian
    out.putInt(XfsBtreeBlock.MAGICNUM, XfsBtreeBlock.BMBT_MAGIC);
    out.putShort(XfsBtreeBlock.LEVEL, (short) inode.u16(from));
    out.putShort(XfsBtreeBlock.NUMRECS, (short) count);
    out.putLong(XfsBtreeBlock.LEFTSIB, -1);
    out.putLong(XfsBtreeBlock.L_RIGHTSIB, -1);
    out.putLong(XfsBtreeBlock.L_BLKNO, -1);
    out.put(XfsBtreeBlock.L_UUID, inode.copy(XfsDinode.UUID, 16));
    out.putLong(XfsBtreeBlock.L_OWNER, inode.i64(XfsDinode.INO));
    out.put(XfsBtreeBlock.L_BYTES, inode.copy(from + BMDR_BYTES, 8 * count));
    out.put(XfsBtreeBlock.L_BYTES + 8 * count, inode.copy(from + BMDR_BYTES + 8 * most, 8 * count));
    return root;
  }

  @LinuxSource(file = "fs/xfs/xfs_inode_item.c", name = "xfs_inode_to_log_dinode")
  private static byte[] core(BufData inode) throws ErrnoException {
    byte[] core = inode.copy(0, XfsDinode.CORE_BYTES);
    ByteBuffer out = Xlog.host(core);
    for (int at : FIELDS_16) {
      out.putShort(at, (short) inode.u16(at));
    }
    for (int at : FIELDS_32) {
      out.putInt(at, inode.i32(at));
    }
    for (int at : FIELDS_64) {
      out.putLong(at, inode.i64(at));
    }
    boolean bigtime = (inode.i64(XfsDinode.FLAGS2) & XfsDinode.DIFLAG2_BIGTIME) != 0;
    for (int at : TIMES) {
      if (bigtime) {
        out.putLong(at, inode.i64(at));
      } else { // seconds, nanoseconds
        out.putInt(at, inode.i32(at));
        out.putInt(at + 4, inode.i32(at + 4));
      }
    }
    return core;
  }
}
