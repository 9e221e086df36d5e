// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.mm;

import io.pollux.uapi.LinuxSource;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A pool of objects of one kind, so that nothing is allocated per request once it is warm: the counterpart
 * of kmem_cache.
 *
 * <p>Each task has a magazine of its own and takes objects from it without any atomic operation. An object
 * goes back to the magazine it came from: directly when the freeing thread is that task's, through a list
 * with one atomic push when it is another (a device's completion, a second poller). The owner empties that
 * list when its magazine runs dry. Objects come out as they went in; whoever allocates initialises.
 *
 * @param <T> the kind
 */
@LinuxSource(file = "mm/slab.c", name = {"kmem_cache_alloc", "kmem_cache_free", "kmem_cache_alloc_bulk"})
public final class Slab<T extends Slab.Item> {
  /** Most kinds that a kernel may have. */
  public static final int MAX_KINDS = 24;

  private static int kinds;

  private final int index;
  private final Supplier<T> constructor;

  /**
   * Makes a cache for one kind; meant for a static final field.
   *
   * @param constructor makes a new object
   */
  public Slab(Supplier<T> constructor) {
    synchronized (Slab.class) {
      if (kinds == MAX_KINDS) {
        throw new IllegalStateException("more than " + MAX_KINDS + " slabs");
      }
      index = kinds++;
    }
    this.constructor = constructor;
  }

  /**
   * Takes an object. From process context, by the task's own thread.
   *
   * @param current the calling task
   * @return an object in the state in which it was freed, or a new one
   */
  @SuppressWarnings("unchecked") // a magazine holds what this slab put into it
  public T alloc(SlabOwner current) {
    @Nullable Magazine[] magazines = current.magazines;
    Magazine magazine = magazines[index];
    if (magazine == null) {
      magazine = new Magazine(current);
      magazines[index] = magazine;
    }
    Item item = magazine.take();
    if (item == null) {
      T made = constructor.get();
      ((Item) made).home = magazine;
      return made;
    }
    return (T) item;
  }

  /**
   * Gives an object back. From any context.
   *
   * @param item from {@link #alloc} of any slab, not used by anybody any more
   */
  public static void free(Item item) {
    Magazine home = item.home;
    assert home != null : "not from a slab";
    home.put(item);
  }

  /** What a slab can hold: an object with room for the slab's links. */
  public abstract static class Item {
    private @Nullable Item next;
    private @Nullable Magazine home;

    /** For subclasses. */
    protected Item() {}
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
    private @Nullable Item local; // touched by the owner's thread only

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
