// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.buffer;

import io.pollux.block.BlkTypes;
import io.pollux.core.Debug;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.LockClass;
import io.pollux.core.sched.LockOrder;
import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The buffers of one owner, by position: those of a mounted XFS, or those under one glock of GFS2
 * (gfs2_glock2aspace).
 *
 * <p>A hash table with chains through the buffers. A reader takes no lock and may miss a buffer
 * while the table grows; so a miss counts only under the lock. A buffer is found by position and
 * length: structures of a damaged disk that overlap are separate buffers, each verified by itself.
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_ag.h", name = "pag_buf_hash")
public final class BufSpace {
  private static final int FIRST_BUCKETS = 8; // a power of two, as all sizes are
  private static final long FIBONACCI = 0x9e37_79b9_7f4a_7c15L;

  private final BufCache cache;
  private volatile AtomicReferenceArray<@Nullable Buf> table =
      new AtomicReferenceArray<>(FIRST_BUCKETS);
  private int count; // under the lock on this

  BufSpace(BufCache cache) {
    this.cache = cache;
  }

  /** {@return the mount's cache, which bounds the memory of these buffers} */
  public BufCache cache() {
    return cache;
  }

  /**
   * Spreads the positions, whose low bits are 0. Buffers of one position and two lengths are rare.
   */
  private static int bucket(long position, int buckets) {
    return (int) (((position >>> BlkTypes.SECTOR_SHIFT) * FIBONACCI) >>> 32) & (buckets - 1);
  }

  /** Finds a buffer, dead or alive. Exact under the lock; without it, may miss one. */
  private @Nullable Buf lookup(long position, int length) {
    AtomicReferenceArray<@Nullable Buf> buckets = table;
    Buf each = buckets.getAcquire(bucket(position, buckets.length())); // pairs with insert
    while (each != null && (each.position() != position || each.length() != length)) {
      each = each.chain; // ends: chains have no circles, also while they move into a larger table
    }
    return each;
  }

  /** Under the lock. */
  private void insert(Buf buf) {
    if (count >= table.length()) {
      grow();
    }
    count++;
    link(table, buf);
  }

  private static void link(AtomicReferenceArray<@Nullable Buf> buckets, Buf buf) {
    int at = bucket(buf.position(), buckets.length());
    buf.chain = buckets.getPlain(at);
    buckets.setRelease(at, buf);
  }

  private void order() {
    if (Debug.ON) {
      LockOrder.enter(LockClass.BUF_SPACE, this);
    }
  }

  private void grow() {
    AtomicReferenceArray<@Nullable Buf> old = table;
    AtomicReferenceArray<@Nullable Buf> larger = new AtomicReferenceArray<>(2 * old.length());
    for (int i = 0; i < old.length(); i++) {
      Buf each = old.getPlain(i);
      while (each != null) {
        Buf next = each.chain;
        link(larger, each);
        each = next;
      }
    }
    table = larger;
  }

  /** Takes a buffer out, if it is in. From any context. */
  synchronized void remove(Buf buf) {
    order();
    AtomicReferenceArray<@Nullable Buf> buckets = table;
    int at = bucket(buf.position(), buckets.length());
    Buf before = null;
    Buf each = buckets.getPlain(at);
    while (each != null && each != buf) {
      before = each;
      each = each.chain;
    }
    if (each == null) {
      return;
    }
    if (before == null) {
      buckets.setRelease(at, buf.chain);
    } else {
      before.chain = buf.chain; // its own stays: a reader may be there
    }
    count--;
  }

  /**
   * Gets a buffer without reading the block, for {@link Buf#create}. From process context; does not
   * sleep.
   *
   * @param position first byte on the device, a multiple of 512
   * @param length bytes, a multiple of 512
   * @param what the structure, for error messages
   * @return the buffer, with a reference, with or without contents
   * @throws ErrnoException the errno for damage if the range is beyond the device
   */
  @LinuxSource(
      file = "fs/xfs/xfs_buf.c",
      name = {"xfs_buf_get_map", "_xfs_buf_find"})
  public Buf get(long position, int length, Supplier<String> what) throws ErrnoException {
    Buf there = lookup(position, length);
    if (there != null && there.tryHold()) {
      return there;
    }
    cache.checkRange(position, length, what);
    return make(position, length);
  }

  /** Gets or creates a buffer. The caller has checked the range on the device. */
  private Buf make(long position, int length) {
    order();
    synchronized (this) {
      Buf there = lookup(position, length);
      if (there != null) {
        if (there.tryHold()) {
          return there;
        }
        remove(there); // it is dead
      }
      Buf made = new Buf(this, cache, position, length);
      insert(made);
      return made;
    }
  }

