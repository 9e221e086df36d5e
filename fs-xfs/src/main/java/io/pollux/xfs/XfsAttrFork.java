// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;
import io.pollux.xfs.format.XfsDinode;
import java.nio.ByteBuffer;

/**
 * The place of the attribute fork in an inode. Both forks share the bytes after the core. The
 * attributes begin at a multiple of 8, which moves as one of them needs more.
 */
@LinuxSource(
    file = "fs/xfs/libxfs/xfs_attr_leaf.c",
    name = {"xfs_attr_shortform_bytesfit", "xfs_attr_fork_remove"})
final class XfsAttrFork {
  /** Bytes of the root of an extent tree, without its records. */
  private static final int ROOT_BYTES = 4;

  private static final int RECORD_BYTES = 16; // a key and a pointer
  private static final int MIN_DATA_RECORDS = 3;
  private static final int MIN_ATTR_RECORDS = 2;
  private static final int DEFAULT_ATTR_RECORDS = 6 * MIN_ATTR_RECORDS;
  private static final int DEVICE_BYTES = 8;

  private XfsAttrFork() {}

  @LinuxSource(file = "fs/xfs/libxfs/xfs_bmap_btree.h", name = "xfs_bmdr_space_calc")
  private static int rootBytes(int records) {
    return ROOT_BYTES + records * RECORD_BYTES;
  }

  private static int all(XfsInodeEdit ip) {
    return ip.mp().sb().inodeSize - XfsDinode.CORE_BYTES;
  }

  static boolean exists(XfsInodeEdit ip) throws ErrnoException {
    return ip.u8(XfsDinode.FORKOFF) != 0;
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_bmap.c", name = "xfs_default_attroffset")
  private static int defaultOffset() {
    return rootBytes(DEFAULT_ATTR_RECORDS);
  }

  /**
   * Chooses a fork offset for attributes in the inode.
   *
   * @param ip the inode
   * @param bytes bytes of all attributes
   * @return the offset in units of 8 bytes, or 0 if they do not fit
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_attr_leaf.c", name = "xfs_attr_shortform_bytesfit")
  static int fit(XfsInodeEdit ip, int bytes) throws ErrnoException {
    int all = all(ip);
    if (bytes > all) {
      return 0;
    }
    int now = ip.u8(XfsDinode.FORKOFF);
    int offset = (all - bytes) >> 3;
    int format = ip.data().format();
    if (format == XfsDinode.FMT_DEV) {
      return offset >= DEVICE_BYTES >> 3 ? DEVICE_BYTES >> 3 : 0;
    }
    if (bytes <= ip.attr().room()) {
      return now;
    }
    if (format == XfsDinode.FMT_BTREE && now != 0) {
      return offset < now ? 0 : now;
    }
    int least = Math.max(dataBytes(ip, format), rootBytes(MIN_DATA_RECORDS));
    int most = (all - rootBytes(MIN_ATTR_RECORDS)) >> 3;
    if (offset >= most) {
      return most;
    }
    return offset >= (least + 7) >> 3 ? offset : 0;
  }

  /** Bytes that the data fork needs. */
  private static int dataBytes(XfsInodeEdit ip, int format) throws ErrnoException {
    switch (format) {
      case XfsDinode.FMT_LOCAL -> {
        return (int) Math.min(ip.size(), all(ip));
      }
      case XfsDinode.FMT_BTREE -> {
        return rootBytes(rootRecords(ip));
      }
      default -> {
        long bytes = ip.data().count() * XfsExtents.RECORD_BYTES;
        boolean becomesTree = !exists(ip) && bytes > defaultOffset();
        return becomesTree ? rootBytes(MIN_DATA_RECORDS) : (int) Math.min(bytes, all(ip));
      }
    }
  }

  private static int rootRecords(XfsInodeEdit ip) throws ErrnoException {
    return Math.min(ip.u16(ip.data().start() + 2), all(ip) / RECORD_BYTES);
  }

  /**
   * Makes room for a first attribute. The data moves to its next form if it does not fit any more.
   *
   * @param ip an inode without attributes
   * @param bytes bytes of the attribute in the inode
   * @throws ErrnoException ENOSPC, or another reason to cancel the transaction
   */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_bmap.c",
      name = {"xfs_bmap_add_attrfork", "xfs_bmap_set_attrforkoff"})
  static void add(XfsInodeEdit ip, int bytes) throws ErrnoException {
    int offset = fit(ip, bytes);
    if (offset == 0) {
      offset = defaultOffset() >> 3;
    }
    int format = ip.data().format();
    if (format == XfsDinode.FMT_LOCAL && ip.size() > offset << 3) {
      moveLocal(ip, offset);
    } else if (format == XfsDinode.FMT_BTREE) {
      moveRoot(ip, offset);
    } else {
      ip.put8(XfsDinode.FORKOFF, offset);
      ip.data().roomChanged();
    }
    ip.attr().setFormat(XfsDinode.FMT_EXTENTS);
    ip.put(ip.attr().start(), new byte[ip.attr().room()]);
    ip.mp().usesAttributes(ip.tp());
  }

