// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;
import java.util.Arrays;
import java.util.Comparator;
import java.util.function.Supplier;

/**
 * The resource groups: each is a header, a bitmap of two bits per block, and the blocks. The system
 * file rindex lists them. Immutable.
 */
@LinuxSource(file = "fs/gfs2/rgrp.c")
final class Gfs2Rgrps {
  /** Bytes of an entry of rindex. */
  @LinuxSource(file = "include/uapi/linux/gfs2_ondisk.h", name = "gfs2_rindex")
  private static final int ENTRY_BYTES = 96;

  /** Bytes of a resource group's header. The bitmap follows it. */
  @LinuxSource(file = "include/uapi/linux/gfs2_ondisk.h", name = "gfs2_rgrp")
  private static final int RGRP_BYTES = 128;

  /** Blocks that a byte of bitmap covers. */
  @LinuxSource(file = "include/uapi/linux/gfs2_ondisk.h", name = "GFS2_NBBY")
  private static final int BLOCKS_PER_BYTE = 4;

  @LinuxSource(file = "include/uapi/linux/gfs2_ondisk.h", name = "GFS2_BLKST_DINODE")
  private static final int STATE_DINODE = 3;

  /** Smaller than any group, except the last one and those that gfs2_grow added. */
  private static final long LEAST_GROUP_BYTES = 1 << 20;

  private static final int MORE_GROUPS = 64;

  /**
   * One group.
   *
   * @param addr the block of its header
   * @param length blocks of header and bitmap
   * @param data0 first of its data blocks
   * @param data number of its data blocks
   * @param bitbytes bytes of bitmap
   */
  private record Rgrp(long addr, int length, long data0, long data, long bitbytes) {}

  private final Rgrp[] groups; // sorted by addr
  private final long[] starts; // data0 of each

  private Gfs2Rgrps(Rgrp[] groups) {
    this.groups = groups;
    starts = Arrays.stream(groups).mapToLong(Rgrp::data0).toArray();
  }

  /**
   * Makes a provisional set that is enough to find rindex: the whole device is one group, and every
   * block may be an inode.
   *
   * @param blocks number of blocks of the device
   */
  static Gfs2Rgrps unknown(long blocks) {
    return new Gfs2Rgrps(new Rgrp[] {new Rgrp(0, 0, 1, blocks - 1, 0)});
  }

  /**
   * Reads rindex. From process context.
   *
   * @param current the calling task
   * @param sdp the filesystem
   * @param rindex the system file
   * @return the groups
   * @throws ErrnoException EIO if they are inconsistent or the device is shorter than the
   *     filesystem, or the device's error
   */
  @LinuxSource(
      file = "fs/gfs2/rgrp.c",
      name = {"gfs2_ri_update", "read_rindex_entry"})
  static Gfs2Rgrps read(Task current, Gfs2Sbd sdp, Gfs2Inode rindex) throws ErrnoException {
    long most = (sdp.bdev().bytes() / LEAST_GROUP_BYTES + MORE_GROUPS) * ENTRY_BYTES;
    if (rindex.size() == 0
        || rindex.size() % ENTRY_BYTES != 0
        || rindex.size() > Math.min(most, Integer.MAX_VALUE)) {
      throw rindex.corrupt("an index of resource groups of " + rindex.size() + " bytes");
    }
    BufData index = sdp.readFile(current, rindex, (int) rindex.size());
    Rgrp[] groups = new Rgrp[index.size() / ENTRY_BYTES];
    for (int i = 0; i < groups.length; i++) {
      groups[i] = decode(sdp, index, i * ENTRY_BYTES);
    }
    Arrays.sort(groups, Comparator.comparingLong(Rgrp::addr));
    for (int i = 1; i < groups.length; i++) {
      if (groups[i].addr < groups[i - 1].data0 + groups[i - 1].data) {
        throw index.corrupt("resource groups overlap at block " + groups[i].addr);
      }
    }
    return new Gfs2Rgrps(groups);
  }

