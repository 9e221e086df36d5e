// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.buffer;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.LockClass;
import io.pollux.core.sched.RwSemaphore;
import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A block of metadata in memory, in one piece of the device or in several. The package describes
 * its life cycle. In GFS2: struct buffer_head.
 */
@LinuxSource(file = "fs/xfs/xfs_buf.h", name = "xfs_buf")
public final class Buf {
  // far from 0: a wrong release does not revive it
  private static final int DEAD = Integer.MIN_VALUE / 2;

  private static final VarHandle HOLD;
  private static final VarHandle PINS;

  static {
    try {
      MethodHandles.Lookup lookup = MethodHandles.lookup();
      HOLD = lookup.findVarHandle(Buf.class, "hold", int.class);
      PINS = lookup.findVarHandle(Buf.class, "pins", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final BufSpace space;
  private final BufCache cache;
  private final long position;
  private final int length;
  private final RwSemaphore lock = new RwSemaphore(LockClass.BUF); // C: b_sema
  private volatile @Nullable Task owner; // the task that took the lock, until unlock

  @SuppressWarnings("unused") // through HOLD
  private volatile int hold = 1; // C: b_hold

  @SuppressWarnings("unused") // through PINS
  private volatile int pins; // C: b_pin_count

  // C: b_addr and b_ops, published together; null until the block is read or created
  private volatile @Nullable BufData data;
  private volatile boolean stale; // C: XBF_STALE; not in its space any more

  // Under the buffer's lock; readers get the pieces through data, which is written after them:
  private long @Nullable [] pieces; // C: b_maps; null if there is one
  private @Nullable BufEdit edit;
  private @Nullable BufLogItem logItem; // C: b_log_item

  private int lruRef = 1; // C: b_lru_ref; plain, since a lost update costs only a read
  private int roundsLeft;

  volatile @Nullable Buf chain; // of its bucket; written under the lock of the space

  // Under the lock of the cache: the list of buffers that count.
  boolean counted;
  @Nullable Buf newer;
  @Nullable Buf older;

  Buf(BufSpace space, BufCache cache, long position, int length) {
    this.space = space;
    this.cache = cache;
    this.position = position;
    this.length = length;
  }

  /** {@return the first byte of the first piece on the device} */
  @LinuxSource(file = "fs/xfs/xfs_buf.h", name = "b_bn")
  public long position() {
    return position;
  }

  /** {@return the length of all pieces, in bytes} */
  @LinuxSource(
      file = "fs/xfs/xfs_buf.h",
      name = {"b_length", "BBTOB"})
  public int length() {
    return length;
  }

  // References.

  /** Takes another reference. From any context; the caller has a reference. */
  @LinuxSource(file = "fs/xfs/xfs_buf.c", name = "xfs_buf_hold")
  public void hold() {
    int before = (int) HOLD.getAndAdd(this, 1);
    assert before > 0 : "hold of a buffer without a reference";
  }

  /** Takes a reference, unless the buffer is dead. */
  boolean tryHold() {
    int now = (int) HOLD.getOpaque(this);
    while (now >= 0) { // terminates: each turn but the last is another thread's success
      int seen = (int) HOLD.compareAndExchange(this, now, now + 1);
      if (seen == now) {
        return true;
      }
      now = seen;
    }
    return false;
  }

  /** Drops a reference. From any context. In GFS2: brelse. */
  @LinuxSource(file = "fs/xfs/xfs_buf.c", name = "xfs_buf_rele")
  public void release() {
    int before = (int) HOLD.getAndAdd(this, -1);
    assert before > 0 : "release of a buffer without a reference: " + this;
    if (before == 1 && (data == null || lruRef == 0 || cache.overLimit())) {
      cache.released(this);
    }
  }

  /**
   * Marks a buffer without references as dead. Under the lock of the cache, which then removes it.
   */
  boolean tryKill() {
    return HOLD.compareAndSet(this, 0, DEAD);
  }

  /** Whether it may be dropped with its last reference. */
  boolean worthless() {
    return data == null || lruRef == 0;
  }

  /**
   * Sets how many rounds of reclaim the buffer survives after its last use.
   *
   * @param rounds 0: it is dropped with its last reference; more for blocks that are used often
   */
  @LinuxSource(file = "fs/xfs/xfs_buf.c", name = "xfs_buf_set_ref")
  public void setRef(int rounds) {
    lruRef = rounds;
  }

  /** Counts one round of reclaim. Returns whether it survives. Under the lock of the cache. */
  boolean survivesRound() {
    int left = roundsLeft;
    if (left > 0) {
      roundsLeft = left - 1;
    }
    return left > 0;
  }

  // The lock.

  /**
   * Takes the lock. From process context; may sleep.
   *
   * @param current the calling task
   * @throws ErrnoException the errno for damage if the task has this lock already: the disk claims
   *     the block twice
   */
  @LinuxSource(file = "fs/xfs/xfs_buf.c", name = "xfs_buf_lock")
  public void lock(Task current) throws ErrnoException {
    if (owner == current) {
      throw cache.corrupt("block at byte " + position + ": two structures of one change claim it");
    }
    lock.downWrite(current);
    owner = current;
  }

  /**
   * Takes the lock if it is free. From process context; does not sleep.
   *
   * @param current the calling task
   * @return whether the caller has it
   */
  @LinuxSource(file = "fs/xfs/xfs_buf.c", name = "xfs_buf_trylock")
  public boolean tryLock(Task current) {
    boolean locked = lock.downWriteTrylock();
    if (locked) {
      owner = current;
    }
    return locked;
  }

  /**
   * Releases the lock, and drops changes that were not published. From any context; another task
   * than the owner may call it.
   */
  @LinuxSource(file = "fs/xfs/xfs_buf.c", name = "xfs_buf_unlock")
  public void unlock() {
    assert lock.isLocked() : "unlock of a buffer that is not locked";
    BufEdit dropped = edit;
    if (dropped != null) {
      dropped.drop();
      edit = null;
    }
    owner = null;
    lock.upWrite();
  }

  /** {@return whether a task has the lock, racy} */
  @LinuxSource(file = "fs/xfs/xfs_buf.h", name = "xfs_buf_islocked")
  public boolean locked() {
    return lock.isLocked();
  }

  // Contents.

  /**
   * Returns the contents. From any context, with a reference. Without the lock they may be replaced
   * at any time, but never change.
   *
   * @return the contents read or published last
   */
  public BufData data() {
    BufData there = data;
    if (there == null) {
      throw new IllegalStateException(this + " was neither read nor created");
    }
    return there;
  }

  /**
   * The contents, if the block was read in one piece as one of a type. Without a reference: they
   * are immutable.
   */
  @Nullable BufData dataOf(BufOps type) {
    BufData there = data;
    if (there == null || there.ops != type || pieces != null) {
      return null;
    }
    used();
    return there;
  }

  /** It survives some rounds of reclaim from here on. */
  private void used() {
    if (roundsLeft != lruRef) {
      roundsLeft = lruRef;
    }
  }

  /**
   * Reads the block unless it has contents, and makes sure that it is of a type. The caller has a
   * reference.
   */
  void load(Task current, long @Nullable [] from, BufOps type, Supplier<String> what)
      throws ErrnoException {
    BufData there = data;
    if (there == null) {
      there = readIn(current, from, type, what);
    } else {
      used();
    }
    if (pieces != from && !Arrays.equals(pieces, from)) {
      throw cache.corrupt(what.get() + ": another structure has a part of it");
    }
    if (there.ops != type) {
      verify(type, there);
    }
  }

  private BufData readIn(Task current, long @Nullable [] from, BufOps type, Supplier<String> what)
      throws ErrnoException {
    lock(current);
    try {
      BufData there = data;
      if (there == null) { // not by another reader meanwhile
        BufData read = cache.read(current, position, length, from, what.get());
        verify(type, read);
        there = new BufData(read.bytes, read, type);
        pieces = from;
        data = there;
        cache.count(this);
      }
      return there;
    } finally {
      unlock();
    }
  }

  private static void verify(BufOps type, BufData there) throws ErrnoException {
    try {
      type.verifyRead(there);
    } catch (ErrnoException e) {
      throw named(type, e);
    }
  }

  private static ErrnoException named(BufOps type, ErrnoException e) {
    return new ErrnoException(e.errno(), e.getMessage() + " (" + type.name() + ")");
  }

  /**
   * Returns a copy of the contents for changes. With the lock; the same copy until it is published
   * or dropped.
   *
   * @return the copy, which the buffer owns
   */
  public BufEdit edit() {
    assert lock.isLocked() : "edit without the lock";
    BufEdit open = edit;
    if (open == null) {
      BufData there = data();
      open = new BufEdit(there.bytes.clone(), there);
      edit = open;
    }
    return open;
  }

  /**
   * Creates zeroed contents for a newly allocated block, without a read. With the lock.
   *
   * @param type the block's type, set when the contents are published
   * @param what the structure, for error messages
   * @return the contents, to be filled and published
   */
  @LinuxSource(file = "fs/xfs/xfs_buf.c", name = "xfs_buf_get_map")
  public BufEdit create(BufOps type, String what) {
    assert lock.isLocked() && edit == null : "create without the lock, or during a change";
    BufEdit open = cache.zeroes(position, length, what, type);
    edit = open;
    return open;
  }

  /**
   * Changes the type of a block that is converted without being freed. With the lock. The type
   * changes with the contents: readers see it when the changes of {@link #edit} are published.
   *
   * @param type the new type
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_trans_buf.c", name = "xfs_trans_buf_set_type")
  public void setOps(BufOps type) {
    edit().setType(type);
  }

  /**
   * Publishes the changes: they become the contents, and the buffer becomes dirty. With the lock,
   * after {@link #edit}.
   */
  @LinuxSource(file = "fs/xfs/xfs_buf.c", name = "xfs_buf_delwri_queue")
  public void markDirty() {
    BufEdit changed = edit;
    assert lock.isLocked() && changed != null : "without the lock, or nothing was changed";
    data = changed.publish();
    edit = null;
    hold(); // first: once it is in the set, invalidation may drop the reference
    if (!cache.addDirty(this)) {
      release();
    }
    if (stale) { // after it was added: left() may have run in between
      clean();
    }
    cache.count(this);
  }

  /**
   * Returns a copy of the contents that belongs to the caller, for a transaction that changes many
   * buffers and publishes all at its end. From any context, with a reference. The caller keeps
   * other writers away until then.
   *
   * @return the copy
   */
  public BufEdit draft() {
    BufData there = data();
    return new BufEdit(there.bytes.clone(), there);
  }

  /**
   * As {@link #draft}, with zeroes, for a newly allocated block.
   *
   * @param type the block's type
   * @param what the structure, for error messages
   * @return the zeroes
   */
  public BufEdit draftZeroes(BufOps type, String what) {
    return cache.zeroes(position, length, what, type);
  }

  /**
   * Publishes a draft, as {@link #markDirty} does for the buffer's own copy. With the lock.
   *
   * @param draft what {@link #draft} or {@link #draftZeroes} returned; must not change after this
   */
  @LinuxSource(file = "fs/xfs/xfs_buf.c", name = "xfs_buf_delwri_queue")
  public void publish(BufEdit draft) {
    assert edit == null : "a draft during a change";
    edit = draft;
    markDirty();
  }

  /**
   * As {@link #publish}, for a newly allocated block in several pieces.
   *
   * @param draft what {@link #draftZeroes} returned
   * @param from pairs of a position and a length in bytes, as for {@link BufSpace#getPieces}; null
   *     for one piece
   */
  public void publish(BufEdit draft, long @Nullable [] from) {
    assert lock.isLocked() : "publish without the lock";
    pieces = from;
    publish(draft);
  }

  /** {@return whether the buffer is dirty} */
  @LinuxSource(file = "fs/xfs/xfs_buf.h", name = "_XBF_DELWRI_Q")
  public boolean dirty() {
    return cache.isDirty(this);
  }

  /**
   * Marks the buffer as not dirty. After a failed {@link #write} this drops the change: the
   * contents stay in memory until reclaim, and a later read gets those of the disk. From any
   * context, with a reference.
   */
  @LinuxSource(file = "include/linux/buffer_head.h", name = "clear_buffer_dirty")
  public void clean() {
    if (cache.removeDirty(this)) {
      release();
    }
  }

  /** {@return pairs of a position and a length in bytes, or null for one piece; with the lock} */
  @LinuxSource(file = "fs/xfs/xfs_buf.h", name = "b_maps")
  public long @Nullable [] pieces() {
    return pieces;
  }

  // Writing.

  /**
   * Writes the contents and waits; they are durable after the next flush. If the buffer is pinned
   * it waits until it is not; the caller has forced the log. A stale buffer is not written. From
   * process context, with the lock and without an open change; sleeps.
   *
   * @param current the calling task
   * @throws ErrnoException the verifier's or the device's error; the buffer then stays dirty, until
   *     the next write or {@link #clean}
   */
  @LinuxSource(
      file = "fs/xfs/xfs_buf.c",
      name = {"xfs_bwrite", "xfs_buf_submit"})
  public void write(Task current) throws ErrnoException {
    assert lock.isLocked() && edit == null : "write without the lock, or during a change";
    cache.awaitUnpinned(current, this);
    if (stale) {
      return;
    }
    BufLogItem item = logItem;
    try {
      BufData verified = verifiedCopy();
      cache.write(current, position, pieces, verified);
      data = verified;
    } catch (ErrnoException e) {
      if (item != null) {
        item.written(this, -e.errno());
      }
      throw e;
    }
    clean();
    if (item != null) {
      item.written(this, 0);
    }
  }

  private BufData verifiedCopy() throws ErrnoException {
    BufData there = data();
    BufOps type = there.ops;
    assert type != null : "contents of no type";
    BufEdit copy = new BufEdit(there.bytes.clone(), there);
    BufLogItem item = logItem;
    if (item != null) {
      item.writing(copy);
    }
    try {
      type.verifyWrite(copy);
    } catch (ErrnoException e) {
      throw named(type, e);
    }
    return copy.publish();
  }

  /**
   * Writes the buffer if it is dirty and not pinned. From process context. Returns 0 or a negative
   * errno.
   */
  int writeIfDirty(Task current) {
    try {
      lock(current);
      try {
        if (dirty() && !pinned()) {
          write(current);
        }
      } finally {
        unlock();
      }
      return 0;
    } catch (ErrnoException e) {
      return -e.errno();
    }
  }

  /**
   * Drops a block that was freed: the buffer leaves its space and is never written. With the lock.
   * In GFS2: bforget.
   */
  @LinuxSource(file = "fs/xfs/xfs_buf.c", name = "xfs_buf_stale")
  public void stale() {
    assert lock.isLocked() : "stale without the lock";
    space.remove(this);
    left();
  }

  /** Called after it was removed from its space: no lookup finds it any more. From any context. */
  void left() {
    stale = true;
    clean();
    cache.uncount(this);
  }

  /** Removes a dead buffer from its space. Under the lock of the cache. */
  void bury() {
    space.remove(this);
  }

  boolean isStale() {
    return stale;
  }

  // Pins and the log item.

  /**
   * Prevents writes of the buffer until {@link #unpin}, since its contents are not in the log yet.
   * From any context, with a reference.
   */
  @LinuxSource(file = "fs/xfs/xfs_buf_item.c", name = "xfs_buf_item_pin")
  public void pin() {
    hold();
    int before = (int) PINS.getAndAdd(this, 1);
    assert before >= 0 : before;
  }

  /** Drops one {@link #pin}. From any context. */
  @LinuxSource(file = "fs/xfs/xfs_buf_item.c", name = "xfs_buf_item_unpin")
  public void unpin() {
    int before = (int) PINS.getAndAdd(this, -1);
    assert before > 0 : "unpin of a buffer that is not pinned";
    if (before == 1) {
      cache.unpinned();
    }
    release();
  }

  /** {@return whether a pin prevents writes, racy} */
  @LinuxSource(file = "fs/xfs/xfs_buf.h", name = "xfs_buf_ispinned")
  public boolean pinned() {
    return pins != 0;
  }

  /**
   * Returns what the log attached. With the lock.
   *
   * @return the log item, or null
   */
  @LinuxSource(file = "fs/xfs/xfs_buf.h", name = "b_log_item")
  public @Nullable BufLogItem logItem() {
    return logItem;
  }

  /**
   * Attaches the log's state for the buffer. With the lock. The log holds a reference while it is
   * attached.
   *
   * @param item the log item, or null for none
   */
  @LinuxSource(file = "fs/xfs/xfs_buf_item.c", name = "xfs_buf_item_init")
  public void setLogItem(@Nullable BufLogItem item) {
    assert lock.isLocked() : "a log item without the lock";
    logItem = item;
  }

  @Override
  public String toString() {
    BufData there = data;
    BufOps type = there == null ? null : there.ops;
    return "buffer "
        + position
        + "+"
        + length
        + (type == null ? "" : " " + type.name())
        + ", "
        + hold
        + " references"
        + (locked() ? ", locked" : "")
        + (pinned() ? ", pinned" : "")
        + (dirty() ? ", dirty" : "")
        + (stale ? ", stale" : "");
  }
}
