// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The inodes whose times changed in memory, and how they come to the disk: without the log, at sync and at unmount.
 *
 * <p>What changes of an inode (the times, the count of changes, the checksum) lies in its first sector, which a disk
 * writes whole or not at all. The rest of the block is written as it was read, so at whatever moment the machine
 * stops, each inode of the block is the old one or the new one.
 *
 * <p>A changed inode is held from here, so it can't be forgotten and read again before it is written. {@link #lock}
 * orders the reading of blocks of inodes against their writing.
 */
@LinuxSource(file = "fs/xfs/xfs_inode.c", name = {"xfs_iflush", "xfs_iflush_cluster"})
final class XfsIflush {
  private final XfsMount mp;
  private final Set<XfsInode> dirty = ConcurrentHashMap.newKeySet();
  private final ReentrantLock lock = new ReentrantLock();

  XfsIflush(XfsMount mp) {
    this.mp = mp;
  }

  /** Takes the lock under which blocks of inodes are read and written. From process context. */
  void lock(Task current) {
    if (!lock.tryLock()) {
      current.aboutToSleep();
      lock.lock();
    }
  }

  void unlock() {
    lock.unlock();
  }

  /** An inode has to be written. From any context; called once until it is. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_trans_inode.c", name = "xfs_trans_log_inode")
  void add(XfsInode ip) {
    dirty.add(ip);
  }

  /**
   * Writes every inode that has to be, block by block. From process context.
   *
   * @param current the calling task
   * @return 0, or the first error; what could not be written is tried again the next time
   */
  int flush(Task current) {
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
    lock(current);
    try {
      inodes.forEach(ip -> {
        dirty.remove(ip);
        ip.markClean(); // first: who writes to the file from here on makes it dirty again
      });
      XfsSb sb = mp.sb();
      String what = inodes.getFirst().what();
      XfsBuf block = mp.readBlocks(current, fsb, 1, what);
      byte[] bytes = block.copy(0, block.size());
      for (XfsInode ip : inodes) {
        XfsInodeBuf.updateTimes(sb, ip, bytes, sb.inoToOffset(ip.ino()));
      }
      mp.target().write(current, sb.fsbToByte(fsb), bytes, what);
      mp.target().keep(XfsBuftarg.NO_OWNER, fsb, new XfsBuf(bytes, block.daddr(), what));
      return 0;
    } catch (ErrnoException e) {
      inodes.forEach(XfsInode::markDirty);
      return -e.errno();
    } finally {
      lock.unlock();
    }
  }

  /** Forgets what could not be written: the filesystem goes. */
  void drop() {
    dirty.clear();
  }
}
