// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.log;

import io.pollux.block.buffer.Buf;
import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.LockClass;
import io.pollux.core.sched.RwSemaphore;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.WaitQueue;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsLogType;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The list of committed items: commits gather in memory, and a push writes all that gathered as one
 * checkpoint. A block that many transactions change is logged once in it, and the tasks that wait
 * for one fsync each share a push.
 *
 * <p>Called with the transaction lock, except {@link #force}, {@link #durable} and {@link
 * #commits}.
 */
@LinuxSource(
    file = "fs/xfs/xfs_log_priv.h",
    name = {"xfs_cil", "xfs_cil_ctx"})
public final class XfsCil {
  /** A checkpoint has at most this part of the log, */
  private static final int CHECKPOINT_PART = 8;

  /** but at most these bytes. */
  private static final int MOST_BYTES = 4 << 20;

  /** A transaction has at most this part of the log. */
  private static final int TRANSACTION_PART = 4;

  private final Xlog log;
  private final int inodeSize;
  private final XfsAil ail = new XfsAil();

  /** Held shared by a commit while it adds its items, exclusively to begin another checkpoint. */
  private final RwSemaphore ctxLock = new RwSemaphore(LockClass.XFS_CIL); // C: xc_ctx_lock

  private final WaitQueue pushed = new WaitQueue(); // C: xc_push_wait

  // Under ctxLock; those without it read this one first, and then the one that is being written:
  private volatile CilContext open = new CilContext();

  private volatile @Nullable CilContext writing; // set by the task that pushes
  private boolean pushing; // under this
  private volatile long commits; // under the transaction lock
  private volatile long durable; // written by the task that pushes
  private volatile boolean broken;
  private boolean held; // see hold; under the transaction lock

  /**
   * Creates the list.
   *
   * @param log the log
   * @param inodeSize bytes of an inode
   */
  public XfsCil(Xlog log, int inodeSize) {
    this.log = log;
    this.inodeSize = inodeSize;
  }

  /** {@return the number of the last commit, 0 if there was none; from any context} */
  public long commits() {
    return commits;
  }

  /** {@return whether a commit is durable; from any context} */
  public boolean durable(long commit) {
    return commit <= durable;
  }

  // A commit.

  /**
   * Makes space for a transaction in the checkpoint that gathers, and checks that it fits in the
   * log. May write the checkpoint.
   *
   * @param current the calling task
   * @param bytes that the transaction takes in the log, at most
   * @return whether it fits; otherwise nothing is pinned now, and buffers must be written in their
   *     places first
   * @throws ErrnoException ENOSPC if it is too large for the log, or EIO
   */
  @LinuxSource(
      file = "fs/xfs/xfs_log.c",
      name = {"xfs_log_reserve", "xlog_grant_push_ail"})
  public boolean fits(Task current, long bytes) throws ErrnoException {
    if (log.blocksFor(bytes) > log.size() / TRANSACTION_PART) {
      throw new ErrnoException(
          Errno.ENOSPC, "a change of " + bytes + " bytes is too large for the log");
    }
    long most = Math.min((long) log.size() << XlogFormat.BB_SHIFT, Integer.MAX_VALUE);
    if (held) {
      int needed = log.blocksFor(open.bytes() + bytes);
      if (needed > log.size() / 2 || needed > log.size() - log.kept() - 1) {
        throw new ErrnoException(Errno.ENOSPC, "the log is too small to finish what it has begun");
      }
      return true;
    }
    long gathered = open.bytes() + bytes;
    boolean full = used() + log.blocksFor(gathered) > log.size() / 4 * 3;
    if (full || gathered > Math.min(most / CHECKPOINT_PART, MOST_BYTES)) {
      int result = force(current, commits);
      if (result != 0) {
        throw new ErrnoException(-result, "the log can't be written");
      }
    }
    return !full;
  }

  /** Basic blocks that recovery would read, with those of a checkpoint that is being written. */
  private int used() {
    CilContext now = writing;
    long tail = ail.minLsn();
    return (tail == 0 ? 0 : log.used(tail)) + (now == null ? 0 : log.blocksFor(now.bytes()));
  }

  /**
   * {@return whether so much of the log is in use that buffers should be written in their places}
   */
  @LinuxSource(file = "fs/xfs/xfs_trans_ail.c", name = "xfs_ail_push_target")
  public boolean filling() {
    long tail = ail.minLsn();
    return tail != 0 && log.used(tail) > log.size() / 2;
  }

  /** {@return whether nothing in the log waits for being written in its place} */
  public boolean covered() {
    return ail.minLsn() == 0;
  }

  /**
   * Returns what a change of a block takes in the log, at most.
   *
   * @param length of the block, in bytes
   * @param before the contents before; null for a new block
   * @param after the contents with the change; null for a freed block
   * @param inodeSize bytes of an inode
   * @return bytes
   * @throws ErrnoException EUCLEAN if the contents have another length
   */
  @LinuxSource(file = "fs/xfs/xfs_buf_item.c", name = "xfs_buf_item_size")
  public static long logBytes(
      int length, @Nullable BufData before, @Nullable BufData after, int inodeSize)
      throws ErrnoException {
    return CilItem.logBytes(length, before, after, inodeSize);
  }

  /** Begins to add the changes of a transaction. */
  public void beginCommit(Task current) {
    ctxLock.downRead(current);
  }

  /**
   * Adds a change of a buffer, and pins it. With the buffer's lock, after the change was published.
   *
   * @param buf the buffer
   * @param before the contents before; null for a new block
   * @throws ErrnoException EUCLEAN if an inode of it is damaged
   */
  @LinuxSource(file = "fs/xfs/xfs_log_cil.c", name = "xlog_cil_insert_items")
  public void add(Buf buf, @Nullable BufData before) throws ErrnoException {
    XfsLogType type = (XfsLogType) Objects.requireNonNull(buf.data().type());
    XfsBufItem item = XfsBufItem.of(ail, buf, type, inodeSize);
    open.item(buf, inodeSize).change(item, type, before, buf.data(), buf.pieces());
  }

  /** Adds a block that was freed, and pins its buffer. With the buffer's lock. */
  @LinuxSource(file = "fs/xfs/xfs_buf_item.c", name = "xfs_trans_binval")
  public void cancel(Buf buf) {
    open.item(buf, inodeSize).cancel((XfsBufItem) buf.logItem(), buf.pieces());
  }

  /**
   * Adds blocks that were freed. Nothing may be written to them before the checkpoint is durable,
   * because after a crash they may belong to their old owner.
   *
   * @param from the first, an fsb
   * @param count number of blocks
   */
  @LinuxSource(file = "fs/xfs/xfs_extent_busy.c", name = "xfs_extent_busy_insert")
  public void freed(long from, long count) {
    open.freed(from, count);
  }

  /** Ends a commit. */
  @SuppressWarnings("NonAtomicVolatileUpdate") // under the transaction lock
  public void endCommit() {
    open.sized();
    commits = commits + 1;
    open.last(commits);
    ctxLock.upRead();
  }

  /**
   * Returns whether blocks were freed by a commit that is not durable.
   *
   * @param from the first, an fsb
   * @param count number of blocks
   * @return whether {@link #force} must come before a write to them
   */
  @LinuxSource(file = "fs/xfs/xfs_extent_busy.c", name = "xfs_extent_busy_search")
  public boolean busy(long from, long count) {
    if (held) {
      return false;
    }
    if (open.busy(from, count)) {
      return true;
    }
    CilContext now = writing;
    return now != null && now.busy(from, count);
  }

  /**
   * Returns whether the checkpoint that gathers frees the block of a buffer. It can't have its new
   * contents, too, so {@link #force} must come first.
   */
  public boolean mustForce(long position) {
    if (held) {
      open.uncancel(position); // recovery will not see what the log had of it before
      return false;
    }
    return open.cancels(position);
  }

  /**
   * Gathers all commits from now on in one checkpoint, however large. After a recovery, while its
   * intents are finished. Without other tasks.
   *
   * @param current the calling task
   * @param hold false to write the checkpoint
   * @throws ErrnoException EIO
   */
  public void hold(Task current, boolean hold) throws ErrnoException {
    held = hold;
    if (!hold && force(current, commits) != 0) {
      throw new ErrnoException(Errno.EIO, "the log can't be written");
    }
  }

  // The push.

  /**
   * Makes all commits up to one durable, and with them all data that was written before. From
   * process context; sleeps.
   *
   * @param current the calling task
   * @param commit the number of the commit
   * @return 0 or -EIO
   */
  @LinuxSource(
      file = "fs/xfs/xfs_log.c",
      name = {"xfs_log_force", "xfs_log_force_seq"})
  public int force(Task current, long commit) {
    while (!durable(commit)) { // ends: each turn has a push
      if (broken) {
        return -Errno.EIO;
      }
      if (takePush()) {
        push(current);
      } else {
        current.aboutToSleep();
        pushed.waitUninterruptibly(() -> !isPushing());
      }
    }
    return 0;
  }

  private synchronized boolean takePush() {
    if (pushing) {
      return false;
    }
    pushing = true;
    return true;
  }

  private synchronized boolean isPushing() {
    return pushing;
  }

  @LinuxSource(file = "fs/xfs/xfs_log_cil.c", name = "xlog_cil_push_work")
  void push(Task current) {
    ctxLock.downWrite(current);
    CilContext context = open;
    writing = context; // first: its blocks and bytes are in one of the two at any time
    open = new CilContext();
    ctxLock.upWrite();
    boolean done = false;
    try {
      long lsn = context.write(current, log, ail.minLsn());
      context.committed(lsn);
      durable = Math.max(durable, context.last()); // it is 0 if nothing was committed
      done = true;
    } catch (ErrnoException e) {
      broken = true; // the callers of force report it
    } finally {
      if (!done) {
        broken = true;
        context.aborted();
      }
      writing = null;
      synchronized (this) {
        pushing = false;
      }
      pushed.wakeUp();
    }
  }

  /**
   * Writes an unmount record, which marks the log as clean. Everything is in its place, and no
   * transaction runs.
   *
   * @param current the calling task
   * @throws ErrnoException EIO
   */
  @LinuxSource(file = "fs/xfs/xfs_log.c", name = "xfs_log_unmount_write")
  public void writeUnmount(Task current) throws ErrnoException {
    assert covered() && open.isEmpty() : "an unmount record while there are changes";
    if (log.isDirty()) {
      new XlogWriter(log, current, 0, 1).unmount();
      log.clean();
    }
  }

  /** Drops what was not written, at the unmount of a filesystem that was shut down. */
  public void drop() {
    open.aborted();
    open = new CilContext();
  }
}
