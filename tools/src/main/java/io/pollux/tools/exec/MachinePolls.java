// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.exec;

import io.pollux.core.sched.WaitQueue;
import io.pollux.uapi.Errno;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.Arena;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Hears of changes of the machine's files on behalf of polls here: one epoll set, edge by edge, and one thread that
 * waits on it, from the first poll on.
 */
final class MachinePolls {
  private static final int EPOLL_CLOEXEC = 02000000;
  private static final int EPOLL_CTL_ADD = 1;
  private static final int EPOLL_CTL_DEL = 2;
  private static final int EPOLLIN = 0x1;
  private static final int EPOLLPRI = 0x2;
  private static final int EPOLLOUT = 0x4;
  private static final int EPOLLRDHUP = 0x2000;
  private static final int EPOLLET = 1 << 31;
  private static final int EVENT_SIZE = 12; // packed on x86-64: u32 events, u64 data
  private static final int DATA = 4;
  private static final int MAX_EVENTS = 64;

  private final Machine machine;
  private final Map<Integer, WaitQueue> watched = new HashMap<>(); // under its own lock
  private int epoll = -1; // under the lock

  MachinePolls(Machine machine) {
    this.machine = machine;
  }

  /**
   * A queue that is woken at each change of a descriptor.
   *
   * @return the queue; null for a file that is always ready, as regular ones are
   */
  @Nullable WaitQueue watch(int fd) {
    synchronized (watched) {
      WaitQueue there = watched.get(fd);
      if (there != null) {
        return there;
      }
      if (epoll < 0) {
        epoll = (int) machine.call(Machine.EPOLL_CREATE1, EPOLL_CLOEXEC, 0, 0);
        int set = epoll;
        Thread listener = new Thread(() -> listen(set), "pollux-polls");
        listener.setDaemon(true);
        listener.start();
      }
      try (Arena arena = Arena.ofConfined()) {
        long event = arena.allocate(EVENT_SIZE, Long.BYTES).address();
        RawMemory.putInt(event, EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP | EPOLLET);
        RawMemory.putLong(event + DATA, fd);
        if (machine.call(Machine.EPOLL_CTL, epoll, EPOLL_CTL_ADD, fd, event) != 0) {
          return null; // EPERM: nothing to wait for
        }
      }
      WaitQueue queue = new WaitQueue();
      watched.put(fd, queue);
      return queue;
    }
  }

  /** A descriptor is about to be closed. */
  void forget(int fd) {
    synchronized (watched) {
      if (watched.remove(fd) != null) {
        machine.call(Machine.EPOLL_CTL, epoll, EPOLL_CTL_DEL, fd, 0);
      }
    }
  }

  private void listen(int set) {
    long events = Arena.global().allocate((long) EVENT_SIZE * MAX_EVENTS, Long.BYTES).address();
    while (true) {
      int count = (int) machine.call(Machine.EPOLL_WAIT, set, events, MAX_EVENTS, -1);
      if (count < 0 && count != -Errno.EINTR) {
        throw new IllegalStateException("epoll_wait: " + Errno.describe(-count));
      }
      for (int i = 0; i < count; i++) {
        long event = events + (long) i * EVENT_SIZE;
        WaitQueue queue;
        synchronized (watched) {
          queue = watched.get((int) RawMemory.getLong(event + DATA));
        }
        if (queue != null) {
          queue.wakeUp(RawMemory.getInt(event) & 0xffff); // EPOLL* are POLL*
        }
      }
    }
  }
}
