// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.log;

import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufEdit;
import io.pollux.block.buffer.BufOps;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsDinode;
import io.pollux.xfs.format.XfsDsb;
import io.pollux.xfs.format.XfsError;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.format.XfsVerify;
import io.pollux.xfs.log.ReplayBuffers.Block;
import java.util.ArrayList;
import java.util.List;

/**
 * Applies transactions to the blocks of the disk. The first pass collects cancelled buffers, and
 * intents without a done item. The second pass changes blocks.
 */
@LinuxSource(
    file = "fs/xfs/xfs_log_recover.c",
    name = {"xlog_recover_commit_trans", "xlog_do_log_recovery"})
final class XlogReplay {
  private static final int MAX_INODE_LENGTH = 64 << 10;

  private final ReplayBuffers buffers;
  private final ReplayCancels cancels = new ReplayCancels();
  private final XlogIntents intents = new XlogIntents();
  private XlogTypes types;
  private long lastLsn; // of the last transaction of the second pass

  XlogReplay(ReplayBuffers buffers, XlogTypes types) {
    this.buffers = buffers;
    this.types = types;
  }

  /** The intents without a done item, after the first pass. */
  List<XlogIntent> intents() {
    return intents.pending();
  }

  /** The superblock as it is after the replay. */
  XfsSb sb() {
    return types.sb();
  }

  // The first pass.

  /** Collects. Refuses what can't be replayed. */
  void first(long lsn, List<XlogItem> items) throws ErrnoException {
    for (XlogItem item : items) {
      BufData format = item.format();
      int type = item.type();
      switch (type) {
        case XlogFormat.XFS_LI_BUF -> firstBuf(ReplayBuf.of(item));
        case XlogFormat.XFS_LI_INODE, XlogFormat.XFS_LI_ICREATE -> {}
        case XlogFormat.XFS_LI_EFI,
            XlogFormat.XFS_LI_RUI,
            XlogFormat.XFS_LI_CUI,
            XlogFormat.XFS_LI_BUI ->
            intents.begin(type, format);
        case XlogFormat.XFS_LI_EFD,
            XlogFormat.XFS_LI_RUD,
            XlogFormat.XFS_LI_CUD,
            XlogFormat.XFS_LI_BUD ->
            intents.done(type - 1, format);
        case XlogFormat.XFS_LI_ATTRI, XlogFormat.XFS_LI_ATTRD ->
            throw unsupported("changes of extended attributes by name");
        case XlogFormat.XFS_LI_XMI, XlogFormat.XFS_LI_XMD ->
            throw unsupported("exchanges of extents");
        case XlogFormat.XFS_LI_DQUOT, XlogFormat.XFS_LI_QUOTAOFF -> throw unsupported("quotas");
        default ->
            throw XlogDevice.corrupt("an item of unknown type 0x" + Integer.toHexString(type));
      }
    }
  }

  private void firstBuf(ReplayBuf buf) throws ErrnoException {
    int quotas =
        XlogFormat.XFS_BLF_UDQUOT_BUF
            | XlogFormat.XFS_BLF_PDQUOT_BUF
            | XlogFormat.XFS_BLF_GDQUOT_BUF;
    if ((buf.flags() & quotas) != 0) {
      throw unsupported("quotas");
    }
    if (buf.cancels()) {
      cancels.add(buf.daddr(), buf.bbs());
    }
  }

  private static ErrnoException unsupported(String what) {
    return new ErrnoException(
        Errno.EOPNOTSUPP,
        "the log has " + what + ", which are not recovered here: mount it with Linux once");
  }

  // The second pass.

  /** Changes blocks, and writes what was collected if it is time. */
  void second(long lsn, List<XlogItem> items) throws ErrnoException {
    if (lsn != lastLsn && buffers.full()) { // transactions of one position are written together
      buffers.writeAll();
    }
    lastLsn = lsn;
    for (XlogItem item : reordered(items)) {
      switch (item.type()) {
        case XlogFormat.XFS_LI_BUF -> buf(ReplayBuf.of(item), lsn);
        case XlogFormat.XFS_LI_INODE -> inode(new ReplayInode(item), lsn);
        case XlogFormat.XFS_LI_ICREATE -> new ReplayIcreate(item, types).apply(buffers, cancels);
        default -> {} // an intent
      }
    }
  }

