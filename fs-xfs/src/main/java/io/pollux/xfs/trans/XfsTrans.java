// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.trans;

import io.pollux.block.buffer.Buf;
import io.pollux.block.buffer.BufOps;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Differs;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsError;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.log.XfsCil;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A transaction. Belongs to the task that began it. The package describes the rules.
 *
 * <p>C logs the ranges of a buffer that change, and holds the locks of buffers and inodes from
 * their join to the commit. Here the transaction lock takes their place.
 */
@LinuxSource(file = "fs/xfs/xfs_trans.h", name = "xfs_trans")
public final class XfsTrans implements AutoCloseable {
  private final XfsTransMount mount;
  private final Task current;
  private final TransBufs bufs = new TransBufs();
  private final Map<Object, XfsTransItem> items = new HashMap<>();
  private final List<TransBuf> gone = new ArrayList<>(); // freed, with another length than now
  private final List<Long> freed = new ArrayList<>(); // pairs of a block and a length
  private final List<Long> data = new ArrayList<>(); // the same
  private long fdblocks; // changes of the counters
  private long icount;
  private long ifree;
  private boolean open = true;

  XfsTrans(XfsTransMount mount, Task current) {
    this.mount = mount;
    this.current = current;
  }

  /** {@return the task} */
  public Task current() {
    return current;
  }

  /** {@return the geometry of the filesystem} */
  public XfsSb sb() {
    return mount.sb();
  }

  // Buffers.

  /**
   * Reads and joins a buffer.
   *
   * @param position first byte on the device, a multiple of 512
   * @param length bytes, a multiple of 512
   * @param type verifies the contents
   * @param what the structure, for error messages
   * @return the buffer, the same for each call
   * @throws ErrnoException EUCLEAN if it is not of that type, beyond the device, was freed by this
   *     transaction, or overlaps another structure; or the device's error
   */
  @LinuxSource(file = "fs/xfs/xfs_trans_buf.c", name = "xfs_trans_read_buf_map")
  public TransBuf read(long position, int length, BufOps type, Supplier<String> what)
      throws ErrnoException {
    TransBuf there = joined(position, length, what);
    if (there != null) {
      return there;
    }
    return add(mount.bufs().read(current, position, length, type, what), null);
  }

  /**
   * As {@link #read}, for a block in several pieces.
   *
   * @param pieces pairs of a position and a length in bytes; must not change after this
   * @param type verifies the contents
   * @param what the structure, for error messages
   * @return the buffer, the same for each call
   * @throws ErrnoException as {@link #read}
   */
  public TransBuf readPieces(long[] pieces, BufOps type, Supplier<String> what)
      throws ErrnoException {
    TransBuf there = joined(pieces[0], bytes(pieces), what);
    if (there != null) {
      return there;
    }
    return add(mount.bufs().readPieces(current, pieces, type, what), null);
  }

  /**
   * Joins the buffer of a newly allocated block, without a read.
   *
   * @param position first byte on the device
   * @param length bytes
   * @param type the block's type
   * @param what the structure, for error messages
   * @return the buffer, whose {@link TransBuf#edit} has zeroes
   * @throws ErrnoException EUCLEAN if it is beyond the device
   */
  @LinuxSource(file = "fs/xfs/xfs_trans_buf.c", name = "xfs_trans_get_buf_map")
  public TransBuf create(long position, int length, BufOps type, Supplier<String> what)
      throws ErrnoException {
    TransBuf there = bufs.get(position);
    if (there == null || there.length() != length) {
      there = add(mount.bufs().get(position, length, what), null);
    }
    there.create(type, what.get());
    return there;
  }

  /**
   * As {@link #create}, for a block in several pieces.
   *
   * @param pieces pairs of a position and a length in bytes; must not change after this
   * @param type the block's type
   * @param what the structure, for error messages
   * @return the buffer, whose {@link TransBuf#edit} has zeroes
   * @throws ErrnoException as {@link #create}
   */
  public TransBuf createPieces(long[] pieces, BufOps type, Supplier<String> what)
      throws ErrnoException {
    TransBuf made = add(mount.bufs().getPieces(pieces, what), pieces);
    made.create(type, what.get());
    return made;
  }

