// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.differential;

import io.pollux.uapi.AioAbi;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * A program of the old aio calls, as data: it can be printed, shrunk, and run on any {@link
 * Machine}. Every address and descriptor in it is symbolic.
 *
 * @param steps its calls, in order
 */
record AioProgram(List<AioProgram.Step> steps) {
  /** Size of the disk. */
  static final int DISK_BYTES = 128 << 10;

  static final int SECTOR = 512;
  static final int BLOCK = 4096;

  /** Steps of a program at most. */
  static final int MAX_STEPS = 10;

  /**
   * Requests of one io_submit at most; those of a whole program fit into the ring of the smallest
   * context.
   */
  static final int MAX_BATCH = 6;

  @Override
  public String toString() {
    return steps.stream().map(Step::toString).collect(Collectors.joining("\n  ", "\n  ", "\n"));
  }

  /** One call, or two that belong together. */
  sealed interface Step {}

  /**
   * io_setup. What is at ctxp of a slot is the id of its context; so a second io_setup of a slot is
   * refused.
   */
  record Setup(Context slot, int nr, Address ctxp) implements Step {}

  /** io_destroy, once or twice. */
  record Destroy(Context ctx, boolean twice) implements Step {}

  /**
   * io_submit of requests that were never submitted before, with more in nr than there are,
   * perhaps.
   */
  record Submit(Context ctx, Count count, Address array, List<Request> requests) implements Step {
    /**
     * The requests without those that could overtake another one of the batch: no write may overlap
     * another request. The order of two such requests is undefined.
     */
    List<Request> independent() {
      List<Request> kept = new ArrayList<>();
      for (Request request : requests) {
        if (kept.stream().noneMatch(request::races)) {
          kept.add(request);
        }
      }
      return kept;
    }
  }

  /** io_getevents, or io_pgetevents with a mask. */
  record GetEvents(Context ctx, long min, long nr, Timeout timeout, Address array, Mask mask)
      implements Step {}

  /**
   * io_cancel of the n-th request of the program so far, or the n-th poll, counted round; or of
   * some address.
   */
  record Cancel(Context ctx, boolean poll, int request, Address iocb) implements Step {}

  /** A write to an eventfd. */
  record EventfdWrite(Descriptor eventfd, long value) implements Step {}

  /** Reads of an eventfd until it is empty. */
  record EventfdRead(Descriptor eventfd) implements Step {}

  /** What a call gets as aio_context_t. The first three are slots of the program. */
  enum Context {
    FIRST,
    SECOND,
    THIRD,
    ZERO,
    ONE,
    MINUS_ONE,
    NO_ACCESS,
    NOT_A_CONTEXT;

    static final List<Context> SLOTS = List.of(FIRST, SECOND, THIRD);
  }

  /** Where an argument points to. */
  enum Address {
    /** Where it should. */
    GOOD,
    NULL,
    /** A page without any permission. */
    NO_ACCESS,
    READ_ONLY,
    /** An address that no program has. */
    KERNEL
  }

  /** The nr of io_submit. */
  enum Count {
    EXACT,
    ZERO,
    MINUS_ONE,
    /** More than there are; the array ends with a null pointer. */
    MANY,
    HUGE
  }

  /** The timeout of io_getevents. */
  enum Timeout {
    ZERO,
    SHORT,
    /** Minus a second, or ZERO where Linux would wait without end. */
    NEGATIVE,
    /** No end, or ZERO where there would be none. */
    NONE,
    BAD_POINTER
  }

  /** The signal mask of io_pgetevents. */
  enum Mask {
    /** Calls io_getevents. */
    NOT_ASKED,
    NULL,
    GOOD,
    NULL_MASK,
    WRONG_SIZE,
    BAD_POINTER,
    BAD_MASK
  }

  /** What a program has open. */
  enum Descriptor {
    DIRECT,
    DIRECT_READ_ONLY,
    DIRECT_WRITE_ONLY,
    BUFFERED,
    /** Written and polled. Never signalled by completions. */
    WRITTEN_EVENTFD,
    /** Signalled by completions, written, and polled. */
    SIGNALLED_EVENTFD,
    /** Signalled by completions and written, never polled. */
    COUNTING_EVENTFD,
    CLOSED,
    NEGATIVE;

    static final List<Descriptor> DISKS =
        List.of(DIRECT, DIRECT_READ_ONLY, DIRECT_WRITE_ONLY, BUFFERED);
    static final List<Descriptor> EVENTFDS =
        List.of(WRITTEN_EVENTFD, SIGNALLED_EVENTFD, COUNTING_EVENTFD);

    boolean isDisk() {
      return DISKS.contains(this);
    }

    boolean isEventfd() {
      return EVENTFDS.contains(this);
    }

