// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.exec;

import io.pollux.core.Oops;
import io.pollux.tools.exec.MachineDuplicates.Duplicate;
import io.pollux.uapi.Errno;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.Arena;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ThreadFactory;

/**
 * Watches host files for polls and blocked requests: one edge-triggered epoll set, and one thread
 * that waits on it. The first request starts the thread. If the thread fails, no file is watched
 * again: polls report an error, and requests block on the host.
 */
final class MachinePolls {
  /**
   * All events that a poll can request; epoll and poll have the same bits. EPOLLERR and EPOLLHUP
   * are always reported.
   */
  static final int ALL_EVENTS = 0x27c7; // IN PRI OUT RDNORM RDBAND WRNORM WRBAND MSG RDHUP

  private static final int EPOLL_CLOEXEC = 02000000;
  private static final int EPOLL_CTL_ADD = 1;
  private static final int EPOLL_CTL_DEL = 2;
  private static final int EPOLLET = 1 << 31;
  private static final int EVENT_SIZE = 12; // packed on x86-64: u32 events, u64 data
  private static final int DATA = 4;
  private static final int MAX_EVENTS = 64;

  private final Machine machine;
  private final Machine apart;
  private final ThreadFactory threads;
  // by key; under its own lock, as all below
  private final Map<Long, Duplicate> watched = new HashMap<>();
  private long lastKey;
  private int epoll = -1;
  private int epollApart = -1; // the same set in the second table
  private volatile boolean failed; // written under the lock

  /** Takes the host calls for the program's table and for the second table. */
  MachinePolls(Machine machine, Machine apart) {
    this(machine, apart, listen -> new Thread(listen, "pollux-polls"));
  }

  MachinePolls(Machine machine, Machine apart, ThreadFactory threads) {
    this.machine = machine;
    this.apart = apart;
    this.threads = threads;
  }

  /** Whether the thread failed. The thread then wakes the queues of all watched files once. */
  boolean hasFailed() {
    return failed;
  }

  /**
   * Watches a duplicate: wakes its queue at each change.
   *
   * @return 0, or a negative errno: -EPERM for a file that is always ready, such as a regular file.
   *     -EAGAIN if the host cannot create the thread. -EIO after the thread failed. Another errno
   *     if the host cannot watch the file.
   */
  int watch(Duplicate file) {
    synchronized (watched) {
      if (failed) {
        return -Errno.EIO;
      }
      if (file.key != 0) {
        return 0;
      }
      int set = set(file.machine);
      if (set < 0) {
        return set;
      }
      try (Arena arena = Arena.ofConfined()) {
        long key = lastKey + 1;
        long event = arena.allocate(EVENT_SIZE, Long.BYTES).address();
        RawMemory.putInt(event, ALL_EVENTS | EPOLLET);
        RawMemory.putLong(event + DATA, key);
        int result = (int) file.machine.call(Machine.EPOLL_CTL, set, EPOLL_CTL_ADD, file.fd, event);
        if (result == 0) {
          lastKey = key;
          file.key = key;
          watched.put(key, file);
        }
        return result;
      }
    }
  }

  /** Returns the number of the epoll set in a table, or a negative errno. Under the lock. */
  private int set(Machine table) {
    if (epoll < 0) {
      int made = (int) machine.call(Machine.EPOLL_CREATE1, EPOLL_CLOEXEC, 0, 0);
      if (made < 0) {
        return made;
      }
      int moved = machine.duplicate(made, machine.outOfTheWay());
      if (moved >= 0) {
        machine.call(Machine.CLOSE, made, 0, 0);
      }
      int set = moved >= 0 ? moved : made;
      try {
        Thread listener = threads.newThread(() -> listen(set));
        listener.setDaemon(true);
        listener.start();
      } catch (OutOfMemoryError e) { // "unable to create native thread"
        machine.call(Machine.CLOSE, set, 0, 0);
        return -Errno.EAGAIN;
      }
      epoll = set;
    }
    if (table == apart && epollApart < 0) {
      epollApart = (int) apart.call(Machine.TAKE, epoll, 0, 0);
    }
    return table == apart ? epollApart : epoll;
  }

  /** Stops watching a duplicate that is about to be closed. */
  void forget(Duplicate file) {
    synchronized (watched) {
      if (file.key != 0) {
        watched.remove(file.key);
        file.key = 0;
        if (failed) {
          return; // the set may be closed, and its number in use
        }
        file.machine.call(Machine.EPOLL_CTL, set(file.machine), EPOLL_CTL_DEL, file.fd, 0);
      }
    }
  }

  private void listen(int set) {
    try {
      wakeForever(set);
    } catch (Throwable e) {
      Oops.report(
          "pollux-polls",
          e,
          "polls of host files report an error, and their requests block on the host");
      fail();
    }
  }

  private void fail() {
    List<Duplicate> all;
    synchronized (watched) {
      failed = true;
      all = List.copyOf(watched.values());
    }
    for (Duplicate file : all) {
      Oops.contain("pollux-polls", () -> file.change(0xffff));
    }
  }

  /** Runs until it throws. */
  private void wakeForever(int set) {
    long events = Arena.global().allocate((long) EVENT_SIZE * MAX_EVENTS, Long.BYTES).address();
    while (true) {
      int count = (int) machine.call(Machine.EPOLL_WAIT, set, events, MAX_EVENTS, -1);
      if (count < 0 && count != -Errno.EINTR) {
        throw new IllegalStateException("epoll_wait: " + Errno.describe(-count));
      }
      for (int i = 0; i < count; i++) {
        long event = events + (long) i * EVENT_SIZE;
        Duplicate changed;
        synchronized (watched) {
          changed = watched.get(RawMemory.getLong(event + DATA));
        }
        if (changed != null) {
          changed.change(RawMemory.getInt(event) & 0xffff);
        }
      }
    }
  }
}
