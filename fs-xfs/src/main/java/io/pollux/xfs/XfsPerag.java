// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufOps;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.format.XfsVerify;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The allocation groups: checks the headers of a group (AGF, AGI, AGFL) before its first inode is
 * used.
 *
 * <p>If a group's headers are damaged, each of its inodes is EUCLEAN; other groups are unaffected.
 * The check runs at first use and not at mount, because a large filesystem has a million groups.
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_ag.h", name = "xfs_perag")
final class XfsPerag {
  private static final int AGF_MAGIC = 0x58414746; // XAGF
  private static final int AGI_MAGIC = 0x58414749; // XAGI
  private static final int AGFL_MAGIC = 0x5841464c; // XAFL
  private static final int VERSION = 1;
  private static final int AGFL_HEADER_BYTES = 36;
  private static final int MAX_LEVELS = 32; // deeper than any tree of 2^31 blocks
  private static final int MIN_AG_BLOCKS = 64;
  private static final int REFCOUNT_ROOT = 88; // in the AGF
  private static final int REFCOUNT_LEVEL = 92;

  static final int AGF_CRC_OFFSET = 216;
  static final int AGI_CRC_OFFSET = 312;
  static final int AGFL_CRC_OFFSET = 32;

  private final XfsMount mp;
  private final Set<Long> checked = ConcurrentHashMap.newKeySet();

  XfsPerag(XfsMount mp) {
    this.mp = mp;
  }

  /**
   * Checks the headers of a group, once. From process context.
   *
   * @param current the calling task
   * @param agno a valid group number
   * @throws ErrnoException EUCLEAN if one is damaged
   */
  void check(Task current, long agno) throws ErrnoException {
    if (checked.contains(agno)) {
      return;
    }
    agf(current, agno);
    readHeader(current, agno, 2, mp.verifiers().agi(), "inode header (AGI)");
    readHeader(current, agno, 3, mp.verifiers().agfl(), "free list (AGFL)");
    checked.add(agno);
  }

  /** Reads the header in one of the first sectors of a group. */
  private BufData readHeader(Task current, long agno, int sector, BufOps type, String header)
      throws ErrnoException {
    XfsSb sb = mp.sb();
    long position = ((agno * sb.agBlocks) << sb.blockLog) + (long) sector * sb.sectSize;
    return mp.bufs()
        .readData(current, position, sb.sectSize, type, () -> "group " + agno + ", " + header);
  }

  /**
   * Reads the header of free space of a group. From process context.
   *
   * @param current the calling task
   * @param agno a valid group number
   * @return the header, verified
   * @throws ErrnoException EUCLEAN if it is damaged, or the device's error
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_alloc.c", name = "xfs_alloc_read_agf")
  BufData agf(Task current, long agno) throws ErrnoException {
    return readHeader(current, agno, 1, mp.verifiers().agf(), "free space header (AGF)");
  }

  /** Levels of the tree of reference counts. EUCLEAN if its root is invalid. */
  static int refcountLevels(BufData agf) throws ErrnoException {
    verifyTree(agf, REFCOUNT_ROOT, REFCOUNT_LEVEL);
    return agf.i32(REFCOUNT_LEVEL);
  }

  /** The root of the tree of reference counts, a block in the group. */
  static long refcountRoot(BufData agf) throws ErrnoException {
    return agf.u32(REFCOUNT_ROOT);
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_alloc.c", name = "xfs_agf_verify")
  static void verifyAgf(XfsSb sb, BufData agf) throws ErrnoException {
    XfsVerify.checkUuid(agf, 64, sb.metaUuid);
    verifyCommon(sb, agf, AGF_MAGIC);
    int slots = (sb.sectSize - AGFL_HEADER_BYTES) / 4;
    if (agf.u32(40) >= slots || agf.u32(44) >= slots || agf.u32(48) > slots) {
      throw agf.corrupt("its free list is longer than there is room");
    }
    if (agf.u32(52) > agf.u32(12) || agf.u32(56) > agf.u32(52)) {
      throw agf.corrupt("more free space than space");
    }
    verifyTree(agf, 16, 28);
    verifyTree(agf, 20, 32);
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_ialloc.c", name = "xfs_agi_verify")
  static void verifyAgi(XfsSb sb, BufData agi) throws ErrnoException {
    XfsVerify.checkUuid(agi, 296, sb.metaUuid);
    verifyCommon(sb, agi, AGI_MAGIC);
    if (agi.u32(28) > agi.u32(16)) {
      throw agi.corrupt("more free inodes than inodes");
    }
    verifyTree(agi, 20, 24);
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_alloc.c", name = "xfs_agfl_verify")
  static void verifyAgfl(XfsSb sb, BufData agfl) throws ErrnoException {
    XfsVerify.checkUuid(agfl, 8, sb.metaUuid);
    if (agfl.i32(0) != AGFL_MAGIC || agfl.u32(4) != sb.byteToAgno(agfl.position())) {
      throw agfl.corrupt("not the header of this group");
    }
  }

  /** Checks the fields that AGF and AGI share: magic, version, group and length, in this order. */
  private static void verifyCommon(XfsSb sb, BufData header, int magic) throws ErrnoException {
    long agno = sb.byteToAgno(header.position());
    if (header.i32(0) != magic || header.u32(4) != VERSION || header.u32(8) != agno) {
      throw header.corrupt("not the header of this group");
    }
    long length = header.u32(12);
    boolean last = agno == sb.agCount - 1;
    if (last ? length < MIN_AG_BLOCKS || length > sb.agBlocks : length != sb.agBlocks) {
      throw header.corrupt("a group of " + length + " blocks");
    }
  }

  private static void verifyTree(BufData header, int rootAt, int levelsAt) throws ErrnoException {
    long levels = header.u32(levelsAt);
    if (levels < 1 || levels > MAX_LEVELS || header.u32(rootAt) >= header.u32(12)) {
      throw header.corrupt("a tree of it has its root outside the group");
    }
  }
}
