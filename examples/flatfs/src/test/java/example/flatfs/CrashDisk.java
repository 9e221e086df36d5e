// SPDX-License-Identifier: GPL-2.0-only
package example.flatfs;

import io.pollux.block.Bio;
import io.pollux.block.BlkMqOps;
import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.HwCtx;
import io.pollux.block.QueueLimits;
import io.pollux.block.Request;
import io.pollux.block.RequestQueue;
import io.pollux.block.TagSet;
import io.pollux.uapi.Errno;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import java.util.TreeMap;

/** A disk with a volatile cache. A power cut keeps some sectors of the cache. */
final class CrashDisk implements BlkMqOps {
  private static final int SECTOR = BlkTypes.SECTOR_SIZE;

  private final byte[] durable;
  private final TreeMap<Long, byte[]> cache = new TreeMap<>(); // sectors since the last flush
  private Random random = new Random(0);
  private int until; // sector writes before the cut
  private byte[] left; // null before the cut

  CrashDisk(byte[] contents) {
    durable = contents;
  }

  BlockDevice disk() {
    QueueLimits limits = QueueLimits.of(SECTOR).withWriteCache(true, false);
    RequestQueue queue = new RequestQueue(this, new TagSet(1, 0, 64, false), limits);
    return new BlockDevice("crash0", 60 << 8, durable.length, false, queue);
  }

  /**
   * Prepares a power cut.
   *
   * @param writes the sector write after which it comes, counted from 1
   * @param seed chooses the sectors of the cache that it keeps
   */
  synchronized void cutIn(int writes, long seed) {
    left = null;
    until = writes;
    random = new Random(seed);
  }

  /** Whether the power cut has come. The disk still completes requests, so the program can end. */
  synchronized boolean isCut() {
    return left != null;
  }

  /** Returns the content after the power cut. Cuts the power now if that has not happened. */
  synchronized byte[] left() {
    if (left == null) {
      cut();
    }
    return left;
  }

  /** Keeps all, none or some of the sectors in the cache. */
  private void cut() {
    byte[] kept = durable.clone();
    int kind = random.nextInt(3);
    cache.forEach(
        (sector, bytes) -> {
          if (kind == 0 || (kind == 1 && random.nextBoolean())) {
            System.arraycopy(bytes, 0, kept, (int) (sector * SECTOR), SECTOR);
          }
        });
    left = kept;
  }

  @Override
  public void queueRqs(HwCtx hctx, Request chain) {
    Request request = chain;
    while (request != null) {
      Request following = request.next();
      request.complete(transfer(request));
      request = following;
    }
  }

  private synchronized int transfer(Request request) {
    if (request.bio().op() == BlkTypes.REQ_OP_FLUSH) {
      cache.forEach((sector, bytes) -> store(sector, bytes));
      cache.clear();
      return 0;
    }
    for (Bio bio = request.bio(); bio != null; bio = bio.next()) {
      if (bio.vecs() == 0) {
        return -Errno.EOPNOTSUPP;
      }
      long sector = bio.sector();
      for (int i = 0; i < bio.vecs(); i++) {
        for (int at = 0; at < bio.vecLength(i); at += SECTOR) {
          move(bio.op(), RawMemory.segment(bio.vecAddress(i) + at, SECTOR), sector++);
        }
      }
    }
    return 0;
  }

  private void store(long sector, byte[] bytes) {
    System.arraycopy(bytes, 0, durable, (int) (sector * SECTOR), SECTOR);
  }

  private void move(int op, MemorySegment memory, long sector) {
    if (op == BlkTypes.REQ_OP_WRITE) {
      cache.put(sector, memory.toArray(ValueLayout.JAVA_BYTE));
      if (--until == 0 && left == null) {
        cut();
      }
      return;
    }
    byte[] cached = cache.get(sector);
    MemorySegment from =
        cached != null
            ? MemorySegment.ofArray(cached)
            : MemorySegment.ofArray(durable).asSlice(sector * SECTOR, SECTOR);
    memory.copyFrom(from);
  }

  @Override
  public int poll(HwCtx hctx) {
    return 0;
  }
}
