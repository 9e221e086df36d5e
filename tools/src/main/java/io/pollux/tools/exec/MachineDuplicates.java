// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.exec;

import io.pollux.core.sched.WaitQueue;
import io.pollux.uapi.Errno;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.Arena;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * Duplicates of the program's descriptors, for requests that outlive the call that submits them: one for each open
 * file, however many requests hold it. It is closed with the last of them.
 *
 * <p>They are numbered from 900 on, out of the way of the numbers that a program counts on, or from an eighth below a
 * small limit. If all below the soft limit are taken, the limit is raised for the moment of duplication, if the host
 * allows that: the descriptor is good for its life, and the program keeps its limit.
 */
final class MachineDuplicates {
  private static final int F_DUPFD_CLOEXEC = 1030;
  private static final int F_DUPFD_QUERY = 1027; // since Linux 6.10
  private static final int KCMP_FILE = 0;
  private static final int RLIMIT_NOFILE = 7;
  private static final int RLIMIT_SIZE = 16; // struct rlimit64: soft and hard
  private static final int OUT_OF_THE_WAY = 900;
  private static final int BELOW_SMALL_LIMIT = 8; // one part in so many
  private static final int MOST = 1 << 20; // fs.nr_open as Linux has it

  private final Machine machine;
  private final MachinePolls polls;
  private final Map<Integer, Duplicate> byNumber = new HashMap<>(); // of the program; under its own lock

  MachineDuplicates(Machine machine, MachinePolls polls) {
    this.machine = machine;
    this.polls = polls;
  }

  /** An open file of the host, under a descriptor of its own. */
  static final class Duplicate {
    final int fd;
    final WaitQueue changes = new WaitQueue(); // woken at each, once it is watched
    private final int number;
    private int holders = 1; // under the lock of byNumber
    private final AtomicInteger seen = new AtomicInteger(); // changes

    private Duplicate(int fd, int number) {
      this.fd = fd;
      this.number = number;
    }

    /** Changes so far: a waiter that sees another number has something to look at. */
    int seen() {
      return seen.get();
    }

    /** Something changed. By the listener. */
    void change(int mask) {
      seen.getAndIncrement();
      changes.wakeUp(mask);
    }
  }

  /**
   * Holds the file that a descriptor of the program names.
   *
   * @param number the program's
   * @return to be released once; null if the host has no descriptor left, or the number names nothing
   */
  @Nullable Duplicate hold(int number) {
    synchronized (byNumber) {
      Duplicate there = byNumber.get(number);
      if (there != null && same(number, there.fd)) {
        there.holders++;
        return there;
      }
      int fd = duplicate(number);
      if (fd < 0) {
        return null;
      }
      Duplicate made = new Duplicate(fd, number);
      byNumber.put(number, made); // another file had this number before: its holders keep it
      return made;
    }
  }

  /** Drops what {@link #hold} returned. From any context. */
  void release(Duplicate held) {
    synchronized (byNumber) {
      if (--held.holders > 0) {
        return;
      }
      byNumber.remove(held.number, held);
    }
    polls.forget(held);
    machine.call(Machine.CLOSE, held.fd, 0, 0);
  }

  /** Whether two descriptors are one open file. False also where the host does not tell. */
  private boolean same(int one, int other) {
    long answer = machine.call(Machine.FCNTL, one, F_DUPFD_QUERY, other);
    if (answer != -Errno.EINVAL) {
      return answer == 1;
    }
    long process = machine.call(Machine.GETPID, 0, 0, 0);
    return machine.call(Machine.KCMP, process, process, KCMP_FILE, one, other, 0) == 0;
  }

  private int duplicate(int number) {
    try (Arena arena = Arena.ofConfined()) {
      long limit = arena.allocate(RLIMIT_SIZE, Long.BYTES).address();
      machine.call(Machine.PRLIMIT64, 0, RLIMIT_NOFILE, 0, limit);
      long limited = RawMemory.getLong(limit);
      long soft = limited < 0 || limited > MOST ? MOST : limited; // RLIM_INFINITY is -1
      long from = Math.min(OUT_OF_THE_WAY, soft - soft / BELOW_SMALL_LIMIT);
      int fd = (int) machine.call(Machine.FCNTL, number, F_DUPFD_CLOEXEC, from);
      if (fd == -Errno.EMFILE && soft < MOST) {
        fd = duplicateAbove(arena, limit, number, soft);
      }
      return fd == -Errno.EMFILE ? (int) machine.call(Machine.FCNTL, number, F_DUPFD_CLOEXEC, 0) : fd;
    }
  }

  /** Duplicates to above the soft limit. Another thread of the program sees the higher limit for a moment. */
  private int duplicateAbove(Arena arena, long limit, int number, long soft) {
    long hard = RawMemory.getLong(limit + Long.BYTES);
    long higher = arena.allocate(RLIMIT_SIZE, Long.BYTES).address();
    RawMemory.putLong(higher, Math.max(MOST, hard));
    RawMemory.putLong(higher + Long.BYTES, Math.max(MOST, hard));
    if (machine.call(Machine.PRLIMIT64, 0, RLIMIT_NOFILE, higher, 0) != 0) {
      RawMemory.putLong(higher, hard); // a program without CAP_SYS_RESOURCE
      RawMemory.putLong(higher + Long.BYTES, hard);
      if (machine.call(Machine.PRLIMIT64, 0, RLIMIT_NOFILE, higher, 0) != 0) {
        return -Errno.EMFILE;
      }
    }
    int fd = (int) machine.call(Machine.FCNTL, number, F_DUPFD_CLOEXEC, soft);
    machine.call(Machine.PRLIMIT64, 0, RLIMIT_NOFILE, limit, 0);
    return fd == -Errno.EINVAL ? -Errno.EMFILE : fd; // the hard limit is the soft one
  }
}
