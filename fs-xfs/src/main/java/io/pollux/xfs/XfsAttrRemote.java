// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufEdit;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.format.XfsVerify;
import io.pollux.xfs.trans.TransBuf;
import java.util.Arrays;

/**
 * Values of attributes in blocks of their own. Each block has a header:
 *
 * <pre>
 *   magic 32 bits, offset in the value 32 bits, bytes 32 bits, checksum 32 bits,
 *   uuid 128 bits, owner 64 bits, place 64 bits, lsn 64 bits, always -1
 * </pre>
 *
 * <p>In Linux a buffer has all blocks of an extent, and is written outside of the log. Here each
 * block is a buffer of the transaction.
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_attr_remote.c")
final class XfsAttrRemote {
  /** The longest value. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_da_format.h", name = "XFS_XATTR_SIZE_MAX")
  static final int MAX_BYTES = 1 << 16;

  static final int CRC_OFFSET = 12;
  private static final int MAGIC = 0x5841524d; // XARM
  private static final int OFFSET = 4;
  private static final int BYTES = 8;
  private static final int UUID = 16;
  static final int OWNER = 32;
  private static final int BLKNO = 40;
  private static final int LSN = 48;
  private static final int HEADER_BYTES = 56;

  /** The numbers of blocks have 32 bits. */
  static final long END_BLK = 1L << 32;

  private XfsAttrRemote() {}

  @LinuxSource(file = "fs/xfs/libxfs/xfs_attr_remote.c", name = "xfs_attr3_rmt_verify")
  static void verify(XfsSb sb, BufData buf) throws ErrnoException {
    if (buf.i32(0) != MAGIC) {
      throw buf.corrupt("bad magic number");
    }
    XfsVerify.checkDaddr(buf, BLKNO);
    XfsVerify.checkUuid(buf, UUID, sb.metaUuid);
    if (buf.u32(BYTES) > buf.size() - HEADER_BYTES
        || buf.u32(OFFSET) + buf.u32(BYTES) > MAX_BYTES) {
      throw buf.corrupt("a part behind the end of any value");
    }
  }

  /** Blocks of a value. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_attr_remote.c", name = "xfs_attr3_rmt_blocks")
  static int blocks(XfsSb sb, int length) {
    int perBlock = sb.blockSize - HEADER_BYTES;
    return (length + perBlock - 1) / perBlock;
  }

  /**
   * Copies the part of a value that a block has.
   *
   * @param block the block, of the right owner
   * @param to the value
   * @param done bytes of it so far
   * @return bytes of it with this block
   */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_attr_remote.c",
      name = {"xfs_attr3_rmt_hdr_ok", "xfs_attr_rmtval_copyout"})
  static int copyOut(BufData block, byte[] to, int done) throws ErrnoException {
    int bytes = Math.min(to.length - done, block.size() - HEADER_BYTES);
    if (block.u32(OFFSET) != done || block.u32(BYTES) != bytes) {
      throw block.corrupt("not the part of the value that was expected");
    }
    System.arraycopy(block.copy(HEADER_BYTES, bytes), 0, to, done, bytes);
    return done + bytes;
  }

  /** Stores a value in new blocks. Returns the first. */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_attr_remote.c",
      name = {"xfs_attr_rmtval_find_space", "xfs_attr_rmtval_set_value"})
  static long store(XfsDaFork da, byte[] value) throws ErrnoException {
    int blocks = blocks(da.sb(), value.length);
    long first = da.firstUnused(0, blocks, END_BLK);
    XfsBmapi.allocate(da.fork(), first, blocks, false);
    int done = 0;
    for (int i = 0; i < blocks; i++) {
      TransBuf buf = da.create(first + i, da.inode().mp().verifiers().attrRemote());
      int bytes = Math.min(value.length - done, buf.length() - HEADER_BYTES);
      BufEdit edit = buf.edit();
      edit.put32(0, MAGIC);
      edit.put32(OFFSET, done);
      edit.put32(BYTES, bytes);
      edit.put(UUID, da.sb().metaUuid);
      edit.put64(OWNER, da.inode().ino());
      edit.put64(BLKNO, buf.position() >> XfsSb.BB_SHIFT);
      edit.put64(LSN, -1);
      edit.put(HEADER_BYTES, Arrays.copyOfRange(value, done, done + bytes));
      done += bytes;
    }
    return first;
  }

  /** Frees the blocks of a value. */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_attr_remote.c",
      name = {"xfs_attr_rmtval_invalidate", "xfs_attr_rmtval_remove"})
  static void free(XfsDaFork da, XfsAttrEntry entry) throws ErrnoException {
    int blocks = blocks(da.sb(), entry.valueLength());
    for (int i = 0; i < blocks; i++) {
      long dablk = entry.valueBlk() + i;
      TransBuf buf = da.read(dablk, da.inode().mp().verifiers().attrRemote(), OWNER);
      verify(da.sb(), buf.data()); // the transaction may know it as something else
      da.free(dablk, buf);
    }
  }
}
