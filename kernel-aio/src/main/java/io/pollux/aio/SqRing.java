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
 * The submission ring as its consumer, the kernel, sees it. The kernel's own head is the one that counts;
 * what is in shared memory is there for the program to read. Belongs to who is inside io_ring_enter.
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
  private int head; // written by the consumer, read by who waits for it too

  @SuppressWarnings("unused") // kept only so that the compiler keeps the loads
  private long lookedAt;

  /** Takes over a pinned range and resets the ring in it. */
  SqRing(MappedRange range, int entries) {
    this.range = range;
    this.ring = range.address();
    this.entries = entries;
    AioIocbRing.nrEvents(ring, entries);
    AioIocbRing.sqFlags(ring, 0);
    AioIocbRing.tail(ring, 0);
    AioIocbRing.head(ring, 0);
  }

  /** The entry that is taken next. By the consumer. */
  int head() {
    return head;
  }

  /** The index behind the last entry that the program has filled. A tail outside the ring means that there is none. */
  @Differs(
      patch = 26,
      kind = Differs.Kind.FIXES,
      why = "A tail outside the SQ ring means an empty ring, and the kernel keeps its own head. The posting"
          + " uses what the program wrote.",
      test = "IoRingEnterTest#aWildTailMeansAnEmptyRingAndAWildHeadAFullOne")
  @LinuxSource(file = "fs/aio.c", name = "aio_peek_sqring")
  int tail() {
    int tail = AioIocbRing.tail(ring); // acquire: pairs with the program's release after it filled the entries
    return Integer.compareUnsigned(tail, entries) < 0 ? tail : (int) HEAD.getAcquire(this);
  }

  /** The index behind another. */
  int next(int index) {
    return index + 1 == entries ? 0 : index + 1;
  }

  /** Whether the consumer has taken everything. From any thread. */
  boolean isEmpty() {
    int taken = (int) HEAD.getAcquire(this); // pairs with commit: who sees an entry gone sees its request
    return tail() == taken;
  }

  /** Tells the program whether the consumer sleeps until io_ring_enter is called. */
  void setNeedWakeup(boolean sleeps) {
    AioIocbRing.sqFlags(ring, sleeps ? AioAbi.IORING_SQ_NEED_WAKEUP : 0);
  }

  /** The cpu that the program wants the submission thread on. */
  static int sqThreadCpu(long ring) {
    return AioIocbRing.sqThreadCpu(ring);
  }

  /** The entry at an index. The program may still write to it. */
  long iocb(int index) {
    return AioIocbRing.iocb(ring, index);
  }

  /**
   * Looks at the entries that come next. Another processor has just written them, and each is a line to be waited for; lines that are
   * asked for together are waited for together. What is in them does not matter: an entry is read when it is taken.
   *
   * @param from the first
   * @param to behind the last
   * @param most entries to look at
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

  /** Gives the entries before an index back to the program. */
  @LinuxSource(file = "fs/aio.c", name = "aio_commit_sqring")
  void commit(int behind) {
    HEAD.setRelease(this, behind);
    AioIocbRing.head(ring, behind); // release: pairs with the program's acquire before it fills the entries anew
  }

  @LinuxSource(file = "fs/aio.c", name = "aio_scqring_unmap")
  void unmap() {
    range.unmap();
  }
}
