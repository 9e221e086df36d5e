// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.userland;

import io.pollux.syscalls.Program;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.AioIoEventRing;
import io.pollux.uapi.AioIocbRing;
import io.pollux.uapi.IoEvent;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.Nr;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;

/**
 * The application's side of a submission ring, a completion ring and their buffers.
 *
 * <ul>
 *   <li>An entry of the submission ring is a <em>slot</em>, and slot i owns buffer i. The kernel
 *       requires this with FIXEDBUFS; here it is always so.
 *   <li>Slots are taken in ring order, but I/Os complete in any order. A slot can be taken again
 *       only after its event was consumed, because the next I/O overwrites its buffer. While the
 *       oldest I/O is in flight, the ring can therefore advance by at most one round. For a
 *       constant queue depth on a device that reorders requests, a program needs more slots than
 *       that depth.
 *   <li>At most {@code slots - 1} I/Os are in flight, so the completion ring never overflows.
 *   <li>The loop: {@link #take}, fill in {@link #iocb}, {@link #push}, several times; {@link
 *       #enter} (with SQPOLL {@link #wakeUp}); then {@link #peek} and {@link #consume} until peek
 *       returns 0.
 * </ul>
 */
public final class UserRing implements AutoCloseable {
  private final Program program;
  private final UserMemory memory;
  private final boolean sqPoll; // the kernel's thread takes pushed entries
  private final int slots;
  private final long sq;
  private final long cq;
  private final long buffers;
  private final int bufferBytes;
  private final long context;

  private final boolean[] busy; // taken, and its event not consumed
  private int outstanding; // number of busy slots
  private int prepared; // busy slots that the kernel has not accepted
  private int sqTail;
  private int cqHead;
  private int cqHeadShown; // the head that the kernel sees
  private int cqTail; // as last read; the kernel's may be ahead
  private boolean closed;

  private UserRing(Program program, int slots, int flags, int bufferBytes) {
    this.program = program;
    this.sqPoll = (flags & AioAbi.IOCTX_FLAG_SQPOLL) != 0;
    this.slots = slots;
    this.bufferBytes = bufferBytes;
    this.busy = new boolean[slots];

    long sqBytes = UserMemory.pageAlign(AioIocbRing.bytes(slots));
    long cqBytes = UserMemory.pageAlign(AioIoEventRing.bytes(slots));
    long bufferSpace = UserMemory.pageAlign((long) slots * bufferBytes);
    memory = UserMemory.map(program, sqBytes + cqBytes + bufferSpace + Long.BYTES);
    sq = memory.address();
    cq = sq + sqBytes;
    buffers = cq + cqBytes;
    long contextPointer = buffers + bufferSpace;

    boolean polled = (flags & AioAbi.IOCTX_FLAG_IOPOLL) != 0;
    for (int slot = 0; slot < slots; slot++) {
      long iocb = iocb(slot);
      Iocb.aioBuf(iocb, bufferBytes == 0 ? 0 : buffer(slot)); // with FIXEDBUFS the kernel pins this
      Iocb.aioNbytes(iocb, bufferBytes);
      Iocb.aioFlags(iocb, polled ? AioAbi.IOCB_FLAG_HIPRI : 0);
    }
    long error = program.syscall(Nr.IO_SETUP2, slots, flags, 0, sq, cq, contextPointer);
    if (error < 0) {
      memory.close();
      throw new SyscallException("io_setup2", (int) -error);
    }
    context = RawMemory.getLong(contextPointer);
  }

  /**
   * Sets up rings.
   *
   * @param program the owner
   * @param depth maximum number of I/Os in flight
   * @param flags IOCTX_FLAG_*; SCQRING is added
   * @param bufferBytes size of each buffer, a multiple of 512 for direct I/O; 0 for no buffers
   * @return the rings, with {@code depth + 1} slots
   */
  public static UserRing setup(Program program, int depth, int flags, int bufferBytes) {
    return new UserRing(program, depth + 1, flags | AioAbi.IOCTX_FLAG_SCQRING, bufferBytes);
  }

  /**
   * Sets up rings for polled I/O with fixed buffers.
   *
   * @param program the owner
   * @param depth maximum number of I/Os in flight
   * @param bufferBytes size of each buffer, a multiple of 512
   */
  public static UserRing polled(Program program, int depth, int bufferBytes) {
    return setup(
        program, depth, AioAbi.IOCTX_FLAG_IOPOLL | AioAbi.IOCTX_FLAG_FIXEDBUFS, bufferBytes);
  }

