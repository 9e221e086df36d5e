// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.log;

import io.pollux.block.buffer.Buf;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ThreadLocalRandom;

/** A checkpoint: its items while they gather, and then while they are written. */
@LinuxSource(file = "fs/xfs/xfs_log_priv.h", name = "xfs_cil_ctx")
final class CilContext {
  private final Map<Buf, CilItem> items = new LinkedHashMap<>();
  private final TreeMap<Long, Long> freed = new TreeMap<>(); // first block and the one after
  private final Set<Long> cancelled = new HashSet<>(); // positions
  private final Set<CilItem> changed = new HashSet<>(); // by the commit that adds
  private volatile long bytes;
  private long last; // number of the last commit

  boolean isEmpty() {
    return items.isEmpty();
  }

  long bytes() {
    return bytes;
  }

  long last() {
    return last;
  }

  void last(long commit) {
    last = commit;
  }

  /** The item of a buffer, which is pinned with its first one. */
  CilItem item(Buf buf, int inodeSize) {
    CilItem there = items.get(buf);
    if (there == null) {
      there = new CilItem(buf, inodeSize);
      items.put(buf, there);
      buf.pin();
    }
    changed.add(there);
    return there;
  }

  /** Counts the bytes of the items of a commit. */
  @SuppressWarnings("NonAtomicVolatileUpdate") // under the transaction lock
  void sized() {
    for (CilItem item : changed) {
      bytes = bytes + item.grown();
      if (item.cancelled()) {
        cancelled.add(item.buf.position());
      }
    }
    changed.clear();
  }

  boolean cancels(long position) {
    return cancelled.contains(position);
  }

  /** Takes the freed block of a position out: it has new contents. */
  void uncancel(long position) {
    if (cancelled.remove(position)) {
      items
          .values()
          .removeIf(
              item -> {
                boolean gone = item.cancelled() && item.buf.position() == position;
                if (gone) {
                  item.aborted();
                }
                return gone;
              });
    }
  }

  /** Adds freed blocks, merged with those that they touch: the runs stay apart. */
  void freed(long from, long count) {
    long start = from;
    long end = from + count;
    Map.Entry<Long, Long> there = freed.floorEntry(end);
    while (there != null && there.getValue() >= start) { // ends: each turn removes a run
      start = Math.min(start, there.getKey());
      end = Math.max(end, there.getValue());
      freed.remove(there.getKey());
      there = freed.floorEntry(end);
    }
    freed.put(start, end);
  }

  boolean busy(long from, long count) {
    Map.Entry<Long, Long> before = freed.lowerEntry(from + count);
    return before != null && before.getValue() > from;
  }

  /**
   * Writes the checkpoint, if it has items: Linux can't recover one without. Returns its LSN, or 0
   * if there was nothing to write.
   */
  long write(Task current, Xlog log, long tailLsn) throws ErrnoException {
    int count = 0;
    for (CilItem item : items.values()) {
      count += item.items();
    }
    if (count == 0) {
      return 0;
    }
    int tid = ThreadLocalRandom.current().nextInt();
    XlogWriter out = new XlogWriter(log, current, tailLsn, tid);
    out.start(count);
    for (CilItem item : items.values()) {
      item.write(out);
    }
    return out.commit();
  }

  void committed(long lsn) {
    items.values().forEach(item -> item.committed(lsn));
  }

  void aborted() {
    items.values().forEach(CilItem::aborted);
  }
}
