// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.Debug;
import io.pollux.core.sched.LockClass;
import io.pollux.core.sched.LockOrder;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.WaitQueue;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.LinuxSource;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The locks on one file. A range is locked for a process (POSIX, owner: its {@link FilesStruct}) or
 * for an open file (owner: the {@link File}); the two conflict with each other. flock locks the
 * whole file for an open file, and conflicts with other flocks only. Locks are advisory: reading
 * and writing ignore them.
 *
 * <p>The lock of this object guards the lists. It is a leaf; waiters are woken after it is
 * released. Unlike Linux, deadlocks are not detected (EDEADLK); a signal interrupts the wait.
 */
@LinuxSource(file = "fs/locks.c", name = "file_lock_context")
public final class FileLocks {
  /** The last byte of an unbounded range. */
  @LinuxSource(file = "include/linux/fs.h", name = "OFFSET_MAX")
  public static final long TO_END = Long.MAX_VALUE;

  // grouped by owner, each group in file order
  private final List<Range> ranges = new ArrayList<>();
  private final List<Range> flocks = new ArrayList<>();
  private final WaitQueue waiters = new WaitQueue();

  FileLocks() {}

  /**
   * A locked range.
   *
   * @param owner a FilesStruct or a File
   * @param type Fcntl.F_RDLCK or F_WRLCK; for a request also F_UNLCK
   * @param start its first byte
   * @param end its last byte, {@link #TO_END} if it has no end
   */
  public record Range(Object owner, int type, long start, long end) {
    /**
     * The number that F_GETLK reports.
     *
     * @return the process's; -1 for an open file
     */
    public int pid() {
      return owner instanceof FilesStruct process ? process.pid() : -1;
    }

    @LinuxSource(
        file = "fs/locks.c",
        name = {"posix_locks_conflict", "locks_overlap"})
    private boolean conflicts(Range other) {
      return owner != other.owner
          && start <= other.end
          && other.start <= end
          && (type == Fcntl.F_WRLCK || other.type == Fcntl.F_WRLCK);
    }
  }

  /**
   * Finds a conflicting lock.
   *
   * @param wanted the lock to test
   * @return the first lock that conflicts with it, or null
   */
  @LinuxSource(file = "fs/locks.c", name = "posix_test_lock")
  public synchronized @Nullable Range test(Range wanted) {
    lockdep();
    return conflict(ranges, wanted);
  }

  private static @Nullable Range conflict(List<Range> held, Range wanted) {
    for (Range range : held) {
      if (range.conflicts(wanted)) {
        return range;
      }
    }
    return null;
  }

  /**
   * Takes, changes or releases a range. From process context; sleeps only if wait is set.
   *
   * @param current the calling task
   * @param table counts the locks
   * @param wanted the range; type F_UNLCK releases it
   * @param wait whether to wait for conflicting locks
   * @return 0, -EAGAIN, -EINTR, or -ENOLCK at the limit of all locks
   */
  @LinuxSource(
      file = "fs/locks.c",
      name = {"posix_lock_inode", "do_lock_file_wait"})
  public int lock(Task current, FileTable table, Range wanted, boolean wait) {
    return waited(current, () -> tryLock(table, wanted), wait);
  }

  private void lockdep() {
    if (Debug.ON) {
      LockOrder.enter(LockClass.FILE_LOCKS, this);
    }
  }

  private interface Attempt {
    /** Returns 0 or a negative errno; the caller retries after -EAGAIN. */
    int run();
  }

  private int waited(Task current, Attempt attempt, boolean wait) {
    int result = attempt.run();
    if (result == -Errno.EAGAIN && wait) {
      int[] last = {result};
      int waited =
          waiters.waitEvent(
              current, () -> (last[0] = attempt.run()) != -Errno.EAGAIN, WaitQueue.FOREVER);
      result = waited != 0 ? waited : last[0];
    }
    if (result == 0) {
      waiters.wakeUp(); // a lock may have shrunk or been downgraded
    }
    return result;
  }

  private synchronized int tryLock(FileTable table, Range wanted) {
    lockdep();
    if (wanted.type != Fcntl.F_UNLCK && conflict(ranges, wanted) != null) {
      return -Errno.EAGAIN;
    }
    int first = 0;
    while (first < ranges.size() && ranges.get(first).owner != wanted.owner) {
      first++;
    }
    int last = first;
    while (last < ranges.size() && ranges.get(last).owner == wanted.owner) {
      last++;
    }
    List<Range> own = ranges.subList(first, last);
    List<Range> changed = withChange(own, wanted);
    if (!table.chargeLocks(changed.size() - own.size())) {
      return -Errno.ENOLCK;
    }
    own.clear();
    ranges.addAll(first, changed);
    return 0;
  }

