// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.log;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.zip.CRC32C;

/**
 * The log of a mount that writes: where the next record goes, and how records are written. One task
 * at a time uses it.
 */
@LinuxSource(file = "fs/xfs/xfs_log_priv.h", name = "xlog")
public final class Xlog {
  private final XlogDevice device;
  private final int size; // basic blocks
  private final int unit; // a record's length is a multiple of these bytes
  private final int recordBytes; // the longest record
  private final int headerBytes;
  private final byte[] uuid;
  private volatile int block; // of the next record
  private volatile int cycle;
  private boolean dirty; // the last record is no unmount record
  private int previous; // block of the record before, or -1
  private final int kept; // basic blocks that were replayed
  private long recoveredTail; // of a log that has intents, until the first checkpoint; 0: none

  /**
   * Creates the log.
   *
   * @param device its blocks
   * @param head where the next record goes; if the log is dirty, all of it was replayed
   * @param keep whether recovery must read it again until the first checkpoint
   */
  public Xlog(XlogDevice device, XlogHead head, boolean keep) {
    this.device = device;
    size = device.size();
    unit = device.unit();
    recordBytes = Math.max(unit, XlogFormat.XLOG_BIG_RECORD_BSIZE);
    headerBytes = XlogRecord.headerBbs(recordBytes) << XlogFormat.BB_SHIFT;
    uuid = device.uuid();
    block = head.block();
    cycle = head.cycle();
    previous = head.previous();
    dirty = !head.clean();
    recoveredTail = keep ? head.tailLsn() : 0;
    kept = device.distance(head.tailBlock(), head.block());
  }

  /**
   * Returns the tail of a record that is not the last of its checkpoint.
   *
   * @param own the tail that the last one has
   */
  long tailBefore(long own) {
    return recoveredTail == 0 ? own : recoveredTail;
  }

  /** Basic blocks that must not be written over until the first checkpoint is durable. */
  int kept() {
    return recoveredTail == 0 ? 0 : kept;
  }

  /** A checkpoint is durable, whose tail leaves out what was recovered. */
  void checkpointed() {
    recoveredTail = 0;
  }

  /** Items are in the byte order of the machine that wrote them. */
  static ByteBuffer host(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** The cycle after one. No cycle looks like the first word of a record. */
  private static int nextCycle(int cycle) {
    return cycle + 1 == XlogFormat.XLOG_HEADER_MAGIC_NUM ? cycle + 2 : cycle + 1;
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
    long body = recordBytes - headerBytes - 2L * XlogFormat.OP_HEADER_BYTES;
    long records = bytes / body + 1;
    long all = bytes + records * (headerBytes + 2 * XlogFormat.OP_HEADER_BYTES + unit);
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
    header.putInt(XlogFormat.H_MAGICNO, XlogFormat.XLOG_HEADER_MAGIC_NUM);
    header.putInt(XlogFormat.H_CYCLE, cycle);
    header.putInt(XlogFormat.H_VERSION, XlogFormat.XLOG_VERSION_2);
    header.putInt(XlogFormat.H_LEN, total - headerBytes);
    header.putLong(XlogFormat.H_LSN, headLsn());
    header.putLong(XlogFormat.H_TAIL_LSN, tailLsn);
    header.putInt(XlogFormat.H_PREV_BLOCK, previous);
    header.putInt(XlogFormat.H_NUM_LOGOPS, ops);
    header.putInt(XlogFormat.H_FMT, XlogFormat.XLOG_FMT_LINUX_LE);
    header.put(XlogFormat.H_FS_UUID, uuid);
    header.putInt(XlogFormat.H_SIZE, recordBytes);
    int blocks = total >> XlogFormat.BB_SHIFT;
    stampCycles(header, blocks);
    header.putInt(XlogFormat.H_CRC, Integer.reverseBytes(crc(out, total)));
    device.write(current, block, out, flags);
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
      record.putInt(XlogReader.cycleWord(i - headers), record.getInt(at));
      record.putInt(at, cycleAt(i));
    }
  }

  /** The cycle of a block of the record at the head. */
  private int cycleAt(int i) {
    return block + i < size ? cycle : nextCycle(cycle);
  }

  private void advance(int blocks) {
    int next = block + blocks;
    if (next >= size) {
      cycle = nextCycle(cycle);
      next -= size;
    }
    block = next;
  }

  @LinuxSource(file = "fs/xfs/xfs_log.c", name = "xlog_cksum")
  private int crc(byte[] record, int length) {
    CRC32C crc = new CRC32C();
    crc.update(record, 0, XlogFormat.H_CRC);
    crc.update(new byte[4], 0, 4);
    crc.update(record, XlogFormat.H_CRC + 4, XlogFormat.XLOG_REC_SIZE - XlogFormat.H_CRC - 4);
    int cycleSize = XlogFormat.XLOG_HEADER_CYCLE_SIZE;
    int described = (length - headerBytes + cycleSize - 1) / cycleSize;
    for (int i = 1; i < described; i++) {
      crc.update(record, i << XlogFormat.BB_SHIFT, XlogFormat.XLOG_REC_EXT_SIZE);
    }
    crc.update(record, headerBytes, length - headerBytes);
    return (int) crc.getValue();
  }
}
