// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.buffer;

import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.core.Debug;
import io.pollux.core.ErrnoException;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.sched.LockClass;
import io.pollux.core.sched.LockOrder;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.WaitQueue;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * All buffers of a mount: their device, their memory, and the set of dirty ones. In GFS2: the part
 * of fs/gfs2/meta_io.c below gfs2_meta_read, and the address spaces of the glocks.
 *
 * <p>Reclaim works in rounds, as in Linux: after its last use a buffer survives as many rounds as
 * {@link Buf#setRef} says.
 */
@LinuxSource(file = "fs/xfs/xfs_buf.h", name = "xfs_buftarg")
public final class BufCache {
  /** Maximum number of bytes per bio. */
  private static final int STAGING_BYTES = 64 << 10;

  /** Number of staging buffers that are kept. */
  private static final int STAGING_KEPT = 4;

  /** Number of referenced buffers that one reclaim passes over, which bounds its cost. */
  private static final int MOST_PASSED = 32;

  private final BlockDevice bdev;
  private final long limit;
  private final int damageErrno;
  private final Deque<Long> staging = new ArrayDeque<>(STAGING_KEPT); // under its own monitor
  private final Set<Buf> dirty = ConcurrentHashMap.newKeySet();
  private final WaitQueue unpinned = new WaitQueue();

  private final Object lock = new Object(); // C: the lock of bt_lru; the innermost
  private final AtomicLong bytes = new AtomicLong(); // changed under the lock, as newest and oldest
  private @Nullable Buf newest; // C: bt_lru
  private @Nullable Buf oldest;

  /**
   * Makes an empty cache.
   *
   * @param bdev the device
   * @param limit bytes of contents that unreferenced buffers may keep
   * @param damageErrno the filesystem's positive errno for damage
   */
  @LinuxSource(file = "fs/xfs/xfs_buf.c", name = "xfs_alloc_buftarg")
  public BufCache(BlockDevice bdev, long limit, int damageErrno) {
    this.bdev = bdev;
    this.limit = limit;
    this.damageErrno = damageErrno;
  }

  /** {@return the device, which the filesystem closes} */
  @LinuxSource(file = "fs/xfs/xfs_buf.h", name = "bt_bdev")
  public BlockDevice bdev() {
    return bdev;
  }

  /** {@return a new empty space, whose buffers count here} */
  public BufSpace newSpace() {
    return new BufSpace(this);
  }

  /**
   * Makes the error for damage.
   *
   * @param sentence the place and the fault
   * @return an error with the filesystem's errno for damage
   */
  public ErrnoException corrupt(String sentence) {
    return new ErrnoException(damageErrno, sentence);
  }

  /**
   * Reads bytes without caching or verifying them: the superblock, a log. From process context;
   * sleeps.
   *
   * @param current the calling task
   * @param position first byte on the device, a multiple of 512; any value
   * @param length bytes; any value
   * @param what the structure, for error messages
   * @return the bytes
   * @throws ErrnoException the errno for damage if the range is beyond the device, or the device's
   *     error
   */
  @LinuxSource(file = "fs/xfs/xfs_buf.c", name = "xfs_buf_read_uncached")
  public BufData readUncached(Task current, long position, int length, String what)
      throws ErrnoException {
    checkRange(position, length, () -> what);
    return read(current, position, length, null, what);
  }

  /**
   * Writes bytes that no buffer has, such as those of a log, and waits. From process context;
   * sleeps.
   *
   * @param current the calling task
   * @param position first byte on the device, a multiple of the logical block size, as the length
   * @param contents the bytes
   * @param flags of the request: {@link BlkTypes#REQ_PREFLUSH}, {@link BlkTypes#REQ_FUA}
   * @throws ErrnoException the errno for damage if the range is beyond the device, or the device's
   *     error
   */
  public void writeUncached(Task current, long position, BufData contents, int flags)
      throws ErrnoException {
    checkRange(position, contents.size(), contents::what);
    long address = takeStaging();
    try {
      writePiece(current, address, position, contents, 0, contents.size(), flags);
    } finally {
      keepStaging(address);
    }
  }

  void checkRange(long position, int length, Supplier<String> what) throws ErrnoException {
    if (position < 0 || length <= 0 || length > bdev.bytes() || position > bdev.bytes() - length) {
      throw corrupt(what.get() + ": beyond the end of the device");
    }
    assert (position & (BlkTypes.SECTOR_SIZE - 1)) == 0 : position;
  }

  // Transfers.

  /** Reads all pieces. The ranges were checked. */
  @LinuxSource(
      file = "fs/xfs/xfs_buf.c",
      name = {"_xfs_buf_read", "_xfs_buf_ioapply"})
  BufData read(Task current, long position, int length, long @Nullable [] pieces, String what)
      throws ErrnoException {
    byte[] contents = new byte[length];
    long address = takeStaging();
    try {
      if (pieces == null) {
        readPiece(current, address, position, contents, 0, contents.length, what);
      } else {
        int done = 0;
        for (int i = 0; i < pieces.length; i += 2) {
          readPiece(current, address, pieces[i], contents, done, (int) pieces[i + 1], what);
          done += (int) pieces[i + 1];
        }
      }
    } finally {
      keepStaging(address);
    }
    return new BufData(contents, position, what, damageErrno);
  }

  private void readPiece(
      Task current, long address, long position, byte[] to, int at, int length, String what)
      throws ErrnoException {
    int mask = bdev.queue().logicalBlockSize() - 1;
    int done = 0;
    // each step is at least 1 byte: staging memory is larger than a logical block
    while (done < length) {
      int head = (int) ((position + done) & mask);
      int step = Math.min(length - done, STAGING_BYTES - head);
      int whole = (head + step + mask) & ~mask;
      int opf = BlkTypes.REQ_OP_READ | BlkTypes.REQ_META;
      int status = bdev.transferAndWait(current, position + done - head, address, whole, opf);
      if (status != 0) {
        throw new ErrnoException(-status, what + ": can't be read");
      }
      MemorySegment.copy(
          RawMemory.segment(address + head, step), 0, MemorySegment.ofArray(to), at + done, step);
      done += step;
    }
  }

  /** Writes all pieces, each a multiple of the logical block size. */
  @LinuxSource(
      file = "fs/xfs/xfs_buf.c",
      name = {"__xfs_buf_submit", "_xfs_buf_ioapply"})
  void write(Task current, long position, long @Nullable [] pieces, BufData contents)
      throws ErrnoException {
    long address = takeStaging();
    try {
      if (pieces == null) {
        writePiece(current, address, position, contents, 0, contents.size(), 0);
      } else {
        int done = 0;
        for (int i = 0; i < pieces.length; i += 2) {
          writePiece(current, address, pieces[i], contents, done, (int) pieces[i + 1], 0);
          done += (int) pieces[i + 1];
        }
      }
    } finally {
      keepStaging(address);
    }
  }

  private void writePiece(
      Task current, long address, long position, BufData contents, int at, int length, int flags)
      throws ErrnoException {
    int done = 0;
    while (done < length) { // each step is at least 1 byte
      int step = Math.min(length - done, STAGING_BYTES);
      contents.copyTo(at + done, address, step);
      int opf = BlkTypes.REQ_OP_WRITE | BlkTypes.REQ_META | flags;
      int status = bdev.transferAndWait(current, position + done, address, step, opf);
      if (status != 0) {
        throw new ErrnoException(-status, contents.what() + ": can't be written");
      }
      done += step;
    }
  }

  private long takeStaging() throws ErrnoException {
    synchronized (staging) {
      Long kept = staging.poll();
      if (kept != null) {
        return kept;
      }
    }
    long address = HostMemory.map(STAGING_BYTES);
    if (address == 0) {
      throw new ErrnoException(Errno.ENOMEM);
    }
    return address;
  }

  private void keepStaging(long address) {
    synchronized (staging) {
      if (staging.size() < STAGING_KEPT) {
        staging.push(address);
        return;
      }
    }
    HostMemory.unmap(address, STAGING_BYTES);
  }

  BufEdit zeroes(long position, int length, String what, BufOps type) {
    return new BufEdit(new byte[length], position, what, damageErrno, type);
  }

  // Dirty and pinned buffers.

  boolean addDirty(Buf buf) {
    return dirty.add(buf);
  }

  boolean removeDirty(Buf buf) {
    return dirty.remove(buf);
  }

  boolean isDirty(Buf buf) {
    return dirty.contains(buf);
  }

  /** {@return the number of dirty buffers, racy} */
  public int dirtyBuffers() {
    return dirty.size();
  }

  /**
   * Writes the dirty buffers in order of position and waits; pinned ones stay. They are durable
   * after the next flush. From process context, without a buffer's lock; sleeps.
   *
   * @param current the calling task
   * @return 0 or the first negative errno; a buffer that failed stays dirty
   */
  @LinuxSource(
      file = "fs/xfs/xfs_buf.c",
      name = {"xfs_buf_delwri_submit", "xfs_buf_delwri_submit_buffers"})
  public int writeBack(Task current) {
    List<Buf> found = new ArrayList<>(dirty);
    found.sort(Comparator.comparingLong(Buf::position));
    int result = 0;
    for (Buf buf : found) {
      if (buf.tryHold()) {
        int status = buf.writeIfDirty(current);
        buf.release();
        result = result == 0 ? status : result;
      }
    }
    return result;
  }

  @LinuxSource(file = "fs/xfs/xfs_buf.c", name = "xfs_buf_wait_unpin")
  void awaitUnpinned(Task current, Buf buf) {
    if (buf.pinned()) {
      current.aboutToSleep();
      unpinned.waitUninterruptibly(() -> !buf.pinned());
    }
  }

  void unpinned() {
    unpinned.wakeUp();
  }

  // Memory.

  /** {@return the bytes of all contents in spaces of this cache} */
  public long bytes() {
    return bytes.get();
  }

  boolean overLimit() {
    return bytes.get() > limit;
  }

  /** Counts a buffer that has contents now. From any context. */
  void count(Buf buf) {
    order();
    synchronized (lock) {
      if (!buf.counted && !buf.isStale()) {
        buf.counted = true;
        bytes.addAndGet(buf.length());
        addNewest(buf);
        reclaim();
      }
    }
  }

  /** Stops counting a buffer that left its space. From any context. */
  void uncount(Buf buf) {
    order();
    synchronized (lock) {
      forget(buf);
    }
  }

  /**
   * Handles a buffer whose references dropped to 0, perhaps only for a moment. From any context.
   */
  void released(Buf buf) {
    order();
    synchronized (lock) {
      if (!buf.worthless()) {
        reclaim();
      }
      // over the limit: reclaim met only referenced buffers
      if ((buf.worthless() || overLimit()) && buf.tryKill()) {
        buf.bury();
        forget(buf);
      }
    }
  }

  /** Drops buffers without references until the limit holds, oldest first. Under the lock. */
  @LinuxSource(
      file = "fs/xfs/xfs_buf.c",
      name = {"xfs_buftarg_shrink_scan", "xfs_buftarg_isolate"})
  private void reclaim() {
    int passed = 0;
    Buf buf = oldest;
    // terminates: each turn uses up a round, a buffer, or a pass
    while (buf != null && overLimit() && passed < MOST_PASSED) {
      if (!buf.survivesRound()) {
        if (buf.tryKill()) {
          buf.bury();
          forget(buf);
          buf = oldest;
          continue;
        }
        passed++;
      }
      unlink(buf);
      addNewest(buf);
      buf = oldest;
    }
  }

  private void order() {
    if (Debug.ON) {
      LockOrder.enter(LockClass.BUF_CACHE, lock);
    }
  }

  private void forget(Buf buf) {
    if (buf.counted) {
      buf.counted = false;
      bytes.addAndGet(-buf.length());
      unlink(buf);
    }
  }

  private void addNewest(Buf buf) {
    buf.older = newest;
    buf.newer = null;
    if (newest == null) {
      oldest = buf;
    } else {
      newest.newer = buf;
    }
    newest = buf;
  }

  private void unlink(Buf buf) {
    Buf above = buf.newer;
    Buf below = buf.older;
    if (above == null) {
      newest = below;
    } else {
      above.older = below;
    }
    if (below == null) {
      oldest = above;
    } else {
      below.newer = above;
    }
    buf.newer = null;
    buf.older = null;
  }

  /** Frees all memory, of dirty buffers, too, at unmount. No task uses a buffer any more. */
  @LinuxSource(
      file = "fs/xfs/xfs_buf.c",
      name = {"xfs_free_buftarg", "xfs_wait_buftarg"})
  public void drop() {
    for (Buf buf : dirty) {
      buf.clean();
    }
    order();
    synchronized (lock) {
      for (Buf buf = oldest; buf != null; buf = oldest) {
        boolean unused = buf.tryKill();
        assert unused : "still used: " + buf;
        buf.bury();
        forget(buf);
      }
    }
    synchronized (staging) {
      for (Long address : staging) {
        HostMemory.unmap(address, STAGING_BYTES);
      }
      staging.clear();
    }
  }
}