  /**
   * Computes one owner's locks after a change. The range replaces overlapping locks and merges with
   * neighbours of its type.
   */
  private static List<Range> withChange(List<Range> own, Range wanted) {
    List<Range> changed = new ArrayList<>(own.size() + 2);
    boolean unlock = wanted.type == Fcntl.F_UNLCK;
    long start = wanted.start;
    long end = wanted.end;
    int at = 0; // insertion point of the range
    for (Range range : own) {
      boolean touches =
          range.start <= (end == TO_END ? end : end + 1)
              && start <= (range.end == TO_END ? TO_END : range.end + 1);
      if (touches && !unlock && range.type == wanted.type) {
        start = Math.min(start, range.start);
        end = Math.max(end, range.end);
        continue;
      }
      if (range.end < wanted.start) {
        changed.add(at++, range);
      } else if (range.start > wanted.end) {
        changed.add(range);
      } else {
        if (range.start < wanted.start) {
          changed.add(at++, new Range(range.owner, range.type, range.start, wanted.start - 1));
        }
        if (range.end > wanted.end) {
          changed.add(new Range(range.owner, range.type, wanted.end + 1, range.end));
        }
      }
    }
    if (!unlock) {
      changed.add(at, new Range(wanted.owner, wanted.type, start, end));
    }
    return changed;
  }

  /**
   * Takes, changes or releases the lock of an open file on the whole file. A change drops the old
   * lock first, so that a failed change leaves none. From process context; sleeps only if wait is
   * set.
   *
   * @param current the calling task
   * @param table counts the locks
   * @param file the owner
   * @param type Fcntl.F_RDLCK for shared, F_WRLCK for exclusive, F_UNLCK for none
   * @param wait whether to wait for conflicting locks
   * @return 0, -EAGAIN, -EINTR, or -ENOLCK at the limit of all locks
   */
  @LinuxSource(file = "fs/locks.c", name = "flock_lock_inode")
  public int flock(Task current, FileTable table, File file, int type, boolean wait) {
    return waited(current, () -> tryFlock(table, new Range(file, type, 0, TO_END)), wait);
  }

  private int tryFlock(FileTable table, Range wanted) {
    boolean dropped;
    int result;
    lockdep();
    synchronized (this) {
      dropped = remove(flocks, wanted.owner, wanted.type) > 0;
      result = dropped ? uncharged(table) : 0;
      if (wanted.type != Fcntl.F_UNLCK && !holds(wanted)) {
        result =
            conflict(flocks, wanted) != null
                ? -Errno.EAGAIN
                : table.chargeLocks(1) ? 0 : -Errno.ENOLCK;
        if (result == 0) {
          flocks.add(wanted);
        }
      }
    }
    if (dropped) {
      waiters.wakeUp();
    }
    return result;
  }

  private static int uncharged(FileTable table) {
    boolean done = table.chargeLocks(-1);
    assert done : "less can always be had";
    return 0;
  }

  private boolean holds(Range wanted) {
    return flocks.stream().anyMatch(held -> held.owner == wanted.owner && held.type == wanted.type);
  }

  /** Removes the locks of an owner that have another type. Returns how many. */
  private static int remove(List<Range> held, Object owner, int but) {
    int before = held.size();
    held.removeIf(range -> range.owner == owner && range.type != but);
    return before - held.size();
  }

  /**
   * Releases every lock of an owner: of a process when it closes any descriptor of the file, of an
   * open file with its last reference. From any context.
   *
   * @param table counts the locks
   * @param owner a FilesStruct or a File
   */
  @LinuxSource(
      file = "fs/locks.c",
      name = {"locks_remove_posix", "locks_remove_file"})
  void release(FileTable table, Object owner) {
    int released;
    lockdep();
    synchronized (this) {
      released = remove(ranges, owner, Fcntl.F_UNLCK) + remove(flocks, owner, Fcntl.F_UNLCK);
    }
    if (released > 0) {
      boolean done = table.chargeLocks(-released);
      assert done : "less can always be had";
      waiters.wakeUp();
    }
  }
}
