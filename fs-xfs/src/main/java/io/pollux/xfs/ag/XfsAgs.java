// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.ag;

import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufOps;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.btree.XfsBtrees;
import io.pollux.xfs.format.XfsAgf;
import io.pollux.xfs.format.XfsAgfl;
import io.pollux.xfs.format.XfsAgi;
import io.pollux.xfs.format.XfsBufOps;
import io.pollux.xfs.format.XfsLogType;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.format.XfsVerify;
import io.pollux.xfs.trans.TransBuf;
import io.pollux.xfs.trans.XfsTrans;

/**
 * The headers of the groups, and the verifiers of what belongs to a group. One object for each
 * mount: buffers compare verifiers by identity.
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_ag.h", name = "xfs_perag")
public final class XfsAgs {
  private static final int MAX_LEVELS = 16;
  private static final int MIN_AG_BLOCKS = 64;

  private static final int AGF_SECTOR = 1;
  private static final int AGI_SECTOR = 2;
  private static final int AGFL_SECTOR = 3;

  private final XfsBtrees trees;
  private final BufOps agfOps;
  private final BufOps agiOps;
  private final BufOps agflOps;

  public XfsAgs(XfsSb sb) {
    trees = XfsBtrees.of(sb);
    agfOps =
        new XfsBufOps("xfs_agf", sb, XfsAgf.CRC, XfsAgf.LSN, XfsLogType.AGF_BUF, XfsAgs::verifyAgf);
    agiOps =
        new XfsBufOps("xfs_agi", sb, XfsAgi.CRC, XfsAgi.LSN, XfsLogType.AGI_BUF, XfsAgs::verifyAgi);
    agflOps =
        new XfsBufOps(
            "xfs_agfl", sb, XfsAgfl.CRC, XfsAgfl.LSN, XfsLogType.AGFL_BUF, XfsAgs::verifyAgfl);
  }

  /** {@return the kinds of trees} */
  public XfsBtrees trees() {
    return trees;
  }

  /** {@return the verifier of the header of free space} */
  public BufOps agfOps() {
    return agfOps;
  }

  /** {@return the verifier of the header of inodes} */
  public BufOps agiOps() {
    return agiOps;
  }

  /** {@return the verifier of the free list} */
  public BufOps agflOps() {
    return agflOps;
  }

  /**
   * Reads the header of free space.
   *
   * @param tp the transaction
   * @param agno a valid group
   * @return the header
   * @throws ErrnoException damage, or the device's error
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_alloc.c", name = "xfs_alloc_read_agf")
  public TransBuf agf(XfsTrans tp, long agno) throws ErrnoException {
    return header(tp, agno, AGF_SECTOR, agfOps, "free space header (AGF)");
  }

  /**
   * Reads the header of inodes.
   *
   * @param tp the transaction
   * @param agno a valid group
   * @return the header
   * @throws ErrnoException damage, or the device's error
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_ialloc.c", name = "xfs_ialloc_read_agi")
  public TransBuf agi(XfsTrans tp, long agno) throws ErrnoException {
    return header(tp, agno, AGI_SECTOR, agiOps, "inode header (AGI)");
  }

  /**
   * Reads the free list.
   *
   * @param tp the transaction
   * @param agno a valid group
   * @return the list
   * @throws ErrnoException damage, or the device's error
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_alloc.c", name = "xfs_alloc_read_agfl")
  public TransBuf agfl(XfsTrans tp, long agno) throws ErrnoException {
    return header(tp, agno, AGFL_SECTOR, agflOps, "free list (AGFL)");
  }

  private static TransBuf header(XfsTrans tp, long agno, int sector, BufOps ops, String name)
      throws ErrnoException {
    XfsSb sb = tp.sb();
    return tp.read(
        sb.agHeader(agno, sector), sb.sectSize, ops, () -> "group " + agno + ", " + name);
  }

  /** The slots of the free list. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_alloc.c", name = "xfs_agfl_size")
  static int agflSlots(XfsSb sb) {
    return (sb.sectSize - XfsAgfl.BNO) / 4;
  }

  // Verifiers.

  @LinuxSource(file = "fs/xfs/libxfs/xfs_alloc.c", name = "xfs_agf_verify")
  private static void verifyAgf(XfsSb sb, BufData agf) throws ErrnoException {
    XfsVerify.checkUuid(agf, XfsAgf.UUID, sb.metaUuid);
    verifyCommon(sb, agf, XfsAgf.MAGIC);
    int slots = agflSlots(sb);
    if (agf.u32(XfsAgf.FLFIRST) >= slots
        || agf.u32(XfsAgf.FLLAST) >= slots
        || agf.u32(XfsAgf.FLCOUNT) > slots) {
      throw agf.corrupt("its free list is longer than there is room");
    }
    if (agf.u32(XfsAgf.FREEBLKS) > agf.u32(XfsAgf.LENGTH)
        || agf.u32(XfsAgf.LONGEST) > agf.u32(XfsAgf.FREEBLKS)) {
      throw agf.corrupt("more free space than space");
    }
    verifyTree(agf, XfsAgf.BNO_ROOT, XfsAgf.BNO_LEVEL);
    verifyTree(agf, XfsAgf.CNT_ROOT, XfsAgf.CNT_LEVEL);
    if (sb.rmapbt) {
      verifyTree(agf, XfsAgf.RMAP_ROOT, XfsAgf.RMAP_LEVEL);
    }
    if (sb.reflink) {
      verifyTree(agf, XfsAgf.REFCOUNT_ROOT, XfsAgf.REFCOUNT_LEVEL);
    }
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_ialloc.c", name = "xfs_agi_verify")
  private static void verifyAgi(XfsSb sb, BufData agi) throws ErrnoException {
    XfsVerify.checkUuid(agi, XfsAgi.UUID, sb.metaUuid);
    verifyCommon(sb, agi, XfsAgi.MAGIC);
    if (agi.u32(XfsAgi.FREECOUNT) > agi.u32(XfsAgi.COUNT)) {
      throw agi.corrupt("more free inodes than inodes");
    }
    verifyTree(agi, XfsAgi.ROOT, XfsAgi.LEVEL);
    if (sb.finobt) {
      verifyTree(agi, XfsAgi.FREE_ROOT, XfsAgi.FREE_LEVEL);
    }
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_alloc.c", name = "xfs_agfl_verify")
  private static void verifyAgfl(XfsSb sb, BufData agfl) throws ErrnoException {
    XfsVerify.checkUuid(agfl, XfsAgfl.UUID, sb.metaUuid);
    if (agfl.i32(XfsAgfl.MAGICNUM) != XfsAgfl.MAGIC
        || agfl.u32(XfsAgfl.SEQNO) != sb.byteToAgno(agfl.position())) {
      throw agfl.corrupt("not the header of this group");
    }
  }

  /** Checks the fields that AGF and AGI share: magic, version, group and length, in this order. */
  private static void verifyCommon(XfsSb sb, BufData header, int magic) throws ErrnoException {
    long agno = sb.byteToAgno(header.position());
    if (header.i32(XfsAgf.MAGICNUM) != magic
        || header.u32(XfsAgf.VERSIONNUM) != XfsAgf.VERSION
        || header.u32(XfsAgf.SEQNO) != agno) {
      throw header.corrupt("not the header of this group");
    }
    long length = header.u32(XfsAgf.LENGTH);
    boolean last = agno == sb.agCount - 1;
    if (last ? length < MIN_AG_BLOCKS || length > sb.agBlocks : length != sb.agBlocks) {
      throw header.corrupt("a group of " + length + " blocks");
    }
  }

  private static void verifyTree(BufData header, int rootAt, int levelsAt) throws ErrnoException {
    long levels = header.u32(levelsAt);
    if (levels < 1 || levels > MAX_LEVELS || header.u32(rootAt) >= header.u32(XfsAgf.LENGTH)) {
      throw header.corrupt("a tree of it has its root outside the group");
    }
  }
}
