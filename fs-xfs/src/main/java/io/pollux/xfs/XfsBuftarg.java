// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

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
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Where metadata comes from: the device, and a cache of blocks in front of it. The counterpart of struct
 * xfs_buftarg and of fs/xfs/xfs_buf.c.
 *
 * <p>The cache holds blocks by who owns them, so that a block that two files claim is checked for each; it
 * never holds more than {@link #CACHE_BYTES}. A block goes in after it was verified, and never changes.
 */
@LinuxSource(file = "fs/xfs/xfs_buf.h", name = "xfs_buftarg")
final class XfsBuftarg {
  /** The owner of blocks that belong to no file. */
  static final long NO_OWNER = -1;

  private static final int CACHE_BYTES = 8 << 20;

  /** Bytes that are read at a time. */
  private static final int STAGING_BYTES = 64 << 10;

  /** Staging buffers that are kept. */
  private static final int STAGING_KEPT = 4;

  /** Whose block, and which: the inode number and the block in the directory, or NO_OWNER and the fsb. */
  private record Key(long owner, long block) {}

  private final BlockDevice bdev;
  private final Deque<Long> staging = new ArrayDeque<>(STAGING_KEPT); // under its own lock
  private final Map<Key, XfsBuf> cache = new LinkedHashMap<>(64, 0.75f, true); // by use; under its own lock
  private int cachedBytes; // under the cache's lock

  XfsBuftarg(BlockDevice bdev) {
    this.bdev = bdev;
  }

  BlockDevice bdev() {
    return bdev;
  }

  /**
   * Reads from the device. From process context.
   *
   * @param current the calling task
   * @param position first byte, a multiple of 512
   * @param length bytes, positive
   * @param what what is there, for sentences
   * @return the bytes
   * @throws ErrnoException EUCLEAN if that is beyond the end of the device, or the device's error
   */
  @LinuxSource(file = "fs/xfs/xfs_buf.c", name = "xfs_buf_read_uncached")
  XfsBuf read(Task current, long position, int length, String what) throws ErrnoException {
    byte[] bytes = new byte[length];
    readInto(current, position, bytes, 0, length, what);
    return new XfsBuf(bytes, position >> BlkTypes.SECTOR_SHIFT, what);
  }

  /** As {@link #read}, into a part of an array. */
  void readInto(Task current, long position, byte[] to, int at, int length, String what) throws ErrnoException {
    if (position < 0 || length <= 0 || length > bdev.bytes() || position > bdev.bytes() - length) {
      throw XfsError.corrupt(what + ": beyond the end of the device");
    }
    int mask = bdev.queue().logicalBlockSize() - 1;
    long address = takeStaging();
    try {
      int done = 0;
      while (done < length) { // each step moves on: a staging buffer is larger than a logical block
        int head = (int) ((position + done) & mask);
        int step = Math.min(length - done, STAGING_BYTES - head);
        int whole = (head + step + mask) & ~mask;
        int status = bdev.transferAndWait(
            current, position + done - head, address, whole, BlkTypes.REQ_OP_READ | BlkTypes.REQ_META);
        if (status != 0) {
          throw new ErrnoException(-status, what + ": can't be read");
        }
        MemorySegment.copy(RawMemory.segment(address + head, step), 0, MemorySegment.ofArray(to), at + done, step);
        done += step;
      }
    } finally {
      keepStaging(address);
    }
  }

  /**
   * Writes to the device, and waits for it. It is durable after the next flush. From process context.
   *
   * @param current the calling task
   * @param position first byte, a multiple of the logical block size
   * @param bytes what is written: one filesystem block
   * @param what what it is, for sentences
   * @throws ErrnoException the device's error
   */
  @LinuxSource(file = "fs/xfs/xfs_buf.c", name = "xfs_bwrite")
  void write(Task current, long position, byte[] bytes, String what) throws ErrnoException {
    assert bytes.length <= STAGING_BYTES : bytes.length;
    long address = takeStaging();
    try {
      MemorySegment.copy(MemorySegment.ofArray(bytes), 0, RawMemory.segment(address, bytes.length), 0, bytes.length);
      int opf = BlkTypes.REQ_OP_WRITE | BlkTypes.REQ_META;
      int status = bdev.transferAndWait(current, position, address, bytes.length, opf);
      if (status != 0) {
        throw new ErrnoException(-status, what + ": can't be written");
      }
    } finally {
      keepStaging(address);
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

  /** A verified block, if it is in memory. */
  @LinuxSource(file = "fs/xfs/xfs_buf.c", name = "xfs_buf_find")
  @Nullable XfsBuf cached(long owner, long block) {
    synchronized (cache) {
      return cache.get(new Key(owner, block));
    }
  }

  /** Keeps a verified block for a while. */
  void keep(long owner, long block, XfsBuf buf) {
    synchronized (cache) {
      XfsBuf before = cache.put(new Key(owner, block), buf);
      cachedBytes += buf.size() - (before == null ? 0 : before.size());
      var oldest = cache.values().iterator();
      while (cachedBytes > CACHE_BYTES && oldest.hasNext()) {
        cachedBytes -= oldest.next().size();
        oldest.remove();
      }
    }
  }

  /** Gives all memory back. */
  @LinuxSource(file = "fs/xfs/xfs_buf.c", name = "xfs_free_buftarg")
  void drop() {
    synchronized (cache) {
      cache.clear();
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
