// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.check;

import io.pollux.block.buffer.BufCache;
import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.xfs.format.XfsError;
import io.pollux.xfs.format.XfsSb;

/** Reads blocks, without keeping them. */
final class CheckReader {
  final XfsSb sb;
  private final Task current;
  private final BufCache cache;

  CheckReader(Task current, BufCache cache, XfsSb sb) {
    this.current = current;
    this.cache = cache;
    this.sb = sb;
  }

  /** Reads a header sector of a group. */
  BufData header(long agno, int sector, String what) throws ErrnoException {
    return cache.readUncached(current, sb.agHeader(agno, sector), sb.sectSize, what);
  }

  /** Reads blocks, which must be inside a group. */
  BufData blocks(long fsb, int count, String what) throws ErrnoException {
    if (!sb.extentValid(fsb, count)) {
      throw XfsError.corrupt(what + ": is outside the filesystem");
    }
    return cache.readUncached(current, sb.fsbToByte(fsb), count << sb.blockLog, what);
  }
}
