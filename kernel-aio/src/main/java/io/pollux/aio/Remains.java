// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.core.Oops;
import io.pollux.core.vfs.File;
import java.lang.ref.Cleaner;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The resources of a context whose teardown abandoned requests: pinned memory, and the files of
 * these requests. A device may still write to the memory.
 *
 * <p>A device, a queue or a file that can still complete a request refers to it, and each request
 * refers to its context. So the cleaner releases everything when the context is unreachable. This
 * object must not refer to the context.
 *
 * <p>If a callback drops a request without completing it, only a polled context still finds its
 * file. On any other context the file stays open. It also stays open if a call is inside a polled
 * context when it ends, and does not reap the request later.
 */
final class Remains implements Runnable {
  /** The consequence of such a teardown, for its message. */
  static final String KEPT =
      "the context's memory stays pinned until no device and no file refers to its requests";

  private static final Cleaner CLEANER =
      Cleaner.create(loop -> Thread.ofPlatform().daemon().name("aio-remains").unstarted(loop));

  private final ContextMemory memory;
  private final @Nullable SqRing sq;
  private final @Nullable CqRing cq;
  private final AbandonedList abandoned;
  private final List<File> files;

  private Remains(
      ContextMemory memory, @Nullable ScqRing rings, AbandonedList abandoned, List<File> files) {
    this.memory = memory;
    sq = rings == null ? null : rings.sq();
    cq = rings == null ? null : rings.cq();
    this.abandoned = abandoned;
    this.files = files;
  }

  /**
   * Releases the resources of a context when it is unreachable. Called by its teardown.
   *
   * @param rings the rings of the context, or null
   * @param abandoned the abandoned requests of the context, with a reference on each file
   * @param files files of other requests, with a reference on each
   */
  static void leave(
      Kioctx ctx,
      ContextMemory memory,
      @Nullable ScqRing rings,
      AbandonedList abandoned,
      List<File> files) {
    CLEANER.register(ctx, new Remains(memory, rings, abandoned, files));
  }

  /** Releases everything. By the cleaner's thread, once. */
  @Override
  public void run() {
    if (sq != null) {
      Oops.contain("the memory of an ended aio context", sq::unmap);
    }
    if (cq != null) {
      Oops.contain("the memory of an ended aio context", cq::unmap);
    }
    Oops.contain("the memory of an ended aio context", memory::unmap);
    Oops.contain("the files of an ended aio context", abandoned::putAll);
    files.forEach(File::fput);
  }
}
