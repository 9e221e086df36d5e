// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.log;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;

/**
 * Finds the head and the tail of a log. The first word of each block has its cycle, so the head is
 * where the cycle drops; a binary search finds it. Blocks in front of it may be out of order, since
 * several writes were in flight when the power failed, so they are searched one by one. The
 * checksums of the last records show which of them are whole.
 *
 * <p>Every search is bounded by the size of the log.
 */
@LinuxSource(
    file = "fs/xfs/xfs_log_recover.c",
    name = {"xlog_find_tail", "xlog_recover"})
public final class XlogFind {
  /** The longest record, in basic blocks. */
  private static final int MAX_RECORD_BBS =
      (XlogFormat.XLOG_MAX_RECORD_BSIZE >> XlogFormat.BB_SHIFT)
          + XlogFormat.XLOG_MAX_RECORD_BSIZE / XlogFormat.XLOG_HEADER_CYCLE_SIZE;

  /** Basic blocks per read. */
  private static final int CHUNK_BBS = 128;

  private static final int NONE = -1;

  private final XlogReader reader;
  private final XlogDevice device;
  private final int size;

  private XlogFind(Task current, XlogDevice device) {
    reader = new XlogReader(current, device);
    this.device = device;
    size = device.size();
  }

  /**
   * Finds the head and the tail. From process context; sleeps.
   *
   * @param current the calling task
   * @param device the log
   * @return what was found
   * @throws ErrnoException EUCLEAN if the log is damaged, or the device's error
   */
  public static XlogHead find(Task current, XlogDevice device) throws ErrnoException {
    return new XlogFind(current, device).find();
  }

  /**
   * Checks that nothing has to be replayed. From process context.
   *
   * @param current the calling task
   * @param device the log
   * @throws ErrnoException EROFS if the log is dirty, EUCLEAN if it is damaged, or the device's
   *     error
   */
  public static void requireClean(Task current, XlogDevice device) throws ErrnoException {
    if (!find(current, device).clean()) {
      throw dirty("it can't be recovered without writing");
    }
  }

  /** Makes the error for a dirty log that is not replayed. */
  static ErrnoException dirty(String why) {
    return new ErrnoException(
        Errno.EROFS,
        "the log is dirty, and "
            + why
            + ": mount the filesystem once for writing, or read-only and without recovery"
            + " (-o ro,norecovery)");
  }

  private XlogHead find() throws ErrnoException {
    int head = findHead();
    if (head == NONE) {
      return XlogHead.ofZeroes();
    }
    int last = findRecord(head, MAX_RECORD_BBS);
    if (last != NONE && endOf(last) != head) { // an incomplete record does not count
      head = last;
    }
    last = findRecord(head, size);
    if (last == NONE) {
      throw XlogDevice.corrupt("no record in front of the head");
    }
    XlogRecord record = reader.header(last);
    if (record.tailBlock() == head || isUnmount(record, head)) {
      return state(head, record, head, true);
    }
    return verifyHead(head, record);
  }

  private XlogHead state(int head, XlogRecord last, int tail, boolean clean) {
    boolean wrapped = head <= last.block();
    return new XlogHead(
        head,
        wrapped ? last.cycle() + 1 : last.cycle(),
        last.block(),
        tail,
        last.tailLsn(),
        last.lsn(),
        clean || head == tail);
  }

  /** Moves the head back to the first torn record, if there is one. */
  @LinuxSource(file = "fs/xfs/xfs_log_recover.c", name = "xlog_verify_head")
  private XlogHead verifyHead(int head, XlogRecord last) throws ErrnoException {
    int tail = requireInside(last);
    int first = last.block();
    int back = distanceBack(head, tail);
    for (int i = 1; i < XlogFormat.XLOG_MAX_ICLOGS; i++) {
      int before = findRecord(first, back - device.distance(first, head));
      if (before == NONE) {
        break;
      }
      first = before;
    }
    int bad = reader.firstBad(first, head);
    if (bad == NONE) {
      return verifyTail(head, last, tail);
    }
    int good = bad == tail ? NONE : findRecord(bad, distanceBack(bad, tail));
    if (good == NONE) {
      throw XlogDevice.corrupt("no whole record in front of the head");
    }
    XlogRecord record = reader.header(good);
    if (isUnmount(record, bad)) {
      return state(bad, record, bad, true);
    }
    int newTail = requireInside(record);
    if (bad == newTail) {
      throw XlogDevice.corrupt("its last whole record names itself as the tail");
    }
    return verifyTail(bad, record, newTail);
  }

  private int requireInside(XlogRecord record) throws ErrnoException {
    int tail = record.tailBlock();
    if (tail < 0 || tail >= size) {
      throw XlogDevice.corrupt("its tail is outside");
    }
    return tail;
  }

  /** Blocks from the head back to the tail; all if both are the same. */
  private int distanceBack(int head, int tail) {
    return head == tail ? size : device.distance(tail, head);
  }

