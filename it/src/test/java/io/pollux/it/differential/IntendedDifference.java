// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.differential;

import io.pollux.it.differential.AioProgram.Descriptor;
import io.pollux.it.differential.AioProgram.Fault;
import io.pollux.it.differential.AioProgram.Operation;
import io.pollux.it.differential.AioProgram.Request;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.PollBits;

/**
 * The intended differences between this kernel and today's Linux, each with its reason.
 * docs/differences.md has the same list.
 *
 * <p>Programs avoid them: {@link #none} checks a request for some, and the generator of programs
 * avoids the others.
 */
public enum IntendedDifference {
  FILE_LOOKED_UP_FIRST(
      "Since 5.x Linux looks up the descriptor before it checks anything else of a request. If a"
          + " request has a bad descriptor and a second fault, this kernel reports the same one as"
          + " Linux 4.20. Since 5.x Linux also no longer stores aio_key first."),

  POLL_WITHOUT_A_QUEUE(
      "A file without a poll method is EINVAL here, as in Linux 4.20. Since 5.x it is polled as"
          + " always ready."),

  EVENTFD_IS_WRITTEN_BY_ITERATOR(
      "An eventfd has a write_iter here, so PWRITE writes to it. In Linux it has none: EINVAL."),

  WRITE_OF_ZERO_TO_A_POLLED_EVENTFD(
      "If Linux can complete a poll at once, it trusts the events that the wake-up reports. So"
          + " writing 0 to an eventfd usually completes a poll for POLLIN, although nothing can be"
          + " read. This kernel checks the file again, as Linux does when it completes a poll"
          + " later, and the poll keeps waiting. Programs write 0 only to the eventfd that is never"
          + " polled."),

  HIPRI_FLAG(
      "IOCB_FLAG_HIPRI came with the series: EINVAL on an ordinary context. Linux did not take it"
          + " and ignores the bit."),

  YOUNGER_RWF_FLAGS(
      "RWF_NOAPPEND, RWF_ATOMIC, RWF_DONTCACHE and RWF_NOSIGNAL (0x20 to 0x100) are younger than"
          + " the series: unknown here, EOPNOTSUPP."),

  IOPRIO_HINTS(
      "Bits 3 to 12 of a priority are hints since 6.5. Here they are part of the level, which must"
          + " be below 8 (EINVAL)."),

  BUFFERED_NOWAIT(
      "With a page cache, the result of NOWAIT depends on what the cache holds and on its age."
          + " Writes with NOWAIT to a buffered block device are EOPNOTSUPP in Linux; here they"
          + " complete without blocking. Programs with buffered files do not use NOWAIT."),

  ORDER_OF_COMPLETIONS(
      "No order is promised between two requests in flight. Requests of a batch do not race for the"
          + " same blocks, events are compared as a multiset for each context, and programs wait"
          + " for requests in flight before the next step."),

  NEGATIVE_TIMEOUT(
      "A negative timeout of io_getevents expires at once. In Linux it overflows on the way into"
          + " the timer and never expires. Programs use one only when enough events are"
          + " available."),

  ALIGNMENT_OF_MEMORY(
      "Buffers of direct I/O must be aligned to the logical block here, as in Linux 4.20. Since 6.0"
          + " the device's DMA alignment is enough. Programs use a misaligned buffer only with"
          + " buffered files."),

  SETUP_IN_32_BITS(
      "Linux doubles the nr_events of io_setup in 32 bits. Numbers just above 2^31 wrap around, and"
          + " io_setup returns EAGAIN or succeeds. Here they are EINVAL, like all numbers above the"
          + " limit. Programs do not use them."),

  SIZE_OF_THE_RING(
      "A context takes more requests than its nr_events. How many depends on the number of"
          + " processors, and in Linux also on how slots are spread over them. Programs stay below"
          + " nr_events."),

  SAME_IOCB_TWICE(
      "If two requests in flight have the same iocb, io_cancel cancels an unspecified one. Each"
          + " request has an iocb of its own."),

  PARTLY_BAD_VECTOR(
      "If the memory of a vector is bad from some point on, Linux 4.20 returns EIO and this kernel"
          + " EFAULT; today's Linux transfers what it can. Vectors in programs are good, bad from"
          + " the first byte, or refused for the contents of the array.");

  private final String reason;

  IntendedDifference(String reason) {
    this.reason = reason;
  }

  /** Why both kernels differ. */
  public String reason() {
    return reason;
  }

  private boolean concerns(Request request) {
    return switch (this) {
      case FILE_LOOKED_UP_FIRST ->
          request.file().isBad() && (!request.faults().isEmpty() || !request.operation().isKnown());
      case POLL_WITHOUT_A_QUEUE ->
          request.operation() == Operation.POLL
              && request.file().isDisk()
              && (request.options().pollMask() & PollBits.DEFAULT_POLLMASK) != 0;
      case EVENTFD_IS_WRITTEN_BY_ITERATOR ->
          request.operation().isWrite() && request.file().isEventfd();
      case HIPRI_FLAG -> (request.options().aioFlags() & AioAbi.IOCB_FLAG_HIPRI) != 0;
      case YOUNGER_RWF_FLAGS -> (request.options().rwFlags() & 0x1e0) != 0;
      case IOPRIO_HINTS ->
          request.options().ioprio() >= 0 && (request.options().ioprio() & 0x1ff8) != 0;
      case BUFFERED_NOWAIT ->
          request.file() == Descriptor.BUFFERED
              && (request.options().rwFlags() & AioAbi.RWF_NOWAIT) != 0;
      case ALIGNMENT_OF_MEMORY ->
          request.has(Fault.MISALIGNED_BUFFER)
              && request.file().isDisk()
              && request.file() != Descriptor.BUFFERED;
      case ORDER_OF_COMPLETIONS,
          WRITE_OF_ZERO_TO_A_POLLED_EVENTFD,
          NEGATIVE_TIMEOUT,
          SETUP_IN_32_BITS,
          SIZE_OF_THE_RING,
          SAME_IOCB_TWICE,
          PARTLY_BAD_VECTOR ->
          false; // no request shows it: see how programs are made and compared
    };
  }

  /** Whether a request is where both kernels have to agree. */
  static boolean none(Request request) {
    for (IntendedDifference difference : values()) {
      if (difference.concerns(request)) {
        return false;
      }
    }
    return true;
  }

  /** Whether the kernels agree on when aio_key is stored. */
  static boolean keyIsCompared(Request request) {
    return !request.file().isBad()
        && !request.has(Fault.NULL_IOCB)
        && !request.has(Fault.NO_ACCESS_IOCB);
  }
}
