// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.format.XfsVerify;

/**
 * Blocks of directory entries, and directories of one such block, which has its index at its end.
 *
 * <pre>
 *   header 64 bytes: magic, checksum, place, lsn, uuid, owner, ...
 *   entry:  inode number 64 bits, length of the name 8 bits, name, type 8 bits, ..., own offset 16 bits
 *   free:   ffff 16 bits, length 16 bits, ..., own offset 16 bits
 *   block form, from the end: stale 32 bits, count 32 bits, count index pairs
 * </pre>
 *
 * <p>The verifier walks a block from end to end when it is read, so later users find only valid
 * entries.
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_data.c")
final class XfsDir2Data {
  /** Bytes before the first entry. */
  static final int FIRST_OFFSET = 64;

  static final int BLOCK_MAGIC = 0x58444233; // XDB3
  static final int DATA_MAGIC = 0x58444433; // XDD3
  static final int CRC_OFFSET = 4;
  private static final int FREE_TAG = 0xffff;
  static final int BLOCK_TAIL_BYTES = 8;
  private static final int OWNER_OFFSET = 40;
  private static final int NAME_OFFSET = 9;

  private XfsDir2Data() {}

  /** Reads a block of entries. From process context. */
  static BufData read(Task current, XfsInode dp, long dablk, boolean blockForm)
      throws ErrnoException {
    XfsVerifiers verifiers = dp.mp().verifiers();
    return XfsDaBuf.read(
        current, dp, dablk, blockForm ? verifiers.dirBlock() : verifiers.dirData(), OWNER_OFFSET);
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_block.c", name = "xfs_dir3_block_verify")
  static void verifyBlock(XfsSb sb, BufData buf) throws ErrnoException {
    verifyHeader(sb, buf, BLOCK_MAGIC);
    long count = buf.u32(buf.size() - BLOCK_TAIL_BYTES);
    if (count > (buf.size() - FIRST_OFFSET - BLOCK_TAIL_BYTES) / XfsDaEntries.BYTES) {
      throw buf.corrupt("its index is longer than it is itself");
    }
    XfsDaEntries.verifyOrder(buf, indexAt(buf), (int) count);
    verifyEntries(sb, buf, indexAt(buf));
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_data.c", name = "xfs_dir3_data_verify")
  static void verifyData(XfsSb sb, BufData buf) throws ErrnoException {
    verifyHeader(sb, buf, DATA_MAGIC);
    verifyEntries(sb, buf, buf.size());
  }

  private static void verifyHeader(XfsSb sb, BufData buf, int magic) throws ErrnoException {
    if (buf.i32(0) != magic) {
      throw buf.corrupt("bad magic number");
    }
    XfsVerify.checkDaddr(buf, 8);
    XfsVerify.checkUuid(buf, 24, sb.metaUuid);
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_data.c", name = "__xfs_dir3_data_check")
  private static void verifyEntries(XfsSb sb, BufData buf, int end) throws ErrnoException {
    int off = FIRST_OFFSET;
    while (off < end) { // each step advances by at least 8 bytes
      int length = size(sb, buf, off);
      boolean good =
          length >= 8
              && (length & 7) == 0
              && length <= end - off
              && buf.u16(off + length - 2) == off;
      if (good && !isFree(buf, off)) {
        good = nameLength(buf, off) > 0 && sb.inoValid(ino(buf, off));
      }
      if (!good) {
        throw buf.corrupt("a bad entry at " + off);
      }
      off += length;
    }
  }

  /** Offset of the index of the block form, where its entries end. */
  static int indexAt(BufData buf) throws ErrnoException {
    int tail = buf.size() - BLOCK_TAIL_BYTES;
    return tail - buf.i32(tail) * XfsDaEntries.BYTES;
  }

  /** Offset of the end of the entries. */
  static int end(BufData buf) throws ErrnoException {
    return buf.i32(0) == BLOCK_MAGIC ? indexAt(buf) : buf.size();
  }

  /** Whether the space at an offset is free. */
  static boolean isFree(BufData buf, int off) throws ErrnoException {
    return buf.u16(off) == FREE_TAG;
  }

  /** Bytes of the entry or free space at an offset. */
  static int size(XfsSb sb, BufData buf, int off) throws ErrnoException {
    return isFree(buf, off) ? buf.u16(off + 2) : entrySize(sb, nameLength(buf, off));
  }

  /** Bytes of an entry. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_priv.h", name = "xfs_dir2_data_entsize")
  static int entrySize(XfsSb sb, int nameLength) {
    int typeBytes = sb.ftype ? 1 : 0;
    return (NAME_OFFSET + nameLength + typeBytes + 2 + 7) & ~7;
  }

  static long ino(BufData buf, int off) throws ErrnoException {
    return buf.i64(off);
  }

  static int nameLength(BufData buf, int off) throws ErrnoException {
    return buf.u8(off + 8);
  }

  static byte[] name(BufData buf, int off) throws ErrnoException {
    return buf.copy(off + NAME_OFFSET, nameLength(buf, off));
  }

  static int ftype(XfsInode dp, BufData buf, int off) throws ErrnoException {
    return dp.mp().sb().ftype ? buf.u8(off + NAME_OFFSET + nameLength(buf, off)) : 0;
  }

  /** Finds a name in a directory of the block form. Returns its inode number, or NOT_FOUND. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_block.c", name = "xfs_dir2_block_lookup")
  static long lookupBlock(Task current, XfsInode dp, byte[] name) throws ErrnoException {
    BufData buf = read(current, dp, 0, true);
    int at = indexAt(buf);
    int count = buf.i32(buf.size() - BLOCK_TAIL_BYTES);
    int hash = XfsDaEntries.hashName(name);
    int i = XfsDaEntries.lowerBound(buf, at, count, hash);
    for (; i < count && XfsDaEntries.hash(buf, at, i) == hash; i++) {
      long dataptr = XfsDaEntries.value(buf, at, i);
      long ino = dataptr == 0 ? XfsDir2.NOT_FOUND : match(current, dp, dataptr, name, true);
      if (ino != XfsDir2.NOT_FOUND) {
        return ino;
      }
    }
    return XfsDir2.NOT_FOUND;
  }

  /**
   * Compares the name of an entry in the index.
   *
   * @param current the calling task
   * @param dp the directory
   * @param dataptr from the index, not 0; otherwise any value
   * @param name the name wanted
   * @param blockForm the form of the directory
   * @return the inode number, or NOT_FOUND if the name differs
   */
  static long match(Task current, XfsInode dp, long dataptr, byte[] name, boolean blockForm)
      throws ErrnoException {
    XfsDaGeometry geo = dp.mp().dirGeo();
    long dablk = geo.dataptrToDablk(dataptr);
    if (blockForm && dablk != 0) {
      throw dp.corrupt("its index points outside the directory");
    }
    BufData buf = read(current, dp, dablk, blockForm);
    int off = geo.dataptrToOff(dataptr);
    if (!isEntryAt(dp.mp().sb(), buf, off)) {
      throw buf.corrupt("the index points to " + off + ", where there is no entry");
    }
    boolean same = nameLength(buf, off) == name.length && buf.matches(off + NAME_OFFSET, name);
    return same ? ino(buf, off) : XfsDir2.NOT_FOUND;
  }

  /** Whether an entry begins at an offset from the index: an entry stores its own offset. */
  static boolean isEntryAt(XfsSb sb, BufData buf, int off) throws ErrnoException {
    if (off < FIRST_OFFSET || off >= end(buf) || isFree(buf, off)) {
      return false;
    }
    int length = size(sb, buf, off);
    return length <= end(buf) - off && buf.u16(off + length - 2) == off;
  }
}
