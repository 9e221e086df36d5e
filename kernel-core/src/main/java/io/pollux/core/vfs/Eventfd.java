// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.mm.IovIter;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.WaitQueue;
import io.pollux.uapi.Errno;
import io.pollux.uapi.EventfdFlags;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.PollBits;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.Arena;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * A counter that is a file: struct eventfd_ctx. Programs read and write it. The kernel adds to it
 * from any context ({@link EventfdCtx#signal}), which wakes readers and pollers.
 *
 * <p>It exists while a file on it is referenced, so a later signaller keeps a reference on the
 * file. The counter is unsigned. Writes stop one below its maximum. Only signals, which never
 * block, reach the maximum; poll then reports POLLERR.
 */
@LinuxSource(file = "fs/eventfd.c", name = "eventfd_ctx")
public final class Eventfd {
  private static final long ULLONG_MAX = -1;

  private final AtomicLong count;
  private final boolean semaphore;
  private final WaitQueue waiters = new WaitQueue();

  private Eventfd(long initial, boolean semaphore) {
    count = new AtomicLong(initial);
    this.semaphore = semaphore;
  }

  /**
   * Creates a counter and opens it.
   *
   * @param table counts the kernel's open files
   * @param initial initial value; eventfd2 passes only 32 bits
   * @param flags EventfdFlags.EFD_*, no others
   * @return the file, with one reference for the caller
   */
  @LinuxSource(file = "fs/eventfd.c", name = "do_eventfd")
  public static File create(FileTable table, long initial, int flags) {
    Eventfd made = new Eventfd(initial, (flags & EventfdFlags.EFD_SEMAPHORE) != 0);
    return new File(
        table, new Node(made), null, Fcntl.O_RDWR | (flags & EventfdFlags.EFD_NONBLOCK));
  }

  private long signal(long n) {
    assert n >= 0 : n;
    long before;
    long added;
    do {
      before = count.get();
      added = Long.compareUnsigned(ULLONG_MAX - before, n) < 0 ? ULLONG_MAX - before : n;
    } while (!count.compareAndSet(before, before + added));
    waiters.wakeUp(PollBits.POLLIN);
    return added;
  }

  /** Takes the value that a read returns, or 0 if the counter is 0. */
  @LinuxSource(file = "fs/eventfd.c", name = "eventfd_ctx_do_read")
  private long tryTake() {
    long before;
    long taken;
    do {
      before = count.get();
      if (before == 0) {
        return 0;
      }
      taken = semaphore ? 1 : before;
    } while (!count.compareAndSet(before, before - taken));
    return taken;
  }

  /** Adds the value of a write. Returns false if it does not fit. */
  private boolean tryAdd(long n) {
    long before;
    do {
      before = count.get();
      if (Long.compareUnsigned(ULLONG_MAX - before, n) <= 0) {
        return false;
      }
    } while (!count.compareAndSet(before, before + n));
    return true;
  }

  @LinuxSource(file = "fs/eventfd.c", name = "eventfd_read")
  private long read(Task current, Kiocb iocb, IovIter to) {
    if (to.count() < Long.BYTES) {
      return -Errno.EINVAL;
    }
    long taken = tryTake();
    if (taken == 0) {
      if (mustNotWait(iocb)) {
        return -Errno.EAGAIN;
      }
      long[] got = new long[1];
      int result = waiters.waitEvent(current, () -> (got[0] = tryTake()) != 0, WaitQueue.FOREVER);
      if (result != 0) {
        return result;
      }
      taken = got[0];
    }
    waiters.wakeUp(PollBits.POLLOUT);
    try (Arena arena = Arena.ofConfined()) {
      long value = arena.allocate(Long.BYTES).address();
      RawMemory.putLong(value, taken);
      // taken even after a fault
      return to.copyTo(value, Long.BYTES) == Long.BYTES ? Long.BYTES : -Errno.EFAULT;
    }
  }

  @LinuxSource(file = "fs/eventfd.c", name = "eventfd_write")
  private long write(Task current, Kiocb iocb, IovIter from) {
    if (from.count() < Long.BYTES) {
      return -Errno.EINVAL;
    }
    long n;
    try (Arena arena = Arena.ofConfined()) {
      long value = arena.allocate(Long.BYTES).address();
      if (from.copyFrom(value, Long.BYTES) != Long.BYTES) {
        return -Errno.EFAULT;
      }
      n = RawMemory.getLong(value);
    }
    if (n == ULLONG_MAX) {
      return -Errno.EINVAL;
    }
    if (!tryAdd(n)) {
      if (mustNotWait(iocb)) {
        return -Errno.EAGAIN;
      }
      int result = waiters.waitEvent(current, () -> tryAdd(n), WaitQueue.FOREVER);
      if (result != 0) {
        return result;
      }
    }
    waiters.wakeUp(PollBits.POLLIN);
    return Long.BYTES;
  }

  static boolean mustNotWait(Kiocb iocb) {
    return iocb.has(Kiocb.IOCB_NOWAIT) || (iocb.file().flags() & Fcntl.O_NONBLOCK) != 0;
  }

  @LinuxSource(file = "fs/eventfd.c", name = "eventfd_poll")
  private int poll(@Nullable PollTable table) {
    if (table != null) {
      table.pollWait(waiters);
    }
    long now = count.get();
    int mask = 0;
    if (now != 0) {
      mask |= PollBits.POLLIN;
    }
    if (now == ULLONG_MAX) {
      mask |= PollBits.POLLERR;
    }
    if (Long.compareUnsigned(now, ULLONG_MAX - 1) < 0) {
      mask |= PollBits.POLLOUT;
    }
    return mask;
  }

  private static Eventfd behind(File file) {
    return ((Node) file.inode()).eventfd;
  }

  /** The inode of a counter. */
  private static final class Node extends AnonInode implements EventfdCtx {
    private final Eventfd eventfd;

    Node(Eventfd eventfd) {
      super(0600);
      this.eventfd = eventfd;
    }

    @Override
    public FileOperations fop() {
      return OPERATIONS;
    }

    @Override
    String anonymousName() {
      return "anon_inode:[eventfd]";
    }

    @Override
    public long signal(long n) {
      return eventfd.signal(n);
    }
  }

  @LinuxSource(file = "fs/eventfd.c", name = "eventfd_fops")
  private static final FileOperations OPERATIONS =
      new FileOperations() {
        @Override
        public boolean hasReadIter() {
          return true;
        }

        @Override
        public long readIter(Task current, Kiocb iocb, IovIter to) {
          return behind(iocb.file()).read(current, iocb, to);
        }

        @Override
        public boolean hasWriteIter() {
          return true;
        }

        @Override
        public long writeIter(Task current, Kiocb iocb, IovIter from) {
          return behind(iocb.file()).write(current, iocb, from);
        }

        @Override
        public boolean canNowait() {
          return true;
        }

        @Override
        public boolean canSeek() {
          return false;
        }

        @Override
        public boolean hasPoll() {
          return true;
        }

        @Override
        public int poll(File file, @Nullable PollTable table) {
          return behind(file).poll(table);
        }
      };
}
