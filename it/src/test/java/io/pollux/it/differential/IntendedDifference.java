// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.differential;

import io.pollux.it.differential.AioProgram.Descriptor;
import io.pollux.it.differential.AioProgram.Fault;
import io.pollux.it.differential.AioProgram.Operation;
import io.pollux.it.differential.AioProgram.Request;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.PollBits;

/**
 * Where this kernel and today's Linux are meant to differ, each with the reason: the only place, beside docs/differences.md, which
 * tells the same. Programs avoid what is here: requests are asked for it, the rest is how programs are made.
 */
enum IntendedDifference {
  FILE_LOOKED_UP_FIRST(
      "Since 5.x the descriptor is looked up before anything else of a request. Of two faults of which one is a bad descriptor, this"
          + " kernel reports the one that Linux 4.20 reported; nor is aio_key stored first any more."),

  POLL_WITHOUT_A_QUEUE(
      "A file without a poll method is EINVAL here, as in Linux 4.20. Since 5.x it is polled as always ready."),

  EVENTFD_IS_WRITTEN_BY_ITERATOR(
      "An eventfd has a write_iter here, so PWRITE writes to it. In Linux it has none: EINVAL."),

  WRITE_OF_ZERO_TO_A_POLLED_EVENTFD(
      "Linux believes what a wake-up says when it can complete a poll at once, so writing 0 to an eventfd usually completes a poll for"
          + " POLLIN although nothing can be read. This kernel looks at the file again, as Linux does when it completes a poll later, and"
          + " the poll waits on. Programs write 0 only to the eventfd that is never polled."),

  HIPRI_FLAG(
      "IOCB_FLAG_HIPRI came with the series: EINVAL on an ordinary context. Linux did not take it and ignores the bit."),

  YOUNGER_RWF_FLAGS(
      "RWF_NOAPPEND, RWF_ATOMIC, RWF_DONTCACHE and RWF_NOSIGNAL (0x20 to 0x100) are younger than the series: unknown here, EOPNOTSUPP."),

  IOPRIO_HINTS(
      "Bits 3 to 12 of a priority are hints since 6.5. Here they are part of the level, which must be below 8 (EINVAL)."),

  BUFFERED_NOWAIT(
      "What NOWAIT answers where a page cache is involved depends on what happens to be in it, and on its age: writes with NOWAIT on a"
          + " buffered block device are EOPNOTSUPP in Linux, and done without waiting here. Programs with buffered files have no NOWAIT."),

  ORDER_OF_COMPLETIONS(
      "Which of two requests in flight is done first is nobody's promise: requests of a batch don't race for the same blocks, events"
          + " are compared as a multiset for each context, and programs wait for what is in flight before the next step."),

  NEGATIVE_TIMEOUT(
      "A negative timeout of io_getevents is no time here. In Linux it overflows on the way into the timer, which then never ends."
          + " Programs have one only where enough events are there."),

  ALIGNMENT_OF_MEMORY(
      "Buffers of direct I/O are aligned to the logical block here, as in Linux 4.20. Since 6.0 the device's DMA alignment is enough. A"
          + " misaligned buffer goes to buffered files only."),

  SETUP_IN_32_BITS(
      "Linux doubles the nr_events of io_setup in 32 bits, so that numbers just above 2^31 wrap around and are EAGAIN, or taken. Here"
          + " they are EINVAL like the others above the limit. Programs have no such numbers."),

  SIZE_OF_THE_RING(
      "How many requests a context takes beyond the nr_events that it was made for depends on the number of processors, in Linux also"
          + " on how slots are spread over them. Programs stay below."),

  SAME_IOCB_TWICE(
      "Which of two requests in flight with the same iocb io_cancel cancels is not said anywhere. Each request has an iocb of its own."),

  PARTLY_BAD_VECTOR(
      "When the memory of a vector ends midway, Linux 4.20 answers EIO, this kernel EFAULT, and today's Linux does what it can. A vector"
          + " is good, or bad from its first byte, or refused for what is in the array.");

  private final String reason;

  IntendedDifference(String reason) {
    this.reason = reason;
  }

  String reason() {
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
      case EVENTFD_IS_WRITTEN_BY_ITERATOR -> request.operation().isWrite() && request.file().isEventfd();
      case HIPRI_FLAG -> (request.options().aioFlags() & AioAbi.IOCB_FLAG_HIPRI) != 0;
      case YOUNGER_RWF_FLAGS -> (request.options().rwFlags() & 0x1e0) != 0;
      case IOPRIO_HINTS -> request.options().ioprio() >= 0 && (request.options().ioprio() & 0x1ff8) != 0;
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
    return !request.file().isBad() && !request.has(Fault.NULL_IOCB) && !request.has(Fault.NO_ACCESS_IOCB);
  }
}