  /** Moves data out of the inode. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_bmap.c", name = "xfs_bmap_add_attrfork_local")
  private static void moveLocal(XfsInodeEdit ip, int offset) throws ErrnoException {
    if (ip.isDirectory()) {
      XfsDir2SfEdit sf = XfsDir2SfEdit.decode(ip);
      ip.put8(XfsDinode.FORKOFF, offset);
      XfsDir2Write.toBlock(ip, sf);
    } else {
      byte[] target = ip.bytes(ip.data().start(), (int) Math.min(ip.size(), ip.data().room()));
      ip.put8(XfsDinode.FORKOFF, offset);
      XfsSymlinkWrite.store(ip, target);
    }
  }

  /**
   * The smallest fork offset, in units of 8 bytes, that leaves the extent tree's root enough room.
   */
  private static int least(XfsInodeEdit ip) throws ErrnoException {
    return (rootBytes(rootRecords(ip)) + 7) >> 3;
  }

  /**
   * Shrinks the room of the extent tree's root, and moves its pointers, which begin in the middle.
   * If the root fills the inode, its entries first move to a new block.
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_bmap.c", name = "xfs_bmap_add_attrfork_btree")
  private static void moveRoot(XfsInodeEdit ip, int offset) throws ErrnoException {
    if (least(ip) > (all(ip) - rootBytes(MIN_ATTR_RECORDS)) >> 3) {
      ip.data().growRoot();
    }
    int records = rootRecords(ip);
    int before = (ip.data().room() - ROOT_BYTES) / RECORD_BYTES;
    int to = Math.max(offset, least(ip));
    byte[] root = ip.bytes(ip.data().start(), ip.data().room());
    int after = ((to << 3) - ROOT_BYTES) / RECORD_BYTES;
    ByteBuffer moved = ByteBuffer.allocate(to << 3);
    moved.put(root, 0, ROOT_BYTES + records * 8);
    moved.position(ROOT_BYTES + after * 8);
    moved.put(root, ROOT_BYTES + before * 8, records * 8);
    ip.put8(XfsDinode.FORKOFF, to);
    ip.put(ip.data().start(), moved.array());
  }

  /** Moves the boundary between the forks. The caller stores the attributes again. */
  static void move(XfsInodeEdit ip, int offset) throws ErrnoException {
    if (ip.u8(XfsDinode.FORKOFF) != offset) {
      ip.put8(XfsDinode.FORKOFF, offset);
      ip.data().roomChanged();
    }
  }

  /** Gives the room of attributes back to the data. There are none. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_attr_leaf.c", name = "xfs_attr_fork_remove")
  static void remove(XfsInodeEdit ip) throws ErrnoException {
    ip.put(ip.attr().start(), new byte[ip.attr().room()]);
    ip.put8(XfsDinode.FORKOFF, 0);
    ip.put8(XfsDinode.AFORMAT, XfsDinode.FMT_EXTENTS);
    ip.data().roomChanged();
    boolean link = StatMode.isType(ip.mode(), StatMode.S_IFLNK);
    if (link && ip.data().format() == XfsDinode.FMT_EXTENTS && ip.size() <= ip.data().room()) {
      XfsSymlinkWrite.toInode(ip);
    }
  }
}
