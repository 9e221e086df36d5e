// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver.host;

import io.pollux.block.Request;
import io.pollux.uapi.Errno;
import io.pollux.uapi.RawMemory;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A ring for a polled hardware queue. Any task submits, any task polls, and the poller completes
 * what it finds.
 *
 * <p>If the device can be polled, a poll of the ring polls the device. Otherwise the host has an
 * interrupt. COOP_TASKRUN then defers the rest of a completion to the submitter's next host call,
 * so a polling task is never interrupted. (A task that submits and then computes is interrupted at
 * its next clock tick.)
 */
final class PolledRing implements AutoCloseable {
  /** Consecutive calls to make the host take all entries. */
  private static final int MAX_CALLS = 16;

  /** Consecutive polls after which entries that the host does not take fail. */
  private static final int MAX_FAILURES = 1_000;

  private static final long NO_TAG = -1;

  private final IoUring ring;
  private final BufferTable buffers;
  private final Transfers transfers;
  private final boolean iopoll;
  private final Object submission = new Object(); // lock of the submitting side
  // of the completing side; no thread waits for it
  private final AtomicBoolean reaping = new AtomicBoolean();
  private int failures; // under the submission lock, as closed
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
   * @param iopoll whether the host polls the device
   * @throws IOException if the host refuses
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

  /** Reads the first block: the host reports that a file can't be polled only at a poll. */
  private static void tryPolling(IoUring ring) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      long sqe = ring.sqe();
      RawMemory.putByte(sqe + IoUring.SQE_OPCODE, IoUring.OP_READ);
      RawMemory.putByte(sqe + IoUring.SQE_FLAGS, IoUring.SQE_FIXED_FILE);
      RawMemory.putLong(
          sqe + IoUring.SQE_ADDR, arena.allocate(HostFile.MAX_BLOCK, HostFile.MAX_BLOCK).address());
      RawMemory.putInt(sqe + IoUring.SQE_LEN, HostFile.MAX_BLOCK);
      ring.push();
      int taken = ring.submit(1, IoUring.ENTER_GETEVENTS);
      for (int calls = 0;
          ring.completions() == 0 && taken == -Errno.EINTR && calls < MAX_CALLS;
          calls++) {
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

  /** Submits a chain of requests in one host call. */
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

  /**
   * Submits filled entries. Returns the last call's result. Entries not taken wait for the next
   * poll.
   */
  private int submit() {
    int taken = 0;
    for (int calls = 0; ring.unsubmitted() != 0 && calls < MAX_CALLS; calls++) {
      taken = ring.submit(0, 0);
      if (taken < 0 && taken != -Errno.EINTR) {
        break; // the host has no memory for it now
      }
    }
    failures = taken < 0 ? failures + 1 : 0;
    return taken;
  }

  /** Completes the requests that are ready. Returns their number. */
  int poll() {
    if (reaping.getPlain() || !reaping.compareAndSet(false, true)) {
      return 0; // another thread reaps
    }
    Request over;
    Request again;
    try {
      if (ring.unsubmitted() != 0) {
        submitLeft();
      }
      // no host call if completions are visible, or if there are none
      if (ring.completions() == 0 && (iopoll || ring.hasHidden())) {
        int result = ring.lookForCompletions();
        assert result >= 0
                || result == -Errno.EINTR
                || result == -Errno.EAGAIN
                || result == -Errno.EBUSY
            : result;
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

  /** Returns whether the host has released all requests. Called after the queue was shut down. */
  boolean isIdle() {
    return !transfers.busy();
  }

  /** The table of registered buffers. */
  BufferTable buffers() {
    return buffers;
  }

  /**
   * Clears the row of a closed mapping, which has nothing in flight. From any thread: the ring has
   * no single issuer.
   */
  private void detach(BufferTable.Registration registration) {
    synchronized (submission) {
      if (!closed) {
        buffers.clear(registration);
      }
    }
  }

  /** Waits for requests in flight. No task submits any more. */
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
