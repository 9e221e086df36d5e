// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.btree;

import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsSb;

/**
 * The kinds of trees, one object for each in a mount: their verifiers are compared by identity.
 *
 * @param bnobt free space, by start
 * @param cntbt free space, by length
 * @param inobt inode chunks
 * @param finobt inode chunks with free inodes
 * @param rmapbt owners of blocks
 * @param refcountbt reference counts of shared blocks
 * @param bmbt extents of a fork
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_btree.h", name = "xfs_btree_ops")
public record XfsBtrees(
    XfsBtreeType<XfsAllocRec> bnobt,
    XfsBtreeType<XfsAllocRec> cntbt,
    XfsBtreeType<XfsInobtRec> inobt,
    XfsBtreeType<XfsInobtRec> finobt,
    XfsBtreeType<XfsRmapRec> rmapbt,
    XfsBtreeType<XfsRefcountRec> refcountbt,
    XfsBtreeType<XfsBmbtRec> bmbt) {
  /**
   * Makes the descriptions.
   *
   * @param sb the geometry
   */
  public static XfsBtrees of(XfsSb sb) {
    return new XfsBtrees(
        new AllocType(sb, false),
        new AllocType(sb, true),
        new InobtType(sb, false),
        new InobtType(sb, true),
        new RmapbtType(sb),
        new RefcountType(sb),
        new BmbtType(sb));
  }
}
