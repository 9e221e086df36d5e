// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.log;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsError;
import java.nio.ByteBuffer;

/**
 * Writes to the head of a log of which everything is in place: it overwrites what a torn write left
 * in front of the head, and adds an unmount record.
 */
@LinuxSource(
    file = "fs/xfs/xfs_log_recover.c",
    name = {"xlog_clear_stale_blocks", "xlog_write_log_records"})
public final class XlogTailWriter {
  private static final int TID = 0xb0c0d0d0;

  /** Basic blocks per write. */
  private static final int CHUNK_BBS = 128;

  private final Task current;
  private final XlogDevice device;

  /**
   * Creates.
   *
   * @param current the calling task
   * @param device the log
   */
  public XlogTailWriter(Task current, XlogDevice device) {
    this.current = current;
    this.device = device;
  }

  /**
   * Overwrites the blocks after the head that may have the cycle of the head, up to the tail, with
   * empty records of the cycle before. From process context; sleeps.
   *
   * @param head the head
   * @param tail the first block that must stay; the head if there is none
   * @throws ErrnoException the device's error
   */
  public void clearStale(XlogHead head, int tail) throws ErrnoException {
    int left = tail == head.block() ? device.size() : device.distance(head.block(), tail);
    left = Math.min(left, XlogFormat.XLOG_TOTAL_REC_SHIFT);
    left -= left % device.sectorBbs();
    requireSector(head.block());
    int block = head.block();
    int cycle = head.cycle() - 1;
    while (left > 0) { // strictly decreases
      int bbs = Math.min(Math.min(CHUNK_BBS, left), device.size() - block);
      ByteBuffer empty = ByteBuffer.allocate(bbs << XlogFormat.BB_SHIFT);
      for (int i = 0; i < bbs; i++) {
        header(empty, i << XlogFormat.BB_SHIFT, XlogFormat.lsn(cycle, block + i), head.tailLsn());
      }
      device.write(current, block, empty.array());
      left -= bbs;
      block += bbs;
      if (block == device.size()) {
        block = 0;
        cycle++;
      }
    }
  }

  private void requireSector(int block) throws ErrnoException {
    if (block % device.sectorBbs() != 0) {
      throw XlogDevice.corrupt("its head is inside a sector");
    }
  }

  private void header(ByteBuffer to, int at, long lsn, long tailLsn) {
    to.putInt(at + XlogFormat.H_MAGICNO, XlogFormat.XLOG_HEADER_MAGIC_NUM);
    to.putInt(at + XlogFormat.H_CYCLE, XlogFormat.cycle(lsn));
    to.putInt(at + XlogFormat.H_VERSION, XlogFormat.XLOG_VERSION_2);
    to.putLong(at + XlogFormat.H_LSN, lsn);
    to.putLong(at + XlogFormat.H_TAIL_LSN, tailLsn);
    to.putInt(at + XlogFormat.H_FMT, XlogFormat.XLOG_FMT_LINUX_LE);
    to.put(at + XlogFormat.H_FS_UUID, device.uuid());
  }

  /**
   * Writes an unmount record at the head. From process context; sleeps. It is durable after the
   * next flush.
   *
   * @param head the head
   * @throws ErrnoException the device's error
   */
  @LinuxSource(file = "fs/xfs/xfs_log.c", name = "xlog_write_unmount_record")
  public void unmount(XlogHead head) throws ErrnoException {
    requireSector(head.block());
    device.write(current, head.block(), unmountRecord(head));
  }

  /** Makes the record. It is as long as the unit of the log, and at least two basic blocks. */
  byte[] unmountRecord(XlogHead head) throws ErrnoException {
    int size = Math.max(device.unit(), XlogFormat.XLOG_BIG_RECORD_BSIZE);
    int headerBbs = XlogRecord.headerBbs(size);
    int least = (headerBbs + 1) << XlogFormat.BB_SHIFT;
    int bytes = (least + device.unit() - 1) / device.unit() * device.unit();
    int length = bytes - (headerBbs << XlogFormat.BB_SHIFT);
    byte[] made = new byte[bytes];
    ByteBuffer all = ByteBuffer.wrap(made);
    header(all, 0, head.lsn(), head.lsn());
    all.putInt(XlogFormat.H_LEN, length);
    all.putInt(XlogFormat.H_PREV_BLOCK, head.previous());
    all.putInt(XlogFormat.H_NUM_LOGOPS, 1);
    all.putInt(XlogFormat.H_SIZE, size);
    int body = headerBbs << XlogFormat.BB_SHIFT;
    all.putInt(body + XlogFormat.OH_TID, TID);
    all.putInt(body + XlogFormat.OH_LEN, XlogFormat.UNMOUNT_BYTES);
    all.put(body + XlogFormat.OH_CLIENTID, (byte) XlogFormat.XFS_LOG);
    all.put(body + XlogFormat.OH_FLAGS, (byte) XlogFormat.XLOG_UNMOUNT_TRANS);
    all.putShort(
        body + XlogFormat.OP_HEADER_BYTES,
        Short.reverseBytes((short) XlogFormat.XLOG_UNMOUNT_TYPE));
    pack(all, head, headerBbs, length);
    all.putInt(XlogFormat.H_CRC, Integer.reverseBytes(crc(head, made)));
    return made;
  }

  /** Stores the cycle in each block. */
  @LinuxSource(
      file = "fs/xfs/xfs_log.c",
      name = {"xlog_pack_data", "xlog_split_iclog"})
  private void pack(ByteBuffer all, XlogHead head, int headerBbs, int length) {
    int bodyBbs = length >> XlogFormat.BB_SHIFT;
    for (int i = 0; i < bodyBbs; i++) {
      int at = (headerBbs + i) << XlogFormat.BB_SHIFT;
      all.putInt(XlogReader.cycleWord(i), all.getInt(at));
      all.putInt(at, cycleOf(head, headerBbs + i));
    }
    for (int i = 1; i < headerBbs; i++) {
      all.putInt(i << XlogFormat.BB_SHIFT, cycleOf(head, i));
    }
  }

  private int crc(XlogHead head, byte[] record) throws ErrnoException {
    BufData data = new BufData(record.clone(), 0, "log", XfsError.EFSCORRUPTED);
    return XlogReader.crc(
        XlogRecord.decode(device, head.block(), data), data, XlogFormat.XLOG_REC_SIZE);
  }

  /** The cycle of a block of the record: the next one after the end of the ring. */
  private int cycleOf(XlogHead head, int index) {
    return head.block() + index < device.size() ? head.cycle() : head.cycle() + 1;
  }
}
