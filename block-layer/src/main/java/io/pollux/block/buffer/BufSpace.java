// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.buffer;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The buffers of one owner, by position: those of a mounted XFS, or those under one glock of GFS2
 * (gfs2_glock2aspace).
 *
 * <p>Finding a buffer takes no lock. A buffer is found by position and length, so structures of a damaged disk that
 * overlap are separate buffers, each verified by itself.
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_ag.h", name = "pag_buf_hash")
public final class BufSpace {
  /** Which buffer. */
  record Key(long position, int length) {}

  private final BufCache cache;
  private final ConcurrentMap<Key, Buf> bufs = new ConcurrentHashMap<>();

  BufSpace(BufCache cache) {
    this.cache = cache;
  }

  /**
   * The cache that bounds the memory of these buffers.
   *
   * @return the mount's cache
   */
  public BufCache cache() {
    return cache;
  }

  /**
   * Gets a buffer without reading the block, for {@link Buf#create}. From process context; does not sleep.
   *
   * @param position first byte on the device, a multiple of 512
   * @param length bytes, a multiple of 512
   * @param what the structure, for the sentence of an error
   * @return the buffer, with a reference, with or without contents
   * @throws ErrnoException the errno for damage if the range is beyond the device
   */
  @LinuxSource(file = "fs/xfs/xfs_buf.c", name = {"xfs_buf_get_map", "_xfs_buf_find"})
  public Buf get(long position, int length, Supplier<String> what) throws ErrnoException {
    Key key = new Key(position, length);
    Buf there = bufs.get(key);
    while (there == null || !there.tryHold()) { // ends: each turn but the last is another thread's success
      if (there == null) {
        cache.checkRange(position, length, what);
      } else {
        bufs.remove(key, there); // it is dead
      }
      Buf made = new Buf(this, cache, key);
      there = bufs.putIfAbsent(key, made);
      if (there == null) {
        return made;
      }
    }
    return there;
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
    Buf there = bufs.get(new Key(position, length));
    return there != null && there.tryHold() ? there : null;
  }

  /**
   * Gets a buffer with contents of a type. From process context; sleeps unless the block is in memory. In GFS2:
   * gfs2_meta_read.
   *
   * @param current the calling task
   * @param position first byte on the device, a multiple of 512
   * @param length bytes, a multiple of 512
   * @param type verifies the contents
   * @param what the structure, for the sentences of errors
   * @return the buffer, with a reference
   * @throws ErrnoException the errno for damage if it is not of that type or beyond the device, or the device's error
   */
  @LinuxSource(file = "fs/xfs/xfs_buf.c", name = "xfs_buf_read_map")
  public Buf read(Task current, long position, int length, BufOps type, Supplier<String> what) throws ErrnoException {
    return load(current, get(position, length, what), null, type, what);
  }

  /**
   * As {@link #read}, of a block in several pieces: those of struct xfs_buf_map.
   *
   * @param current the calling task
   * @param pieces pairs of a position and a length in bytes; not to be changed after this
   * @param type verifies the contents
   * @param what the structure, for the sentences of errors
   * @return the buffer, with a reference
   * @throws ErrnoException as of {@link #read}
   */
  @LinuxSource(file = "fs/xfs/xfs_buf.c", name = "xfs_buf_read_map")
  public Buf readPieces(Task current, long[] pieces, BufOps type, Supplier<String> what) throws ErrnoException {
    int length = 0;
    for (int i = 0; i < pieces.length; i += 2) {
      cache.checkRange(pieces[i], (int) pieces[i + 1], what);
      length = Math.addExact(length, (int) pieces[i + 1]);
    }
    return load(current, get(pieces[0], length, what), pieces, type, what);
  }

  private static Buf load(
      Task current, Buf buf, long @Nullable [] pieces, BufOps type, Supplier<String> what) throws ErrnoException {
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
   * Reads the contents of a block and keeps no reference. From process context; sleeps unless the block is in memory.
   *
   * @param current the calling task
   * @param position first byte on the device, a multiple of 512
   * @param length bytes, a multiple of 512
   * @param type verifies the contents
   * @param what the structure, for the sentences of errors
   * @return the contents
   * @throws ErrnoException as of {@link #read}
   */
  public BufData readData(Task current, long position, int length, BufOps type, Supplier<String> what)
      throws ErrnoException {
    Buf buf = read(current, position, length, type, what);
    BufData data = buf.data();
    buf.release();
    return data;
  }

  /** Forgets all buffers, also dirty ones: the lock that protected them was given up. From any context. */
  @LinuxSource(file = "fs/gfs2/glops.c", name = {"inode_go_inval", "rgrp_go_inval"})
  public void invalidate() {
    for (Buf buf : bufs.values()) {
      remove(buf);
      buf.left();
    }
  }

  void remove(Buf buf) {
    bufs.remove(buf.key(), buf);
  }
}
