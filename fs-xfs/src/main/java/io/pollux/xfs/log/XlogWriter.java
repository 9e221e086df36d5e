// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.log;

import io.pollux.block.BlkTypes;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Differs;
import io.pollux.uapi.LinuxSource;
import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * Writes one checkpoint: a start, the transaction's header, the regions of its items, and the
 * commit. A region that does not fit in a record continues in the next one.
 *
 * <p>A record is written when it is full, and waited for, so records reach the device in order. The
 * first is written after a flush: everything that completed before, file data and metadata in its
 * place, is durable before the log says so. The last is written after a flush, too, and with FUA:
 * it is durable after all others. Between them, each eighth is written after a flush, because
 * recovery looks for a missing record among the last eight only.
 *
 * <p>Belongs to the task that pushes.
 */
@LinuxSource(
    file = "fs/xfs/xfs_log.c",
    name = {"xlog_write", "xlog_sync"})
@Differs(
    kind = Differs.Kind.SIMPLER,
    why =
        "One record is in flight, so one checkpoint is written at a time. Linux has up to eight"
            + " records in flight, also of several checkpoints.",
    test = "XfsLogDifferencesTest#aRecordIsWrittenAfterTheOneBefore")
final class XlogWriter {
  private final Xlog log;
  private final Task current;
  private final long tailLsn; // of the headers, or 0: the checkpoint itself is the tail
  private final int tid;
  private final byte[] record;
  private final ByteBuffer out; // big-endian
  private int ops;
  private int records;
  private long startLsn;

  XlogWriter(Xlog log, Task current, long tailLsn, int tid) {
    this.log = log;
    this.current = current;
    this.tailLsn = tailLsn;
    this.tid = tid;
    record = new byte[log.recordBytes()];
    out = ByteBuffer.wrap(record);
    out.position(log.headerBytes());
  }

  /** Writes the start of a checkpoint of so many items. */
  void start(int items) throws ErrnoException {
    op(XlogFormat.XFS_TRANSACTION, XlogFormat.XLOG_START_TRANS, 0);
    byte[] header = new byte[XlogFormat.TRANS_HEADER_BYTES];
    Xlog.host(header)
        .putInt(XlogFormat.XFS_TRANS_HEADER_MAGIC)
        .putInt(XlogFormat.XFS_TRANS_CHECKPOINT)
        .putInt(tid)
        .putInt(items);
    region(header);
  }

  /** Writes a region. */
  void region(byte[] bytes) throws ErrnoException {
    region(bytes, 0, bytes.length);
  }

  /** Writes a region, whose length is a multiple of 4. */
  void region(byte[] bytes, int from, int length) throws ErrnoException {
    assert length > 0 && length % 4 == 0 : length;
    int done = 0;
    while (done < length) { // ends: a new record has space for some bytes
      if (out.remaining() <= XlogFormat.OP_HEADER_BYTES) {
        flush(false);
      }
      int step = Math.min(length - done, out.remaining() - XlogFormat.OP_HEADER_BYTES & ~3);
      int flags = done == 0 ? 0 : XlogFormat.XLOG_WAS_CONT_TRANS;
      if (done + step < length) {
        flags |= XlogFormat.XLOG_CONTINUE_TRANS;
      } else if (done > 0) {
        flags |= XlogFormat.XLOG_END_TRANS;
      }
      op(XlogFormat.XFS_TRANSACTION, flags, step);
      out.put(bytes, from + done, step);
      done += step;
    }
  }

  /**
   * Writes the commit. The checkpoint is durable after this.
   *
   * @return the LSN of its first record
   */
  long commit() throws ErrnoException {
    if (out.remaining() < XlogFormat.OP_HEADER_BYTES) {
      flush(false);
    }
    op(XlogFormat.XFS_TRANSACTION, XlogFormat.XLOG_COMMIT_TRANS, 0);
    flush(true);
    return startLsn;
  }

  /** Writes an unmount record, the only operation of its checkpoint. */
  @LinuxSource(file = "fs/xfs/xfs_log.c", name = "xlog_write_unmount_record")
  void unmount() throws ErrnoException {
    op(XlogFormat.XFS_LOG, XlogFormat.XLOG_UNMOUNT_TRANS, XlogFormat.UNMOUNT_BYTES);
    byte[] magic = new byte[XlogFormat.UNMOUNT_BYTES];
    Xlog.host(magic).putShort((short) XlogFormat.XLOG_UNMOUNT_TYPE);
    out.put(magic);
    flush(true);
  }

  private void op(int client, int flags, int length) {
    out.putInt(tid).putInt(length).put((byte) client).put((byte) flags).putShort((short) 0);
    ops++;
  }

  private void flush(boolean last) throws ErrnoException {
    if (startLsn == 0) {
      startLsn = log.headLsn();
    }
    boolean ordered = records++ % XlogFormat.XLOG_MAX_ICLOGS == 0;
    int flags = ordered || last ? BlkTypes.REQ_PREFLUSH : 0;
    flags |= last ? BlkTypes.REQ_FUA : 0;
    long tail = tailLsn == 0 ? startLsn : tailLsn;
    log.writeRecord(
        current, record, out.position(), ops, last ? tail : log.tailBefore(tail), flags);
    if (last) {
      log.checkpointed();
    }
    Arrays.fill(record, (byte) 0);
    out.clear().position(log.headerBytes());
    ops = 0;
  }
}