  /**
   * Drops the buffer of a block that this transaction frees. The commit removes it from memory, and
   * it is never written.
   *
   * @param buf a buffer of this transaction
   */
  @LinuxSource(file = "fs/xfs/xfs_trans_buf.c", name = "xfs_trans_binval")
  public void binval(TransBuf buf) {
    buf.invalidate();
  }

  /**
   * As {@link #binval(TransBuf)}, for a block that may be in memory or in the log, by its place.
   * The block is not read.
   *
   * @param position first byte on the device
   * @param length bytes
   * @throws ErrnoException EUCLEAN if it is beyond the device
   */
  public void binval(long position, int length) throws ErrnoException {
    TransBuf there = bufs.get(position);
    if (there == null || there.length() != length) {
      there = add(mount.bufs().get(position, length, () -> "a freed block"), null);
    }
    there.invalidate();
  }

  private @Nullable TransBuf joined(long position, int length, Supplier<String> what)
      throws ErrnoException {
    assert open : "a buffer of a transaction that has ended";
    TransBuf there = bufs.get(position);
    if (there != null && (there.isStale() || there.length() != length)) {
      throw XfsError.corrupt(what.get() + ": two structures of one change claim it");
    }
    return there;
  }

  private TransBuf add(Buf buf, long @Nullable [] pieces) {
    TransBuf made = new TransBuf(buf, pieces);
    TransBuf before = bufs.put(made);
    if (before != null) { // of another length, and freed
      gone.add(before);
    }
    return made;
  }

  private static int bytes(long[] pieces) {
    long bytes = 0;
    for (int i = 1; i < pieces.length; i += 2) {
      bytes += pieces[i];
    }
    return Math.toIntExact(bytes);
  }

  // Items.

  /**
   * Returns the item that was joined for a thing.
   *
   * @param key the thing
   * @return its item, or null
   */
  public @Nullable XfsTransItem item(Object key) {
    return items.get(key);
  }

  /**
   * Joins an item.
   *
   * @param key the thing that it changes, compared by equals; has no item yet
   * @param item the item
   */
  @LinuxSource(file = "fs/xfs/xfs_trans.c", name = "xfs_trans_add_item")
  public void join(Object key, XfsTransItem item) {
    XfsTransItem before = items.putIfAbsent(key, item);
    assert before == null : "joined twice";
  }

  // Space.

  /**
   * Notes that blocks are free now.
   *
   * @param fsb the first
   * @param count number of blocks
   */
  @LinuxSource(file = "fs/xfs/xfs_extent_busy.c", name = "xfs_extent_busy_insert")
  public void freed(long fsb, long count) {
    freed.add(fsb);
    freed.add(count);
  }

  /**
   * Notes that data will be written to blocks when the transaction has committed. If they were
   * freed by a commit that is not durable, this one makes it so first.
   *
   * @param fsb the first
   * @param count number of blocks
   */
  @LinuxSource(file = "fs/xfs/xfs_extent_busy.c", name = "xfs_extent_busy_trim")
  @Differs(
      kind = Differs.Kind.SIMPLER,
      why =
          "A write to blocks whose freeing is not durable forces the log. Linux first looks for"
              + " other blocks.",
      test = "XfsLogDifferencesTest#dataInFreedBlocksWaitsForTheLog")
  public void usesData(long fsb, long count) {
    data.add(fsb);
    data.add(count);
  }

  /**
   * As {@link #usesData}, for data that is written before the commit: if the blocks were freed by a
   * commit that is not durable, makes it so now.
   *
   * @param fsb the first
   * @param count number of blocks
   * @throws ErrnoException EIO
   */
  public void awaitFreed(long fsb, long count) throws ErrnoException {
    if (mount.cil().busy(fsb, count)) {
      mount.forceOrThrow(current);
    }
  }

  // Counters.

