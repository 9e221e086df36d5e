// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.log;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import java.util.Arrays;

/**
 * The header of a record.
 *
 * @param block where it begins
 * @param cycle the cycle of its first block
 * @param length bytes of its body
 * @param lsn the position in the header; any value
 * @param tailLsn the oldest position that a recovery needs
 * @param crc its checksum, 0 for none
 * @param operations the number of its operations
 * @param format the byte order of its items, XLOG_FMT_*
 * @param size the largest length of the records of its writer
 * @param headerBbs basic blocks of the header
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_log_format.h", name = "xlog_rec_header")
public record XlogRecord(
    int block,
    int cycle,
    int length,
    long lsn,
    long tailLsn,
    int crc,
    int operations,
    int format,
    int size,
    int headerBbs) {

  /**
   * Decodes and checks a header.
   *
   * @param device the log
   * @param block where it is
   * @param header its first block, which has the magic number
   * @throws ErrnoException EUCLEAN if it can't be the header of a record
   */
  @LinuxSource(
      file = "fs/xfs/xfs_log_recover.c",
      name = {"xlog_valid_rec_header", "xlog_header_check_mount", "xlog_logrec_hblks"})
  static XlogRecord decode(XlogDevice device, int block, BufData header) throws ErrnoException {
    if (header.i32(XlogFormat.H_MAGICNO) != XlogFormat.XLOG_HEADER_MAGIC_NUM) {
      throw XlogDevice.corrupt("no record begins at block " + block);
    }
    int version = header.i32(XlogFormat.H_VERSION);
    if (version == 0 || (version & ~XlogFormat.XLOG_VERSION_OKBITS) != 0) {
      throw XlogDevice.corrupt("a record of version " + Integer.toUnsignedString(version));
    }
    long length = header.u32(XlogFormat.H_LEN);
    long size = header.u32(XlogFormat.H_SIZE);
    if (length > XlogFormat.XLOG_MAX_RECORD_BSIZE || size > XlogFormat.XLOG_MAX_RECORD_BSIZE) {
      throw XlogDevice.corrupt("a record that is longer than records can be");
    }
    byte[] uuid = header.copy(XlogFormat.H_FS_UUID, 16);
    if (!Arrays.equals(uuid, device.uuid()) && !Arrays.equals(uuid, new byte[16])) {
      throw XlogDevice.corrupt("it belongs to another filesystem");
    }
    int bbs = (version & XlogFormat.XLOG_VERSION_2) != 0 ? headerBbs((int) size) : 1;
    XlogRecord record =
        new XlogRecord(
            block,
            header.i32(XlogFormat.H_CYCLE),
            (int) length,
            header.i64(XlogFormat.H_LSN),
            header.i64(XlogFormat.H_TAIL_LSN),
            header.i32(XlogFormat.H_CRC),
            header.i32(XlogFormat.H_NUM_LOGOPS),
            header.i32(XlogFormat.H_FMT),
            (int) size,
            bbs);
    if (record.bbs() > device.size()) {
      throw XlogDevice.corrupt("a record that is longer than the log");
    }
    return record;
  }

  /** {@return basic blocks of the header of a record of at most so many bytes} */
  static int headerBbs(int size) {
    return Math.max(
        1, (size + XlogFormat.XLOG_HEADER_CYCLE_SIZE - 1) / XlogFormat.XLOG_HEADER_CYCLE_SIZE);
  }

  /** {@return basic blocks of the body} */
  public int bodyBbs() {
    return (length + XlogFormat.BB_BYTES - 1) >> XlogFormat.BB_SHIFT;
  }

  /** {@return basic blocks of all} */
  public int bbs() {
    return headerBbs + bodyBbs();
  }

  /** {@return the block of the tail; any value} */
  int tailBlock() {
    return XlogFormat.block(tailLsn);
  }

  /** Checks that the body can have been written by one write. */
  void requireBody(int unit) throws ErrnoException {
    int most = operations == 1 ? Math.max(size, unit) : size; // mkfs.xfs: one, as long as the unit
    if (length == 0
        || length > Math.max(most, XlogFormat.XLOG_BIG_RECORD_BSIZE)
        || bodyBbs() > headerBbs * XlogFormat.CYCLE_WORDS) {
      throw XlogDevice.corrupt("a record of " + length + " bytes at block " + block);
    }
  }
}
