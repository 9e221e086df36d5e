// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;
import io.pollux.xfs.format.XfsAgi;
import io.pollux.xfs.format.XfsDinode;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.trans.XfsTrans;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Frees inodes that have neither a name nor a user. Until then they are in the unlinked list of
 * their group, so a crash does not lose them.
 */
@LinuxSource(
    file = "fs/xfs/xfs_inode.c",
    name = {"xfs_inactive", "xfs_inactive_truncate", "xfs_inactive_ifree", "xfs_ifree"})
final class XfsInactive {
  /** Blocks of metadata that one transaction unmaps, or somewhat more. */
  private static final int MOST_BUFFERS = 256;

  private final XfsMount mp;
  private final Set<XfsInode> waiting = ConcurrentHashMap.newKeySet();

  XfsInactive(XfsMount mp) {
    this.mp = mp;
  }

  /** Leaves an inode to the next sync, because the caller must not sleep. From any context. */
  void defer(XfsInode ip) {
    waiting.add(ip);
  }

  /** Frees what was left. From process context. Returns 0 or the first error. */
  int run(Task current) {
    int result = 0;
    for (XfsInode ip : waiting) {
      int status = tryFree(current, ip);
      result = result == 0 ? status : result;
    }
    return result;
  }

  /**
   * Frees an inode. From process context. Returns 0 or a negative errno; the inode is then freed by
   * the next sync or, after the unmount, by the next mount.
   */
  int inactivate(Task current, XfsInode ip) {
    waiting.add(ip);
    return tryFree(current, ip);
  }

  private int tryFree(Task current, XfsInode ip) {
    ip.mapping().truncateRange(current, 0, Long.MAX_VALUE); // waits for write-back
    try {
      free(current, ip);
      return 0;
    } catch (ErrnoException e) {
      return -mp.failed(current, e).errno();
    }
  }

  /** Frees an inode of the set, unless another task has freed it. */
  private void free(Task current, XfsInode ip) throws ErrnoException {
    try (XfsTrans tp = mp.trans().begin(current, 0)) {
      if (!waiting.contains(ip)) { // a sync and the last close can both be here
        return;
      }
      if (ip.core().attrFork().size() > 0 && ip.core().anextents() > 0) {
        unmapAll(tp, ip, true);
      }
      XfsInodeEdit edit = XfsInodeEdit.of(tp, ip);
      int format = edit.data().format();
      if (format == XfsDinode.FMT_EXTENTS && ip.isType(StatMode.S_IFLNK)) {
        XfsSymlinkWrite.free(edit);
      } else if (format == XfsDinode.FMT_EXTENTS || format == XfsDinode.FMT_BTREE) {
        unmapAll(tp, ip, false);
      }
      freeInode(tp, ip);
      tp.roll();
      waiting.remove(ip);
      tp.commit();
    }
  }

  private void unmapAll(XfsTrans tp, XfsInode ip, boolean attr) throws ErrnoException {
    long left = XfsExtentMap.MAX_FILEOFF;
    while (left > 0) { // each turn unmaps an extent, or is the last
      XfsInodeEdit edit = XfsInodeEdit.of(tp, ip);
      XfsForkEdit fork = attr ? edit.attr() : edit.data();
      long from = 0;
      if (attr || !StatMode.isType(ip.mode(), StatMode.S_IFREG)) {
        from = invalidate(tp, fork, left);
      }
      left = XfsBmapi.unmap(fork, from, left, XfsBmapi.MOST);
      tp.roll();
    }
  }

  /**
   * Drops the buffers of the blocks that are unmapped next: they hold metadata. Each needs room in
   * the log.
   *
   * @return the first of these blocks
   */
  private long invalidate(XfsTrans tp, XfsForkEdit fork, long end) throws ErrnoException {
    XfsSb sb = mp.sb();
    XfsExtentMap map = fork.map();
    int last = map.find(end);
    long room = MOST_BUFFERS;
    int dirBlocks = fork.isAttr() ? 1 : mp.dirGeo().fsbCount;
    for (int i = last; i >= 0; i--) { // each turn uses some of the room
      XfsExtentMap.Rec rec = map.get(i).clip(map.startOff(i), Math.min(end, map.endOff(i)));
      long skipped = Math.max(0, rec.blockCount() - room);
      skipped -= skipped % dirBlocks; // whole directory blocks
      room -= rec.blockCount() - skipped;
      for (long at = skipped; at < rec.blockCount(); at++) {
        long position = sb.fsbToByte(rec.startBlock() + at);
        tp.binval(position, sb.blockSize);
        int into = Math.floorMod(rec.startOff() + at, dirBlocks); // of the directory block
        long piece = Math.min(rec.blockCount() - at, dirBlocks - into);
        if (piece > 1 && (into == 0 || at == skipped)) {
          tp.binval(position, (int) piece << sb.blockLog);
        }
      }
      if (room <= 0 || last - i + 1 == XfsBmapi.MOST) {
        return rec.startOff() + skipped;
      }
    }
    return 0;
  }

  private void freeInode(XfsTrans tp, XfsInode ip) throws ErrnoException {
    XfsInodeEdit edit = XfsInodeEdit.of(tp, ip);
    mp.iunlink().remove(tp, ip.ino());
    edit.put16(XfsDinode.MODE, 0);
    edit.put16(XfsDinode.FLAGS, 0);
    edit.put64(XfsDinode.FLAGS2, XfsInodeEdit.newFlags2(mp.sb()));
    edit.put32(XfsDinode.EXTSIZE, 0);
    edit.put32(XfsDinode.COWEXTSIZE, 0);
    edit.put8(XfsDinode.FORKOFF, 0);
    edit.put8(XfsDinode.FORMAT, XfsDinode.FMT_EXTENTS);
    edit.put8(XfsDinode.AFORMAT, XfsDinode.FMT_EXTENTS);
    edit.setSize(0);
    edit.put32(XfsDinode.GEN, edit.i32(XfsDinode.GEN) + 1);
    if (!mp.ialloc().freeInode(tp, ip.ino())) {
      edit.gone(); // with its chunk
    }
  }

  /**
   * Frees the inodes that the last mount has left in the unlinked lists. At mount, from process
   * context.
   *
   * @param current the calling task
   * @throws ErrnoException EUCLEAN if a list or an inode is damaged, or the device's error
   */
  @LinuxSource(file = "fs/xfs/xfs_log_recover.c", name = "xlog_recover_process_iunlinks")
  void recover(Task current) throws ErrnoException {
    for (long agno = 0; agno < mp.sb().agCount; agno++) {
      for (int bucket = 0; bucket < XfsAgi.UNLINKED_BUCKETS; bucket++) {
        recover(current, agno, bucket);
      }
    }
  }

  private void recover(Task current, long agno, int bucket) throws ErrnoException {
    while (true) { // ends: each turn takes an inode out of the list
      long ino;
      try (XfsTrans tp = mp.trans().begin(current, 0)) {
        ino = mp.iunlink().first(tp, agno, bucket);
      }
      if (ino < 0) {
        return;
      }
      XfsInode ip = mp.iget(current, ino);
      if (ip.nlink() != 0) {
        throw ip.corrupt("has names, and is in the list of those without");
      }
      waiting.add(ip);
      free(current, ip);
    }
  }
}
