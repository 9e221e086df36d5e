// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.trans;

import io.pollux.block.buffer.BufSpace;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.LockClass;
import io.pollux.core.sched.RwSemaphore;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Differs;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsSb;
import org.jspecify.annotations.Nullable;

/**
 * What the transactions of a mount share: the buffers, the transaction lock and the counters of the
 * superblock.
 *
 * <p>The counters are those of the last commit. They are written to the superblock at sync and
 * unmount.
 */
@LinuxSource(file = "fs/xfs/xfs_mount.h", name = "xfs_mount")
public final class XfsTransMount {
  /** At most this many dirty buffers stay in memory after a commit. */
  private static final int MAX_DIRTY = 2048;

  private final XfsSb sb;
  private final BufSpace bufs;
  private final FirstChange firstChange;
  private final RwSemaphore lock = new RwSemaphore(LockClass.XFS_TRANS);
  private volatile long fdblocks; // these three change under the lock
  private volatile long icount;
  private volatile long ifree;
  private volatile long commits; // changes under the lock
  private volatile @Nullable Task cancelled; // changes under the lock
  private volatile boolean stopped;
  private volatile long durable; // the last commit whose buffers were all written; under this

  /** Called before the first commit of a mount, and then before each one until it succeeds. */
  @FunctionalInterface
  public interface FirstChange {
    /**
     * Marks the filesystem as changing, if it is not marked.
     *
     * @param current the committing task
     * @throws ErrnoException the reason to cancel the transaction
     */
    void mark(Task current) throws ErrnoException;
  }

  /**
   * Creates the state of a mount, with the counters that are given.
   *
   * @param sb the superblock
   * @param bufs the buffers of all metadata
   * @param fdblocks free blocks, without those of free lists
   * @param icount inodes, used or free
   * @param ifree free inodes
   * @param firstChange marks the filesystem
   */
  public XfsTransMount(
      XfsSb sb, BufSpace bufs, long fdblocks, long icount, long ifree, FirstChange firstChange) {
    this.sb = sb;
    this.bufs = bufs;
    this.fdblocks = fdblocks;
    this.icount = icount;
    this.ifree = ifree;
    this.firstChange = firstChange;
  }

  void mark(Task current) throws ErrnoException {
    firstChange.mark(current);
  }

  /** {@return the geometry} */
  public XfsSb sb() {
    return sb;
  }

  /** {@return the buffers} */
  public BufSpace bufs() {
    return bufs;
  }

  /** {@return free blocks, with those that are set aside} */
  public long fdblocks() {
    return fdblocks;
  }

  /** {@return free blocks that users may have} */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_alloc.c", name = "xfs_alloc_set_aside")
  public long available() {
    return Math.max(0, fdblocks - sb.setAside());
  }

  /** {@return inodes, used or free} */
  public long icount() {
    return icount;
  }

  /** {@return free inodes} */
  public long ifree() {
    return ifree;
  }

  /**
   * Begins a transaction. From process context; waits for the one before.
   *
   * @param current the calling task
   * @param blocks what it may allocate at most; 0 for a transaction that frees, which may use what
   *     is set aside
   * @return the transaction, which must be closed
   * @throws ErrnoException ENOSPC if there are fewer blocks
   */
  @LinuxSource(
      file = "fs/xfs/xfs_trans.c",
      name = {"xfs_trans_alloc", "xfs_trans_reserve"})
  @Differs(
      kind = Differs.Kind.SIMPLER,
      why =
          "A mount has one transaction at a time, which changes private copies. In Linux many run"
              + " at once, and lock the buffers and inodes that they change.",
      test = "XfsWriteTest#aTransactionWaitsForTheOneBefore")
  public XfsTrans begin(Task current, long blocks) throws ErrnoException {
    current.aboutToSleep(); // the holder may wait for bios in this task's plug
    lock.downWrite(current);
    if (stopped) {
      lock.upWrite();
      throw new ErrnoException(Errno.EIO, "the filesystem was shut down because it is damaged");
    }
    if (blocks > 0 && blocks > available()) {
      lock.upWrite();
      throw new ErrnoException(Errno.ENOSPC);
    }
    return new XfsTrans(this, current);
  }

  @SuppressWarnings("NonAtomicVolatileUpdate") // under the lock
  void apply(long freed, long inodes, long freeInodes) {
    fdblocks += freed;
    icount += inodes;
    ifree += freeInodes;
    commits++;
  }

  /**
   * Returns the number of the last commit. From any context.
   *
   * @return 0 if there was none
   */
  public long commits() {
    return commits;
  }

  /** {@return whether a commit may not have reached the disk} */
  public boolean pending(long commit) {
    return commit > durable;
  }

  /**
   * Writes the buffers of all commits up to one. They are durable after the next flush. From
   * process context, without the transaction lock; sleeps.
   *
   * @param current the calling task
   * @param commit the number of the commit
   * @return 0 or a negative errno
   */
  @LinuxSource(file = "fs/xfs/xfs_log.c", name = "xfs_log_force_lsn")
  public int force(Task current, long commit) {
    if (!pending(commit)) {
      return 0;
    }
    long seen = commits; // before the buffers are collected
    int result = bufs.cache().writeBack(current);
    if (result == 0) {
      synchronized (this) {
        durable = Math.max(durable, seen);
      }
    }
    return result;
  }

  /** Called at the end of a transaction, whose changes a commit has taken. With the lock. */
  void cancelled(Task current, boolean changed) {
    cancelled = changed ? current : null;
  }

  /**
   * Lets no transaction begin from now on, if the last one was the task's, and was cancelled after
   * it had changed something.
   *
   * @param current the calling task
   * @return whether this call has stopped them
   */
  public synchronized boolean stop(Task current) {
    if (stopped || cancelled != current) {
      return false;
    }
    stopped = true;
    return true;
  }

  /** {@return whether no transaction can begin} */
  public boolean stopped() {
    return stopped;
  }

  void end() {
    lock.upWrite();
  }

  /** Bounds the memory of dirty buffers. An error stays with its buffer, for the next sync. */
  void throttle(Task current) {
    if (bufs.cache().dirtyBuffers() > MAX_DIRTY) {
      bufs.cache().writeBack(current);
    }
  }
}
