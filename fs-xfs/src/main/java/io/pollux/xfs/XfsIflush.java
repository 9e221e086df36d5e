// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.trans.XfsTrans;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The inodes whose times changed in memory. Sync and unmount store the times into the buffers of
 * the inodes, in transactions.
 *
 * <p>A changed inode is referenced from here, so it stays in memory until its time is stored.
 */
@LinuxSource(
    file = "fs/xfs/xfs_inode.c",
    name = {"xfs_iflush", "xfs_iflush_cluster"})
final class XfsIflush {
  /** The most inodes of a transaction. */
  private static final int BATCH = 128;

  private final XfsMount mp;
  private final Set<XfsInode> dirty = ConcurrentHashMap.newKeySet();

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
   * Stores the time of every inode in the set into its buffer. From process context.
   *
   * @param current the calling task
   * @return 0 or the first error; the next flush retries what failed
   */
  int flush(Task current) {
    List<XfsInode> found = new ArrayList<>(dirty);
    found.sort(Comparator.comparingLong(XfsInode::ino));
    int result = 0;
    for (int at = 0; at < found.size(); at += BATCH) {
      int status = store(current, found.subList(at, Math.min(found.size(), at + BATCH)));
      result = result == 0 ? status : result;
    }
    return result;
  }

  private int store(Task current, List<XfsInode> inodes) {
    inodes.forEach(dirty::remove); // first: a write from here on adds it again
    try (XfsTrans tp = mp.trans().begin(current, 0)) {
      for (XfsInode ip : inodes) {
        XfsInodeEdit.of(tp, ip);
      }
      tp.commit();
      return 0;
    } catch (ErrnoException e) { // the times stay to be written
      dirty.addAll(inodes);
      return -mp.failed(current, e).errno();
    }
  }

  /** Forgets an inode that was freed. From any context. */
  void remove(XfsInode ip) {
    dirty.remove(ip);
  }

  /** Drops what could not be written, at unmount. */
  void drop() {
    dirty.clear();
  }
}
