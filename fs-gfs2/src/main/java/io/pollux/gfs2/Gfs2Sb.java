// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import java.nio.charset.StandardCharsets;

/** The superblock, decoded and checked, and the values derived from its block size. Immutable. */
@LinuxSource(file = "fs/gfs2/incore.h", name = "gfs2_sb_host")
final class Gfs2Sb {
  /** Position of the superblock: 64 KiB into the device for any block size. */
  @LinuxSource(file = "include/uapi/linux/gfs2_ondisk.h", name = "GFS2_SB_ADDR")
  static final long POSITION = 128L * 512;

  /** Bytes of it that are used. */
  static final int BYTES = 512;

  /** Bytes of an inode before its pointers or its data. */
  @LinuxSource(file = "include/uapi/linux/gfs2_ondisk.h", name = "gfs2_dinode")
  static final int DINODE_BYTES = 232;

  /** The highest tree of any block size. */
  @LinuxSource(file = "include/uapi/linux/gfs2_ondisk.h", name = "GFS2_MAX_META_HEIGHT")
  static final int MAX_META_HEIGHT = 10;

  private static final int FORMAT_MIN = 1801;
  private static final int FORMAT_MAX = 1802; // with trusted.* attributes
  private static final int FORMAT_MULTI = 1900;
  private static final int MIN_BLOCK_LOG = 9;
  private static final int MAX_BLOCK_LOG = 12; // a page
  private static final int LOCKNAME_BYTES = 64;

  final int blockSize;
  final int blockLog;

  /** Pointers in an inode. */
  final int diptrs;

  /** Pointers in a block of pointers. */
  final int inptrs;

  /** Bytes of data in a block with a header. */
  final int jbsize;

  /** The highest tree of this block size. */
  final int maxHeight;

  /** Blocks that a tree of each height can map; Long.MAX_VALUE above maxHeight. */
  private final long[] heightBlocks = new long[MAX_META_HEIGHT + 1];

  /** The block of the root directory, and its formal number. */
  final long rootAddr;

  final long rootFormal;

  /** The block of the directory of system files, and its formal number. */
  final long masterAddr;

  final long masterFormal;

  /** The lock module that this filesystem requires. */
  final String lockProto;

  /**
   * Decodes the superblock.
   *
   * @param disk its bytes
   * @throws ErrnoException EINVAL if it is not GFS2 or of an unsupported format, EIO if it is
   *     damaged
   */
  @LinuxSource(
      file = "fs/gfs2/ops_fstype.c",
      name = {"gfs2_sb_in", "gfs2_check_sb", "gfs2_read_sb"})
  Gfs2Sb(BufData disk) throws ErrnoException {
    if (disk.i32(0) != Gfs2Meta.MAGIC || disk.i32(4) != Gfs2Meta.METATYPE_SB) {
      throw new ErrnoException(Errno.EINVAL, "not a GFS2 filesystem");
    }
    long format = disk.u32(24);
    if (format < FORMAT_MIN || format > FORMAT_MAX || disk.u32(28) != FORMAT_MULTI) {
      throw new ErrnoException(
          Errno.EINVAL,
          "GFS2 of format " + format + ", " + disk.u32(28) + ", which is not supported");
    }
    blockLog = disk.i32(40);
    if (blockLog < MIN_BLOCK_LOG || blockLog > MAX_BLOCK_LOG || disk.i32(36) != 1 << blockLog) {
      throw disk.corrupt(
          "blocks of " + disk.u32(36) + " bytes, of which the logarithm is to be " + disk.u32(40));
    }
    blockSize = 1 << blockLog;
    diptrs = (blockSize - DINODE_BYTES) / Long.BYTES;
    inptrs = (blockSize - Gfs2Meta.HEADER_BYTES) / Long.BYTES;
    jbsize = blockSize - Gfs2Meta.HEADER_BYTES;
    maxHeight = countBlocks();
    masterFormal = disk.i64(48);
    masterAddr = disk.i64(56);
    rootFormal = disk.i64(80);
    rootAddr = disk.i64(88);
    lockProto = text(disk.copy(96, LOCKNAME_BYTES));
  }

  private int countBlocks() {
    long most = Long.MAX_VALUE >> blockLog;
    heightBlocks[0] = 1; // inside the inode
    heightBlocks[1] = diptrs;
    int height = 1;
    // terminates: each height maps more than 32 times the blocks of the one below
    while (heightBlocks[height] <= most / inptrs) {
      heightBlocks[height + 1] = heightBlocks[height] * inptrs;
      height++;
    }
    for (int above = height + 1; above <= MAX_META_HEIGHT; above++) {
      heightBlocks[above] = Long.MAX_VALUE;
    }
    return height + 1;
  }

  private static String text(byte[] bytes) {
    int end = 0;
    while (end < bytes.length && bytes[end] > ' ' && bytes[end] < 127) {
      end++;
    }
    return new String(bytes, 0, end, StandardCharsets.US_ASCII);
  }

  /** Blocks of a file that a tree of this height can map. */
  @LinuxSource(file = "fs/gfs2/incore.h", name = "sd_heightsize")
  long heightBlocks(int height) {
    return heightBlocks[height];
  }

  /** Bytes of data that fit into an inode. */
  @LinuxSource(file = "fs/gfs2/inode.h", name = "gfs2_max_stuffed_size")
  int maxStuffedSize() {
    return blockSize - DINODE_BYTES;
  }
}