    boolean isBad() {
      return this == CLOSED || this == NEGATIVE;
    }
  }

  /** What a request asks for. */
  enum Operation {
    PREAD(AioAbi.IOCB_CMD_PREAD),
    PWRITE(AioAbi.IOCB_CMD_PWRITE),
    PREADV(AioAbi.IOCB_CMD_PREADV),
    PWRITEV(AioAbi.IOCB_CMD_PWRITEV),
    FSYNC(AioAbi.IOCB_CMD_FSYNC),
    FDSYNC(AioAbi.IOCB_CMD_FDSYNC),
    POLL(AioAbi.IOCB_CMD_POLL),
    NOOP(AioAbi.IOCB_CMD_NOOP),
    UNKNOWN_4(4),
    UNKNOWN_99(99),
    UNKNOWN_MINUS_1(0xffff);

    final int opcode;

    Operation(int opcode) {
      this.opcode = opcode;
    }

    boolean isRead() {
      return this == PREAD || this == PREADV;
    }

    boolean isWrite() {
      return this == PWRITE || this == PWRITEV;
    }

    boolean moves() {
      return isRead() || isWrite();
    }

    boolean isVectored() {
      return this == PREADV || this == PWRITEV;
    }

    boolean isSync() {
      return this == FSYNC || this == FDSYNC;
    }

    boolean isKnown() {
      return moves() || isSync() || this == POLL;
    }
  }

  /**
   * What can be wrong with a request, beside its descriptor and operation. What means nothing for
   * an operation does nothing to it.
   */
  enum Fault {
    RESERVED2,
    NEGATIVE_COUNT,
    NULL_IOCB,
    NO_ACCESS_IOCB,
    /** Its fields can be read (all 0), but aio_key can't be written. */
    READ_ONLY_IOCB,
    NULL_BUFFER,
    NO_ACCESS_BUFFER,
    READ_ONLY_BUFFER,
    KERNEL_BUFFER,
    MISALIGNED_BUFFER,
    MISALIGNED_OFFSET,
    MISALIGNED_LENGTH,
    NEGATIVE_OFFSET,
    LARGEST_OFFSET,
    AT_THE_END,
    ACROSS_THE_END,
    FAR_BEYOND_THE_END,
    RESFD_CLOSED,
    RESFD_NO_EVENTFD,
    TOO_MANY_IOVECS,
    NO_IOVECS,
    NEGATIVE_IOVEC,
    KERNEL_IOVEC,
    NO_ACCESS_IOVECS,
    /** Of the following four: what FSYNC and POLL don't have. */
    NONZERO_BUFFER,
    NONZERO_LENGTH,
    NONZERO_OFFSET,
    NONZERO_RWF,
    WIDE_POLL_MASK
  }

  /** Where on the disk, and in how many pieces of memory. */
  record Extent(int sector, int sectors, int segments) {}

  /** What a request may say and need not. An ioprio of -1 is none; a resfd of CLOSED too. */
  record Options(int rwFlags, int ioprio, int aioFlags, Descriptor resfd, int pollMask) {}

  /** One iocb. */
  record Request(
      Operation operation, Descriptor file, Extent extent, Set<Fault> faults, Options options) {
    boolean has(Fault fault) {
      return faults.contains(fault);
    }

    /** Where it begins, in bytes. */
    long offset() {
      if (operation.isSync() || operation == Operation.POLL) {
        return has(Fault.NONZERO_OFFSET) ? SECTOR : 0;
      }
      if (has(Fault.NEGATIVE_OFFSET)) {
        return -SECTOR;
      }
      if (has(Fault.LARGEST_OFFSET)) {
        return Long.MAX_VALUE - 511;
      }
      if (has(Fault.FAR_BEYOND_THE_END)) {
        return 1L << 40;
      }
      if (has(Fault.AT_THE_END)) {
        return DISK_BYTES;
      }
      if (has(Fault.ACROSS_THE_END)) {
        return DISK_BYTES - SECTOR;
      }
      return (long) extent.sector * SECTOR + (has(Fault.MISALIGNED_OFFSET) ? 8 : 0);
    }

    /** How many bytes it moves if all goes well; never more than its buffer has. */
    int length() {
      if (!file.isDisk()) {
        return 0; // an eventfd answers EINVAL, and keeps its value
      }
      return extent.sectors * SECTOR + (has(Fault.MISALIGNED_LENGTH) ? 100 : 0);
    }

    private boolean races(Request other) {
      if (!operation.moves()
          || !other.operation.moves()
          || (operation.isRead() && other.operation.isRead())) {
        return false;
      }
      // Whole blocks: buffered I/O writes back no less.
      return offset() / BLOCK <= (other.offset() + other.length()) / BLOCK
          && other.offset() / BLOCK <= (offset() + length()) / BLOCK;
    }
  }
}
