// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.core.ErrnoException;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * Where metadata comes from and goes to: the device, and a cache of blocks in front of it.
 *
 * <p>In C each glock has an address space of its own for the blocks that it protects, so that they go when the glock
 * goes. Here there is one cache for all of them, which never holds more than {@link #CACHE_BYTES}; its blocks belong
 * to owners, and {@link #invalidate} drops those of one.
 */
@LinuxSource(file = "fs/gfs2/meta_io.c", name = {"gfs2_meta_read", "gfs2_meta_aops"})
final class Gfs2MetaIo {
  private static final int CACHE_BYTES = 8 << 20;

  /** Bytes that are read at a time. */
  private static final int STAGING_BYTES = 64 << 10;

  /** Staging buffers that are kept. */
  private static final int STAGING_KEPT = 4;

  /** Whose block, and which. */
  private record Key(Gfs2LockName owner, long block) {}

  private final BlockDevice bdev;
  private final Deque<Long> staging = new ArrayDeque<>(STAGING_KEPT); // under its own lock
  private final Map<Key, Gfs2Buf> cache = new LinkedHashMap<>(64, 0.75f, true); // by use; under its own lock
  private final Map<Gfs2LockName, Set<Long>> owned = new HashMap<>(); // blocks that are in the cache; under its lock
  private int cachedBytes; // under the cache's lock
  private long writes; // under the cache's lock: what was read before the last one may be old

  Gfs2MetaIo(BlockDevice bdev) {
    this.bdev = bdev;
  }

  BlockDevice bdev() {
    return bdev;
  }

  /**
   * Reads a block of metadata and makes sure that it is of a kind. From process context, with the owner's glock held.
   *
   * @param current the calling task
   * @param owner the glock that protects it
   * @param block its number, inside the device
   * @param blockSize bytes
   * @param type METATYPE_*
   * @param what what is there, for sentences
   * @return the block
   * @throws ErrnoException EIO if it is something else or beyond the end of the device, or the device's error
   */
  @LinuxSource(file = "fs/gfs2/meta_io.c", name = {"gfs2_meta_indirect_buffer", "gfs2_meta_inode_buffer"})
  Gfs2Buf readMeta(Task current, Gfs2LockName owner, long block, int blockSize, int type, String what)
      throws ErrnoException {
    Key key = new Key(owner, block);
    Gfs2Buf buf;
    long writesBefore;
    synchronized (cache) {
      buf = cache.get(key);
      writesBefore = writes;
    }
    if (buf != null) {
      buf.checkType(type); // a bad disk may have it be two things
      return buf;
    }
    if (block < 0 || block >= bdev.bytes() / blockSize) {
      throw Gfs2Error.corrupt(what + ": beyond the end of the device");
    }
    buf = read(current, block * blockSize, blockSize, what + " (block " + block + ")");
    buf.checkType(type);
    synchronized (cache) {
      if (writes == writesBefore) {
        keep(key, buf);
      }
    }
    return buf;
  }

  /**
   * Writes a block of metadata in place. From process context; nobody else writes the same block meanwhile.
   *
   * @param current the calling task
   * @param owner the glock that protects it
   * @param block its number, of a block that was read
   * @param bytes the whole block, which nobody changes any more
   * @param what what is there, for sentences
   * @throws ErrnoException the device's error
   */
  void writeMeta(Task current, Gfs2LockName owner, long block, byte[] bytes, String what) throws ErrnoException {
    assert bytes.length <= STAGING_BYTES && block >= 0 && block < bdev.bytes() / bytes.length;
    long address = takeStaging();
    try {
      MemorySegment.copy(MemorySegment.ofArray(bytes), 0, RawMemory.segment(address, bytes.length), 0, bytes.length);
      int opf = BlkTypes.REQ_OP_WRITE | BlkTypes.REQ_META;
      int status = bdev.transferAndWait(current, block * bytes.length, address, bytes.length, opf);
      if (status != 0) {
        throw new ErrnoException(-status, what + ": can't be written");
      }
    } finally {
      keepStaging(address);
    }
    synchronized (cache) {
      writes++;
      keep(new Key(owner, block), new Gfs2Buf(bytes, what + " (block " + block + ")"));
    }
  }

  /** With the cache's lock. */
  private void keep(Key key, Gfs2Buf buf) {
    Gfs2Buf before = cache.put(key, buf);
    owned.computeIfAbsent(key.owner, ignored -> new HashSet<>()).add(key.block);
    cachedBytes += buf.size() - (before == null ? 0 : before.size());
    var oldest = cache.entrySet().iterator();
    while (cachedBytes > CACHE_BYTES && oldest.hasNext()) {
      Map.Entry<Key, Gfs2Buf> entry = oldest.next();
      cachedBytes -= entry.getValue().size();
      disown(entry.getKey());
      oldest.remove();
    }
  }

  private void disown(Key key) {
    Set<Long> blocks = owned.get(key.owner);
    if (blocks != null && blocks.remove(key.block) && blocks.isEmpty()) {
      owned.remove(key.owner);
    }
  }

  /** Forgets the blocks of an owner. From any context. */
  @LinuxSource(file = "fs/gfs2/glops.c", name = {"inode_go_inval", "rgrp_go_inval"})
  void invalidate(Gfs2LockName owner) {
    synchronized (cache) {
      Set<Long> blocks = owned.remove(owner);
      if (blocks == null) {
        return;
      }
      for (long block : blocks) {
        Gfs2Buf gone = cache.remove(new Key(owner, block));
        cachedBytes -= gone == null ? 0 : gone.size();
      }
    }
  }

  /**
   * Reads from the device, past the cache. From process context.
   *
   * @param current the calling task
   * @param position first byte, a multiple of 512
   * @param length bytes, positive
   * @param what what is there, for sentences
   * @return the bytes
   * @throws ErrnoException EIO if that is beyond the end of the device, or the device's error
   */
  Gfs2Buf read(Task current, long position, int length, String what) throws ErrnoException {
    if (position < 0 || length <= 0 || length > bdev.bytes() || position > bdev.bytes() - length) {
      throw Gfs2Error.corrupt(what + ": beyond the end of the device");
    }
    byte[] bytes = new byte[length];
    int mask = bdev.queue().logicalBlockSize() - 1;
    long address = takeStaging();
    try {
      int done = 0;
      while (done < length) { // each step moves on: a staging buffer is larger than a logical block
        int head = (int) ((position + done) & mask);
        int step = Math.min(length - done, STAGING_BYTES - head);
        int whole = (head + step + mask) & ~mask;
        int status =
            bdev.transferAndWait(
                current, position + done - head, address, whole, BlkTypes.REQ_OP_READ | BlkTypes.REQ_META);
        if (status != 0) {
          throw new ErrnoException(-status, what + ": can't be read");
        }
        MemorySegment.copy(RawMemory.segment(address + head, step), 0, MemorySegment.ofArray(bytes), done, step);
        done += step;
      }
    } finally {
      keepStaging(address);
    }
    return new Gfs2Buf(bytes, what);
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

  /** Gives all memory back. */
  void drop() {
    synchronized (cache) {
      cache.clear();
      owned.clear();
      cachedBytes = 0;
    }
    synchronized (staging) {
      for (Long address : staging) {
        HostMemory.unmap(address, STAGING_BYTES);
      }
      staging.clear();
    }
  }
}
