// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * Requests that wait for a poller: any thread adds a chain, a poller takes all. Lock-free; ABA is
 * harmless, since requests are never taken singly.
 */
public final class RequestList {
  private static final VarHandle HEAD;

  static {
    try {
      HEAD = MethodHandles.lookup().findVarHandle(RequestList.class, "head", Request.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  @SuppressWarnings("unused") // through HEAD
  // the first request of the newest chain; its earlier field links the chain before
  private volatile @Nullable Request head;

  /** Makes an empty list. */
  public RequestList() {}

  /**
   * Adds a chain.
   *
   * @param chain requests in order of arrival
   */
  public void add(Request chain) {
    Request before;
    do {
      before = (Request) HEAD.getOpaque(this);
      chain.earlier = before;
    } while (!HEAD.weakCompareAndSetRelease(this, before, chain)); // pairs with takeAll
  }

  /** {@return whether the list is empty} Racy. */
  public boolean isEmpty() {
    return HEAD.getOpaque(this) == null;
  }

  /**
   * Takes all requests.
   *
   * @return a chain in order of arrival, or null
   */
  public @Nullable Request takeAll() {
    if (HEAD.getOpaque(this) == null) {
      return null;
    }
    Request chain = (Request) HEAD.getAndSetAcquire(this, null); // pairs with add
    if (chain == null) {
      return null;
    }
    Request before = chain.earlier;
    while (before != null) { // earlier chains go to the front
      chain.earlier = null;
      last(before).next = chain;
      chain = before;
      before = chain.earlier;
    }
    return chain;
  }

  private static Request last(Request chain) {
    Request last = chain;
    for (Request following = last.next; following != null; following = last.next) {
      last = following;
    }
    return last;
  }
}
