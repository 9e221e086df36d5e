// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.syscalls.Program;
import io.pollux.uapi.Errno;
import io.pollux.uapi.IoEvent;
import io.pollux.userland.SyscallException;
import io.pollux.userland.UserRing;
import java.io.IOException;

/**
 * Reads a file in order, with several pieces in flight through the rings, so that the disk works
 * while a piece is used. From the thread of the program.
 */
final class PieceReader implements AutoCloseable {
  private static final int PIECE = 1 << 20;
  private static final int DEPTH = 4;

  private final UserRing ring;
  private final long[] results = new long[DEPTH + 1]; // of each slot
  private final boolean[] complete = new boolean[DEPTH + 1];
  private int oldest; // slot of the oldest piece that was not used
  private int unused; // pieces from the oldest on, submitted or about to be

  PieceReader(Program program) {
    ring = UserRing.setup(program, DEPTH, 0, PIECE);
    oldest = ring.take();
  }

  /**
   * Reads between two offsets, or to the end of a disk. Reads whole pieces, since a direct read may
   * not end inside a sector.
   *
   * @param fd descriptor of the file
   * @param from the first offset
   * @param to the last offset, exclusive; Long.MAX_VALUE for the end of the disk
   * @param sink receives the pieces in order
   * @throws IOException from the sink
   * @throws SyscallException if the file cannot be read, or ends before the last offset
   */
  void read(int fd, long from, long to, FileReader.Sink sink) throws IOException {
    try {
      long next = from; // offset of the next piece to submit
      long at = from; // offset of the oldest piece
      while (at < to) {
        while (unused < DEPTH && next < to) {
          ring.read(fd, next, PIECE);
          unused++;
          next = next > Long.MAX_VALUE - PIECE ? to : next + PIECE;
        }
        int slot = takeOldest();
        long got = Math.min(results[slot], to - at);
        if (got <= 0) {
          if (got == 0 && to == Long.MAX_VALUE) {
            return;
          }
          throw new SyscallException("read", got == 0 ? Errno.EIO : (int) -got);
        }
        sink.data(ring.segment(slot).asSlice(0, got)); // not reused before the next submission
        at += got;
        if (got < PIECE && at < to) {
          drain(); // a short read: the pieces behind it are not adjacent
          next = at;
        }
      }
    } finally {
      drain();
    }
  }

  /** Waits for the oldest piece, which is then used. Returns its slot. */
  private int takeOldest() {
    int slot = oldest;
    reap(0);
    while (!complete[slot]) {
      reap(1);
    }
    complete[slot] = false;
    oldest = slot == DEPTH ? 0 : slot + 1;
    unused--;
    return slot;
  }

  /** Submits what is prepared, waits for a number of events, and consumes all events. */
  private void reap(int wait) {
    if (wait > 0 || ring.prepared() > 0) {
      ring.submitAndWait(wait);
    }
    for (long event = ring.peek(); event != 0; event = ring.peek()) {
      int slot = ring.slot(event);
      results[slot] = IoEvent.res(event);
      complete[slot] = true;
      ring.consume(event);
    }
  }

  /** Waits for all pieces and drops them. */
  private void drain() {
    while (unused > 0) {
      takeOldest();
    }
  }

  @Override
  public void close() {
    ring.close();
  }
}
