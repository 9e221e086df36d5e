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
import io.pollux.xfs.log.XfsCil;
import io.pollux.xfs.log.Xlog;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What the transactions of a mount share: the buffers, the transaction lock and the counters of the
 * superblock.
 *
 * <p>The counters are those of the last commit. They are written to the superblock at freeze and
 * unmount.
 */
@LinuxSource(file = "fs/xfs/xfs_mount.h", name = "xfs_mount")
public final class XfsTransMount {
  /** At most this many dirty buffers stay in memory after a commit. */
  private static final int MAX_DIRTY = 2048;

  private final XfsSb sb;
  private final BufSpace bufs;
  private @Nullable XfsCil cil; // set when the mount becomes writable
  private final RwSemaphore lock = new RwSemaphore(LockClass.XFS_TRANS);
  private volatile long fdblocks; // these three change under the lock
  private volatile long icount;
  private volatile long ifree;
  private volatile @Nullable Task cancelled; // changes under the lock
  private final Consumer<String> shutDown;
  private volatile boolean stopped;

  /**
   * Creates the state of a mount, with the counters that are given.
   *
   * @param sb the superblock
   * @param bufs the buffers of all metadata
   * @param fdblocks free blocks, without those of free lists
   * @param icount inodes, used or free
   * @param ifree free inodes
   * @param shutDown called once, when an error of the device ends all changes, with a sentence
   */
  public XfsTransMount(
      XfsSb sb, BufSpace bufs, long fdblocks, long icount, long ifree, Consumer<String> shutDown) {
    this.shutDown = shutDown;
    this.sb = sb;
    this.bufs = bufs;
    this.fdblocks = fdblocks;
    this.icount = icount;
    this.ifree = ifree;
  }

  /**
   * Sets the log, without which no transaction commits.
   *
   * @param log where its next record goes
   */
  public void startLog(Xlog log) {
    cil = new XfsCil(log, sb.inodeSize);
  }

  /** {@return whether it has a log} */
  public boolean hasLog() {
    return cil != null;
  }

  /** Drops what the log could not take, at the unmount. */
  public void dropLog() {
    XfsCil there = cil;
    if (there != null) {
      there.drop();
    }
  }

  /**
   * Writes the record that says that nothing has to be recovered. Everything is in its place.
   *
   * @param current the calling task
   * @return 0 or a negative errno
   */
  @LinuxSource(file = "fs/xfs/xfs_log.c", name = "xfs_log_unmount_write")
  public int writeUnmount(Task current) {
    XfsCil there = cil;
    try {
      if (there != null) {
        there.writeUnmount(current);
      }
      return 0;
    } catch (ErrnoException e) {
      return -e.errno();
    }
  }

  /** {@return the commits that gather for the log} */
  public XfsCil cil() {
    return Objects.requireNonNull(cil, "a transaction without a log");
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
      throw new ErrnoException(Errno.EIO, "the filesystem was shut down");
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
  }

  /**
   * Returns the number of the last commit. From any context.
   *
   * @return 0 if there was none
   */
  public long commits() {
    XfsCil there = cil;
    return there == null ? 0 : there.commits();
  }

  /** {@return whether a commit may not be durable} */
  public boolean pending(long commit) {
    XfsCil there = cil;
    return there != null && !there.durable(commit);
  }

  /**
   * Makes all commits up to one durable, and with them the data that was written before. From
   * process context; sleeps.
   *
   * @param current the calling task
   * @param commit the number of the commit
   * @return 0 or a negative errno
   */
  @LinuxSource(file = "fs/xfs/xfs_log.c", name = "xfs_log_force_lsn")
  public int force(Task current, long commit) {
    int result = pending(commit) ? cil().force(current, commit) : 0;
    if (result != 0) {
      fail("the log can't be written");
    }
    return result;
  }

  /** Lets no transaction begin from now on. What the log has is there for recovery. */
  @LinuxSource(file = "fs/xfs/xfs_fsops.c", name = "xfs_do_force_shutdown")
  @Differs(
      kind = Differs.Kind.SIMPLER,
      why =
          "The first error while metadata is written to its place ends all changes. Linux tries"
              + " again until the unmount.",
      test = "XfsDiskErrorsTest#metadataThatCannotBeWrittenToItsPlaceShutsTheFilesystemDown")
  private void fail(String why) {
    synchronized (this) {
      if (stopped) {
        return;
      }
      stopped = true;
    }
    shutDown.accept(why);
  }

  void forceOrThrow(Task current) throws ErrnoException {
    int result = force(current, commits());
    if (result != 0) {
      throw new ErrnoException(-result, "the log can't be written");
    }
  }

  /**
   * Writes everything to its place, so that the log has nothing that recovery needs. Without the
   * transaction lock, what commits meanwhile may stay. From process context; sleeps.
   *
   * @param current the calling task
   * @return 0 or a negative errno
   */
  @LinuxSource(file = "fs/xfs/xfs_trans_ail.c", name = "xfs_ail_push_all_sync")
  public int pushAll(Task current) {
    int result = force(current, commits());
    if (result == 0 && !stopped) {
      result = bufs.cache().writeBack(current);
      if (result != 0) {
        fail("metadata can't be written to its place");
      }
    }
    return result;
  }

  void reserve(Task current, long bytes) throws ErrnoException {
    boolean fits;
    try {
      fits = cil().fits(current, bytes);
    } catch (ErrnoException e) {
      if (e.errno() == Errno.EIO) {
        fail("the log can't be written");
      }
      throw e;
    }
    if (!fits) {
      int result = pushAll(current); // nothing is pinned: no transaction commits now
      if (result != 0) {
        throw new ErrnoException(-result, "the log is full");
      }
    }
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

  /** Bounds the memory of dirty buffers, and what recovery would have to read. */
  @LinuxSource(file = "fs/xfs/xfs_trans_ail.c", name = "xfsaild_push")
  void throttle(Task current) {
    if (!stopped && (bufs.cache().dirtyBuffers() > MAX_DIRTY || cil().filling())) {
      pushAll(current); // an error shuts the filesystem down
    }
  }
}
