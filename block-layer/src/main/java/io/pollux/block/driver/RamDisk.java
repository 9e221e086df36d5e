// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import io.pollux.block.Bio;
import io.pollux.block.BlkTypes;
import io.pollux.block.HwCtx;
import io.pollux.block.QueueLimits;
import io.pollux.block.Request;
import io.pollux.core.mm.HostMemory;
import io.pollux.uapi.RawMemory;
import org.jspecify.annotations.Nullable;

/**
 * A disk in memory. It is sparse: a range that was never written takes no memory, and a discard
 * frees memory. It has no cache, so a completed write is as durable as the disk.
 */
public final class RamDisk extends PolledDisk {
  private final long address;
  private final long mapped;
  private @Nullable CopyEngine engine;

  /**
   * Makes a disk full of zeroes, whose data is copied inside queueRqs or a poll.
   *
   * @param bytes its size, at least one byte
   * @throws OutOfMemoryError if the host has no address space for it
   */
  public RamDisk(long bytes) {
    super(bytes);
    mapped = (bytes + HostMemory.PAGE_SIZE - 1) & -HostMemory.PAGE_SIZE;
    address = HostMemory.map(mapped);
    if (address == 0) {
      throw new OutOfMemoryError("no memory for a disk of " + bytes + " bytes");
    }
  }

  /** {@return the raw address of the disk's first byte, for filling the disk before use} */
  public long address() {
    return address;
  }

  /**
   * Gives the disk a thread that copies data for polled reads and writes of one segment, in
   * parallel with the submitter. Called before the first request. Useful if a processor is idle.
   * Not for a disk in a {@link FaultDisk}, which orders its requests itself. If the host can't
   * create a thread, the disk works without one.
   *
   * @return this
   */
  public RamDisk withCopyEngine() {
    try {
      engine = new CopyEngine(address);
    } catch (OutOfMemoryError e) { // "unable to create native thread"
      engine = null;
    }
    return this;
  }

  @Override
  public boolean isIdle() {
    return engine == null || engine.isIdle();
  }

  @Override
  boolean movesByItself() {
    return engine != null;
  }

  @Override
  public void queueRqs(HwCtx hctx, Request chain) {
    if (engine == null || !hctx.polled() || !engine.queue(hctx, chain)) {
      super.queueRqs(hctx, chain);
    }
  }

  /**
   * Completes the requests whose data was copied. If there are none, it serves waiting ones itself
   * instead of spinning.
   */
  @Override
  public int poll(HwCtx hctx) {
    if (engine == null) {
      return super.poll(hctx);
    }
    int found = engine.complete(hctx);
    return found != 0 ? found : super.poll(hctx) + workAll(hctx, engine.takeWaiting(hctx));
  }

  @Override
  int transfer(Bio bio, boolean write) {
    long at = address + (bio.sector() << BlkTypes.SECTOR_SHIFT);
    for (int i = 0; i < bio.vecs(); i++) {
      int length = bio.vecLength(i);
      if (write) {
        RawMemory.copy(bio.vecAddress(i), at, length);
      } else {
        RawMemory.copy(at, bio.vecAddress(i), length);
      }
      at += length;
    }
    return 0;
  }

  @Override
  int move(int opf, long at, long memory, int length) {
    if (BlkTypes.isWrite(opf & BlkTypes.REQ_OP_MASK)) {
      RawMemory.copy(memory, address + at, length);
    } else {
      RawMemory.copy(address + at, memory, length);
    }
    return 0;
  }

  @Override
  QueueLimits limits() {
    int most = 1 << 21; // sectors: 1 GiB
    return QueueLimits.of(BlkTypes.SECTOR_SIZE)
        .withPhysicalBlockSize(HostMemory.PAGE_SIZE)
        .withDiscard(HostMemory.PAGE_SIZE, most, most)
        .withWriteCache(false, false);
  }

  /** Frees the memory of whole pages, which then read as zeroes. Parts of pages are unchanged. */
  @Override
  int discard(Bio bio) {
    long start = address + (bio.sector() << BlkTypes.SECTOR_SHIFT);
    long from = (start + HostMemory.PAGE_SIZE - 1) & -HostMemory.PAGE_SIZE;
    long to = (start + bio.size()) & -HostMemory.PAGE_SIZE;
    if (from < to) {
      HostMemory.discard(from, to - from);
    }
    return 0;
  }

  @Override
  int writeZeroes(Bio bio) {
    long start = address + (bio.sector() << BlkTypes.SECTOR_SHIFT);
    long end = start + bio.size();
    long from = (start + HostMemory.PAGE_SIZE - 1) & -HostMemory.PAGE_SIZE;
    long to = end & -HostMemory.PAGE_SIZE;
    if (bio.has(BlkTypes.REQ_NOUNMAP) || from >= to) {
      RawMemory.zero(start, bio.size());
      return 0;
    }
    if (start < from) {
      RawMemory.zero(start, from - start);
    }
    HostMemory.discard(from, to - from);
    if (to < end) {
      RawMemory.zero(to, end - to);
    }
    return 0;
  }

  @Override
  public void close() {
    if (engine != null) {
      engine.close();
    }
    HostMemory.unmap(address, mapped);
  }
}