  /**
   * Returns the next slot. It stays the same until it is pushed.
   *
   * @return the slot, or -1 if all are in use, or the event of its previous I/O was not consumed
   * @throws IllegalStateException if the ring was closed, or if there is no slot and the program
   *     has ended
   */
  public int take() {
    return outstanding == slots - 1 || busy[sqTail] ? noSlot() : sqTail;
  }

  /** Checks that the ring is open. Close takes all slots, so take calls this after close. */
  private int noSlot() {
    requireOpen();
    return -1;
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("a ring is used after its close");
    }
    if (program.hasEnded()) {
      throw new IllegalStateException("a ring is used after the end of its program");
    }
  }

  /**
   * Returns the address of a slot's iocb. Its buffer, length and HIPRI are set at setup and stay.
   *
   * @param slot the slot
   */
  public long iocb(int slot) {
    return AioIocbRing.iocb(sq, slot);
  }

  /**
   * Returns the address of a slot's buffer.
   *
   * @param slot the slot
   */
  public long buffer(int slot) {
    return buffers + (long) slot * bufferBytes;
  }

  /**
   * Returns a slot's buffer for bulk work. It must not be used after close.
   *
   * @param slot the slot
   */
  public MemorySegment segment(int slot) {
    return RawMemory.segment(buffer(slot), bufferBytes);
  }

  /**
   * Puts the slot of {@link #take} into the ring. The kernel sees it at the next {@link #enter} or
   * {@link #wakeUp}.
   */
  public void push() {
    busy[sqTail] = true;
    outstanding++;
    prepared += sqPoll ? 0 : 1;
    sqTail = next(sqTail);
  }

  /**
   * Publishes pushed and consumed entries to the kernel: once for each batch, because the kernel
   * writes to these cache lines too.
   */
  private void publish() {
    // release: the iocbs were written before; pairs with the kernel's acquire of the tail
    AioIocbRing.tail(sq, sqTail);
    publishHead();
  }

  /**
   * Publishes the head if it changed. A program that waits for events thus does not write to the
   * cache line of the kernel's tail.
   */
  private void publishHead() {
    if (cqHeadShown != cqHead) {
      cqHeadShown = cqHead;
      AioIoEventRing.head(cq, cqHead); // release: the events were read before
    }
  }

  /**
   * Prepares a read into the slot's buffer.
   *
   * @param fd descriptor of the file
   * @param offset position in the file
   * @param bytes length, at most a buffer
   * @return the slot
   * @throws IllegalStateException if no slot is free
   */
  public int read(int fd, long offset, int bytes) {
    return prepare(AioAbi.IOCB_CMD_PREAD, fd, offset, bytes);
  }

  /**
   * Prepares a write from the slot's buffer. The caller fills the buffer of {@link #take}'s slot
   * first.
   *
   * @param fd descriptor of the file
   * @param offset position in the file
   * @param bytes length, at most a buffer
   * @return the slot
   * @throws IllegalStateException if no slot is free
   */
  public int write(int fd, long offset, int bytes) {
    return prepare(AioAbi.IOCB_CMD_PWRITE, fd, offset, bytes);
  }

  private int prepare(int opcode, int fd, long offset, int bytes) {
    int slot = take();
    if (slot < 0) {
      throw new IllegalStateException("every slot of the ring is in use");
    }
    long iocb = iocb(slot);
    Iocb.aioLioOpcode(iocb, (short) opcode);
    Iocb.aioFildes(iocb, fd);
    Iocb.aioOffset(iocb, offset);
    Iocb.aioNbytes(iocb, bytes);
    push();
    return slot;
  }

  /**
   * Submits the prepared I/Os and reaps, by one io_ring_enter(2).
   *
   * @param minComplete number of events to wait for
   * @return I/Os accepted, or a negative errno; the others are submitted by the next call
   */
  public long enter(int minComplete) {
    return enter(prepared, minComplete);
  }

  /**
   * Reaps without submitting, by io_ring_enter(2).
   *
   * @param minComplete number of events to wait for
   * @return 0 or a negative errno
   */
  public long getEvents(int minComplete) {
    return enter(0, minComplete);
  }

  /**
   * Submits the pushed I/Os without reaping.
   *
   * @return I/Os accepted, or a negative errno
   */
  public long submit() {
    return enter(prepared, 0, AioAbi.IORING_FLAG_SUBMIT);
  }

  private long enter(int toSubmit, int minComplete) {
    int how =
        toSubmit > 0
            ? AioAbi.IORING_FLAG_SUBMIT | AioAbi.IORING_FLAG_GETEVENTS
            : AioAbi.IORING_FLAG_GETEVENTS;
    return enter(toSubmit, minComplete, how);
  }

  private long enter(int toSubmit, int minComplete, int how) {
    requireOpen();
    publish();
    long result = program.syscall(Nr.IO_RING_ENTER, context, toSubmit, minComplete, how);
    if (result > 0) {
      prepared -= (int) result;
    }
    return result;
  }

  /**
   * Submits all prepared I/Os and waits.
   *
   * @param minComplete number of events to wait for, at most the number of I/Os in flight
   */
  public void submitAndWait(int minComplete) {
    do {
      SyscallException.check("io_ring_enter", enter(minComplete));
    } while (prepared > 0);
    while (ready() < Math.min(minComplete, outstanding)) {
      SyscallException.check("io_ring_enter", getEvents(minComplete));
    }
  }

  /** Returns the number of events not consumed. */
  private int ready() {
    requireOpen();
    cqTail = AioIoEventRing.tail(cq);
    return cqTail >= cqHead ? cqTail - cqHead : cqTail + slots - cqHead;
  }

  /**
   * Returns the oldest event not consumed.
   *
   * @return address of the {@link IoEvent}, or 0 if there is none
   * @throws IllegalStateException if there is none, and the ring was closed or its program has
   *     ended
   */
  public long peek() {
    if (cqHead == cqTail) {
      requireOpen();
      publishHead();
      // acquire: pairs with the kernel's release, after it wrote the events
      cqTail = AioIoEventRing.tail(cq);
      if (cqHead == cqTail) {
        return 0;
      }
    }
    return AioIoEventRing.event(cq, cqHead);
  }

  /**
   * Returns the slot of an event.
   *
   * @param event the result of peek, not 0
   */
  public int slot(long event) {
    if (event == 0) {
      throw new IllegalStateException("there is no event: peek has returned 0");
    }
    return (int) IoEvent.obj(event);
  }

  /**
   * Frees an event's slot and its place in the completion ring. The kernel sees the free place when
   * peek finds no event, or at the next {@link #enter} or {@link #wakeUp}.
   *
   * @param event the result of peek, not 0
   */
  public void consume(long event) {
    busy[slot(event)] = false;
    outstanding--;
    cqHead = next(cqHead);
  }

  private int next(int index) {
    return index + 1 == slots ? 0 : index + 1;
  }

  /**
   * Publishes pushed entries to the thread of an SQPOLL context, and wakes it if it sleeps.
   *
   * @return 1 if a call was made, 0 if it was not necessary, or a negative errno
   */
  public long wakeUp() {
    requireOpen();
    publish();
    // Full: the tail must be visible before the flag is read. The thread writes the flag first and
    // then reads the tail, so that one of the two sees the other's write.
    VarHandle.fullFence();
    if ((AioIocbRing.sqFlags(sq) & AioAbi.IORING_SQ_NEED_WAKEUP) == 0) {
      return 0;
    }
    long result =
        program.syscall(Nr.IO_RING_ENTER, context, outstanding, 0, AioAbi.IORING_FLAG_SUBMIT);
    return result < 0 ? result : 1;
  }

  /** Returns the number of I/Os that were pushed and whose events were not consumed. */
  public int outstanding() {
    return outstanding;
  }

  /** Returns the number of pushed I/Os that the kernel has not accepted; always 0 with SQPOLL. */
  public int prepared() {
    return prepared;
  }

  /** Returns the index of the next event in the completion ring. */
  public int cqHead() {
    return cqHead;
  }

  /** Returns the kernel's tail of the completion ring, as last read. */
  public int cqTail() {
    return cqTail;
  }

  /**
   * Destroys the context, which waits for all I/Os in flight, and unmaps the memory. Does nothing
   * after the end of the program, or the second time.
   */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    outstanding = slots - 1;
    cqTail = cqHead;
    if (program.hasEnded()) {
      return;
    }
    SyscallException.check("io_destroy", program.syscall(Nr.IO_DESTROY, context));
    memory.close();
  }
}
