// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.filemap;

import io.pollux.core.mm.HostMemory;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicInteger;

/** A device in an array, whose pages can be made to fail. */
final class ArrayIo implements PageIo {
  final byte[] device;
  final AtomicInteger reads = new AtomicInteger();
  final AtomicInteger writes = new AtomicInteger();
  volatile long badRead = -1; // index of a page
  volatile long badWrite = -1;

  /** Runs in the middle of each read, after the data was taken from the device. */
  volatile Runnable duringRead = () -> {};

  ArrayIo(int bytes) {
    device = new byte[bytes];
  }

  @Override
  public long size() {
    return device.length;
  }

  @Override
  public int readPages(Task current, long index, long[] addresses, int count) {
    reads.getAndIncrement();
    if (badRead >= index && badRead < index + count) {
      return -Errno.EIO;
    }
    for (int i = 0; i < count; i++) {
      int bytes = bytesOf(index + i);
      MemorySegment page = RawMemory.segment(addresses[i], HostMemory.PAGE_SIZE).fill((byte) 0);
      synchronized (device) {
        MemorySegment.copy(MemorySegment.ofArray(device), at(index + i), page, 0, bytes);
      }
    }
    duringRead.run();
    return 0;
  }

  @Override
  public int writePages(Task current, long index, long[] addresses, int count) {
    writes.getAndIncrement();
    if (badWrite >= index && badWrite < index + count) {
      return -Errno.EIO;
    }
    for (int i = 0; i < count; i++) {
      MemorySegment page = RawMemory.segment(addresses[i], HostMemory.PAGE_SIZE);
      synchronized (device) {
        MemorySegment.copy(
            page, 0, MemorySegment.ofArray(device), at(index + i), bytesOf(index + i));
      }
    }
    return 0;
  }

  private static long at(long index) {
    return index << HostMemory.PAGE_SHIFT;
  }

  private int bytesOf(long index) {
    return (int) Math.min(HostMemory.PAGE_SIZE, device.length - at(index));
  }
}
