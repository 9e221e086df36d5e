// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.buffer.Buf;
import io.pollux.block.buffer.BufEdit;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.LockClass;
import io.pollux.core.sched.RwSemaphore;
import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsSb;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The inodes whose times changed in memory. They are written without the log, at sync and at
 * unmount.
 *
 * <p>The bytes that change (the times, the change count, the checksum) are in the inode's first
 * sector, which a disk writes atomically. The rest of the block is written as it was read. So a
 * crash at any moment leaves each inode of the block either old or new.
 *
 * <p>A changed inode is referenced from here, so it stays in memory until it is written. The
 * buffer's lock orders the decoding of its inodes against their writing.
 */
@LinuxSource(
    file = "fs/xfs/xfs_inode.c",
    name = {"xfs_iflush", "xfs_iflush_cluster"})
final class XfsIflush {
  private final XfsMount mp;
  private final Set<XfsInode> dirty = ConcurrentHashMap.newKeySet();
  private final RwSemaphore flushing = new RwSemaphore(LockClass.INODE_TIMES);

  XfsIflush(XfsMount mp) {
    this.mp = mp;
  }

  /**
   * Adds an inode whose times must be written. From any context; called once until it is written.
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_trans_inode.c", name = "xfs_trans_log_inode")
  void add(XfsInode ip) {
    dirty.add(ip);
  }

  /**
   * Writes every inode in the set, block by block. First waits for a flush by another task, because
   * its writes may be in flight. From process context.
   *
   * @param current the calling task
   * @return 0 or the first error; the next flush retries failed writes
   */
  int flush(Task current) {
    flushing.downWrite(current);
    try {
      return flushAll(current);
    } finally {
      flushing.upWrite();
    }
  }

  private int flushAll(Task current) {
    List<XfsInode> found = new ArrayList<>(dirty);
    found.sort(Comparator.comparingLong(XfsInode::ino));
    XfsSb sb = mp.sb();
    int result = 0;
    int at = 0;
    while (at < found.size()) {
      long fsb = sb.inoToFsb(found.get(at).ino());
      int end = at + 1;
      while (end < found.size() && sb.inoToFsb(found.get(end).ino()) == fsb) {
        end++;
      }
      int status = flushBlock(current, fsb, found.subList(at, end));
      result = result == 0 ? status : result;
      at = end;
    }
    return result;
  }

  private int flushBlock(Task current, long fsb, List<XfsInode> inodes) {
    try {
      Buf buf = mp.readBlocks(current, fsb, 1, mp.verifiers().inode(), inodes.getFirst()::what);
      try {
        buf.lock(current);
        try {
          flushBlock(current, buf, inodes);
        } finally {
          buf.unlock();
        }
      } finally {
        buf.release();
      }
      return 0;
    } catch (ErrnoException e) {
      return -e.errno();
    }
  }

  private void flushBlock(Task current, Buf buf, List<XfsInode> inodes) throws ErrnoException {
    inodes.forEach(
        ip -> {
          dirty.remove(ip);
          ip.writeTime().markClean(); // first: a write from here on makes it dirty again
        });
    try {
      XfsSb sb = mp.sb();
      BufEdit edit = buf.edit();
      for (XfsInode ip : inodes) {
        XfsInodeBuf.updateTimes(sb, ip, edit, sb.inoToOffset(ip.ino()));
      }
      buf.markDirty();
      buf.write(current);
    } catch (Throwable e) { // the times stay to be written
      inodes.forEach(ip -> ip.writeTime().markDirty());
      throw e;
    }
  }

  /** Drops what could not be written, at unmount. */
  void drop() {
    dirty.clear();
  }
}
