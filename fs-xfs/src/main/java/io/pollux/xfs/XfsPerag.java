// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The allocation groups: checks the headers of a group (AGF, AGI, AGFL) before the first inode of it is used.
 *
 * <p>A group whose headers are damaged is one whose inodes can't be trusted: each is EUCLEAN, and the other groups go
 * on. That is checked at first use and not at mount, because a large filesystem has a million groups.
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

  private final XfsSb sb;
  private final XfsBuftarg target;
  private final Set<Long> checked = ConcurrentHashMap.newKeySet();

  XfsPerag(XfsSb sb, XfsBuftarg target) {
    this.sb = sb;
    this.target = target;
  }

  /**
   * Makes sure that a group is sound. From process context.
   *
   * @param current the calling task
   * @param agno a valid number
   * @throws ErrnoException EUCLEAN if it is not
   */
  void check(Task current, long agno) throws ErrnoException {
    if (checked.contains(agno)) {
      return;
    }
    long start = (agno * sb.agBlocks) << sb.blockLog;
    int sector = sb.sectSize;
    String what = "group " + agno;
    XfsBuf headers = target.read(current, start + sector, 3 * sector, what);
    verifyAgf(headers.slice(0, sector, what + ", free space header (AGF)"), agno);
    verifyAgi(headers.slice(sector, sector, what + ", inode header (AGI)"), agno);
    verifyAgfl(headers.slice(2 * sector, sector, what + ", free list (AGFL)"), agno);
    checked.add(agno);
  }

  /**
   * Reads the header of free space of a group. From process context.
   *
   * @param current the calling task
   * @param agno a valid number
   * @return the header, checked
   * @throws ErrnoException EUCLEAN if it can't be right, or the device's error
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_alloc.c", name = "xfs_alloc_read_agf")
  XfsBuf agf(Task current, long agno) throws ErrnoException {
    long start = (agno * sb.agBlocks) << sb.blockLog;
    XfsBuf agf = target.read(current, start + sb.sectSize, sb.sectSize, "group " + agno + ", free space header (AGF)");
    verifyAgf(agf, agno);
    return agf;
  }

  /** Levels of the tree of reference counts. EUCLEAN without one. */
  int refcountLevels(XfsBuf agf) throws ErrnoException {
    verifyTree(agf, REFCOUNT_ROOT, REFCOUNT_LEVEL);
    return agf.i32(REFCOUNT_LEVEL);
  }

  /** The root of that tree, a block in the group. */
  long refcountRoot(XfsBuf agf) throws ErrnoException {
    return agf.u32(REFCOUNT_ROOT);
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_alloc.c", name = "xfs_agf_verify")
  private void verifyAgf(XfsBuf agf, long agno) throws ErrnoException {
    agf.verifyCrc(216);
    agf.verifyUuid(64, sb.metaUuid);
    verifyCommon(agf, AGF_MAGIC, agno);
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
  private void verifyAgi(XfsBuf agi, long agno) throws ErrnoException {
    agi.verifyCrc(312);
    agi.verifyUuid(296, sb.metaUuid);
    verifyCommon(agi, AGI_MAGIC, agno);
    if (agi.u32(28) > agi.u32(16)) {
      throw agi.corrupt("more free inodes than inodes");
    }
    verifyTree(agi, 20, 24);
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_alloc.c", name = "xfs_agfl_verify")
  private void verifyAgfl(XfsBuf agfl, long agno) throws ErrnoException {
    agfl.verifyCrc(32);
    agfl.verifyUuid(8, sb.metaUuid);
    if (agfl.i32(0) != AGFL_MAGIC || agfl.u32(4) != agno) {
      throw agfl.corrupt("not the header of this group");
    }
  }

  /** What AGF and AGI have in common: magic, version, group and length, in this order. */
  private void verifyCommon(XfsBuf header, int magic, long agno) throws ErrnoException {
    if (header.i32(0) != magic || header.u32(4) != VERSION || header.u32(8) != agno) {
      throw header.corrupt("not the header of this group");
    }
    long length = header.u32(12);
    boolean last = agno == sb.agCount - 1;
    if (last ? length < MIN_AG_BLOCKS || length > sb.agBlocks : length != sb.agBlocks) {
      throw header.corrupt("a group of " + length + " blocks");
    }
  }

  private void verifyTree(XfsBuf header, int rootAt, int levelsAt) throws ErrnoException {
    long levels = header.u32(levelsAt);
    if (levels < 1 || levels > MAX_LEVELS || header.u32(rootAt) >= header.u32(12)) {
      throw header.corrupt("a tree of it has its root outside the group");
    }
  }
}
