// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.growth;

import io.pollux.core.ErrnoException;
import io.pollux.tools.user.UserRing;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Iocb;

/**
 * Reads by how many are in flight and by how many bare devices they go to in turn. So many are submitted, 32 a call at most, and only
 * then completed.
 */
public final class DeviceLoad implements Load {
  private static final int BATCH = 32;

  private final int depth;
  private final int inARow;
  private final Bed bed;
  private final UserRing ring;
  private int device;
  private int turn;
  private long block;

  /**
   * Boots a kernel.
   *
   * @param depth requests in flight, a power of two up to {@link #IOS}
   * @param devices open devices
   * @param inARow requests that go to a device before it is the next one's turn
   * @throws ErrnoException what the kernel has against it
   */
  public DeviceLoad(int depth, int devices, int inARow) throws ErrnoException {
    this.depth = depth;
    this.inARow = inARow;
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
    for (int done = 0; done < IOS; done += depth) {
      for (int i = 0; i < depth; i++) {
        int slot = ring.take();
        long iocb = ring.iocb(slot);
        if (++turn == inARow) {
          turn = 0;
          device = device + 1 == bed.files() ? 0 : device + 1;
        }
        block = (block * 0x5DEECE66DL + 11) & (bed.blocks() - 1); // a power of two
        Iocb.aioFildes(iocb, bed.fd(device));
        Iocb.aioOffset(iocb, block * Bed.BLOCK);
        ring.push();
        if (ring.prepared() == BATCH) {
          ring.submit();
        }
      }
      ring.submitAndWait(depth);
      Bed.reap(ring, depth);
    }
  }

  @Override
  public void close() {
    try (bed) {
      ring.close();
    }
  }
}
