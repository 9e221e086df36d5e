// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.buffer.BufCache;
import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsError;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.format.XfsVerify;
import io.pollux.xfs.log.Xlog;

/**
 * Checks that the log is clean. Nothing is replayed: a dirty log is refused.
 *
 * <p>The log is a ring of 512-byte basic blocks. Each pass over the ring is a cycle. The first word
 * of every block is the cycle that wrote it. In a block where a record begins, that word is a magic
 * number and the cycle follows it. So the head, where the next record would go, is where the cycle
 * drops. The log is clean if the last record before the head is only an unmount record.
 *
 * <p>Every search is bounded by the size of the log. Backwards from the head, the bound is the
 * amount that can be in flight.
 */
@LinuxSource(
    file = "fs/xfs/xfs_log_recover.c",
    name = {"xlog_recover", "xlog_find_tail"})
final class XlogCheck {
  private static final int HEADER_MAGIC = 0xfeedbabe;
  private static final int BB_BYTES = 512;
  private static final int BB_SHIFT = 9;

  /**
   * The most that may be in flight, all buffers together, in basic blocks: there, blocks may be out
   * of order.
   */
  @LinuxSource(file = "fs/xfs/xfs_log_recover.c", name = "XLOG_TOTAL_REC_SHIFT")
  private static final int IN_FLIGHT_BBS = 4096;

  private static final int MAX_RECORD_BYTES = 256 << 10;
  // bytes of a body whose cycle words fit in one header block
  private static final int CYCLES_PER_HEADER_BYTES = 32 << 10;
  private static final int MAX_RECORD_BBS =
      (MAX_RECORD_BYTES >> BB_SHIFT) + MAX_RECORD_BYTES / CYCLES_PER_HEADER_BYTES;

  /** Basic blocks per read. */
  private static final int CHUNK_BBS = 128;

  private static final int VERSION_2 = 2;
  private static final int KNOWN_VERSIONS = 3; // bits
  private static final int UNMOUNT_TRANS = 0x20;
  private static final int CRC_OFFSET = 32;

  /** Bytes of the header under the checksum, which depend on the machine that wrote it. */
  private static final int[] HEADER_SIZES = {328, 324};

  private static final int NONE = -1;

  private final Task current;
  private final BufCache target;
  private final XfsSb sb;
  private final long start; // byte on the device
  private final int size; // basic blocks

  XlogCheck(Task current, BufCache target, XfsSb sb) {
    this.current = current;
    this.target = target;
    this.sb = sb;
    start = sb.fsbToByte(sb.logStart);
    size = sb.logBlocks << (sb.blockLog - BB_SHIFT);
  }

  /**
   * Checks that nothing has to be replayed. From process context.
   *
   * @throws ErrnoException EROFS if the log is dirty, EUCLEAN if it is damaged, or the device's
   *     error
   */
  void requireClean() throws ErrnoException {
    int head = findHead();
    if (head == NONE) {
      return; // never written
    }
    int last = findRecord(head, MAX_RECORD_BBS);
    if (last != NONE && !endsAt(last, head)) { // an incomplete record does not count
      head = last;
      last = findRecord(head, IN_FLIGHT_BBS);
    }
    if (last == NONE) {
      throw corrupt("no record in front of the head");
    }
    BufData header = readHeader(last);
    boolean empty = (int) header.i64(24) == head; // the tail
    if (!empty && !isUnmount(header, last, head)) {
      throw new ErrnoException(
          Errno.EROFS,
          "the log is dirty, and recovery is not supported: mount it with Linux once,"
              + " or read-only and without recovery (-o ro,norecovery)");
    }
  }

  /** Returns the log, which is clean, for a mount that writes. */
  Xlog open() throws ErrnoException {
    int head = findHead();
    if (head == NONE) {
      return new Xlog(target, sb, 0, 1, NONE);
    }
    int last = findRecord(head, MAX_RECORD_BBS);
    int lastCycle = last == NONE ? 1 : cycle(last);
    return new Xlog(target, sb, head, head > last ? lastCycle : lastCycle + 1, last);
  }

  private static ErrnoException corrupt(String how) {
    return XfsError.corrupt("log: " + how);
  }

