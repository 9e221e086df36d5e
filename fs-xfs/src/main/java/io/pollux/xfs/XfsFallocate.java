// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Attr;
import io.pollux.iomap.InodeDioWait;
import io.pollux.iomap.IomapBuffered;
import io.pollux.uapi.Differs;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.ag.XfsOwner;
import io.pollux.xfs.ag.XfsRmap;
import io.pollux.xfs.format.XfsDinode;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.trans.XfsTrans;
import java.util.List;

/**
 * Preallocates, punches, zeroes, collapses and inserts. Each mode is a sequence of transactions;
 * after an error the file has those that were committed, and each block is as before or as asked.
 */
@LinuxSource(file = "fs/xfs/xfs_file.c", name = "xfs_file_fallocate")
final class XfsFallocate {
  private static final int SHIFTS = 64; // extents that one transaction moves

  private final Task current;
  private final XfsInode ip;
  private final XfsMount mp;
  private final XfsSb sb;

  private XfsFallocate(Task current, XfsInode ip) {
    this.current = current;
    this.ip = ip;
    mp = ip.mp();
    sb = mp.sb();
  }

  /**
   * Implements fallocate. The VFS has checked the mode and the range.
   *
   * @param current the calling task
   * @param ip the file
   * @param mode FALLOC_FL_* flags
   * @param offset first byte
   * @param length bytes
   * @return 0 or a negative errno
   */
  static int fallocate(Task current, XfsInode ip, int mode, long offset, long length) {
    if (ip.mp().readOnly()) {
      return -Errno.EROFS;
    }
    if (offset > ip.maxBytes() - length) {
      return -Errno.EFBIG;
    }
    ip.iRwsem.downWrite(current);
    try {
      new XfsFallocate(current, ip).run(mode, offset, length);
      return 0;
    } catch (ErrnoException e) {
      return -ip.mp().failed(current, e).errno();
    } finally {
      ip.iRwsem.upWrite();
    }
  }

  private void run(int mode, long offset, long length) throws ErrnoException {
    check(InodeDioWait.awaitNone(current, ip, mp.bdev(), false));
    int privs = Attr.removedPrivs(current, ip);
    if (privs != 0) {
      check(XfsSetattr.removePrivs(current, ip, privs));
    }
    long end = offset + length;
    boolean keep = (mode & Fcntl.FALLOC_FL_KEEP_SIZE) != 0;
    if ((mode & Fcntl.FALLOC_FL_PUNCH_HOLE) != 0) {
      punch(offset, end);
    } else if ((mode & Fcntl.FALLOC_FL_COLLAPSE_RANGE) != 0) {
      collapse(offset, length);
    } else if ((mode & Fcntl.FALLOC_FL_INSERT_RANGE) != 0) {
      insert(offset, length);
    } else if ((mode & Fcntl.FALLOC_FL_ZERO_RANGE) != 0) {
      punch(offset, end);
      preallocate(offset, end);
      grow(keep ? 0 : end);
    } else if ((mode & Fcntl.FALLOC_FL_UNSHARE_RANGE) != 0) {
      unshare(offset, end);
      preallocate(offset, end);
      grow(keep ? 0 : end);
    } else {
      preallocate(offset, end);
      grow(keep ? 0 : end);
    }
  }

  private static void check(int result) throws ErrnoException {
    if (result != 0) {
      throw new ErrnoException(-result);
    }
  }

  // Preallocation.

  /** Allocates unwritten blocks in the holes of a range. */
  @LinuxSource(file = "fs/xfs/xfs_bmap_util.c", name = "xfs_alloc_file_space")
  private void preallocate(long offset, long end) throws ErrnoException {
    long at = offset >> sb.blockLog;
    long behind = XfsIomapWrite.blocksTo(sb, end);
    while (at < behind) { // each turn passes an extent
      long available = mp.available();
      if (available <= 0) {
        throw new ErrnoException(Errno.ENOSPC);
      }
      try (XfsTrans tp = mp.trans().begin(current, 0)) {
        XfsInodeEdit edit = XfsInodeEdit.of(tp, ip);
        long count = Math.min(behind - at, available);
        at = XfsBmapi.allocateOne(edit.data(), at, count, true);
        edit.put16(XfsDinode.FLAGS, edit.flags() | XfsDinode.DIFLAG_PREALLOC);
        edit.touchChange();
        tp.commit();
      }
    }
  }

