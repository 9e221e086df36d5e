// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.log;

import io.pollux.block.BlkTypes;
import io.pollux.block.buffer.BufCache;
import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsError;
import io.pollux.xfs.format.XfsSb;
import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * The log of a mount that writes: where the next record goes, and how records are written. One task
 * at a time uses it.
 */
@LinuxSource(file = "fs/xfs/xfs_log_priv.h", name = "xlog")
public final class Xlog {
  private final BufCache target;
  private final long start; // byte on the device
  private final int size; // basic blocks
  private final int unit; // a record's length is a multiple of these bytes
  private final int recordBytes; // the longest record
  private final int headerBytes;
  private final byte[] uuid;
  private volatile int block; // of the next record
  private volatile int cycle;
  private boolean dirty; // the last record is no unmount record
  private int previous; // block of the record before, or -1

  /**
   * Creates the log.
   *
   * @param target writes to the device
   * @param sb the superblock
   * @param block where the next record goes, in basic blocks from the start of the log
   * @param cycle the cycle of that block
   * @param previous the block of the last record, or -1
   */
  public Xlog(BufCache target, XfsSb sb, int block, int cycle, int previous) {
    this.target = target;
    this.start = sb.fsbToByte(sb.logStart);
    this.size = sb.logBlocks << (sb.blockLog - XlogFormat.BB_SHIFT);
    this.unit = Math.max(sb.logUnit, XlogFormat.BB_BYTES);
    this.recordBytes = Math.max(unit, XlogFormat.BIG_RECORD_BYTES);
    this.headerBytes = XlogFormat.headerBytes(recordBytes);
    this.uuid = sb.uuid;
    this.block = block;
    this.cycle = cycle;
    this.previous = previous;
  }

  /** {@return the LSN that the next record will have; from any context} */
  public long headLsn() {
    return XlogFormat.lsn(cycle, block);
  }

  /** The longest record, in bytes with its header. */
  int recordBytes() {
    return recordBytes;
  }

  /** The header of a record. */
  int headerBytes() {
    return headerBytes;
  }

  /** Whether something was written since the log was clean. */
  boolean isDirty() {
    return dirty;
  }

  /** The last record says that the log is clean. */
  void clean() {
    dirty = false;
  }

  /** The length in basic blocks. */
  int size() {
    return size;
  }

  /** Basic blocks from a tail to the head: those that recovery would read. */
  int used(long tailLsn) {
    return XlogFormat.cycle(tailLsn) == cycle
        ? block - XlogFormat.block(tailLsn)
        : size - XlogFormat.block(tailLsn) + block;
  }

  /** At most so many basic blocks are needed for a checkpoint with regions of so many bytes. */
  int blocksFor(long bytes) {
    long body = recordBytes - headerBytes - 2 * XlogFormat.OP_BYTES;
    long records = bytes / body + 1;
    long all = bytes + records * (headerBytes + 2 * XlogFormat.OP_BYTES + unit);
    return Math.toIntExact(Math.min((all >> XlogFormat.BB_SHIFT) + 1, Integer.MAX_VALUE));
  }

  /**
   * Writes a record at the head, and moves the head.
   *
   * @param record a header that is not filled in yet, operations, and zeroes
   * @param length bytes up to the end of the operations
   * @param ops number of operations
   * @param tailLsn the tail
   * @param flags of the request
   */
  @LinuxSource(
      file = "fs/xfs/xfs_log.c",
      name = {"xlog_sync", "xlog_write_iclog"})
  void writeRecord(Task current, byte[] record, int length, int ops, long tailLsn, int flags)
      throws ErrnoException {
    int total = (length + unit - 1) / unit * unit;
    byte[] out = Arrays.copyOf(record, total);
    ByteBuffer header = ByteBuffer.wrap(out); // big-endian
    header.putInt(XlogFormat.H_MAGICNO, XlogFormat.HEADER_MAGIC_NUM);
    header.putInt(XlogFormat.H_CYCLE, cycle);
    header.putInt(XlogFormat.H_VERSION, XlogFormat.VERSION_2);
    header.putInt(XlogFormat.H_LEN, total - headerBytes);
    header.putLong(XlogFormat.H_LSN, headLsn());
    header.putLong(XlogFormat.H_TAIL_LSN, tailLsn);
    header.putInt(XlogFormat.H_PREV_BLOCK, previous);
    header.putInt(XlogFormat.H_NUM_LOGOPS, ops);
    header.putInt(XlogFormat.H_FMT, XlogFormat.FMT_LINUX_LE);
    header.put(XlogFormat.H_FS_UUID, uuid);
    header.putInt(XlogFormat.H_SIZE, recordBytes);
    int blocks = total >> XlogFormat.BB_SHIFT;
    stampCycles(header, blocks);
    header.putInt(XlogFormat.H_CRC, Integer.reverseBytes(XlogFormat.crc(out, headerBytes, total)));
    int fit = Math.min(blocks, size - block);
    write(current, out, 0, fit, block, fit == blocks ? flags : flags & ~BlkTypes.REQ_FUA);
    if (fit < blocks) { // around the end of the log
      // the first part must be as durable as the second
      int again = (flags & BlkTypes.REQ_FUA) != 0 ? flags | BlkTypes.REQ_PREFLUSH : flags;
      write(current, out, fit, blocks - fit, 0, again);
    }
    previous = block;
    dirty = true;
    advance(blocks);
  }

  /** Puts the cycle into every block, and what was there into the header. */
  @LinuxSource(
      file = "fs/xfs/xfs_log.c",
      name = {"xlog_pack_data", "xlog_split_iclog"})
  private void stampCycles(ByteBuffer record, int blocks) {
    int headers = headerBytes >> XlogFormat.BB_SHIFT;
    for (int i = 1; i < headers; i++) {
      record.putInt(i << XlogFormat.BB_SHIFT, cycleAt(i));
    }
    for (int i = headers; i < blocks; i++) {
      int at = i << XlogFormat.BB_SHIFT;
      record.putInt(XlogFormat.cycleData(i - headers), record.getInt(at));
      record.putInt(at, cycleAt(i));
    }
  }

  /** The cycle of a block of the record at the head. */
  private int cycleAt(int i) {
    return block + i < size ? cycle : XlogFormat.nextCycle(cycle);
  }

  private void write(Task current, byte[] record, int from, int blocks, int to, int flags)
      throws ErrnoException {
    byte[] part =
        Arrays.copyOfRange(
            record, from << XlogFormat.BB_SHIFT, (from + blocks) << XlogFormat.BB_SHIFT);
    long position = start + ((long) to << XlogFormat.BB_SHIFT);
    BufData contents = new BufData(part, position, "log", XfsError.EFSCORRUPTED);
    target.writeUncached(current, position, contents, flags);
  }

  private void advance(int blocks) {
    int next = block + blocks;
    if (next >= size) {
      cycle = XlogFormat.nextCycle(cycle);
      next -= size;
    }
    block = next;
  }
}
