// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver.host;

import io.pollux.block.Request;
import io.pollux.uapi.Errno;
import io.pollux.uapi.RawMemory;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * A ring for a polled hardware queue: any task submits, any task polls, and completes what it finds.
 *
 * <p>Where the device can be polled, a look at it is a poll of the device. Where it can't, the machine has an interrupt,
 * and COOP_TASKRUN has it leave the rest of a completion to the next call that the submitter makes: a task that polls is
 * never interrupted for it. (One that submits and then computes is, by its next clock tick.)
 */
final class PolledRing implements AutoCloseable {
  /** Calls made in a row to have the machine take what it did not take at once. */
  private static final int MAX_CALLS = 16;

  /** Polls in a row after which what the machine does not take has failed. */
  private static final int MAX_FAILURES = 1_000;

  private static final long NO_TAG = -1;

  private final IoUring ring;
  private final BufferTable buffers;
  private final Transfers transfers;
  private final boolean iopoll;
  private final Object submission = new Object(); // lock of the submitting side
  private final AtomicBoolean reaping = new AtomicBoolean(); // of the completing side; nobody waits for it
  private int failures; // under the submission lock, as the next
  private boolean closed;

  private PolledRing(IoUring ring, int depth, int fd, boolean iopoll) {
    this.ring = ring;
    this.iopoll = iopoll;
    buffers = BufferTable.of(ring, this::detach);
    transfers = new Transfers(depth, iopoll ? fd : -1, buffers);
  }

  /**
   * Makes a ring.
   *
   * @param fd the file
   * @param depth tags of the queue
   * @param iopoll whether the machine polls the device
   * @throws IOException if the machine refuses
   */
  static PolledRing open(int fd, int depth, boolean iopoll) throws IOException {
    int coop = IoUring.SETUP_COOP_TASKRUN | IoUring.SETUP_TASKRUN_FLAG;
    int flags = IoUring.SETUP_SUBMIT_ALL | coop | (iopoll ? IoUring.SETUP_IOPOLL : 0);
    IoUring ring = IoUring.setup(depth, flags);
    try {
      ring.registerFiles(fd);
      if (iopoll) {
        tryPolling(ring);
      }
      return new PolledRing(ring, depth, fd, iopoll);
    } catch (IOException | OutOfMemoryError e) {
      ring.close();
      throw e;
    }
  }

  /** Reads the first block: whether a file can be polled shows when somebody does. */
  private static void tryPolling(IoUring ring) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      long sqe = ring.sqe();
      RawMemory.putByte(sqe + IoUring.SQE_OPCODE, IoUring.OP_READ);
      RawMemory.putByte(sqe + IoUring.SQE_FLAGS, IoUring.SQE_FIXED_FILE);
      RawMemory.putLong(sqe + IoUring.SQE_ADDR, arena.allocate(HostFile.MAX_BLOCK, HostFile.MAX_BLOCK).address());
      RawMemory.putInt(sqe + IoUring.SQE_LEN, HostFile.MAX_BLOCK);
      ring.push();
      int taken = ring.submit(1, IoUring.ENTER_GETEVENTS);
      for (int calls = 0; ring.completions() == 0 && taken == -Errno.EINTR && calls < MAX_CALLS; calls++) {
        taken = ring.submit(1, IoUring.ENTER_GETEVENTS);
      }
      int result = ring.completions() == 0 ? -Errno.EIO : ring.result();
      if (result < 0) {
        throw new IOException("IOPOLL: " + Errno.describe(-result));
      }
      ring.advance();
      ring.release();
    }
  }

  /** Sends a chain of requests on its way, in one call. */
  void queue(Request chain) {
    synchronized (submission) {
      for (Request request = chain; request != null; request = request.next()) {
        transfers.start(request);
        fill(request);
      }
      submit();
    }
  }

  private void queueAgain(Request chain) {
    synchronized (submission) {
      for (Request request = chain; request != null; request = request.next()) {
        fill(request);
      }
      submit();
    }
  }

  private void fill(Request request) {
    transfers.fill(ring.sqe(), request);
    ring.push();
  }

  /** Answers the last call's result. What is not taken waits for the next poll. */
  private int submit() {
    int taken = 0;
    for (int calls = 0; ring.unsubmitted() != 0 && calls < MAX_CALLS; calls++) {
      taken = ring.submit(0, 0);
      if (taken < 0 && taken != -Errno.EINTR) {
        break; // no memory for it now
      }
    }
    failures = taken < 0 ? failures + 1 : 0;
    return taken;
  }

  /** Completes what is ready. Answers how many requests that were. */
  int poll() {
    if (reaping.getPlain() || !reaping.compareAndSet(false, true)) {
      return 0; // somebody else does
    }
    Request over;
    Request again;
    try {
      if (ring.unsubmitted() != 0) {
        submitLeft();
      }
      if (ring.completions() == 0 && (iopoll || ring.hasHidden())) { // no call for what is there, or is not
        int result = ring.lookForCompletions();
        assert result >= 0 || result == -Errno.EINTR || result == -Errno.EAGAIN || result == -Errno.EBUSY : result;
      }
      transfers.reap(ring, NO_TAG);
      over = transfers.takeOver();
      again = transfers.takeAgain();
    } finally {
      reaping.set(false);
    }
    if (again != null) {
      queueAgain(again);
    }
    return transfers.completeAll(over);
  }

  private void submitLeft() {
    synchronized (submission) {
      int taken = submit();
      if (failures > MAX_FAILURES) {
        transfers.takeBack(ring, NO_TAG, taken);
        failures = 0;
      }
    }
  }

  /** Whether the host has released all requests. Called after the queue was shut down. */
  boolean isIdle() {
    return !transfers.busy();
  }

  /** What became of the memory that requests came with. */
  BufferTable buffers() {
    return buffers;
  }

  /** A mapping is closed; nothing of it is in flight. From any thread: the ring is no single task's. */
  private void detach(BufferTable.Registration registration) {
    synchronized (submission) {
      if (!closed) {
        buffers.clear(registration);
      }
    }
  }

  /** Waits for what is in flight. Nobody submits any more. */
  @Override
  public void close() {
    while (transfers.busy()) {
      poll();
      Thread.onSpinWait();
    }
    synchronized (submission) {
      closed = true;
      ring.close();
    }
    transfers.close();
  }
}
