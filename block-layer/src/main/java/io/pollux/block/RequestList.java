// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * Requests that wait for a poller: anybody adds, whoever polls takes all. No lock, and no ABA, since nothing
 * is ever taken singly.
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
  private volatile @Nullable Request head; // the first of the chain that came last; the chain before it is its earlier

  /** Makes an empty list. */
  public RequestList() {}

  /**
   * Adds a chain.
   *
   * @param chain requests in the order in which they came
   */
  public void add(Request chain) {
    Request before;
    do {
      before = (Request) HEAD.getOpaque(this);
      chain.earlier = before;
    } while (!HEAD.weakCompareAndSetRelease(this, before, chain)); // pairs with takeAll
  }

  /**
   * Whether the list is empty. Racy.
   *
   * @return true if so
   */
  public boolean isEmpty() {
    return HEAD.getOpaque(this) == null;
  }

  /**
   * Takes everything.
   *
   * @return a chain in the order in which the requests came, or null
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
    while (before != null) { // what came earlier goes to the front
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
