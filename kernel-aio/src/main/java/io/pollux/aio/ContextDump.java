// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.core.Debug;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.WeakHashMap;
import org.jspecify.annotations.Nullable;

/** Describes a context for dumps. With {@link Debug#ON} it also records the requests. */
final class ContextDump {
  private final Kioctx ctx;
  private final @Nullable SqRing sq;
  private final @Nullable CqRing cq;

  /** Weak, because teardown checks whether anything else still refers to a request. */
  private final @Nullable Set<AioKiocb> requests;

  /** Creates the dump of a context. The rings are non-null with SCQRING. */
  ContextDump(Kioctx ctx, @Nullable SqRing sq, @Nullable CqRing cq) {
    this.ctx = ctx;
    this.sq = sq;
    this.cq = cq;
    requests =
        Debug.ON
            ? Collections.synchronizedSet(Collections.newSetFromMap(new WeakHashMap<>()))
            : null;
  }

  /** Records a request, with {@link Debug#ON}. From any context. */
  void began(AioKiocb req) {
    if (requests != null) {
      requests.add(req);
    }
  }

  /** Forgets a recorded request. From any context. */
  void ended(AioKiocb req) {
    if (requests != null) {
      requests.remove(req);
    }
  }

  /**
   * Returns a line with the flags and counts, a line with the indices of the rings, and a line for
   * each recorded request. It reads the rings only with a user reference, because they may be
   * unmapped otherwise. From any context.
   */
  List<String> describe() {
    List<String> lines = new ArrayList<>();
    boolean referenced = ctx.get();
    try {
      lines.add(
          "aio context 0x"
              + Long.toHexString(ctx.userId())
              + AioFlags.text(ctx.flags())
              + ", nr_events "
              + ctx.maxReqs()
              + ", requests counted "
              + ctx.requests()
              + (referenced ? "" : ", being destroyed"));
      if (referenced) {
        lines.add("  " + rings());
      }
    } finally {
      if (referenced) {
        ctx.put();
      }
    }
    if (requests != null) {
      synchronized (requests) { // the iterator needs this lock
        for (AioKiocb req : requests) {
          lines.add("  " + req);
        }
      }
    }
    return lines;
  }

  /** Returns what a debugger sees. From any context; takes no lock. */
  ContextView view() {
    return new ContextView(
        ctx.userId(),
        ctx.flags(),
        sq == null ? 0 : sq.entries(),
        sq == null ? 0 : sq.address(),
        sq == null ? 0 : sq.head(),
        cq == null ? 0 : cq.address(),
        cq == null ? 0 : cq.tail(),
        ctx.ring().slots(),
        ctx.requests(),
        ctx.iopoll().describe());
  }

  private String rings() {
    return sq == null || cq == null ? ctx.ring().toString() : sq + "; " + cq;
  }
}
