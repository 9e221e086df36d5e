// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.log;

import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufEdit;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsError;
import java.util.zip.CRC32C;

/** Reads records and checks them. */
@LinuxSource(file = "fs/xfs/xfs_log_recover.c", name = "xlog_do_recovery_pass")
final class XlogReader {
  /** Receives the records of a pass. */
  interface Visitor {
    /**
     * Called for each record in order.
     *
     * @param record its header
     * @param body its body, with the words that the cycles have replaced
     */
    void visit(XlogRecord record, BufData body) throws ErrnoException;
  }

  private static final int[] HEADER_SIZES = {
    XlogFormat.XLOG_REC_SIZE, XlogFormat.XLOG_REC_SIZE_OTHER
  };

  private final Task current;
  private final XlogDevice device;

  XlogReader(Task current, XlogDevice device) {
    this.current = current;
    this.device = device;
  }

  XlogDevice device() {
    return device;
  }

  /** Reads blocks. */
  BufData read(int at, int bbs) throws ErrnoException {
    return device.read(current, at, bbs);
  }

  /** Reads the header of the record at a block. */
  XlogRecord header(int block) throws ErrnoException {
    return XlogRecord.decode(device, block, read(block, 1));
  }

  /**
   * Finds the first record with a bad checksum, or without a valid header.
   *
   * @param tail the first block
   * @param head the block after the last
   * @return its block, or -1
   */
  @LinuxSource(file = "fs/xfs/xfs_log_recover.c", name = "XLOG_RECOVER_CRCPASS")
  int firstBad(int tail, int head) throws ErrnoException {
    int left = device.distance(tail, head);
    int block = tail;
    while (left > 0) { // strictly decreases: a record has a block
      XlogRecord record;
      boolean good;
      try {
        record = header(block);
        record.requireBody(device.unit());
        good = record.bbs() <= left && (record.crc() == 0 || intact(record));
      } catch (ErrnoException e) {
        if (e.errno() == XfsError.EFSCORRUPTED) {
          return block;
        }
        throw e;
      }
      if (!good) {
        return block;
      }
      left -= record.bbs();
      block = device.wrap(block + record.bbs());
    }
    return -1;
  }

  private boolean intact(XlogRecord record) throws ErrnoException {
    return intact(record, read(record.block(), record.bbs()));
  }

  /** Whether the checksum is right. */
  static boolean intact(XlogRecord record, BufData all) throws ErrnoException {
    int wanted = Integer.reverseBytes(record.crc());
    for (int headerSize : HEADER_SIZES) {
      if (crc(record, all, headerSize) == wanted) {
        return true;
      }
    }
    return false;
  }

  /**
   * Computes the checksum of a record as it is on the disk.
   *
   * @param record its header
   * @param all its header and its body
   * @param headerSize the bytes of the first header block that it covers
   */
  @LinuxSource(file = "fs/xfs/xfs_log.c", name = "xlog_cksum")
  static int crc(XlogRecord record, BufData all, int headerSize) throws ErrnoException {
    CRC32C crc = new CRC32C();
    all.addTo(crc, 0, XlogFormat.H_CRC);
    crc.update(new byte[4]);
    int after = XlogFormat.H_CRC + 4;
    all.addTo(crc, after, headerSize - after);
    int headers = XlogRecord.headerBbs(record.length());
    for (int i = 1; i < headers; i++) {
      all.addTo(crc, i << XlogFormat.BB_SHIFT, XlogFormat.XLOG_REC_EXT_SIZE);
    }
    all.addTo(crc, record.headerBbs() << XlogFormat.BB_SHIFT, record.length());
    return (int) crc.getValue();
  }

  /**
   * Reads all records from the tail to the head.
   *
   * @param tail the first block
   * @param head the block after the last
   * @param visitor receives them
   * @throws ErrnoException EUCLEAN if one is damaged
   */
  void pass(int tail, int head, Visitor visitor) throws ErrnoException {
    int left = device.distance(tail, head);
    int block = tail;
    while (left > 0) { // strictly decreases: a record has a block
      XlogRecord record = header(block);
      record.requireBody(device.unit());
      if (record.bbs() > left) {
        throw XlogDevice.corrupt("the record at block " + block + " goes beyond the head");
      }
      if (record.format() != XlogFormat.XLOG_FMT_LINUX_LE) {
        throw XlogDevice.corrupt("a machine with another byte order wrote it");
      }
      BufData all = read(block, record.bbs());
      if (!intact(record, all)) {
        throw XlogDevice.corrupt("the record at block " + block + " has a bad checksum");
      }
      visitor.visit(record, unpack(record, all));
      left -= record.bbs();
      block = device.wrap(block + record.bbs());
    }
  }

  /** Puts back the words that the cycles have replaced. */
  @LinuxSource(file = "fs/xfs/xfs_log_recover.c", name = "xlog_unpack_data")
  private static BufData unpack(XlogRecord record, BufData all) throws ErrnoException {
    int headers = record.headerBbs() << XlogFormat.BB_SHIFT;
    BufEdit body = all.slice(headers, record.bodyBbs() << XlogFormat.BB_SHIFT, "log").draft();
    for (int i = 0; i < record.bodyBbs(); i++) {
      body.put32(i << XlogFormat.BB_SHIFT, all.i32(cycleWord(i)));
    }
    return body.slice(0, record.length(), "log");
  }

  /** The offset of a cycle word in the header. Further blocks have theirs at another place. */
  static int cycleWord(int bodyBlock) {
    int block = bodyBlock / XlogFormat.CYCLE_WORDS;
    int words = block == 0 ? XlogFormat.H_CYCLE_DATA : XlogFormat.XH_CYCLE_DATA;
    return (block << XlogFormat.BB_SHIFT) + words + 4 * (bodyBlock % XlogFormat.CYCLE_WORDS);
  }
}