  /** Extends the file to a size, unless it is larger. */
  private void grow(long bytes) throws ErrnoException {
    long old = ip.size();
    if (bytes <= old) {
      return;
    }
    check(XfsSetattr.zeroGap(current, ip, old, bytes));
    storeSize(bytes);
    ip.iSizeWrite(bytes);
  }

  private void storeSize(long bytes) throws ErrnoException {
    try (XfsTrans tp = mp.trans().begin(current, 0)) {
      XfsInodeEdit edit = XfsInodeEdit.of(tp, ip);
      edit.setSize(bytes);
      edit.touch();
      tp.commit();
    }
  }

  private void unshare(long offset, long end) throws ErrnoException {
    check(ip.mapping().writeAndWaitRange(current, offset, end - 1));
    long to = Math.min(end, ip.size());
    for (long at = offset; ip.core().reflink() && at < to; at += XfsReflink.STEP) {
      check(XfsReflink.unshare(current, ip, at, XfsReflink.STEP, to - at));
    }
  }

  // Punching.

  /** Makes a range read as zeroes; whole blocks become a hole. */
  @LinuxSource(
      file = "fs/xfs/xfs_bmap_util.c",
      name = {"xfs_free_file_space", "xfs_flush_unmap_range"})
  private void punch(long offset, long end) throws ErrnoException {
    int mask = sb.blockSize - 1;
    long first = XfsIomapWrite.blocksTo(sb, offset);
    long behind = end >> sb.blockLog;
    flush(offset & ~(long) mask, end | mask);
    long size = ip.size();
    if (first > behind) { // inside one block
      zero(offset, Math.min(end, size));
    } else {
      zero(offset, Math.min(first << sb.blockLog, size));
      zero(behind << sb.blockLog, Math.min(end, size));
    }
    if (first < behind) {
      ip.mapping().truncateRange(current, first << sb.blockLog, (behind << sb.blockLog) - 1);
      XfsSetattr.freeRange(current, ip, first, behind);
    }
    touch();
  }

  private void touch() throws ErrnoException {
    try (XfsTrans tp = mp.trans().begin(current, 0)) {
      XfsInodeEdit.of(tp, ip).touch();
      tp.commit();
    }
  }

  private void zero(long from, long to) throws ErrnoException {
    if (from < to) {
      check(IomapBuffered.zeroRange(current, ip, from, to - from, XfsIomap.OPS));
      check(ip.mapping().writeAndWaitRange(current, from, to - 1));
    }
  }

  private void flush(long from, long to) throws ErrnoException {
    check(ip.mapping().writeAndWaitRange(current, from, to));
  }

  // Shifting.

  private void requireBlocks(long offset, long length) throws ErrnoException {
    if (((offset | length) & (sb.blockSize - 1)) != 0) {
      throw new ErrnoException(Errno.EINVAL);
    }
  }

  /** Removes a range; what follows it moves there. */
  @LinuxSource(file = "fs/xfs/xfs_bmap_util.c", name = "xfs_collapse_file_space")
  private void collapse(long offset, long length) throws ErrnoException {
    requireBlocks(offset, length);
    if (offset + length >= ip.size()) {
      throw new ErrnoException(Errno.EINVAL);
    }
    flush(offset, Long.MAX_VALUE);
    ip.mapping().truncateRange(current, offset, Long.MAX_VALUE);
    XfsEofblocks.free(current, ip);
    long first = offset >> sb.blockLog;
    long count = length >> sb.blockLog;
    XfsSetattr.freeRange(current, ip, first, first + count);
    long next = first + count;
    while (next >= 0) { // each turn moves later extents
      next = shiftLeft(next, count);
    }
    long size = ip.size() - length;
    storeSize(size);
    ip.iSizeWrite(size);
  }

