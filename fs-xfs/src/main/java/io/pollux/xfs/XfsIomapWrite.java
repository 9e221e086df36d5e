// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Kiocb;
import io.pollux.iomap.IomapDioBatch;
import io.pollux.iomap.IomapDioEnd;
import io.pollux.uapi.Differs;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.trans.XfsTrans;

/**
 * Allocates blocks for writes of regular files, and finishes the writes: converts the blocks, and
 * stores the size.
 *
 * <p>Blocks are allocated when a write begins and not when pages are written back, so a write knows
 * at once whether there is space. A buffered write that extends the file also gets blocks behind
 * its end for the writes that follow; the last close frees them.
 */
@LinuxSource(
    file = "fs/xfs/xfs_iomap.c",
    name = {"xfs_iomap_write_direct", "xfs_iomap_write_unwritten"})
final class XfsIomapWrite {
  /** The most blocks that one call allocates. */
  private static final long MAX_BLOCKS = 1 << 18;

  /** The most extents that a hint allocates in front of a write, where space is fragmented. */
  private static final int MOST_PIECES = 64;

  /** Preallocation behind the end of a file, in bytes. */
  private static final long LEAST_PREALLOC = 64 << 10;

  private static final long MOST_PREALLOC = 8 << 20;

  private XfsIomapWrite() {}

  /**
   * Allocates blocks at a position that is in a hole. With iRwsem; sleeps.
   *
   * @param current the calling task
   * @param ip the file
   * @param pos the first byte
   * @param length bytes to be written
   * @param direct whether the write is direct
   * @return 0 or a negative errno
   */
  @Differs(
      kind = Differs.Kind.SIMPLER,
      why =
          "A buffered write allocates its blocks when it begins. Linux reserves them, and"
              + " allocates when pages are written back.",
      test = "XfsWriteTest#aBufferedWriteHasItsBlocksBeforeItsWriteBack")
  static int allocate(Task current, XfsInode ip, long pos, long length, boolean direct) {
    XfsSb sb = ip.mp().sb();
    long first = pos >> sb.blockLog;
    long wanted = blocksTo(sb, pos + Math.min(length, Long.MAX_VALUE - pos)) - first;
    long extra = direct ? 0 : prealloc(ip, pos, length);
    long available = ip.mp().available();
    if (available <= 0) {
      return -Errno.ENOSPC;
    }
    long count = Math.min(Math.min(wanted + extra, MAX_BLOCKS), available);
    try (XfsTrans tp = ip.mp().trans().begin(current, 1)) {
      XfsForkEdit fork = XfsInodeEdit.of(tp, ip).data();
      allocate(ip, fork, first, count, available);
      tp.commit();
      return 0;
    } catch (ErrnoException e) {
      return -ip.mp().failed(current, e).errno();
    }
  }

  /**
   * Allocates at least the first block. An extent size hint widens the range, if so many blocks are
   * available.
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_bmap.c", name = "xfs_bmap_extsize_align")
  private static void allocate(
      XfsInode ip, XfsForkEdit fork, long first, long count, long available) throws ErrnoException {
    XfsInodeBuf.Core core = ip.core();
    long hint = core.hasExtsize() ? core.extsize() & 0xffff_ffffL : 0;
    if (hint <= 1) {
      XfsBmapi.allocateOne(fork, first, count, true);
      return;
    }
    XfsExtentMap map = fork.map();
    int before = map.find(first);
    long hole = before == XfsExtentMap.NONE ? 0 : map.endOff(before);
    long at = Math.max(hole, first - first % hint);
    long end = first + count;
    end = Math.min(XfsExtentMap.MAX_FILEOFF, end + (hint - end % hint) % hint);
    if (end - at > available) { // the rest is kept for other changes
      at = first;
      end = first + count;
    }
    for (int turn = 0; at <= first; turn++) { // ends: the last turn maps the first block
      long from = turn < MOST_PIECES ? at : first;
      at = XfsBmapi.allocateOne(fork, from, end - from, true);
    }
  }

  /** Blocks behind the end for a buffered write that extends the file, if space is plentiful. */
  @LinuxSource(file = "fs/xfs/xfs_iomap.c", name = "xfs_iomap_prealloc_size")
  private static long prealloc(XfsInode ip, long pos, long length) {
    XfsSb sb = ip.mp().sb();
    boolean extendsFile = pos + length > ip.size() && pos <= ip.size();
    long bytes = Math.clamp(ip.size(), LEAST_PREALLOC, MOST_PREALLOC);
    boolean plenty = ip.mp().available() > sb.dblocks / 20 + (bytes >> sb.blockLog);
    boolean room = pos + length < (1L << 60);
    return extendsFile && plenty && room ? bytes >> sb.blockLog : 0;
  }

