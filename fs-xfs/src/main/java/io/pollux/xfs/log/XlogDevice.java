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
import java.util.Arrays;

/** The blocks of a log. Reads and writes go over its end if necessary. */
@LinuxSource(
    file = "fs/xfs/xfs_log_recover.c",
    name = {"xlog_bread", "xlog_bwrite"})
public final class XlogDevice {
  /** Basic blocks per write. */
  private static final int CHUNK_BBS = 128;

  private final BufCache target;
  private final long start; // byte on the device
  private final int size; // basic blocks
  private final int unit; // bytes
  private final int sectorBbs;
  private final byte[] uuid;

  /**
   * Describes the internal log of a filesystem.
   *
   * @param target the device
   * @param sb the superblock
   * @throws ErrnoException EUCLEAN if the sectors of the log are impossible
   */
  public XlogDevice(BufCache target, XfsSb sb) throws ErrnoException {
    this.target = target;
    start = sb.fsbToByte(sb.logStart);
    size = sb.logBlocks << (sb.blockLog - XlogFormat.BB_SHIFT);
    uuid = sb.uuid;
    int sector = sb.logSectorBytes();
    sectorBbs = sector >> XlogFormat.BB_SHIFT;
    long wanted = sb.logUnit();
    boolean good =
        wanted <= XlogFormat.XLOG_MAX_RECORD_BSIZE
            && (wanted <= 1 || wanted % sector == 0)
            && wanted >> XlogFormat.BB_SHIFT <= size;
    if (!good) {
      throw corrupt("records in units of " + wanted + " bytes");
    }
    unit = (int) Math.max(wanted, sector);
  }

  static ErrnoException corrupt(String how) {
    return XfsError.corrupt("log: " + how);
  }

  /** {@return basic blocks of the log} */
  public int size() {
    return size;
  }

  /** {@return the bytes that the length of a record is a multiple of} */
  public int unit() {
    return unit;
  }

  /** {@return basic blocks of a sector, in which writes begin and end} */
  public int sectorBbs() {
    return sectorBbs;
  }

  /** {@return the UUID in the headers of records} */
  public byte[] uuid() {
    return uuid.clone();
  }

  /** {@return the device} */
  public BufCache target() {
    return target;
  }

  /** {@return a block number inside the ring} */
  @LinuxSource(file = "fs/xfs/xfs_log_recover.c", name = "xlog_wrap_logbno")
  public int wrap(long block) {
    return (int) (block % size);
  }

  /** {@return the distance from one block forward to another, 0 if they are the same} */
  public int distance(int from, int to) {
    return to >= from ? to - from : size - from + to;
  }

  /**
   * Reads blocks. From process context; sleeps.
   *
   * @param current the calling task
   * @param at the first, inside the ring
   * @param bbs how many, at most the size of the log
   * @return the bytes
   * @throws ErrnoException the device's error
   */
  public BufData read(Task current, int at, int bbs) throws ErrnoException {
    int first = Math.min(bbs, size - at);
    BufData head = piece(current, at, first);
    if (first == bbs) {
      return head;
    }
    byte[] all = new byte[bbs << XlogFormat.BB_SHIFT];
    System.arraycopy(head.copy(0, head.size()), 0, all, 0, head.size());
    BufData tail = piece(current, 0, bbs - first);
    System.arraycopy(tail.copy(0, tail.size()), 0, all, head.size(), tail.size());
    return new BufData(all, head.position(), "log", XfsError.EFSCORRUPTED);
  }

  private BufData piece(Task current, int at, int bbs) throws ErrnoException {
    return target.readUncached(current, position(at), bbs << XlogFormat.BB_SHIFT, "log");
  }

  private long position(int at) {
    return start + ((long) at << XlogFormat.BB_SHIFT);
  }

  /**
   * Writes blocks and waits. From process context; sleeps.
   *
   * @param current the calling task
   * @param at the first, inside the ring, a multiple of {@link #sectorBbs}
   * @param bytes a multiple of a sector, at most the size of the log
   * @param flags REQ_PREFLUSH, to make earlier writes durable first, and REQ_FUA, to make this one
   *     durable; without it, the next flush does
   * @throws ErrnoException the device's error
   */
  public void write(Task current, int at, byte[] bytes, int flags) throws ErrnoException {
    int block = at;
    int left = flags;
    for (int done = 0; done < bytes.length; ) {
      int bbs = Math.min(CHUNK_BBS, (bytes.length - done) >> XlogFormat.BB_SHIFT);
      bbs = Math.min(bbs, size - block);
      int length = bbs << XlogFormat.BB_SHIFT;
      byte[] part = Arrays.copyOfRange(bytes, done, done + length);
      BufData contents = new BufData(part, position(block), "log", XfsError.EFSCORRUPTED);
      target.writeUncached(current, position(block), contents, left);
      left &= ~BlkTypes.REQ_PREFLUSH;
      done += length;
      block = wrap(block + bbs);
    }
  }
}
