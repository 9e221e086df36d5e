// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.mm;

import io.pollux.uapi.LinuxSource;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * A thread that allocates from slabs: the Java thread, and a magazine of free objects for each
 * slab. It corresponds to a processor in Linux, where each slab has a cache for every processor.
 */
@LinuxSource(file = "include/linux/slub_def.h", name = "kmem_cache_cpu")
public abstract class SlabOwner {
  /**
   * The thread of an owner that has been released. It is never started, so it equals no running
   * thread.
   */
  private static final Thread RELEASED = Thread.ofPlatform().unstarted(() -> {});

  private static final VarHandle THREAD;

  static {
    try {
      THREAD = MethodHandles.lookup().findVarHandle(SlabOwner.class, "thread", Thread.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private static final int FIRST_MAGAZINES = 24;

  /** The magazine of each slab that it has used; the owner's thread replaces it by a larger one. */
  Slab.@Nullable Magazine[] magazines = new Slab.Magazine[FIRST_MAGAZINES];

  private volatile @Nullable Thread thread;

  /** Creates an owner that is not bound to a thread. */
  protected SlabOwner() {}

  /**
   * Binds this to the calling thread permanently.
   *
   * @return false if it is bound already or released
   */
  protected final synchronized boolean bind() {
    if (thread != null) {
      return false;
    }
    thread = Thread.currentThread();
    return true;
  }

  /** Marks the thread as exited. No thread can be bound afterwards. */
  protected final synchronized void release() {
    thread = RELEASED;
  }

  /** Whether the thread has exited: {@link #release} was called. */
  protected final boolean released() {
    return thread == RELEASED;
  }

  /**
   * Returns the thread: null before {@link #bind}, a thread that never runs after {@link #release}.
   * From any context.
   */
  protected final @Nullable Thread thread() {
    return thread;
  }

  /** Whether the calling thread is this one. */
  public final boolean isCurrentThread() {
    // plain: the thread sees what it stored itself
    return Thread.currentThread() == (Thread) THREAD.get(this);
  }
}
