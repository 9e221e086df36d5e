// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.mm;

import io.pollux.uapi.LinuxSource;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A cache of objects of one type: struct kmem_cache. Once it is warm, no request allocates.
 *
 * <p>Each task has a magazine, from which it takes objects without atomic operations. A freed
 * object returns to its magazine. The task itself puts it there directly; another thread (a
 * device's completion, a second poller) pushes it onto a list with one atomic operation. The task
 * takes over that list when its magazine is empty. Objects keep their state while free; the caller
 * of alloc initializes them.
 *
 * @param <T> the type
 */
@LinuxSource(
    file = "mm/slab.c",
    name = {"kmem_cache_alloc", "kmem_cache_free", "kmem_cache_alloc_bulk"})
public final class Slab<T extends Slab.Item> {
  private static final AtomicInteger KINDS = new AtomicInteger();

  private final int index;
  private final Supplier<T> constructor;

  /**
   * Creates a slab, for a static final field.
   *
   * @param constructor creates a new object
   */
  public Slab(Supplier<T> constructor) {
    index = KINDS.getAndIncrement();
    this.constructor = constructor;
  }

  /**
   * Allocates an object. From process context, by the task's own thread.
   *
   * @param current the calling task
   * @return an object in the state in which it was freed, or a new one
   */
  @SuppressWarnings("unchecked") // a magazine holds what this slab put into it
  public T alloc(SlabOwner current) {
    @Nullable Magazine[] magazines = current.magazines;
    Magazine magazine = index < magazines.length ? magazines[index] : null;
    if (magazine == null) {
      magazine = addMagazine(current);
    }
    Item item = magazine.take();
    if (item == null) {
      T made = constructor.get();
      ((Item) made).home = magazine;
      return made;
    }
    return (T) item;
  }

  /** Adds the magazine of this slab to a task. The number of slabs has no limit. */
  private Magazine addMagazine(SlabOwner current) {
    if (index >= current.magazines.length) {
      current.magazines = Arrays.copyOf(current.magazines, Math.max(KINDS.get(), index + 1));
    }
    Magazine magazine = new Magazine(current);
    current.magazines[index] = magazine;
    return magazine;
  }

  /**
   * Frees an object. From any context.
   *
   * @param item from {@link #alloc} of any slab; must not be used afterwards
   */
  public static void free(Item item) {
    Magazine home = item.home;
    assert home != null : "not from a slab";
    home.put(item);
  }

  /** An object that a slab can hold, with the slab's links. */
  public abstract static class Item {
    private @Nullable Item next;
    private @Nullable Magazine home;

    /** Creates an item. */
    protected Item() {}

    /** {@return whether the object is from a slab; others are part of their owner} */
    protected final boolean isFromSlab() {
      return home != null;
    }
  }

  /** The free objects of one kind that belong to one task. */
  public static final class Magazine {
    private static final VarHandle REMOTE;

    static {
      try {
        REMOTE = MethodHandles.lookup().findVarHandle(Magazine.class, "remote", Item.class);
      } catch (ReflectiveOperationException e) {
        throw new ExceptionInInitializerError(e);
      }
    }

    private final SlabOwner owner;
    private @Nullable Item local; // used by the owner's thread only

    @SuppressWarnings("unused") // through REMOTE
    private volatile @Nullable Item remote; // pushed one by one, taken all at once: no ABA

    private Magazine(SlabOwner owner) {
      this.owner = owner;
    }

    private @Nullable Item take() {
      Item item = local;
      if (item == null) {
        item = (Item) REMOTE.getAndSetAcquire(this, null); // pairs with the release of push
        if (item == null) {
          return null;
        }
      }
      local = item.next;
      return item;
    }

    private void put(Item item) {
      if (owner.isCurrentThread()) {
        item.next = local;
        local = item;
        return;
      }
      Item head;
      do {
        head = (Item) REMOTE.getOpaque(this);
        item.next = head;
      } while (!REMOTE.weakCompareAndSetRelease(this, head, item));
    }
  }
}
