// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.core.mm.AddressSpace;
import io.pollux.core.mm.BvecIter;
import io.pollux.core.mm.DmaMapping;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.sched.Task;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Differs;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The buffers of a FIXEDBUFS context: one for each iocb, pinned until the context is destroyed. */
@Patch(24)
@LinuxSource(file = "fs/aio.c", name = "aio_mapped_ubuf")
final class FixedBuffers {
  private final AddressSpace mm;
  // address and length of each buffer, adjacent: four buffers share a cache line
  private final long[] ubufs;
  private final List<MappedRange> ranges = new ArrayList<>();
  private @Nullable DmaMapping mapping; // of all buffers, once they are pinned
  private long chargedPages;

  private FixedBuffers(AddressSpace mm, int count) {
    this.mm = mm;
    ubufs = new long[2 * count];
  }

  /** The result of a mapping: the buffers, and 0 or a negative errno. */
  record Result(FixedBuffers buffers, int errno) {}

  /**
   * Pins the buffers that the iocbs name, within RLIMIT_MEMLOCK. From process context.
   *
   * @param iocbs address of the first iocb, in pinned memory that the program may still write to
   * @return the buffers; or, with nothing left pinned, errno -EFAULT or -ENOMEM
   */
  @LinuxSource(file = "fs/aio.c", name = "aio_iocb_buffer_map")
  static Result map(Task current, long iocbs, int count) {
    FixedBuffers buffers = new FixedBuffers(current.mm(), count);
    int errno = -Errno.ENOMEM;
    try {
      errno = buffers.mapAll(iocbs, count, current.process().memlockLimit());
    } finally {
      if (errno != 0) {
        buffers.unmap();
      }
    }
    return new Result(buffers, errno);
  }

  private int mapAll(long iocbs, int count, long limit) {
    long[] addresses = new long[count];
    long[] bytes = new long[count];
    for (int i = 0; i < count; i++) {
      long iocb = iocbs + i * Iocb.SIZE;
      int errno = mapOne(i, Iocb.aioBuf(iocb), Iocb.aioNbytes(iocb), limit);
      if (errno != 0) {
        return errno;
      }
      addresses[i] = ubufs[2 * i];
      bytes[i] = ubufs[2 * i + 1];
    }
    mapping = new DmaMapping(addresses, bytes);
    return 0;
  }

  @Differs(
      patch = 24,
      kind = Differs.Kind.OURS,
      why =
          "RLIMIT_MEMLOCK limits the sum of all contexts of a process. The posting checks each"
              + " context alone.",
      test = "SubmitDifferencesTest#lockedMemoryIsLimitedForAllContextsOfAProcess")
  @Differs(
      patch = 24,
      kind = Differs.Kind.OURS,
      why = "A buffer that is mapped only in part is EFAULT. The posting returns ENOMEM.",
      test = "SubmitDifferencesTest#aFixedBufferThatIsMappedInPartIsAFault")
  private int mapOne(int index, long address, long bytes, long limit) {
    if (address == 0
        || bytes < 0
        || bytes > AioAbi.AIO_FIXED_BUF_MAX
        || !AddressSpace.isUserRange(address, bytes)) {
      return -Errno.EFAULT;
    }
    ubufs[2 * index] = address;
    ubufs[2 * index + 1] = bytes;
    if (bytes == 0) {
      return 0;
    }
    long pages =
        ((address + bytes - 1) >> HostMemory.PAGE_SHIFT) - (address >> HostMemory.PAGE_SHIFT) + 1;
    if (!mm.chargeLocked(pages, limit)) {
      return -Errno.ENOMEM;
    }
    chargedPages += pages;
    MappedRange range = MappedRange.map(mm, address, bytes);
    if (range == null) {
      return -Errno.EFAULT;
    }
    ranges.add(range);
    return 0;
  }

  /**
   * Unmaps the buffers from all drivers, then unpins the pages. No request is in flight. From
   * process context.
   */
  @LinuxSource(file = "fs/aio.c", name = "aio_iocb_buffer_unmap")
  void unmap() {
    Teardown teardown = new Teardown();
    DmaMapping attached = mapping;
    if (attached != null) {
      teardown.step(attached::close);
    }
    for (MappedRange range : ranges) {
      teardown.step(range::unmap);
    }
    ranges.clear();
    long charged = chargedPages;
    chargedPages = 0;
    teardown.step(() -> mm.unchargeLocked(charged));
    teardown.end();
  }

  /**
   * Initializes an iterator over a part of one iocb's buffer.
   *
   * @return 0, -EINVAL for a negative length, or -EFAULT if the part is outside the buffer
   */
  int iter(int index, boolean read, long address, long bytes, BvecIter iter) {
    if (bytes < 0) {
      return -Errno.EINVAL;
    }
    long length = ubufs[2 * index + 1];
    long offset = address - ubufs[2 * index];
    if (offset < 0 || bytes > length || offset > length - bytes) {
      return -Errno.EFAULT;
    }
    iter.init(read, address, bytes, mapping);
    return 0;
  }
}
