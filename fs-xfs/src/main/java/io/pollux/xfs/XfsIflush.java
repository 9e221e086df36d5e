// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.buffer.Buf;
import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufEdit;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The inodes whose times changed in memory, and how they come to the disk: without the log, at sync and at unmount.
 *
 * <p>What changes of an inode (the times, the count of changes, the checksum) lies in its first sector, which a disk
 * writes whole or not at all. The rest of the block is written as it was read, so at whatever moment the machine
 * stops, each inode of the block is the old one or the new one.
 *
 * <p>A changed inode is held from here, so it can't be forgotten and read again before it is written. The lock of the
 * buffer orders the decoding of its inodes against their writing.
 */
@LinuxSource(file = "fs/xfs/xfs_inode.c", name = {"xfs_iflush", "xfs_iflush_cluster"})
final class XfsIflush {
  private final XfsMount mp;
  private final Set<XfsInode> dirty = ConcurrentHashMap.newKeySet();

  XfsIflush(XfsMount mp) {
    this.mp = mp;
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
    inodes.forEach(ip -> {
      dirty.remove(ip);
      ip.markClean(); // first: a write from here on makes it dirty again
    });
    try {
      XfsSb sb = mp.sb();
      BufEdit edit = buf.edit();
      for (XfsInode ip : inodes) {
        XfsInodeBuf.updateTimes(sb, ip, edit, sb.inoToOffset(ip.ino()));
      }
      buf.markDirty();
      buf.write(current);
    } catch (ErrnoException e) {
      inodes.forEach(XfsInode::markDirty);
      throw e;
    }
  }

  /** Forgets what could not be written: the filesystem goes. */
  void drop() {
    dirty.clear();
  }
}