  /** Moves some extents from a block on. Returns where the next one begins, or -1. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_bmap.c", name = "xfs_bmap_collapse_extents")
  private long shiftLeft(long from, long count) throws ErrnoException {
    try (XfsTrans tp = mp.trans().begin(current, 0)) {
      XfsForkEdit fork = XfsInodeEdit.of(tp, ip).data();
      int index = fork.map().find(from - 1) + 1;
      int end = Math.min(fork.map().count(), index + SHIFTS);
      for (int i = index; i < end; i++) {
        move(fork, i, -count);
      }
      long next = end < fork.map().count() ? fork.map().startOff(end) : -1;
      tp.commit();
      return next;
    }
  }

  /** Makes a hole at an offset; what is there moves behind it. */
  @LinuxSource(file = "fs/xfs/xfs_bmap_util.c", name = "xfs_insert_file_space")
  private void insert(long offset, long length) throws ErrnoException {
    requireBlocks(offset, length);
    if (offset >= ip.size()) {
      throw new ErrnoException(Errno.EINVAL);
    }
    if (ip.size() > ip.maxBytes() - length) {
      throw new ErrnoException(Errno.EFBIG);
    }
    flush(offset, Long.MAX_VALUE);
    ip.mapping().truncateRange(current, offset, Long.MAX_VALUE);
    XfsEofblocks.free(current, ip);
    long first = offset >> sb.blockLog;
    long count = length >> sb.blockLog;
    requireRoom(count);
    split(first); // before the size changes: may fail with ENOSPC
    long size = ip.size() + length;
    storeSize(size); // before the shift: a crash in between leaves no block behind the end
    ip.iSizeWrite(size);
    long before = XfsExtentMap.MAX_FILEOFF;
    while (before > first) { // each turn moves earlier extents
      before = shiftRight(first, before, count);
    }
  }

  /** Checks that no block moves beyond the largest size of a file. */
  @Differs(
      kind = Differs.Kind.OURS,
      why =
          "INSERT_RANGE fails with EINVAL if preallocated blocks would move behind the largest size"
              + " of a file. Linux fails only if their offset needs more than 54 bits.",
      test = "XfsWriteTest#anInsertMovesNoBlocksBehindTheLargestFile")
  @LinuxSource(file = "fs/xfs/libxfs/xfs_bmap.c", name = "xfs_bmap_can_insert_extents")
  private void requireRoom(long count) throws ErrnoException {
    if (ip.extents(current).lastOffset() > (ip.maxBytes() >> sb.blockLog) - count) {
      throw new ErrnoException(Errno.EINVAL);
    }
  }

  /** Splits the extent that a block is inside. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_bmap.c", name = "xfs_bmap_split_extent")
  private void split(long at) throws ErrnoException {
    try (XfsTrans tp = mp.trans().begin(current, 0)) {
      XfsForkEdit fork = XfsInodeEdit.of(tp, ip).data();
      int index = fork.map().find(at);
      if (index != XfsExtentMap.NONE
          && at > fork.map().startOff(index)
          && at < fork.map().endOff(index)) {
        XfsExtentMap.Rec rec = fork.map().get(index);
        List<XfsExtentMap.Rec> parts =
            List.of(rec.clip(rec.startOff(), at), rec.clip(at, rec.endOff()));
        fork.apply(new XfsExtentTree.Edit(index, 1, parts));
        tp.commit();
      }
    }
  }

  /** Moves the last extents of a range. Returns the start of the first one moved. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_bmap.c", name = "xfs_bmap_insert_extents")
  private long shiftRight(long first, long before, long count) throws ErrnoException {
    try (XfsTrans tp = mp.trans().begin(current, 0)) {
      XfsForkEdit fork = XfsInodeEdit.of(tp, ip).data();
      int index = fork.map().find(before - 1);
      long reached = first;
      for (int i = index; i >= 0 && i > index - SHIFTS && fork.map().startOff(i) >= first; i--) {
        reached = fork.map().startOff(i);
        move(fork, i, count);
      }
      boolean more = index - SHIFTS >= 0 && fork.map().startOff(index - SHIFTS) >= first;
      tp.commit();
      return more ? reached : first;
    }
  }

  private void move(XfsForkEdit fork, int index, long by) throws ErrnoException {
    XfsExtentMap.Rec was = fork.map().get(index);
    XfsExtentMap.Rec now =
        new XfsExtentMap.Rec(
            was.startOff() + by, was.startBlock(), was.blockCount(), was.unwritten());
    fork.apply(new XfsExtentTree.Edit(index, 1, List.of(now)));
    XfsRmap rmap = mp.alloc().rmap();
    rmap.unmap(fork.tp(), was.startBlock(), was.blockCount(), owner(was));
    rmap.map(fork.tp(), was.startBlock(), was.blockCount(), owner(now));
  }

  private XfsOwner owner(XfsExtentMap.Rec rec) {
    return XfsOwner.of(ip.ino(), rec.startOff(), false, rec.unwritten());
  }
}
