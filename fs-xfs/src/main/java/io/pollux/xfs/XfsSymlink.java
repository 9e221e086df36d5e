// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.buffer.Buf;
import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.format.XfsVerify;

/**
 * Symbolic links: short ones in the inode, longer ones in extents. Each extent begins with a header
 * and has one checksum, whatever its number of blocks.
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_symlink_remote.c")
final class XfsSymlink {
  static final int MAGIC = 0x58534c4d; // XSLM
  static final int HEADER_BYTES = 56;
  static final int CRC_OFFSET = 12;

  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "XFS_SYMLINK_MAXLEN")
  static final int MAX_LENGTH = 1024;

  private XfsSymlink() {}

  /**
   * Reads a link. From process context.
   *
   * @param current the calling task
   * @param ip a symbolic link
   * @return its target
   * @throws ErrnoException EUCLEAN if it is damaged, or the device's error
   */
  @LinuxSource(file = "fs/xfs/xfs_symlink.c", name = "xfs_readlink")
  static byte[] read(Task current, XfsInode ip) throws ErrnoException {
    if (ip.size() > MAX_LENGTH) {
      throw ip.corrupt("a symbolic link of " + ip.size() + " bytes");
    }
    int length = (int) ip.size();
    if (ip.format() == XfsInodeBuf.Format.LOCAL) {
      return ip.fork().copy(0, length);
    }
    return readRemote(current, ip, length);
  }

  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_symlink_remote.c",
      name = {"xfs_symlink_remote_read", "xfs_symlink_blocks"})
  private static byte[] readRemote(Task current, XfsInode ip, int length) throws ErrnoException {
    XfsExtentMap extents = ip.extents(current);
    XfsSb sb = ip.mp().sb();
    int perBlock = sb.blockSize - HEADER_BYTES;
    int blocks = (length + perBlock - 1) / perBlock;
    byte[] target = new byte[length];
    int done = 0;
    int fileoff = 0;
    for (int i = 0; i < extents.count() && fileoff < blocks; i++) {
      if (extents.startOff(i) != fileoff || extents.unwritten(i)) {
        throw ip.corrupt("a part of the symbolic link is missing");
      }
      int run = (int) Math.min(extents.blockCount(i), blocks - fileoff);
      BufData piece = readPiece(current, ip, extents.startBlock(i), run);
      int bytes = Math.min(length - done, piece.size() - HEADER_BYTES);
      checkHeader(ip, piece, done, bytes);
      System.arraycopy(piece.copy(HEADER_BYTES, bytes), 0, target, done, bytes);
      done += bytes;
      fileoff += run;
    }
    if (done != length) {
      throw ip.corrupt("the symbolic link is shorter than it says");
    }
    return target;
  }

  private static BufData readPiece(Task current, XfsInode ip, long fsb, int count)
      throws ErrnoException {
    XfsMount mp = ip.mp();
    Buf buf =
        mp.readBlocks(
            current, fsb, count, mp.verifiers().symlink(), () -> ip.what() + ", symbolic link");
    BufData piece = buf.data();
    buf.release();
    return piece;
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_symlink_remote.c", name = "xfs_symlink_verify")
  static void verify(XfsSb sb, BufData piece) throws ErrnoException {
    if (piece.i32(0) != MAGIC) {
      throw piece.corrupt("bad magic number");
    }
    XfsVerify.checkUuid(piece, 16, sb.metaUuid);
    XfsVerify.checkDaddr(piece, 40);
    if (piece.u32(4) + piece.u32(8) > MAX_LENGTH) {
      throw piece.corrupt("a part behind the end of any link");
    }
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_symlink_remote.c", name = "xfs_symlink_hdr_ok")
  private static void checkHeader(XfsInode ip, BufData piece, int offset, int bytes)
      throws ErrnoException {
    XfsVerify.checkOwner(piece, 32, ip.ino());
    if (piece.u32(4) != offset || piece.u32(8) != bytes) {
      throw piece.corrupt("not the part of the link that was expected");
    }
  }
}
