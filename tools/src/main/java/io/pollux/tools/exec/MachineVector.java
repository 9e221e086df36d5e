// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.exec;

import io.pollux.core.mm.Slab;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Iovec;
import java.lang.foreign.Arena;

/** A struct iovec array for one call of the host. */
final class MachineVector extends Slab.Item {
  static final Slab<MachineVector> SLAB = new Slab<>(MachineVector::new);

  private final Arena arena = Arena.ofAuto(); // freed with this object
  final long address = arena.allocate(AioAbi.UIO_MAXIOV * Iovec.SIZE, Long.BYTES).address();

  private MachineVector() {}
}