  @LinuxSource(file = "fs/gfs2/rgrp.c", name = "compute_bitstructs")
  private static Rgrp decode(Gfs2Sbd sdp, BufData index, int at) throws ErrnoException {
    Gfs2Sb sb = sdp.sb();
    long blocks = sdp.blocks();
    Rgrp group =
        new Rgrp(
            index.i64(at),
            index.i32(at + 8),
            index.i64(at + 16),
            index.u32(at + 24),
            index.u32(at + 28));
    boolean good =
        group.addr > 0
            && group.addr < Long.MAX_VALUE / 2
            && group.length > 0
            && group.data0 == group.addr + group.length
            && group.data > 0
            && group.data <= group.bitbytes * BLOCKS_PER_BYTE
            && group.bitbytes <= sb.blockSize - RGRP_BYTES + (group.length - 1L) * sb.jbsize;
    if (!good) {
      throw index.corrupt("a resource group that can't be, at block " + group.addr);
    }
    if (group.data0 + group.data > blocks) {
      throw Gfs2Error.corrupt(
          "the device is truncated: it has "
              + blocks
              + " blocks, and the filesystem goes to "
              + (group.data0 + group.data));
    }
    return group;
  }

  /** Whether a block is a data block of a group. */
  @LinuxSource(file = "fs/gfs2/rgrp.c", name = "gfs2_blk2rgrpd")
  boolean hasData(long block) {
    return find(block) >= 0;
  }

  private int find(long block) {
    int at = Arrays.binarySearch(starts, block);
    int group = at >= 0 ? at : -at - 2;
    return group >= 0 && block - groups[group].data0 < groups[group].data ? group : -1;
  }

  int count() {
    return groups.length;
  }

  /**
   * Checks that the bitmap marks a block as an inode. From process context, with the inode's glock
   * held.
   *
   * @param current the calling task
   * @param sdp the filesystem
   * @param block the block; may be any value
   * @throws ErrnoException EIO if it is not an inode or the resource group is damaged, or the
   *     device's error
   */
  @LinuxSource(
      file = "fs/gfs2/rgrp.c",
      name = {"gfs2_check_blk_type", "gfs2_rgrp_bh_get"})
  void checkDinode(Task current, Gfs2Sbd sdp, long block) throws ErrnoException {
    int found = find(block);
    if (found < 0) {
      throw Gfs2Error.corrupt("inode " + Long.toUnsignedString(block) + ": outside the filesystem");
    }
    Rgrp group = groups[found];
    if (group.length == 0) {
      return; // the provisional group
    }
    Gfs2Glock glock = sdp.glock(Gfs2LockName.Type.RGRP, group.addr);
    Gfs2Holder gh = sdp.lock(current, glock, LmState.SHARED, 0);
    try {
      Supplier<String> what = () -> "resource group at block " + group.addr;
      checkHeader(sdp.readMeta(current, glock, group.addr, Gfs2Meta.RGRP, what), group);
      long at = (block - group.data0) / BLOCKS_PER_BYTE;
      int inFirst = sdp.sb().blockSize - RGRP_BYTES;
      BufData bits;
      int offset;
      if (at < inFirst) {
        bits = sdp.readMeta(current, glock, group.addr, Gfs2Meta.RGRP, what);
        offset = RGRP_BYTES + (int) at;
      } else {
        long behind = (at - inFirst) / sdp.sb().jbsize;
        bits = sdp.readMeta(current, glock, group.addr + 1 + behind, Gfs2Meta.RGRP_BITMAP, what);
        offset = Gfs2Meta.HEADER_BYTES + (int) ((at - inFirst) % sdp.sb().jbsize);
      }
      int state = bits.u8(offset) >> (int) ((block - group.data0) % BLOCKS_PER_BYTE * 2) & 3;
      if (state != STATE_DINODE) {
        throw Gfs2Error.corrupt(
            "inode " + block + ": the bitmap calls its block no inode (" + state + ")");
      }
    } finally {
      Gfs2Inode.unlock(current, gh);
    }
  }

  /**
   * Checks the copies of rindex's values in the header, which only newer filesystems have, and the
   * counts of free blocks.
   */
  @LinuxSource(file = "fs/gfs2/rgrp.c", name = "gfs2_rgrp_in")
  private static void checkHeader(BufData header, Rgrp group) throws ErrnoException {
    long data0 = header.i64(48);
    if (data0 != 0
        && (data0 != group.data0
            || header.u32(56) != group.data
            || header.u32(60) != group.bitbytes)) {
      throw header.corrupt("not what the index says");
    }
    if (header.u32(28) > group.data || header.u32(32) > group.data) {
      throw header.corrupt("more free blocks or inodes than it has blocks");
    }
  }
}
