// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.core.mm.IovIter;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.FileOperations;
import io.pollux.core.vfs.KiComplete;
import io.pollux.core.vfs.Kiocb;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * A file whose reads do what the test says; those that it queues complete one by one when they are
 * polled for.
 */
final class HandFile implements FileOperations {
  /** The result of a read that is queued. */
  static final long QUEUED = -Kiocb.EIOCBQUEUED;

  /** What a read returns, given its request. */
  ToLongFunction<AioKiocb> onRead = req -> QUEUED;

  /** What happens in iopoll, before a request completes. */
  Runnable onPoll = () -> {};

  /** What happens while the submission checks the file. */
  Runnable onCheck = () -> {};

  /** The result of a queued read. */
  long queuedResult = 4096;

  private final Deque<Kiocb> queued = new ArrayDeque<>();
  private @Nullable IovIter memory; // of the current read

  /**
   * Fills the memory of the current read with zeroes, and returns how many bytes it could store.
   */
  long readZeroes() {
    IovIter to = memory;
    assert to != null : "outside a read";
    return to.zero(to.count());
  }

  /** Completes the oldest queued read. */
  void completeOne() {
    Kiocb iocb = queued.remove();
    KiComplete handler = iocb.kiComplete;
    assert handler != null : "a synchronous request";
    handler.complete(iocb, queuedResult, 0);
  }

  @Override
  public boolean hasReadIter() {
    onCheck.run();
    return true;
  }

  @Override
  public long readIter(Task current, Kiocb iocb, IovIter to) {
    memory = to;
    long result = onRead.applyAsLong((AioKiocb) iocb);
    memory = null;
    if (result == QUEUED && iocb.kiComplete != null && iocb.kiFilp != null) {
      queued.add(iocb);
    }
    return result;
  }

  @Override
  public boolean hasIopoll() {
    return true;
  }

  @Override
  public int iopoll(Kiocb iocb, boolean spin) {
    onPoll.run();
    if (queued.isEmpty()) {
      return 0;
    }
    completeOne();
    return 1;
  }
}
