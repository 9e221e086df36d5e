// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.growth;

import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Iocb;
import io.pollux.userland.UserRing;

/**
 * Reads with a number of contexts of one program, of open files in turn, and of requests in flight
 * in all contexts together. The calls are the same for all numbers. One call submits a batch of 8
 * to the next context. One call waits for the 8 of the context with the oldest batch.
 */
public final class ContextLoad implements Load {
  private static final int BATCH = 8;
  private static final int DEPTH = 32; // of a ring; more if there is only one

  private final Bed bed;
  private final UserRing[] rings;
  private final int inARow;
  private final int inFlight;
  private int next;
  private int oldest;
  private int batches;
  private int file;
  private int turn;
  private long block;

  /**
   * Creates the contexts.
   *
   * @param bed the open files; owned by this load, which closes them, also if this fails
   * @param contexts number of contexts
   * @param inARow consecutive requests on one file
   * @param inFlight requests in flight, a multiple of 8
   */
  public ContextLoad(Bed bed, int contexts, int inARow, int inFlight) {
    this.bed = bed;
    this.inARow = inARow;
    this.inFlight = inFlight;
    rings = new UserRing[contexts];
    try {
      for (int i = 0; i < contexts; i++) {
        int depth = contexts == 1 ? Math.max(DEPTH, inFlight) : DEPTH;
        rings[i] = UserRing.polled(bed.program(), depth, Bed.BLOCK);
        for (int slot = 0; slot <= depth; slot++) {
          Iocb.aioLioOpcode(rings[i].iocb(slot), (short) AioAbi.IOCB_CMD_PREAD);
        }
      }
    } catch (Throwable e) {
      try (bed) { // its program's exit destroys the contexts
        throw e;
      }
    }
  }

  @Override
  public void io() {
    for (int done = 0; done < IOS; done += BATCH) {
      submit();
      if (batches == inFlight / BATCH) {
        reap();
      }
    }
  }

  private void submit() {
    UserRing ring = rings[next];
    next = next + 1 == rings.length ? 0 : next + 1;
    for (int i = 0; i < BATCH; i++) {
      int slot = ring.take();
      if (slot < 0) {
        throw new IllegalStateException("no slot");
      }
      if (++turn == inARow) {
        turn = 0;
        file = file + 1 == bed.files() ? 0 : file + 1;
      }
      block = (block * 0x5DEECE66DL + 11) & (bed.blocks() - 1); // a power of two
      long iocb = ring.iocb(slot);
      Iocb.aioFildes(iocb, bed.fd(file));
      Iocb.aioOffset(iocb, block * Bed.BLOCK);
      ring.push();
    }
    long accepted = ring.submit();
    if (accepted != BATCH) {
      throw new IllegalStateException("io_ring_enter answers " + accepted);
    }
    batches++;
  }

  private void reap() {
    UserRing ring = rings[oldest];
    oldest = oldest + 1 == rings.length ? 0 : oldest + 1;
    batches--;
    ring.getEvents(BATCH);
    Bed.reap(ring, BATCH);
  }

  @Override
  public void close() {
    try (bed) {
      while (batches > 0) {
        reap();
      }
      for (UserRing ring : rings) {
        ring.close();
      }
    }
  }
}