  /** New inodes come before what is changed in them, and cancellations after all. */
  @LinuxSource(file = "fs/xfs/xfs_log_recover.c", name = "xlog_recover_reorder_trans")
  private static List<XlogItem> reordered(List<XlogItem> items) throws ErrnoException {
    List<List<XlogItem>> groups = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      groups.add(new ArrayList<>());
    }
    for (XlogItem item : items) {
      int group = 1;
      if (item.type() == XlogFormat.XFS_LI_ICREATE) {
        group = 0;
      } else if (item.type() == XlogFormat.XFS_LI_BUF) {
        ReplayBuf buf = ReplayBuf.of(item);
        group = buf.cancels() ? 3 : buf.inodes() ? 2 : 0;
      }
      groups.get(group).add(item);
    }
    List<XlogItem> all = new ArrayList<>();
    groups.forEach(all::addAll);
    return all;
  }

  @LinuxSource(file = "fs/xfs/xfs_buf_item_recover.c", name = "xlog_recover_buf_commit_pass2")
  private void buf(ReplayBuf buf, long lsn) throws ErrnoException {
    if (buf.cancels()) {
      cancels.put(buf.daddr(), buf.bbs());
      return;
    }
    if (cancels.has(buf.daddr(), buf.bbs())) {
      return;
    }
    if (partOfDirectory(buf)) {
      throw unsupported("directory blocks in several pieces");
    }
    Block block = buffers.read(buf.position(), buf.length());
    boolean raw =
        buf.type() == XlogFormat.XFS_BLFT_RTBITMAP_BUF
            || buf.type() == XlogFormat.XFS_BLFT_RTSUMMARY_BUF;
    if (newer(block, lsn, raw)) {
      return;
    }
    if (buf.inodes()) {
      unlinked(buf, block);
    } else {
      buf.parts((at, data) -> block.data.put(at, data.copy(0, data.size())));
      setType(buf, block, lsn);
    }
    block.changed = true;
    block.appliedLsn = lsn;
    if (buf.type() == XlogFormat.XFS_BLFT_SB_BUF && buf.daddr() == 0) {
      superblock(block);
    }
  }

  /** Whether the disk has a later state of a block. */
  private boolean newer(Block block, long lsn, boolean raw) throws ErrnoException {
    if (block.changed && block.appliedLsn == lsn) {
      return false;
    }
    long there = raw ? ReplayLsn.NONE : ReplayLsn.of(types.sb(), block.data);
    return there != 0 && there != ReplayLsn.NONE && Long.compareUnsigned(there, lsn) >= 0;
  }

  private void setType(ReplayBuf buf, Block block, long lsn) throws ErrnoException {
    BufOps ops = types.ops(buf.type(), block.data);
    if (ops == null) {
      throw XlogDevice.corrupt(
          "a block at byte " + buf.position() + " that is not of its type (" + buf.type() + ")");
    }
    block.ops = ops;
    boolean stamped =
        switch (buf.type()) {
          case XlogFormat.XFS_BLFT_DINO_BUF,
              XlogFormat.XFS_BLFT_ATTR_RMT_BUF,
              XlogFormat.XFS_BLFT_RTBITMAP_BUF,
              XlogFormat.XFS_BLFT_RTSUMMARY_BUF ->
              false;
          default -> true;
        };
    if (stamped) {
      ReplayLsn.stamp(types.sb(), block, lsn);
    }
  }

  /**
   * Whether a buffer is one of the pieces of a block of a directory. The log has no list of the
   * pieces, and the checksum covers all.
   */
  private boolean partOfDirectory(ReplayBuf buf) {
    XfsSb sb = types.sb();
    boolean directory =
        buf.type() >= XlogFormat.XFS_BLFT_DIR_BLOCK_BUF
            && buf.type() <= XlogFormat.XFS_BLFT_DA_NODE_BUF;
    return directory
        && buf.length() < sb.blockSize << sb.dirBlkLog
        && sb.dirBlkLog > 0
        && !(buf.type() == XlogFormat.XFS_BLFT_DA_NODE_BUF && buf.length() == sb.blockSize);
  }

  /** Changes the links of lists of unlinked inodes, and nothing else. */
  @LinuxSource(file = "fs/xfs/xfs_buf_item_recover.c", name = "xlog_recover_do_inode_buffer")
  private void unlinked(ReplayBuf buf, Block block) throws ErrnoException {
    int inodeSize = types.sb().inodeSize;
    BufOps ops = types.ops(XlogFormat.XFS_BLFT_DINO_BUF, block.data);
    if (ops == null) {
      throw XlogDevice.corrupt("no inodes at byte " + buf.position());
    }
    block.ops = ops;
    buf.parts(
        (at, data) -> {
          int inode = at / inodeSize * inodeSize;
          for (; inode < at + data.size(); inode += inodeSize) {
            int link = inode + XfsDinode.NEXT_UNLINKED;
            if (link >= at && link < at + data.size()) {
              setUnlinked(block.data, inode, inodeSize, data.i32(link - at));
            }
          }
        });
  }

  private static void setUnlinked(BufEdit block, int inode, int inodeSize, int next)
      throws ErrnoException {
    if (next == 0 || block.u16(inode) != XfsDinode.MAGIC) {
      throw XlogDevice.corrupt("a list of unlinked inodes with an invalid inode");
    }
    block.put32(inode + XfsDinode.NEXT_UNLINKED, next);
    XfsVerify.updateCrc(block, inode, inodeSize, XfsDinode.CRC);
  }

  /** The filesystem may have grown. */
  @LinuxSource(file = "fs/xfs/xfs_buf_item_recover.c", name = "xlog_recover_do_primary_sb_buffer")
  private void superblock(Block block) throws ErrnoException {
    BufEdit copy = block.data.slice(0, types.sb().sectSize, "superblock").draft();
    XfsVerify.updateCrc(copy, 0, copy.size(), XfsDsb.CRC);
    XfsSb before = types.sb();
    XfsSb sb = new XfsSb(copy, buffers.deviceBytes());
    boolean same =
        sb.blockSize == before.blockSize
            && sb.sectSize == before.sectSize
            && sb.inodeSize == before.inodeSize
            && sb.agBlocks == before.agBlocks
            && sb.logStart == before.logStart
            && sb.logBlocks == before.logBlocks
            && sb.agCount >= before.agCount;
    if (!same) {
      throw XlogDevice.corrupt("a superblock with another geometry");
    }
    types = types.of(sb);
  }

  @LinuxSource(file = "fs/xfs/xfs_inode_item_recover.c", name = "xlog_recover_inode_commit_pass2")
  private void inode(ReplayInode log, long lsn) throws ErrnoException {
    if (cancels.has(log.daddr(), log.bbs())) {
      return;
    }
    XfsSb sb = types.sb();
    int length = log.bbs() << XfsSb.BB_SHIFT;
    int at = log.offset();
    boolean good =
        log.bbs() > 0
            && log.bbs() <= MAX_INODE_LENGTH >> XfsSb.BB_SHIFT
            && at >= 0
            && at <= length - sb.inodeSize
            && at % sb.inodeSize == 0
            && sb.inoValid(log.ino());
    if (!good) {
      throw XlogDevice.corrupt("inode " + log.ino() + " is outside its block");
    }
    Block block = buffers.read(log.daddr() << XfsSb.BB_SHIFT, length);
    long place = sb.fsbToByte(sb.inoToFsb(log.ino())) + sb.inoToOffset(log.ino());
    if (block.data.position() + at != place || block.data.u16(at) != XfsDinode.MAGIC) {
      throw XlogDevice.corrupt("inode " + log.ino() + " is not where the log says");
    }
    BufEdit inode = block.data.slice(at, sb.inodeSize, "inode " + log.ino()).draft();
    long there = inode.i64(XfsDinode.LSN);
    boolean newer = there != 0 && there != -1 && Long.compareUnsigned(there, lsn) > 0;
    if (!newer) {
      log.apply(inode, lsn);
    }
    int owners = XlogFormat.XFS_ILOG_DOWNER | XlogFormat.XFS_ILOG_AOWNER;
    if ((log.fields() & owners) != 0 && inode.u16(XfsDinode.MODE) != 0) {
      changeOwner(log, inode);
    }
    XfsVerify.updateCrc(inode, 0, sb.inodeSize, XfsDinode.CRC);
    types.verifyInode(log.ino(), inode);
    block.data.put(at, inode.copy(0, sb.inodeSize));
    BufOps ops = types.ops(XlogFormat.XFS_BLFT_DINO_BUF, block.data);
    if (ops == null) {
      throw XlogDevice.corrupt("no inodes at byte " + block.data.position());
    }
    block.ops = ops;
    block.changed = true;
  }

  private void changeOwner(ReplayInode log, BufData inode) throws ErrnoException {
    BufData magic =
        new BufData(new byte[] {0x42, 0x4d, 0x41, 0x33}, 0, "log", XfsError.EFSCORRUPTED);
    BufOps ops = types.ops(XlogFormat.XFS_BLFT_BTREE_BUF, magic);
    if (ops == null) {
      throw XlogDevice.corrupt("no type for extent trees");
    }
    ReplayOwner owner = new ReplayOwner(buffers, types.sb(), ops);
    int room = inode.size() - XfsDinode.CORE_BYTES;
    int forkOff = inode.u8(XfsDinode.FORKOFF) << 3;
    if ((log.fields() & XlogFormat.XFS_ILOG_DOWNER) != 0
        && ReplayOwner.isTree(inode, XfsDinode.FORMAT)) {
      owner.change(log.ino(), inode, XfsDinode.CORE_BYTES, forkOff == 0 ? room : forkOff);
    }
    if ((log.fields() & XlogFormat.XFS_ILOG_AOWNER) != 0
        && forkOff != 0
        && ReplayOwner.isTree(inode, XfsDinode.AFORMAT)) {
      owner.change(log.ino(), inode, XfsDinode.CORE_BYTES + forkOff, room - forkOff);
    }
  }
}
