// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.buffer.BufOps;
import io.pollux.xfs.ag.XfsAgs;
import io.pollux.xfs.format.XfsBufOps;
import io.pollux.xfs.format.XfsLogType;
import io.pollux.xfs.format.XfsSb;

/**
 * The verifiers of a mount, one for each type of block, with their names in C.
 *
 * @param ags headers and trees of groups
 * @param inode a block of inodes
 * @param dirBlock a directory of one block
 * @param dirData entries of a larger directory
 * @param daNode index of a larger directory: leaves and nodes
 * @param dirFree free space of a larger directory
 * @param attr a block of the tree of attributes
 * @param attrRemote a part of the value of an attribute
 * @param symlink a part of a symbolic link
 */
record XfsVerifiers(
    XfsAgs ags,
    BufOps inode,
    BufOps dirBlock,
    BufOps dirData,
    BufOps daNode,
    BufOps dirFree,
    BufOps attr,
    BufOps attrRemote,
    BufOps symlink) {
  // Where blocks have their LSN:
  private static final int DIR_LSN = 16;
  private static final int INDEX_LSN = 24;
  private static final int SYMLINK_LSN = 48;

  /** Header of free space. */
  BufOps agf() {
    return ags.agfOps();
  }

  /** Header of inodes. */
  BufOps agi() {
    return ags.agiOps();
  }

  /** Free list. */
  BufOps agfl() {
    return ags.agflOps();
  }

  /** A block of a file's extent tree. */
  BufOps bmbt() {
    return ags.trees().bmbt().ops();
  }

  /** A block of a group's tree of reference counts. */
  BufOps refcountbt() {
    return ags.trees().refcountbt().ops();
  }

  static XfsVerifiers of(XfsSb sb) {
    XfsAgs ags = new XfsAgs(sb);
    return new XfsVerifiers(
        ags,
        XfsInodeBuf.OPS,
        new XfsBufOps(
            "xfs_dir3_block",
            sb,
            XfsDir2Data.CRC_OFFSET,
            DIR_LSN,
            XfsLogType.DIR_BLOCK_BUF,
            XfsDir2Data::verifyBlock),
        new XfsBufOps(
            "xfs_dir3_data",
            sb,
            XfsDir2Data.CRC_OFFSET,
            DIR_LSN,
            XfsLogType.DIR_DATA_BUF,
            XfsDir2Data::verifyData),
        new XfsBufOps(
            "xfs_da3_node",
            sb,
            XfsDir2Leaf.CRC_OFFSET,
            INDEX_LSN,
            XfsBufOps.INDEX,
            XfsDir2Leaf::verify),
        new XfsBufOps(
            "xfs_dir3_free",
            sb,
            XfsDir2Free.CRC_OFFSET,
            DIR_LSN,
            XfsLogType.DIR_FREE_BUF,
            XfsDir2Free::verify),
        new XfsBufOps(
            "xfs_attr3_leaf",
            sb,
            XfsAttrLeaf.CRC_OFFSET,
            INDEX_LSN,
            XfsBufOps.INDEX,
            XfsAttrLeaf::verify),
        new XfsBufOps(
            "xfs_attr3_rmt",
            sb,
            XfsAttrRemote.CRC_OFFSET,
            XfsLogType.NO_LSN,
            XfsLogType.ATTR_RMT_BUF,
            XfsAttrRemote::verify),
        new XfsBufOps(
            "xfs_symlink",
            sb,
            XfsSymlink.CRC_OFFSET,
            SYMLINK_LSN,
            XfsLogType.SYMLINK_BUF,
            XfsSymlink::verify));
  }
}