  /**
   * Finds the block of the next record, from 0 to size - 1, or NONE if the log was never written.
   */
  @LinuxSource(
      file = "fs/xfs/xfs_log_recover.c",
      name = {"xlog_find_head", "xlog_find_zeroed"})
  private int findHead() throws ErrnoException {
    int firstCycle = cycle(0);
    int lastCycle = cycle(size - 1);
    if (firstCycle == 0) {
      return NONE;
    }
    int head;
    if (lastCycle == 0) { // in the first cycle
      if (firstCycle != 1) {
        throw corrupt(
            "it was never written to its end, and begins in cycle "
                + Integer.toUnsignedString(firstCycle));
      }
      head = cycleStart(0);
      int from = Math.max(0, head - IN_FLIGHT_BBS);
      return orElse(findCycle(from, head - from, 0), head);
    }
    if (firstCycle == lastCycle) { // the head is at the end, or blocks before it are missing
      head =
          orElse(
              findCycle(
                  Math.max(0, size - IN_FLIGHT_BBS), Math.min(size, IN_FLIGHT_BBS), lastCycle - 1),
              size);
      return head % size;
    }
    return findHoles(cycleStart(lastCycle), lastCycle) % size;
  }

  private static int orElse(int found, int otherwise) {
    return found == NONE ? otherwise : found;
  }

  /** Moves the head back to the first unwritten block before it, if any. */
  private int findHoles(int head, int oldCycle) throws ErrnoException {
    int scan = Math.min(size, IN_FLIGHT_BBS);
    if (head >= scan) {
      return orElse(findCycle(head - scan, scan, oldCycle), head);
    }
    int beforeEnd = scan - head; // the scan wraps around the end of the log
    int hole = findCycle(size - beforeEnd, beforeEnd, oldCycle - 1);
    return hole != NONE ? hole : orElse(findCycle(0, head, oldCycle), head);
  }

  /** The first block of the cycle that the last block has. Block 0 is of another cycle. */
  @LinuxSource(file = "fs/xfs/xfs_log_recover.c", name = "xlog_find_cycle_start")
  private int cycleStart(int wanted) throws ErrnoException {
    int low = 0; // not of that cycle
    int high = size - 1; // of that cycle
    while (high - low > 1) {
      int middle = (low + high) >>> 1;
      if (cycle(middle) == wanted) {
        high = middle;
      } else {
        low = middle;
      }
    }
    return high;
  }

  /** The first block of a cycle in a range, or NONE. */
  @LinuxSource(file = "fs/xfs/xfs_log_recover.c", name = "xlog_find_verify_cycle")
  private int findCycle(int from, int count, int wanted) throws ErrnoException {
    for (int at = from; at < from + count; at += CHUNK_BBS) {
      int bbs = Math.min(CHUNK_BBS, from + count - at);
      BufData chunk = read(at, bbs);
      for (int i = 0; i < bbs; i++) {
        if (cycleAt(chunk, i << BB_SHIFT) == wanted) {
          return at + i;
        }
      }
    }
    return NONE;
  }

  /**
   * The last block before the head where a record begins, wrapping around if necessary, or NONE.
   */
  @LinuxSource(
      file = "fs/xfs/xfs_log_recover.c",
      name = {"xlog_find_verify_log_record", "xlog_rseek_logrec_hdr"})
  private int findRecord(int head, int most) throws ErrnoException {
    int left = Math.min(most, size);
    int end = head == 0 ? size : head;
    while (left > 0) {
      int bbs = Math.min(Math.min(CHUNK_BBS, end), left);
      BufData chunk = read(end - bbs, bbs);
      for (int i = bbs - 1; i >= 0; i--) {
        if (chunk.i32(i << BB_SHIFT) == HEADER_MAGIC) {
          return end - bbs + i;
        }
      }
      left -= bbs;
      end = end == bbs ? size : end - bbs;
    }
    return NONE;
  }

