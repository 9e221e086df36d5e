// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufEdit;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.Differs;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsDinode;
import io.pollux.xfs.format.XfsError;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.format.XfsVerify;
import io.pollux.xfs.trans.TransBuf;
import java.util.Arrays;

/** Makes symbolic links in transactions; {@link XfsSymlink} reads them. */
@LinuxSource(file = "fs/xfs/libxfs/xfs_symlink_remote.c")
final class XfsSymlinkWrite {
  /** Targets are shorter than a path in memory, which ends with a zero. */
  private static final int MAX_TARGET = XfsSymlink.MAX_LENGTH - 1;

  private static final int OFFSET = 4;
  private static final int BYTES = 8;
  private static final int UUID = 16;
  private static final int OWNER = 32;
  private static final int BLKNO = 40;

  private XfsSymlinkWrite() {}

  /**
   * Stores the target of a new link: in the inode if it fits there, else in blocks.
   *
   * @param ip the inode, without data
   * @param target its target
   * @throws ErrnoException ENAMETOOLONG, ENOSPC, or another reason to cancel the transaction
   */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_symlink_remote.c",
      name = {"xfs_symlink_write_target", "xfs_symlink_blocks"})
  static void init(XfsInodeEdit ip, byte[] target) throws ErrnoException {
    if (target.length == 0 || target.length > MAX_TARGET) {
      throw new ErrnoException(target.length == 0 ? Errno.ENOENT : Errno.ENAMETOOLONG);
    }
    if (target.length <= ip.data().room()) {
      ip.data().setFormat(XfsDinode.FMT_LOCAL);
      ip.put(ip.data().start(), Arrays.copyOf(target, ip.data().room()));
      ip.setSize(target.length);
    } else {
      store(ip, target);
    }
  }

  /** Stores a target in blocks. */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_symlink_remote.c",
      name = {"xfs_symlink_local_to_remote", "xfs_symlink_hdr_set"})
  static void store(XfsInodeEdit ip, byte[] target) throws ErrnoException {
    XfsForkEdit fork = ip.data();
    fork.setFormat(XfsDinode.FMT_EXTENTS);
    ip.put(fork.start(), new byte[fork.room()]);
    ip.setSize(target.length);
    XfsSb sb = ip.mp().sb();
    int perBlock = sb.blockSize - XfsSymlink.HEADER_BYTES;
    XfsBmapi.allocate(fork, 0, (target.length + perBlock - 1) / perBlock, false);
    XfsExtentMap map = fork.map();
    int done = 0;
    for (int i = 0; i < map.count(); i++) {
      TransBuf buf = create(ip, map.get(i));
      int bytes = Math.min(target.length - done, buf.length() - XfsSymlink.HEADER_BYTES);
      BufEdit edit = buf.edit();
      edit.put32(0, XfsSymlink.MAGIC);
      edit.put32(OFFSET, done);
      edit.put32(BYTES, bytes);
      edit.put(UUID, sb.metaUuid);
      edit.put64(OWNER, ip.ino());
      edit.put64(BLKNO, buf.position() >> XfsSb.BB_SHIFT);
      edit.put(XfsSymlink.HEADER_BYTES, Arrays.copyOfRange(target, done, done + bytes));
      done += bytes;
    }
  }

  private static TransBuf create(XfsInodeEdit ip, XfsExtentMap.Rec rec) throws ErrnoException {
    XfsSb sb = ip.mp().sb();
    return ip.tp()
        .create(
            sb.fsbToByte(rec.startBlock()),
            (int) rec.blockCount() << sb.blockLog,
            ip.mp().verifiers().symlink(),
            () -> ip.what() + ", symbolic link");
  }

  /**
   * Frees the blocks of a link that is removed.
   *
   * @param ip a link
   * @throws ErrnoException EUCLEAN if it has more blocks than a link may have, or another reason to
   *     cancel the transaction
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_symlink_remote.c", name = "xfs_symlink_remote_truncate")
  static void free(XfsInodeEdit ip) throws ErrnoException {
    XfsForkEdit fork = ip.data();
    XfsExtentMap map = fork.map();
    if (map.lastOffset() > XfsSymlink.MAX_LENGTH) {
      throw XfsError.corrupt(ip.what() + ": too many blocks for a link");
    }
    for (int i = 0; i < map.count(); i++) {
      ip.tp().binval(create(ip, map.get(i)));
    }
    XfsBmapi.unmapAll(fork, 0, map.lastOffset());
  }

  /**
   * Moves a target from blocks back to the inode, once it fits there. Linux leaves it in its
   * blocks, which xfs_repair 6.1 takes for damage.
   *
   * @param ip a link with blocks
   */
  @Differs(
      kind = Differs.Kind.OURS,
      why =
          "A target that fits into the inode again moves there when the last attribute goes. Linux"
              + " leaves it in its blocks.",
      test = "XfsAttrTest#allForms")
  static void toInode(XfsInodeEdit ip) throws ErrnoException {
    XfsForkEdit fork = ip.data();
    int length = (int) ip.size();
    byte[] target = new byte[length];
    XfsExtentMap map = fork.map();
    int done = 0;
    for (int i = 0; i < map.count() && done < length; i++) {
      XfsExtentMap.Rec rec = map.get(i);
      XfsSb sb = ip.mp().sb();
      long most = Math.min(rec.blockCount(), XfsSymlink.MAX_LENGTH);
      BufData part =
          ip.tp()
              .read(
                  sb.fsbToByte(rec.startBlock()),
                  (int) most << sb.blockLog,
                  ip.mp().verifiers().symlink(),
                  () -> ip.what() + ", symbolic link")
              .data();
      XfsVerify.checkOwner(part, OWNER, ip.ino());
      int bytes = Math.min(length - done, part.size() - XfsSymlink.HEADER_BYTES);
      if (part.u32(OFFSET) != done || part.u32(BYTES) != bytes) {
        throw part.corrupt("not the part of the link that was expected");
      }
      System.arraycopy(part.copy(XfsSymlink.HEADER_BYTES, bytes), 0, target, done, bytes);
      done += bytes;
    }
    if (done != length) {
      throw XfsError.corrupt(ip.what() + ": the symbolic link is shorter than it says");
    }
    free(ip);
    init(ip, target);
  }
}
