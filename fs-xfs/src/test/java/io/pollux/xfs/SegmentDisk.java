// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.Bio;
import io.pollux.block.BlkMqOps;
import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.HwCtx;
import io.pollux.block.Request;
import io.pollux.block.RequestList;
import io.pollux.block.RequestQueue;
import io.pollux.uapi.Errno;
import io.pollux.uapi.RawMemory;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A disk over memory that a test may change under it, or over a private copy of an image file.
 * Read-only by default.
 */
final class SegmentDisk implements BlkMqOps {
  final MemorySegment contents;
  final AtomicLong reads = new AtomicLong();
  final AtomicLong writes = new AtomicLong();
  final AtomicLong flushes = new AtomicLong();
  volatile boolean failWrites;
  volatile boolean holdWrites; // until release
  private final Queue<Request> held = new ConcurrentLinkedQueue<>();
  private final RequestList waiting = new RequestList();

  SegmentDisk(MemorySegment contents) {
    this.contents = contents;
  }

  /** Maps an image; writes to {@link #contents} never reach the file. */
  static SegmentDisk ofImage(Path image, Arena arena) throws IOException {
    try (FileChannel file =
        FileChannel.open(image, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      return new SegmentDisk(file.map(FileChannel.MapMode.PRIVATE, 0, file.size(), arena));
    }
  }

  BlockDevice device() {
    return device(BlkTypes.SECTOR_SIZE);
  }

  BlockDevice device(int logicalBlockSize) {
    return device(logicalBlockSize, true);
  }

  BlockDevice device(int logicalBlockSize, boolean readOnly) {
    RequestQueue queue = new RequestQueue(this, logicalBlockSize, 64);
    return new BlockDevice("image", 0x800, contents.byteSize(), readOnly, queue);
  }

  @Override
  public void queueRqs(HwCtx hctx, Request chain) {
    if (hctx.polled()) {
      waiting.add(chain);
    } else {
      work(chain);
    }
  }

  @Override
  public int poll(HwCtx hctx) {
    Request chain = waiting.takeAll();
    return chain == null ? 0 : work(chain);
  }

  /** Returns the number of writes that are held. */
  int held() {
    return held.size();
  }

  /** Lets all held writes complete, and holds no others. */
  void release() {
    holdWrites = false;
    for (Request request = held.poll(); request != null; request = held.poll()) {
      request.complete(transfer(request.bio()));
    }
  }

  private int work(Request chain) {
    int done = 0;
    Request request = chain;
    while (request != null) {
      Request next = request.next();
      if (holdWrites && request.bio().op() == BlkTypes.REQ_OP_WRITE) {
        held.add(request);
        request = next;
        continue;
      }
      request.complete(transfer(request.bio()));
      request = next;
      done++;
    }
    return done;
  }

  private int transfer(Bio bio) {
    boolean write = bio.op() == BlkTypes.REQ_OP_WRITE;
    if (bio.op() == BlkTypes.REQ_OP_FLUSH) {
      flushes.getAndIncrement();
      return 0;
    }
    if (write && failWrites) {
      return -Errno.EIO;
    }
    (write ? writes : reads).getAndIncrement();
    long at = bio.sector() << BlkTypes.SECTOR_SHIFT;
    for (int i = 0; i < bio.vecs(); i++) {
      int length = bio.vecLength(i);
      MemorySegment memory = RawMemory.segment(bio.vecAddress(i), length);
      MemorySegment disk = contents.asSlice(at, length);
      if (write) {
        disk.copyFrom(memory);
      } else {
        memory.copyFrom(disk);
      }
      at += length;
    }
    return 0;
  }
}
