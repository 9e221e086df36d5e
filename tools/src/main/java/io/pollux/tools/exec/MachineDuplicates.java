// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.exec;

import io.pollux.core.sched.WaitQueue;
import io.pollux.uapi.Errno;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * Duplicates of the program's descriptors, for requests that outlive the call that submits them: one for each
 * descriptor, however many requests hold it. It is closed with the last of them.
 *
 * <p>The first few are in the program's table, out of the way of the numbers that a program counts on: from 900 on, or
 * in the last eighth below a smaller limit. The others are in a table apart, which the program does not see, where a
 * call costs a change of threads.
 */
final class MachineDuplicates {
  private static final int F_DUPFD_QUERY = 1027; // since Linux 6.10
  private static final int KCMP_FILE = 0;
  private static final int MOST_BESIDE = 32; // in the program's table

  private final Machine machine;
  private final Machine apart;
  private final MachinePolls polls;
  private final Map<Integer, Duplicate> byNumber = new HashMap<>(); // of the program; under its own lock
  private int beside; // in the program's table; under the same lock, as all below
  private long thread; // that makes the calls apart; not positive before there is one

  MachineDuplicates(Machine machine, Machine apart, MachinePolls polls) {
    this.machine = machine;
    this.apart = apart;
    this.polls = polls;
  }

  /** An open file of the host, under a descriptor of its own. */
  static final class Duplicate {
    final Machine machine; // calls on it
    final int fd;
    final WaitQueue changes = new WaitQueue(); // woken at each, once it is watched
    long key; // of the one that listens, which has it under its lock; 0 if it is not watched
    private final int number;
    private final AtomicInteger seen = new AtomicInteger(); // changes
    private int holders = 1; // under the lock of byNumber

    private Duplicate(Machine machine, int fd, int number) {
      this.machine = machine;
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
      if (thread <= 0) {
        thread = apart.call(Machine.GETTID, 0, 0, 0); // starts it while the program's table has room
      }
      Duplicate there = byNumber.get(number);
      if (there != null && same(number, there)) {
        there.holders++;
        return there;
      }
      Duplicate made = duplicate(number);
      if (made != null) {
        byNumber.put(number, made); // another file had this number before: its holders keep it
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

  /** Whether a descriptor and a duplicate are one open file. False also where the host does not tell. */
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
    int fd = beside < MOST_BESIDE ? machine.duplicate(number, machine.outOfTheWay()) : -Errno.EMFILE;
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
