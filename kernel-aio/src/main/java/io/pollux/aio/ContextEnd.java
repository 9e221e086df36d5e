// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.core.Oops;
import io.pollux.core.vfs.File;
import io.pollux.uapi.LinuxSource;
import java.util.List;
import java.util.function.BooleanSupplier;

/** The teardown of a dead context. It waits for calls and requests, then releases everything. */
final class ContextEnd {
  /** How often teardown checks for progress. */
  private static final long CHECK_NANOS = 1_000_000_000;

  /** Checks without progress after which teardown prints a message. */
  private static final int HUNG_CHECKS = 10;

  /**
   * Checks without progress after which teardown abandons what a failure in this context may have
   * lost.
   */
  private static final int LOST_CHECKS = 3;

  private final Kioctx ctx;
  private final Teardown teardown = new Teardown();

  private ContextEnd(Kioctx ctx) {
    this.ctx = ctx;
  }

  /**
   * Waits for users and requests of a dead context, then releases everything. From process context.
   * If requests never complete, their memory stays pinned as long as a device may write to it
   * ({@link Remains}).
   *
   * @param ctx the context, after {@link Kioctx#kill}
   * @param ownReferences user references of the caller
   */
  @LinuxSource(
      file = "fs/aio.c",
      name = {"free_ioctx_users", "free_ioctx"})
  static void free(Kioctx ctx, int ownReferences) {
    new ContextEnd(ctx).free(ownReferences);
  }

  private void free(int ownReferences) {
    boolean alone = teardown.step(() -> await(() -> ctx.users() == ownReferences));
    boolean over = alone;
    RingEntry entry = ctx.entry();
    if (entry != null) {
      teardown.step(entry::stop);
    }
    teardown.step(ctx.activeReqs()::cancelAll);
    if (ctx.polled()) {
      over &= teardown.step(alone ? ctx.iopoll()::drain : ctx::drainAfterLastCall);
    }
    over &= teardown.step(ctx.abandoned()::drain);
    if (over && teardown.step(() -> await(() -> ctx.requests() == 0))) {
      ScqRing rings = ctx.rings();
      if (rings != null) {
        teardown.step(rings::unmap);
      }
      teardown.step(ctx.memory()::unmap);
    } else {
      // a call that is still inside may reap these requests, and then puts their files itself
      List<File> files = alone ? ctx.iopoll().files() : List.of();
      Remains.leave(ctx, ctx.memory(), ctx.rings(), ctx.abandoned(), files);
    }
    teardown.end();
  }

  /**
   * Waits uninterruptibly. The wait has a timeout only if something threw in this context, or a
   * lost request may be one of its own. The condition may then never hold. Other failures in the
   * kernel do not count.
   *
   * @throws IllegalStateException if several checks after such a failure show no progress
   */
  private void await(BooleanSupplier condition) {
    int still = 0;
    long before = 0;
    while (!ctx.waitQueue().waitUninterruptibly(condition, CHECK_NANOS)) {
      int users = ctx.users();
      long requests = ctx.requests();
      long now = users + requests;
      still = now == before ? still + 1 : 0;
      before = now;
      if (still == HUNG_CHECKS) {
        Oops.warn(
            "the end of an aio context waits for "
                + users
                + " calls and "
                + requests
                + " requests for a long time");
      }
      if (still >= LOST_CHECKS && (ctx.hasFailed() || ctx.mayHaveLost())) {
        throw new IllegalStateException(
            "an aio context ends before "
                + users
                + " calls and "
                + requests
                + " requests; "
                + Remains.KEPT);
      }
    }
  }
}
