// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.growth;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Iocb;
import io.pollux.userland.UserRing;

/**
 * Reads with a number of requests in flight on a number of bare devices in turn. A call submits a
 * batch and, at full depth, waits for as many. The calls are thus the same for all depths of at
 * least a batch.
 */
public final class DeviceLoad implements Load {
  private final int depth;
  private final int inARow;
  private final int batch;
  private final Bed bed;
  private final UserRing ring;
  private int device;
  private int turn;
  private long block;

  /**
   * Boots a kernel.
   *
   * @param depth requests in flight, a power of two up to {@link #IOS}
   * @param devices number of open devices
   * @param inARow consecutive requests on one device
   * @param perCall requests that a call submits, a power of two; limited to depth
   * @throws ErrnoException an error of the kernel
   */
  public DeviceLoad(int depth, int devices, int inARow, int perCall) throws ErrnoException {
    this.depth = depth;
    this.inARow = inARow;
    batch = Math.min(depth, perCall);
    bed = Bed.ofDisks(devices);
    try {
      ring = UserRing.polled(bed.program(), depth, Bed.BLOCK);
    } catch (Throwable e) {
      try (bed) {
        throw e;
      }
    }
    for (int slot = 0; slot <= depth; slot++) {
      Iocb.aioLioOpcode(ring.iocb(slot), (short) AioAbi.IOCB_CMD_PREAD);
    }
  }

  @Override
  public void io() {
    for (int done = 0; done < IOS; done += batch) {
      for (int i = 0; i < batch; i++) {
        push();
      }
      if (ring.outstanding() < depth) {
        ring.submit();
      } else {
        ring.submitAndWait(batch);
        Bed.reap(ring, batch);
      }
    }
  }

  private void push() {
    long iocb = ring.iocb(ring.take());
    if (++turn == inARow) {
      turn = 0;
      device = device + 1 == bed.files() ? 0 : device + 1;
    }
    block = (block * 0x5DEECE66DL + 11) & (bed.blocks() - 1); // a power of two
    Iocb.aioFildes(iocb, bed.fd(device));
    Iocb.aioOffset(iocb, block * Bed.BLOCK);
    ring.push();
  }

  @Override
  public void close() {
    try (bed) {
      int inFlight = ring.outstanding();
      ring.submitAndWait(inFlight);
      Bed.reap(ring, inFlight);
      ring.close();
    }
  }
}