  /**
   * Finds a buffer in memory. From any context.
   *
   * @param position first byte on the device
   * @param length bytes
   * @return the buffer, with a reference, with or without contents; or null
   */
  @LinuxSource(file = "fs/xfs/xfs_buf.h", name = "xfs_buf_incore")
  public @Nullable Buf find(long position, int length) {
    Buf there = lookup(position, length);
    if (there == null) {
      order();
      synchronized (this) {
        there = lookup(position, length);
      }
    }
    return there != null && there.tryHold() ? there : null;
  }

  /**
   * Gets a buffer with contents of a type. From process context; sleeps unless the block is in
   * memory. In GFS2: gfs2_meta_read.
   *
   * @param current the calling task
   * @param position first byte on the device, a multiple of 512
   * @param length bytes, a multiple of 512
   * @param type verifies the contents
   * @param what the structure, for error messages
   * @return the buffer, with a reference
   * @throws ErrnoException the errno for damage if it is not of that type or beyond the device, or
   *     the device's error
   */
  @LinuxSource(file = "fs/xfs/xfs_buf.c", name = "xfs_buf_read_map")
  public Buf read(Task current, long position, int length, BufOps type, Supplier<String> what)
      throws ErrnoException {
    return load(current, get(position, length, what), null, type, what);
  }

  /**
   * As {@link #read}, for a block in several pieces: those of struct xfs_buf_map.
   *
   * @param current the calling task
   * @param pieces pairs of a position and a length in bytes; must not change after this
   * @param type verifies the contents
   * @param what the structure, for error messages
   * @return the buffer, with a reference
   * @throws ErrnoException as {@link #read}
   */
  @LinuxSource(file = "fs/xfs/xfs_buf.c", name = "xfs_buf_read_map")
  public Buf readPieces(Task current, long[] pieces, BufOps type, Supplier<String> what)
      throws ErrnoException {
    return load(current, getPieces(pieces, what), pieces, type, what);
  }

  /**
   * As {@link #get}, for a block in several pieces.
   *
   * @param pieces pairs of a position and a length in bytes; must not change after this
   * @param what the structure, for error messages
   * @return the buffer, with a reference, with or without contents
   * @throws ErrnoException as {@link #get}
   */
  @LinuxSource(file = "fs/xfs/xfs_buf.c", name = "xfs_buf_get_map")
  public Buf getPieces(long[] pieces, Supplier<String> what) throws ErrnoException {
    int length = 0;
    for (int i = 0; i < pieces.length; i += 2) {
      cache.checkRange(pieces[i], (int) pieces[i + 1], what);
      length = Math.addExact(length, (int) pieces[i + 1]);
    }
    return make(pieces[0], length);
  }

  private static Buf load(
      Task current, Buf buf, long @Nullable [] pieces, BufOps type, Supplier<String> what)
      throws ErrnoException {
    boolean loaded = false;
    try {
      buf.load(current, pieces, type, what);
      loaded = true;
      return buf;
    } finally {
      if (!loaded) {
        buf.release();
      }
    }
  }

  /**
   * Reads the contents of a block and keeps no reference. From process context; sleeps unless the
   * block is in memory. A hit writes to nothing that other readers share.
   *
   * @param current the calling task
   * @param position first byte on the device, a multiple of 512
   * @param length bytes, a multiple of 512
   * @param type verifies the contents
   * @param what the structure, for error messages
   * @return the contents
   * @throws ErrnoException as {@link #read}
   */
  public BufData readData(
      Task current, long position, int length, BufOps type, Supplier<String> what)
      throws ErrnoException {
    Buf there = lookup(position, length);
    BufData data = there == null ? null : there.dataOf(type);
    if (data != null) {
      return data;
    }
    Buf buf = read(current, position, length, type, what);
    data = buf.data();
    buf.release();
    return data;
  }

  /**
   * Drops all buffers, dirty ones included, when the lock that protected them was released. From
   * any context.
   */
  @LinuxSource(
      file = "fs/gfs2/glops.c",
      name = {"inode_go_inval", "rgrp_go_inval"})
  public void invalidate() {
    List<Buf> gone = new ArrayList<>();
    order();
    synchronized (this) {
      AtomicReferenceArray<@Nullable Buf> buckets = table;
      for (int i = 0; i < buckets.length(); i++) {
        for (Buf each = buckets.getPlain(i); each != null; each = each.chain) {
          gone.add(each);
        }
      }
      table = new AtomicReferenceArray<>(FIRST_BUCKETS);
      count = 0;
    }
    gone.forEach(Buf::left); // without the lock, which comes behind the cache's
  }
}