  /**
   * Moves the tail forward if it was written over: the record in front of the head that named a
   * later one was torn.
   */
  @LinuxSource(file = "fs/xfs/xfs_log_recover.c", name = "xlog_verify_tail")
  private XlogHead verifyTail(int head, XlogRecord last, int from) throws ErrnoException {
    int tail = from;
    if (tail != head) {
      int most = device.distance(tail, head);
      tail = orElse(nextRecord(tail, most), head);
    }
    int most = (XlogFormat.XLOG_MAX_ICLOGS * last.size()) >> XlogFormat.BB_SHIFT;
    int bad = tail == head ? NONE : reader.firstBad(tail, head);
    while (bad != NONE) { // terminates: the tail moves towards the head
      if (device.distance(head, bad) > most || bad == head) {
        throw XlogDevice.corrupt("the record at block " + bad + " is damaged");
      }
      int after = device.wrap(bad + 1L);
      tail = after == head ? head : orElse(nextRecord(after, device.distance(after, head)), head);
      bad = tail == head ? NONE : reader.firstBad(tail, head);
    }
    checkOrder(head, last, tail);
    return state(head, last, tail, false);
  }

  /** Checks that the tail is not beyond the head. */
  @LinuxSource(file = "fs/xfs/xfs_log_recover.c", name = "xlog_clear_stale_blocks")
  private void checkOrder(int head, XlogRecord last, int tail) throws ErrnoException {
    int cycle = state(head, last, tail, false).cycle();
    int tailCycle = XlogFormat.cycle(last.tailLsn());
    int block = last.tailBlock();
    boolean good = cycle == tailCycle ? head >= block : cycle == tailCycle + 1 && head <= block;
    if (!good) {
      throw XlogDevice.corrupt("its tail is behind its head");
    }
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
    int inFlight = XlogFormat.XLOG_TOTAL_REC_SHIFT;
    if (lastCycle == 0) { // in the first cycle
      if (firstCycle != 1) {
        throw XlogDevice.corrupt(
            "it was never written to its end, and begins in cycle "
                + Integer.toUnsignedString(firstCycle));
      }
      int head = cycleStart(0);
      int from = Math.max(0, head - inFlight);
      return orElse(findCycle(from, head - from, 0), head);
    }
    if (firstCycle == lastCycle) { // the head is at the end, or blocks before it are missing
      int from = Math.max(0, size - inFlight);
      return orElse(findCycle(from, size - from, lastCycle - 1), size) % size;
    }
    return findHoles(cycleStart(lastCycle), lastCycle) % size;
  }

  private static int orElse(int found, int otherwise) {
    return found == NONE ? otherwise : found;
  }

  /** Moves the head back to the first unwritten block before it, if any. */
  private int findHoles(int head, int oldCycle) throws ErrnoException {
    int scan = Math.min(size, XlogFormat.XLOG_TOTAL_REC_SHIFT);
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
      BufData chunk = reader.read(at, bbs);
      for (int i = 0; i < bbs; i++) {
        if (cycleAt(chunk, i << XlogFormat.BB_SHIFT) == wanted) {
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
      BufData chunk = reader.read(end - bbs, bbs);
      for (int i = bbs - 1; i >= 0; i--) {
        if (beginsRecord(chunk, i)) {
          return end - bbs + i;
        }
      }
      left -= bbs;
      end = end == bbs ? size : end - bbs;
    }
    return NONE;
  }

  /** The first block in a range where a record begins, wrapping around if necessary, or NONE. */
  @LinuxSource(file = "fs/xfs/xfs_log_recover.c", name = "xlog_seek_logrec_hdr")
  private int nextRecord(int from, int most) throws ErrnoException {
    int left = most;
    int at = from;
    while (left > 0) {
      int bbs = Math.min(Math.min(CHUNK_BBS, size - at), left);
      BufData chunk = reader.read(at, bbs);
      for (int i = 0; i < bbs; i++) {
        if (beginsRecord(chunk, i)) {
          return at + i;
        }
      }
      left -= bbs;
      at = device.wrap((long) at + bbs);
    }
    return NONE;
  }

  private static boolean beginsRecord(BufData chunk, int block) throws ErrnoException {
    return chunk.i32(block << XlogFormat.BB_SHIFT) == XlogFormat.XLOG_HEADER_MAGIC_NUM;
  }

  /** The block after the record at a block. */
  private int endOf(int block) throws ErrnoException {
    return device.wrap((long) block + reader.header(block).bbs());
  }

  /** Whether a record, the last one, is an unmount record. */
  @LinuxSource(file = "fs/xfs/xfs_log_recover.c", name = "xlog_check_unmount_rec")
  private boolean isUnmount(XlogRecord record, int head) throws ErrnoException {
    if (record.operations() != 1
        || record.bodyBbs() == 0
        || device.wrap((long) record.block() + record.bbs()) != head) {
      return false;
    }
    int bodyAt = device.wrap((long) record.block() + record.headerBbs());
    int flags = reader.read(bodyAt, 1).u8(XlogFormat.OH_FLAGS);
    if ((flags & XlogFormat.XLOG_UNMOUNT_TRANS) == 0) {
      return false;
    }
    boolean bad =
        record.crc() != 0 && !XlogReader.intact(record, reader.read(record.block(), record.bbs()));
    if (bad) {
      throw XlogDevice.corrupt("its last record has a bad checksum");
    }
    return true;
  }

  private int cycle(int at) throws ErrnoException {
    return cycleAt(reader.read(at, 1), 0);
  }

  @LinuxSource(file = "fs/xfs/xfs_log_priv.h", name = "xlog_get_cycle")
  private static int cycleAt(BufData buf, int at) throws ErrnoException {
    int word = buf.i32(at);
    return word == XlogFormat.XLOG_HEADER_MAGIC_NUM ? buf.i32(at + XlogFormat.H_CYCLE) : word;
  }
}
