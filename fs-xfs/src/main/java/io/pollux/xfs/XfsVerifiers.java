// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.buffer.BufOps;
import io.pollux.xfs.format.XfsBufOps;
import io.pollux.xfs.format.XfsSb;

/**
 * The verifiers of a mount, one for each type of block, with their names in C.
 *
 * @param agf header of free space
 * @param agi header of inodes
 * @param agfl free list
 * @param inode a block of inodes
 * @param bmbt a block of a file's extent tree
 * @param refcountbt a block of a group's tree of reference counts
 * @param dirBlock a directory of one block
 * @param dirData entries of a larger directory
 * @param daNode index of a larger directory: leaves and nodes
 * @param symlink a part of a symbolic link
 */
record XfsVerifiers(
    BufOps agf,
    BufOps agi,
    BufOps agfl,
    BufOps inode,
    BufOps bmbt,
    BufOps refcountbt,
    BufOps dirBlock,
    BufOps dirData,
    BufOps daNode,
    BufOps symlink) {
  static XfsVerifiers of(XfsSb sb) {
    return new XfsVerifiers(
        new XfsBufOps("xfs_agf", sb, XfsPerag.AGF_CRC_OFFSET, XfsPerag::verifyAgf),
        new XfsBufOps("xfs_agi", sb, XfsPerag.AGI_CRC_OFFSET, XfsPerag::verifyAgi),
        new XfsBufOps("xfs_agfl", sb, XfsPerag.AGFL_CRC_OFFSET, XfsPerag::verifyAgfl),
        XfsInodeBuf.OPS,
        new XfsBufOps("xfs_bmbt", sb, XfsBmap.CRC_OFFSET, XfsBmap::verify),
        new XfsBufOps("xfs_refcountbt", sb, XfsRefcount.CRC_OFFSET, XfsRefcount::verify),
        new XfsBufOps("xfs_dir3_block", sb, XfsDir2Data.CRC_OFFSET, XfsDir2Data::verifyBlock),
        new XfsBufOps("xfs_dir3_data", sb, XfsDir2Data.CRC_OFFSET, XfsDir2Data::verifyData),
        new XfsBufOps("xfs_da3_node", sb, XfsDir2Leaf.CRC_OFFSET, XfsDir2Leaf::verify),
        new XfsBufOps("xfs_symlink", sb, XfsSymlink.CRC_OFFSET, XfsSymlink::verify));
  }
}
