// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.core.Debug;
import io.pollux.core.Oops;
import io.pollux.core.mm.AddressSpace;
import io.pollux.core.mm.IoctxTable;
import io.pollux.core.sched.LockClass;
import io.pollux.core.sched.LockOrder;
import io.pollux.uapi.AioRing;
import io.pollux.uapi.Differs;
import io.pollux.uapi.LinuxSource;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * The contexts of one process. A context's id is the address of its old completion ring, where the
 * kernel stores the context's index in this table. The program can change that index, so it is
 * checked.
 */
@LinuxSource(file = "fs/aio.c", name = "kioctx_table")
final class KioctxTable implements IoctxTable {
  private static final AtomicReferenceArray<@Nullable Kioctx> NONE = new AtomicReferenceArray<>(0);

  private final Aio aio;
  private final Object lock = new Object();
  // replaced under the lock, to grow
  private volatile AtomicReferenceArray<@Nullable Kioctx> table = NONE;

  KioctxTable(Aio aio) {
    this.aio = aio;
  }

  /** Returns the table of a process. Creates it for the first context. */
  static KioctxTable of(AddressSpace mm, Aio aio) {
    IoctxTable there = mm.ioctxTable();
    if (there == null) {
      there = mm.installIoctxTable(new KioctxTable(aio));
    }
    return (KioctxTable) there;
  }

  @LinuxSource(file = "fs/aio.c", name = "ioctx_add_table")
  void add(Kioctx ctx) {
    order();
    synchronized (lock) {
      AtomicReferenceArray<@Nullable Kioctx> now = table;
      int id = 0;
      while (id < now.length() && now.get(id) != null) {
        id++;
      }
      if (id == now.length()) {
        AtomicReferenceArray<@Nullable Kioctx> grown =
            new AtomicReferenceArray<>(Math.max(4, id * 4));
        for (int i = 0; i < id; i++) {
          grown.set(i, now.get(i));
        }
        now = grown;
      }
      AioRing.id(ctx.userId(), id);
      now.set(id, ctx);
      table = now;
    }
  }

  void remove(Kioctx ctx) {
    order();
    synchronized (lock) {
      AtomicReferenceArray<@Nullable Kioctx> now = table;
      for (int id = 0; id < now.length(); id++) {
        if (now.get(id) == ctx) {
          now.set(id, null);
        }
      }
    }
  }

  /**
   * Finds a context and takes a user reference.
   *
   * @param id the program's value, unchecked
   * @return the context, or null (EINVAL)
   */
  @LinuxSource(file = "fs/aio.c", name = "lookup_ioctx")
  static @Nullable Kioctx lookup(AddressSpace mm, long id) {
    if (!(mm.ioctxTable() instanceof KioctxTable contexts)
        || !mm.accessOk(id, AioRing.SIZE, false)) {
      return null;
    }
    AtomicReferenceArray<@Nullable Kioctx> now = contexts.table;
    int index = AioRing.id(id);
    if (Integer.compareUnsigned(index, now.length()) >= 0) {
      return null;
    }
    Kioctx ctx = now.get(index);
    return ctx != null && ctx.userId() == id && ctx.get() ? ctx : null;
  }

  private void order() {
    if (Debug.ON) {
      LockOrder.enter(LockClass.AIO_TABLE, lock);
    }
  }

  /** Returns the contexts. From any context; takes no lock. */
  List<Kioctx> all() {
    List<Kioctx> all = new ArrayList<>();
    AtomicReferenceArray<@Nullable Kioctx> now = table;
    for (int id = 0; id < now.length(); id++) {
      Kioctx ctx = now.get(id);
      if (ctx != null) {
        all.add(ctx);
      }
    }
    return all;
  }

  /** Describes the contexts, for a dump. From any context; takes no lock. */
  List<String> describe() {
    List<String> lines = new ArrayList<>();
    for (Kioctx ctx : all()) {
      lines.addAll(ctx.dump().describe());
    }
    return lines;
  }

  @Differs(
      patch = 15,
      kind = Differs.Kind.FIXES,
      why =
          "The end of a process polls its contexts without the lock of their table. The posting"
              + " polls under ioctx_lock, a spinlock.",
      test = "SubmitDifferencesTest#theEndOfAProcessPollsWithoutTheLockOfItsContexts")
  @Override
  public void exitAio() {
    AtomicReferenceArray<@Nullable Kioctx> now = table;
    List<Kioctx> left = new ArrayList<>();
    for (int id = 0; id < now.length(); id++) {
      Kioctx ctx = now.get(id);
      if (ctx != null && ctx.kill()) { // all first: requests of one may wait for those of another
        left.add(ctx);
      }
    }
    for (Kioctx ctx : left) {
      Oops.contain("the end of an aio context", () -> aio.destroyKilled(this, ctx, 0));
    }
  }
}
