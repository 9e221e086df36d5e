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
 * <p>The rules of using it:
 *
 * <ul>
 *   <li>An entry of the submission ring is a <em>slot</em>, and slot i owns buffer i. With FIXEDBUFS that is the kernel's
 *       rule; here it holds always.
 *   <li>Slots are taken in ring order, and I/O completes in any order. A slot can be taken again only when its event was
 *       consumed, or the next I/O would overwrite a buffer in use. So while the oldest I/O is
 *       in flight no more than one round of the ring can be; whoever wants a steady depth on a device
 *       that overtakes itself asks for more slots than that depth.
 *   <li>At most {@code slots - 1} I/Os are on their way, so the completion ring never overflows.
 *   <li>The loop: {@link #take}, fill in {@link #iocb}, {@link #push}, several times; {@link #enter} (with SQPOLL {@link #wakeUp}); then
 *       {@link #peek} and {@link #consume} until peek answers 0.
 * </ul>
 */
public final class UserRing implements AutoCloseable {
  private final Program program;
  private final UserMemory memory;
  private final boolean sqPoll; // the kernel comes and takes what was pushed
  private final int slots;
  private final long sq;
  private final long cq;
  private final long buffers;
  private final int bufferBytes;
  private final long context;

  private final boolean[] busy; // taken, and its event not consumed yet
  private int outstanding; // how many are busy
  private int prepared; // how many of those the kernel has not accepted yet
  private int sqTail;
  private int cqHead;
  private int cqHeadShown; // to the kernel
  private int cqTail; // as last seen; the kernel may be further

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
      Iocb.aioBuf(iocb, bufferBytes == 0 ? 0 : buffer(slot)); // with FIXEDBUFS this is what the kernel pins
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
   * @param program who owns them
   * @param depth how many I/Os may be on their way at a time
   * @param flags IOCTX_FLAG_*; SCQRING need not be said
   * @param bufferBytes size of each buffer, a multiple of 512 for direct I/O; 0 for no buffers
   * @return the rings, with {@code depth + 1} slots
   */
  public static UserRing setup(Program program, int depth, int flags, int bufferBytes) {
    return new UserRing(program, depth + 1, flags | AioAbi.IOCTX_FLAG_SCQRING, bufferBytes);
  }

  /**
   * Sets up rings for polled I/O with fixed buffers, the fastest there is.
   *
   * @param program who owns them
   * @param depth how many I/Os may be on their way at a time
   * @param bufferBytes size of each buffer, a multiple of 512
   * @return the rings
   */
  public static UserRing polled(Program program, int depth, int bufferBytes) {
    return setup(program, depth, AioAbi.IOCTX_FLAG_IOPOLL | AioAbi.IOCTX_FLAG_FIXEDBUFS, bufferBytes);
  }

  /**
   * The next slot to use. The same one until it is pushed.
   *
   * @return the slot, or -1 if all are in use, or the I/O that had this one last round is still on its way
   */
  public int take() {
    return outstanding == slots - 1 || busy[sqTail] ? -1 : sqTail;
  }

  /**
   * The iocb of a slot. Buffer, its length and HIPRI are filled in from the start and stay.
   *
   * @param slot which
   * @return its address
   */
  public long iocb(int slot) {
    return AioIocbRing.iocb(sq, slot);
  }

  /**
   * The buffer of a slot.
   *
   * @param slot which
   * @return its address
   */
  public long buffer(int slot) {
    return buffers + (long) slot * bufferBytes;
  }

  /**
   * The buffer of a slot for bulk work. It must not be touched after close.
   *
   * @param slot which
   * @return all of it
   */
  public MemorySegment segment(int slot) {
    return RawMemory.segment(buffer(slot), bufferBytes);
  }

  /** Puts the slot that take answered into the ring. The kernel finds it at the next {@link #enter} or {@link #wakeUp}. */
  public void push() {
    busy[sqTail] = true;
    outstanding++;
    prepared += sqPoll ? 0 : 1;
    sqTail = next(sqTail);
  }

  /** Shows the kernel what was pushed, and what was consumed: once for a batch, since it writes to these lines, too. */
  private void publish() {
    AioIocbRing.tail(sq, sqTail); // release: the iocbs were written before; pairs with the kernel's acquire of the tail
    publishHead();
  }

  /** Who waits for events writes nothing: the line that he looks at is where the kernel's next tail goes. */
  private void publishHead() {
    if (cqHeadShown != cqHead) {
      cqHeadShown = cqHead;
      AioIoEventRing.head(cq, cqHead); // release: the events were read before
    }
  }

  /**
   * Prepares a read into the slot's buffer.
   *
   * @param fd from which file
   * @param offset from where
   * @param bytes how much, at most a buffer
   * @return the slot
   * @throws IllegalStateException if there is none to be had
   */
  public int read(int fd, long offset, int bytes) {
    return prepare(AioAbi.IOCB_CMD_PREAD, fd, offset, bytes);
  }

  /**
   * Prepares a write from the slot's buffer, which is to be filled before: {@link #take} tells the slot.
   *
   * @param fd to which file
   * @param offset to where
   * @param bytes how much, at most a buffer
   * @return the slot
   * @throws IllegalStateException if there is none to be had
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
   * Submits what was prepared and looks for completions, io_ring_enter(2), once.
   *
   * @param minComplete wait for so many
   * @return how many were accepted, or a negative errno; what was not accepted is submitted again next time
   */
  public long enter(int minComplete) {
    return enter(prepared, minComplete);
  }

  /**
   * Looks for completions without submitting anything, io_ring_enter(2).
   *
   * @param minComplete wait for so many
   * @return 0 or a negative errno
   */
  public long getEvents(int minComplete) {
    return enter(0, minComplete);
  }

  /**
   * Submits what was pushed, and looks for no completions.
   *
   * @return how many were accepted, or a negative errno
   */
  public long submit() {
    return enter(prepared, 0, AioAbi.IORING_FLAG_SUBMIT);
  }

  private long enter(int toSubmit, int minComplete) {
    int how = toSubmit > 0 ? AioAbi.IORING_FLAG_SUBMIT | AioAbi.IORING_FLAG_GETEVENTS : AioAbi.IORING_FLAG_GETEVENTS;
    return enter(toSubmit, minComplete, how);
  }

  private long enter(int toSubmit, int minComplete, int how) {
    publish();
    long result = program.syscall(Nr.IO_RING_ENTER, context, toSubmit, minComplete, how);
    if (result > 0) {
      prepared -= (int) result;
    }
    return result;
  }

  /**
   * Submits all that was prepared, and waits.
   *
   * @param minComplete for how many completions, at most as many as are on their way
   */
  public void submitAndWait(int minComplete) {
    do {
      SyscallException.check("io_ring_enter", enter(minComplete));
    } while (prepared > 0);
    while (ready() < Math.min(minComplete, outstanding)) {
      SyscallException.check("io_ring_enter", getEvents(minComplete));
    }
  }

  /** How many events wait to be consumed. */
  private int ready() {
    cqTail = AioIoEventRing.tail(cq);
    return cqTail >= cqHead ? cqTail - cqHead : cqTail + slots - cqHead;
  }

  /**
   * The oldest event that was not consumed yet.
   *
   * @return address of the {@link IoEvent}, or 0 if there is none now
   */
  public long peek() {
    if (cqHead == cqTail) {
      publishHead();
      cqTail = AioIoEventRing.tail(cq); // acquire: pairs with the kernel's release, after it wrote the events
      if (cqHead == cqTail) {
        return 0;
      }
    }
    return AioIoEventRing.event(cq, cqHead);
  }

  /**
   * The slot that an event is about.
   *
   * @param event what peek answered
   * @return the slot
   */
  public int slot(long event) {
    return (int) IoEvent.obj(event);
  }

  /**
   * Gives an event's slot to the next taker, and its place back to the kernel, which finds it when there is nothing left to
   * peek at, or at the next {@link #enter} or {@link #wakeUp}.
   *
   * @param event what peek answered
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
   * Shows the kernel's thread of an SQPOLL context what was pushed, and wakes it if it has gone to sleep.
   *
   * @return 1 if a call was made for it, 0 if there was no need, or a negative errno
   */
  public long wakeUp() {
    publish();
    // Full: the tail must be seen before the flag is looked at. The thread does it the other way round, flag
    // first and then the tail, so that one of the two sees the other.
    VarHandle.fullFence();
    if ((AioIocbRing.sqFlags(sq) & AioAbi.IORING_SQ_NEED_WAKEUP) == 0) {
      return 0;
    }
    long result = program.syscall(Nr.IO_RING_ENTER, context, outstanding, 0, AioAbi.IORING_FLAG_SUBMIT);
    return result < 0 ? result : 1;
  }

  /**
   * I/Os on their way: pushed, and their events not consumed.
   *
   * @return how many
   */
  public int outstanding() {
    return outstanding;
  }

  /**
   * I/Os pushed that the kernel has not accepted yet.
   *
   * @return how many; always 0 with SQPOLL, where nobody says
   */
  public int prepared() {
    return prepared;
  }

  /**
   * Where the next event is taken from.
   *
   * @return index in the completion ring
   */
  public int cqHead() {
    return cqHead;
  }

  /**
   * Where the kernel puts the next event, as last seen.
   *
   * @return index in the completion ring
   */
  public int cqTail() {
    return cqTail;
  }

  @Override
  public void close() {
    SyscallException.check("io_destroy", program.syscall(Nr.IO_DESTROY, context));
    memory.close();
  }
}
