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
  private volatile @Nullable Request head; // newest first

  /** Makes an empty list. */
  public RequestList() {}

  /**
   * Adds a chain.
   *
   * @param chain requests in the order in which they came
   */
  public void add(Request chain) {
    Request newest = chain;
    Request rest = chain.next;
    newest.next = null;
    while (rest != null) { // turns the chain around
      Request following = rest.next;
      rest.next = newest;
      newest = rest;
      rest = following;
    }
    Request before;
    do {
      before = (Request) HEAD.getOpaque(this);
      chain.next = before; // the first of the chain is now its last
    } while (!HEAD.weakCompareAndSetRelease(this, before, newest)); // pairs with takeAll
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
    Request newest = (Request) HEAD.getAndSetAcquire(this, null); // pairs with add
    Request oldest = null;
    while (newest != null) {
      Request following = newest.next;
      newest.next = oldest;
      oldest = newest;
      newest = following;
    }
    return oldest;
  }
}
