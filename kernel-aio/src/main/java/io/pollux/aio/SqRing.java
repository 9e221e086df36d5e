// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.uapi.AioAbi;
import io.pollux.uapi.AioIocbRing;
import io.pollux.uapi.Differs;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * The submission ring from the side of its consumer, the kernel. The kernel uses its own head; the
 * head in shared memory is for the program. The consumer owns the ring: the thread inside
 * io_ring_enter, or the submission thread.
 */
@Patch(26)
@LinuxSource(file = "fs/aio.c", name = "aio_scqring_map")
final class SqRing {
  private static final VarHandle HEAD;

  static {
    try {
      HEAD = MethodHandles.lookup().findVarHandle(SqRing.class, "head", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final MappedRange range;
  private final long ring;
  private final int entries;

  @SuppressWarnings("unused") // through HEAD
  private int head; // written by the consumer; waiters read it too

  @SuppressWarnings("unused") // read by nothing: keeps the loads from being optimized away
  private long lookedAt;

  /** Takes ownership of a pinned range and resets the ring in it. */
  SqRing(MappedRange range, int entries) {
    this.range = range;
    this.ring = range.address();
    this.entries = entries;
    AioIocbRing.nrEvents(ring, entries);
    AioIocbRing.sqFlags(ring, 0);
    AioIocbRing.tail(ring, 0);
    AioIocbRing.head(ring, 0);
  }

  /** Returns the address of the ring. */
  long address() {
    return ring;
  }

  int entries() {
    return entries;
  }

  /** Returns the index of the next entry. By the consumer. */
  int head() {
    return head;
  }

  /**
   * Returns the index after the last entry that the program has filled. A tail outside the ring
   * means that there is none.
   */
  @Differs(
      patch = 26,
      kind = Differs.Kind.FIXES,
      why =
          "A tail outside the SQ ring means an empty ring, and the kernel keeps its own head. The"
              + " posting uses what the program wrote.",
      test = "IoRingEnterTest#aWildTailMeansAnEmptyRingAndAWildHeadAFullOne")
  @LinuxSource(file = "fs/aio.c", name = "aio_peek_sqring")
  int tail() {
    // acquire: pairs with the program's release after it filled the entries
    int tail = AioIocbRing.tail(ring);
    return Integer.compareUnsigned(tail, entries) < 0 ? tail : (int) HEAD.getAcquire(this);
  }

  /** Returns the next index, which wraps around. */
  int next(int index) {
    return index + 1 == entries ? 0 : index + 1;
  }

  /** Whether the consumer has taken all entries. From any thread. */
  boolean isEmpty() {
    // pairs with commit: a thread that sees an entry taken sees its request counted
    int taken = (int) HEAD.getAcquire(this);
    return tail() == taken;
  }

  /** Tells the program whether the consumer sleeps until io_ring_enter is called. */
  void setNeedWakeup(boolean sleeps) {
    AioIocbRing.sqFlags(ring, sleeps ? AioAbi.IORING_SQ_NEED_WAKEUP : 0);
  }

  /** Returns the cpu that the program requests for the submission thread. */
  static int sqThreadCpu(long ring) {
    return AioIocbRing.sqThreadCpu(ring);
  }

  /** Returns the address of the entry at an index. The program may still write to it. */
  long iocb(int index) {
    return AioIocbRing.iocb(ring, index);
  }

  /**
   * Prefetches the next entries. Another processor has just written them, so each is a cache miss,
   * and loads issued together overlap. The values are not used.
   *
   * @param from the first index
   * @param to the index after the last
   * @param most maximum number of entries
   */
  void lookAhead(int from, int to, int most) {
    long sum = 0;
    int at = from;
    for (int i = 0; i < most && at != to; i++) {
      sum += Iocb.aioData(iocb(at));
      at = next(at);
    }
    lookedAt = sum;
  }

  /** Returns the entries before an index to the program. */
  @LinuxSource(file = "fs/aio.c", name = "aio_commit_sqring")
  void commit(int behind) {
    HEAD.setRelease(this, behind);
    // release: pairs with the program's acquire before it fills the entries anew
    AioIocbRing.head(ring, behind);
  }

  @LinuxSource(file = "fs/aio.c", name = "aio_scqring_unmap")
  void unmap() {
    range.unmap();
  }

  /** Describes the indices, for a dump. With a user reference of the context. */
  @Override
  public String toString() {
    return "SQ ring: head "
        + (int) HEAD.getOpaque(this)
        + ", tail "
        + AioIocbRing.tail(ring)
        + " of "
        + entries;
  }
}