  /**
   * Changes the number of free blocks.
   *
   * @param delta blocks freed, negative if allocated
   */
  @LinuxSource(file = "fs/xfs/xfs_trans.c", name = "xfs_trans_mod_sb")
  public void modFdblocks(long delta) {
    fdblocks += delta;
  }

  /**
   * Changes the numbers of inodes.
   *
   * @param count inodes added
   * @param free free inodes added
   */
  @LinuxSource(file = "fs/xfs/xfs_trans.c", name = "xfs_trans_mod_sb")
  public void modInodes(long count, long free) {
    icount += count;
    ifree += free;
  }

  // The end.

  /**
   * Commits and ends the transaction.
   *
   * @throws ErrnoException the reason why an item could not be prepared; it is cancelled then
   */
  @LinuxSource(file = "fs/xfs/xfs_trans.c", name = "xfs_trans_commit")
  public void commit() throws ErrnoException {
    roll();
    close();
    mount.throttle(current);
  }

  /**
   * Commits what was changed so far and goes on as a new transaction, without anything joined. No
   * other transaction comes between.
   *
   * @throws ErrnoException as {@link #commit}
   */
  @LinuxSource(file = "fs/xfs/xfs_trans.c", name = "xfs_trans_roll")
  public void roll() throws ErrnoException {
    assert open : "commit of a transaction that has ended";
    try {
      for (XfsTransItem item : items.values()) {
        item.prepare(this);
      }
      publish();
    } catch (Throwable e) {
      close();
      throw e;
    }
    boolean wait = reusesOwn();
    mount.apply(fdblocks, icount, ifree);
    items.values().forEach(XfsTransItem::committed);
    forget();
    if (wait && mount.force(current, mount.commits()) != 0) {
      close();
      throw new ErrnoException(Errno.EIO, "the log can't be written");
    }
  }

  /** Adds the changes to the log, and publishes them. */
  private void publish() throws ErrnoException {
    XfsCil cil = mount.cil();
    long bytes = 0;
    boolean busy = false;
    for (int i = 0; i < bufs.count(); i++) {
      TransBuf buf = bufs.at(i);
      bytes += buf.logBytes(mount.sb().inodeSize);
      busy |= buf.isCreated() && cil.mustForce(buf.position());
    }
    for (int i = 0; i < data.size(); i += 2) {
      busy |= cil.busy(data.get(i), data.get(i + 1));
    }
    if (busy) {
      mount.forceOrThrow(current);
    }
    mount.reserve(current, bytes);
    cil.beginCommit(current);
    try {
      for (TransBuf buf : gone) {
        buf.commit(current, cil);
      }
      for (int i = 0; i < bufs.count(); i++) {
        bufs.at(i).commit(current, cil);
      }
      for (int i = 0; i < freed.size(); i += 2) {
        cil.freed(freed.get(i), freed.get(i + 1));
      }
    } finally {
      cil.endCommit();
    }
  }

  /** Whether data will be written to blocks that this transaction itself has freed. */
  private boolean reusesOwn() {
    for (int i = 0; i < data.size(); i += 2) {
      for (int j = 0; j < freed.size(); j += 2) {
        if (data.get(i) < freed.get(j) + freed.get(j + 1)
            && freed.get(j) < data.get(i) + data.get(i + 1)) {
          return true;
        }
      }
    }
    return false;
  }

  private boolean changed() {
    for (int i = 0; i < bufs.count(); i++) {
      TransBuf buf = bufs.at(i);
      if (buf.changed() || buf.isStale()) {
        return true;
      }
    }
    return false;
  }

  private void forget() {
    for (int i = 0; i < bufs.count(); i++) {
      bufs.at(i).release();
    }
    gone.forEach(TransBuf::release);
    bufs.clear();
    gone.clear();
    items.clear();
    freed.clear();
    data.clear();
    fdblocks = 0;
    icount = 0;
    ifree = 0;
  }

  /** Cancels the transaction, unless it was committed. */
  @Override
  @LinuxSource(file = "fs/xfs/xfs_trans.c", name = "xfs_trans_cancel")
  public void close() {
    if (open) {
      open = false;
      mount.cancelled(current, changed());
      forget();
      mount.end();
    }
  }
}
