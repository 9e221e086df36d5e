// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.log;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;
import java.nio.ByteBuffer;

/** Overwrites what a torn write left in front of the head of a log. */
@LinuxSource(
    file = "fs/xfs/xfs_log_recover.c",
    name = {"xlog_clear_stale_blocks", "xlog_write_log_records"})
final class XlogTailWriter {
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
      device.write(current, block, empty.array(), 0);
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
}
