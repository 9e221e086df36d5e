// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.core.mm.AddressSpace;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.mm.UserPages;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.AioRing;
import io.pollux.uapi.Differs;
import io.pollux.uapi.Errno;
import io.pollux.uapi.IoEvent;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Mman;
import io.pollux.uapi.Patch;
import org.jspecify.annotations.Nullable;

/**
 * The memory of a context other than the SQ and CQ rings: the old completion ring, user-mapped
 * iocbs, and fixed buffers. The old ring is mapped into the process, and its address is the
 * context's id.
 */
final class ContextMemory {
  private final AddressSpace mm;
  private final long ring;
  private final long ringBytes;
  private final UserPages ringPages;
  private final CompletionRing completionRing;
  private @Nullable MappedRange iocbs;
  private @Nullable FixedBuffers buffers;

  private ContextMemory(
      AddressSpace mm, long ring, long ringBytes, UserPages ringPages, int slots) {
    this.mm = mm;
    this.ring = ring;
    this.ringBytes = ringBytes;
    this.ringPages = ringPages;
    this.completionRing = new CompletionRing(ring, slots);
  }

  /**
   * Maps the old completion ring.
   *
   * @param events minimum number of slots; 0 for a ring without slots
   * @return the memory, or null if there is not enough (ENOMEM)
   */
  @Differs(
      patch = 15,
      kind = Differs.Kind.OURS,
      why =
          "The old ring of a polled or ring context has no slots: aio_ring.nr is 0. In the posting"
              + " it fills its page with 127, which nothing uses.",
      test = "IoSetup2Test#everyCombinationOfRingsWorksAndEnds")
  @LinuxSource(file = "fs/aio.c", name = "aio_setup_ring")
  static @Nullable ContextMemory map(AddressSpace mm, int events) {
    long wanted = AioRing.SIZE + (events == 0 ? 0 : (events + 2L) * IoEvent.SIZE);
    long bytes = (wanted + HostMemory.PAGE_SIZE - 1) & -(long) HostMemory.PAGE_SIZE;
    long ring = mm.mmap(bytes, Mman.PROT_READ | Mman.PROT_WRITE);
    UserPages pages = ring < 0 ? null : mm.pin(ring, bytes, true);
    if (pages == null) {
      return null;
    }
    int slots = events == 0 ? 0 : (int) ((bytes - AioRing.SIZE) / IoEvent.SIZE);
    AioRing.nr(ring, slots);
    AioRing.magic(ring, AioAbi.AIO_RING_MAGIC);
    AioRing.compatFeatures(ring, AioAbi.AIO_RING_COMPAT_FEATURES);
    AioRing.incompatFeatures(ring, AioAbi.AIO_RING_INCOMPAT_FEATURES);
    AioRing.headerLength(ring, (int) AioRing.SIZE);
    return new ContextMemory(mm, ring, bytes, pages, slots);
  }

  /** Returns the context's id, aio_context_t. */
  long ring() {
    return ring;
  }

  CompletionRing completionRing() {
    return completionRing;
  }

  /** Takes ownership of the iocbs of a USERIOCB context. */
  void setIocbs(MappedRange pinned) {
    iocbs = pinned;
  }

  /**
   * Returns the address of an iocb. The index must be below the context's number of requests. The
   * program may write to the iocb.
   */
  @Patch(14)
  @LinuxSource(file = "fs/aio.c", name = "aio_iocb_from_index")
  long iocbFromIndex(int index) {
    MappedRange range = iocbs;
    assert range != null : "a context without user-mapped iocbs";
    return range.address() + index * Iocb.SIZE;
  }

  @Nullable FixedBuffers buffers() {
    return buffers;
  }

  void setBuffers(FixedBuffers pinned) {
    buffers = pinned;
  }

  /** Unmaps and unpins everything. Skips ranges that the program has unmapped itself. */
  @LinuxSource(file = "fs/aio.c", name = "aio_free_ring")
  void unmap() {
    Teardown teardown = new Teardown();
    FixedBuffers pinned = buffers;
    if (pinned != null) {
      teardown.step(pinned::unmap);
    }
    MappedRange range = iocbs;
    if (range != null) {
      teardown.step(range::unmap);
    }
    teardown.step(this::unmapRing);
    teardown.step(() -> ringPages.unpin(ring, ringBytes));
    teardown.end();
  }

  private void unmapRing() {
    // no other mapping can take the range while it is pinned
    int result = mm.munmap(ring, ringBytes);
    assert result == -Errno.EINVAL || result == 0;
  }
}