  /**
   * Finishes a write whose data is on the device: converts its blocks if they are unwritten, and
   * stores a larger size. From process context; sleeps.
   *
   * @param current the calling task
   * @param ip the file
   * @param pos the first byte
   * @param bytes bytes written
   * @param unwritten whether blocks of it are unwritten
   * @param size the file's size on the disk afterwards, unless it is larger
   * @return 0 or a negative errno
   */
  @LinuxSource(file = "fs/xfs/xfs_aops.c", name = "xfs_setfilesize")
  static int finish(Task current, XfsInode ip, long pos, long bytes, boolean unwritten, long size) {
    if (!unwritten && size <= ip.core().size()) {
      return 0;
    }
    try (XfsTrans tp = ip.mp().trans().begin(current, 0)) {
      new Ends(tp).finish(ip, pos, bytes, unwritten, size);
      tp.commit();
      return 0;
    } catch (ErrnoException e) {
      return -ip.mp().failed(current, e).errno();
    }
  }

  /**
   * The ends of writes in transactions of a bounded size, one after the other. The size of a file
   * grows after the blocks of its write are converted.
   */
  private static final class Ends {
    private final XfsTrans tp;
    private int changes; // in the current transaction

    Ends(XfsTrans tp) {
      this.tp = tp;
    }

    void finish(XfsInode ip, long pos, long bytes, boolean unwritten, long size)
        throws ErrnoException {
      XfsSb sb = ip.mp().sb();
      long end = blocksTo(sb, pos + bytes);
      long at = unwritten ? pos >> sb.blockLog : end;
      while (at < end) { // each turn converts an extent, or is the last
        room();
        at = XfsBmapi.convertOne(XfsInodeEdit.of(tp, ip).data(), at, end);
      }
      room();
      XfsInodeEdit edit = XfsInodeEdit.of(tp, ip);
      if (size > edit.size()) {
        edit.setSize(size);
      }
    }

    private void room() throws ErrnoException {
      if (changes++ == XfsBmapi.MOST) {
        tp.roll();
        changes = 1;
      }
    }
  }

  /**
   * Finishes direct writes of one mount in one transaction, or in several if many extents change.
   * If one of these fails, each write gets its own, so that only the faulty writes fail.
   *
   * @param current the worker's task
   * @param batch the writes
   */
  static void finishAll(Task current, IomapDioBatch batch) {
    boolean together = batch.count() > 1 && finishTogether(current, batch);
    for (int i = 0; i < batch.count(); i++) {
      Kiocb iocb = batch.iocb(i);
      if (!together) {
        int error = batch.error(i);
        batch.setResult(
            i, XfsIomap.OPS.endIo(current, iocb, batch.bytes(i), error, batch.flags(i)));
        continue;
      }
      if (succeeded(batch, i)) {
        ((XfsInode) iocb.file().inode()).growSize(iocb.kiPos + batch.bytes(i));
      }
      batch.setResult(i, 0);
    }
  }

  /** Whether a write transferred bytes without an error, and so must be finished. */
  private static boolean succeeded(IomapDioBatch batch, int at) {
    return batch.error(at) == 0 && batch.bytes(at) > 0;
  }

  /** Finishes all writes together. Returns false if that failed; some may be converted then. */
  private static boolean finishTogether(Task current, IomapDioBatch batch) {
    XfsMount mp = ((XfsInode) batch.iocb(0).file().inode()).mp();
    try (XfsTrans tp = mp.trans().begin(current, 0)) {
      Ends ends = new Ends(tp);
      for (int i = 0; i < batch.count(); i++) {
        Kiocb iocb = batch.iocb(i);
        XfsInode ip = (XfsInode) iocb.file().inode();
        boolean unwritten = (batch.flags(i) & IomapDioEnd.IOMAP_DIO_UNWRITTEN) != 0;
        long end = iocb.kiPos + batch.bytes(i);
        if (succeeded(batch, i) && (unwritten || end > ip.size())) {
          ends.finish(ip, iocb.kiPos, batch.bytes(i), unwritten, end);
        }
      }
      tp.commit();
      return true;
    } catch (ErrnoException e) { // what was converted is converted no more
      return false;
    }
  }

  /** The number of blocks that bytes need. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "XFS_B_TO_FSB")
  static long blocksTo(XfsSb sb, long bytes) {
    return (bytes >> sb.blockLog) + ((bytes & (sb.blockSize - 1)) == 0 ? 0 : 1);
  }
}
