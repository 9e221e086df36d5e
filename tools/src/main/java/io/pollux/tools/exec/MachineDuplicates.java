// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.exec;

import io.pollux.core.sched.WaitQueue;
import io.pollux.uapi.Errno;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * Duplicates of the program's descriptors, for requests that outlive the submitting call. All
 * requests on a descriptor share one duplicate. The last request closes it.
 *
 * <p>The first few are in the program's table, at numbers that programs do not expect. These are
 * 900 and above, or the last eighth below a smaller limit. The others are in a second table that
 * the program does not see. A call there costs a thread switch.
 */
final class MachineDuplicates {
  private static final int F_DUPFD_QUERY = 1027; // since Linux 6.10
  private static final int KCMP_FILE = 0;
  private static final int MOST_BESIDE = 32; // in the program's table

  private final Machine machine;
  private final Machine apart;
  private final MachinePolls polls;
  // by the program's number; under its own lock
  private final Map<Integer, Duplicate> byNumber = new HashMap<>();
  private int beside; // in the program's table; under the same lock, as all below
  private long thread; // makes the calls on the second table; not positive before it starts

  MachineDuplicates(Machine machine, Machine apart, MachinePolls polls) {
    this.machine = machine;
    this.apart = apart;
    this.polls = polls;
  }

  /** An open file of the host, under a descriptor of its own. */
  static final class Duplicate {
    final Machine machine; // calls on it
    final int fd;
    final WaitQueue changes = new WaitQueue(); // woken at each change while watched
    long key; // for the listener, under its lock; 0 if not watched
    private final int number;
    private final AtomicInteger seen = new AtomicInteger(); // changes
    private int holders = 1; // under the lock of byNumber

    private Duplicate(Machine machine, int fd, int number) {
      this.machine = machine;
      this.fd = fd;
      this.number = number;
    }

    /** Number of changes so far. A waiter that sees a new number checks the file. */
    int seen() {
      return seen.get();
    }

    /** Records a change. By the listener. */
    void change(int mask) {
      seen.getAndIncrement();
      changes.wakeUp(mask);
    }
  }

  /**
   * Holds the file that a descriptor of the program names.
   *
   * @param number the program's
   * @return the duplicate, which the caller releases once; null if the host has no free descriptor
   *     or the number is not open
   */
  @Nullable Duplicate hold(int number) {
    synchronized (byNumber) {
      if (thread <= 0) {
        // starts the thread while the program's table has room
        thread = apart.call(Machine.GETTID, 0, 0, 0);
      }
      Duplicate there = byNumber.get(number);
      if (there != null && same(number, there)) {
        there.holders++;
        return there;
      }
      Duplicate made = duplicate(number);
      if (made != null) {
        // the number named another file before; its holders keep that duplicate
        byNumber.put(number, made);
      }
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
      beside -= held.machine == machine ? 1 : 0;
    }
    polls.forget(held);
    held.machine.call(Machine.CLOSE, held.fd, 0, 0);
  }

  /**
   * Whether a descriptor of the program still names the file of a duplicate. False if the host
   * cannot tell.
   */
  boolean names(int number, Duplicate held) {
    synchronized (byNumber) {
      return same(number, held);
    }
  }

  /**
   * Whether a descriptor and a duplicate refer to the same open file. False if the host cannot
   * tell.
   */
  private boolean same(int number, Duplicate there) {
    long process = machine.call(Machine.GETPID, 0, 0, 0);
    if (there.machine == apart) {
      return machine.call(Machine.KCMP, process, thread, KCMP_FILE, number, there.fd, 0) == 0;
    }
    long answer = machine.call(Machine.FCNTL, number, F_DUPFD_QUERY, there.fd);
    return answer == -Errno.EINVAL
        ? machine.call(Machine.KCMP, process, process, KCMP_FILE, number, there.fd, 0) == 0
        : answer == 1;
  }

  private @Nullable Duplicate duplicate(int number) {
    int fd =
        beside < MOST_BESIDE ? machine.duplicate(number, machine.outOfTheWay()) : -Errno.EMFILE;
    if (fd == -Errno.EMFILE) {
      int other = (int) apart.call(Machine.TAKE, number, 0, 0);
      if (other >= 0) {
        return new Duplicate(apart, other, number);
      }
      fd = machine.duplicate(number, 0);
    }
    if (fd < 0) {
      return null;
    }
    beside++;
    return new Duplicate(machine, fd, number);
  }
}