  @LinuxSource(
      file = "fs/xfs/xfs_log_recover.c",
      name = {"xlog_valid_rec_header", "xlog_header_check_mount"})
  private BufData readHeader(int at) throws ErrnoException {
    BufData header = read(at, 1);
    int version = header.i32(8);
    if (version == 0 || (version & ~KNOWN_VERSIONS) != 0) {
      throw corrupt("a record of version " + Integer.toUnsignedString(version));
    }
    if (header.u32(12) > MAX_RECORD_BYTES || header.u32(320) > MAX_RECORD_BYTES) {
      throw corrupt("a record that is longer than records can be");
    }
    if (!header.matches(304, sb.uuid) && !header.matches(304, new byte[16])) {
      throw corrupt("it belongs to another filesystem");
    }
    return header;
  }

  /** Basic blocks of a record's header. */
  @LinuxSource(file = "fs/xfs/xfs_log_recover.c", name = "xlog_logrec_hblks")
  private static int headerBbs(BufData header) throws ErrnoException {
    long recordSize = header.u32(320);
    boolean extended = (header.i32(8) & VERSION_2) != 0 && recordSize > CYCLES_PER_HEADER_BYTES;
    return extended
        ? (int) ((recordSize + CYCLES_PER_HEADER_BYTES - 1) / CYCLES_PER_HEADER_BYTES)
        : 1;
  }

  private static int bodyBbs(BufData header) throws ErrnoException {
    return (int) ((header.u32(12) + BB_BYTES - 1) >> BB_SHIFT);
  }

  /** Whether the record at a block ends at another. */
  private boolean endsAt(int at, int end) throws ErrnoException {
    BufData header = readHeader(at);
    return (at + headerBbs(header) + bodyBbs(header)) % size == end;
  }

  /** Whether a record, the last one, is an unmount record. */
  @LinuxSource(file = "fs/xfs/xfs_log_recover.c", name = "xlog_check_unmount_rec")
  private boolean isUnmount(BufData header, int at, int head) throws ErrnoException {
    if (header.u32(40) != 1 || bodyBbs(header) == 0 || !endsAt(at, head)) {
      return false;
    }
    int bodyAt = (at + headerBbs(header)) % size;
    verifyCrc(header, bodyAt);
    return (read(bodyAt, 1).u8(9) & UNMOUNT_TRANS) != 0;
  }

  /**
   * Checks the checksum of a record, if it has one (mkfs.xfs writes none) and one header block
   * covers it. An unmount record is only as long as the stripe unit of the log.
   */
  @LinuxSource(file = "fs/xfs/xfs_log.c", name = "xlog_cksum")
  private void verifyCrc(BufData header, int bodyAt) throws ErrnoException {
    int length = (int) header.u32(12);
    if (header.i32(CRC_OFFSET) == 0 || length > CYCLES_PER_HEADER_BYTES) {
      return;
    }
    for (int headerSize : HEADER_SIZES) {
      byte[] covered = new byte[headerSize + length];
      System.arraycopy(header.copy(0, headerSize), 0, covered, 0, headerSize);
      for (int done = 0; done < length; done += BB_BYTES) {
        int bytes = Math.min(BB_BYTES, length - done);
        byte[] block = read((bodyAt + (done >> BB_SHIFT)) % size, 1).copy(0, bytes);
        System.arraycopy(block, 0, covered, headerSize + done, bytes);
      }
      BufData record = new BufData(covered, 0, "log", XfsError.EFSCORRUPTED);
      int crc = XfsVerify.crc(record, 0, covered.length, CRC_OFFSET);
      if (Integer.reverseBytes(header.i32(CRC_OFFSET)) == crc) {
        return;
      }
    }
    throw corrupt("its last record has a bad checksum");
  }

  private int cycle(int at) throws ErrnoException {
    return cycleAt(read(at, 1), 0);
  }

  @LinuxSource(file = "fs/xfs/xfs_log_priv.h", name = "xlog_get_cycle")
  private static int cycleAt(BufData buf, int at) throws ErrnoException {
    int word = buf.i32(at);
    return word == HEADER_MAGIC ? buf.i32(at + 4) : word;
  }

  private BufData read(int at, int bbs) throws ErrnoException {
    return target.readUncached(current, start + ((long) at << BB_SHIFT), bbs << BB_SHIFT, "log");
  }
}
