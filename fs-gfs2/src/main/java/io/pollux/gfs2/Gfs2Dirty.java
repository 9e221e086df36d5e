// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.LockClass;
import io.pollux.core.sched.RwSemaphore;
import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The inodes whose times changed in memory. They are written without the journal, at sync, at
 * unmount, and before their glock is demoted. Each is referenced from here until then.
 */
@LinuxSource(file = "fs/gfs2/super.c", name = "gfs2_write_inode")
final class Gfs2Dirty {
  private final Set<Gfs2Inode> dirty = ConcurrentHashMap.newKeySet();
  private final RwSemaphore flushing = new RwSemaphore(LockClass.INODE_TIMES);

  /** Adds an inode whose times must be written. From any context. */
  void add(Gfs2Inode ip) {
    dirty.add(ip);
  }

  /**
   * Writes every inode in the set. First waits for a flush by another task, because its writes may
   * be in flight. From process context, without a glock.
   *
   * @param current the calling task
   * @return 0 or the first error; the next flush retries failed writes
   */
  int flush(Task current) {
    int result = 0;
    flushing.downWrite(current);
    try {
      for (Gfs2Inode ip : dirty) {
        int status = flush(current, ip);
        result = result == 0 ? status : result;
      }
    } finally {
      flushing.upWrite();
    }
    return result;
  }

  private int flush(Task current, Gfs2Inode ip) {
    Gfs2Holder gh;
    try {
      gh = ip.sdp().lock(current, ip.glock(), LmState.SHARED, Gfs2Holder.LM_FLAG_ANY);
    } catch (ErrnoException e) {
      return -e.errno();
    }
    try {
      dirty.remove(ip); // first: a write to the file from here on adds it again
      return ip.writeTimes(current);
    } finally {
      Gfs2Inode.unlock(current, gh);
    }
  }

  /** Drops what could not be written, at unmount. */
  void drop() {
    dirty.clear();
  }
}
