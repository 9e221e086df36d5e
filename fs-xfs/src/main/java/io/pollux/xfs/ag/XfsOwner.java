// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.ag;

import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.btree.XfsRmapRec;

/**
 * The owner of an extent.
 *
 * @param owner an inode, or a negative number for metadata of the group
 * @param offset the first block in the file; 0 if it is not a file's data
 * @param flags of {@link XfsRmapRec}
 * @param shares whether its blocks may have other owners, too
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_types.h", name = "xfs_owner_info")
public record XfsOwner(long owner, long offset, int flags, boolean shares) {
  private XfsOwner(long owner) {
    this(owner, 0, 0, false);
  }

  /** Headers of groups. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "XFS_RMAP_OWN_FS")
  public static final XfsOwner FS = new XfsOwner(-3);

  /** The log. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "XFS_RMAP_OWN_LOG")
  public static final XfsOwner LOG = new XfsOwner(-4);

  /** Trees of free space and owners, and the free list. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "XFS_RMAP_OWN_AG")
  public static final XfsOwner AG = new XfsOwner(-5);

  /** Trees of inodes. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "XFS_RMAP_OWN_INOBT")
  public static final XfsOwner INOBT = new XfsOwner(-6);

  /** Inode chunks. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "XFS_RMAP_OWN_INODES")
  public static final XfsOwner INODES = new XfsOwner(-7);

  /** The tree of reference counts. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "XFS_RMAP_OWN_REFC")
  public static final XfsOwner REFC = new XfsOwner(-8);

  /** Space set aside for a copy on write. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "XFS_RMAP_OWN_COW")
  public static final XfsOwner COW = new XfsOwner(-9);

  /** Whatever owner is recorded, or none: the log does not say whose blocks it wants freed. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_rmap.h", name = "XFS_RMAP_OINFO_ANY_OWNER")
  public static final XfsOwner ANY = new XfsOwner(-2);

  /** Not recorded by this call: the owner of data is recorded when it is mapped. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_rmap.h", name = "XFS_RMAP_OINFO_SKIP_UPDATE")
  public static final XfsOwner SKIP = new XfsOwner(-1);

  /**
   * The data of a file, or of its attributes.
   *
   * @param ino the inode
   * @param offset the first block in the fork
   * @param attr whether it is the fork of attributes
   * @param unwritten whether it reads as zeroes
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_rmap.h", name = "xfs_rmap_ino_owner")
  public static XfsOwner of(long ino, long offset, boolean attr, boolean unwritten) {
    int flags = (attr ? XfsRmapRec.ATTR_FORK : 0) | (unwritten ? XfsRmapRec.UNWRITTEN : 0);
    return new XfsOwner(ino, offset, flags, true);
  }

  /**
   * A block of the extent tree of a fork.
   *
   * @param ino the inode
   * @param attr whether it is the fork of attributes
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_rmap.h", name = "xfs_rmap_ino_bmbt_owner")
  public static XfsOwner bmbt(long ino, boolean attr) {
    return new XfsOwner(ino, 0, XfsRmapRec.BMBT_BLOCK | (attr ? XfsRmapRec.ATTR_FORK : 0), false);
  }

  /** Whether the blocks are for trees that space is set aside for. */
  boolean isReserved() {
    return owner == REFC.owner || owner == INOBT.owner;
  }

  /** Whether blocks of a fork: nothing orders a write to them behind the log. */
  boolean isData() {
    boolean ofTree = (flags & XfsRmapRec.BMBT_BLOCK) != 0;
    return owner == SKIP.owner || (owner >= 0 && !ofTree);
  }

  XfsOwner withUnwritten(boolean unwritten) {
    int others = flags & ~XfsRmapRec.UNWRITTEN;
    return new XfsOwner(owner, offset, unwritten ? others | XfsRmapRec.UNWRITTEN : others, shares);
  }

  /**
   * Returns this owner for a fork that shares no blocks. The search for neighbours is then short.
   */
  public XfsOwner alone() {
    return new XfsOwner(owner, offset, flags, false);
  }

  /** The record of some blocks of it. */
  XfsRmapRec record(long agbno, long len) {
    return new XfsRmapRec(agbno, len, owner, offset, flags);
  }
}
