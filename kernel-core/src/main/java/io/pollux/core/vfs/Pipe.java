// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.Debug;
import io.pollux.core.ErrnoException;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.mm.IovIter;
import io.pollux.core.sched.LockClass;
import io.pollux.core.sched.LockOrder;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.WaitQueue;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.FileIoctl;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.PollBits;
import io.pollux.uapi.RawMemory;
import io.pollux.uapi.StatMode;
import org.jspecify.annotations.Nullable;

/**
 * A pipe: {@link #CAPACITY} bytes of kernel memory between a file for writing and a file for
 * reading.
 *
 * <p>A write of up to {@link #PIPE_BUF} bytes is stored as a whole or not at all. A read returns
 * the available bytes and waits only if there are none. Without a writer a read of an empty pipe
 * returns 0. Without a reader a write returns EPIPE; no signal is sent.
 *
 * <p>The lock guards everything except the wait queue. It is a leaf: its holder wakes no waiter and
 * does not sleep.
 */
@LinuxSource(file = "fs/pipe.c", name = "pipe_inode_info")
public final class Pipe {
  /** Capacity in bytes. */
  public static final int CAPACITY = 64 << 10;

  /** Maximum length of an atomic write, and the free space that POLLOUT requires. */
  @LinuxSource(file = "include/uapi/linux/limits.h", name = "PIPE_BUF")
  public static final int PIPE_BUF = 4096;

  private static final int IN = PollBits.POLLIN | PollBits.POLLRDNORM;
  private static final int OUT = PollBits.POLLOUT | PollBits.POLLWRNORM;

  private final Object lock = new Object();
  private final WaitQueue waiters = new WaitQueue();
  private final long memory;

  // Under the lock.
  private int head; // position of the next byte to read
  private int used;
  private int readers = 1;
  private int writers = 1;

  private Pipe(long memory) {
    this.memory = memory;
  }

  /**
   * Both ends of a pipe, each with one reference for the caller.
   *
   * @param read the end for reading
   * @param write the end for writing
   */
  public record Ends(File read, File write) {}

  /**
   * Creates a pipe and opens its ends.
   *
   * @param table counts the kernel's open files
   * @param flags O_NONBLOCK and O_CLOEXEC, or 0
   * @return the ends
   * @throws ErrnoException ENOMEM if the host has no memory
   */
  @LinuxSource(file = "fs/pipe.c", name = "create_pipe_files")
  public static Ends create(FileTable table, int flags) throws ErrnoException {
    long memory = HostMemory.map(CAPACITY);
    if (memory == 0) {
      throw new ErrnoException(Errno.ENOMEM);
    }
    Node node = new Node(new Pipe(memory));
    int keep = flags & Fcntl.O_NONBLOCK;
    return new Ends(
        new File(table, node, null, Fcntl.O_RDONLY | keep),
        new File(table, node, null, Fcntl.O_WRONLY | keep));
  }

  @LinuxSource(file = "fs/pipe.c", name = "pipe_read")
  private long read(Task current, Kiocb iocb, IovIter to) {
    if (to.count() == 0) {
      return 0;
    }
    long result = tryRead(to);
    if (result == -Errno.EAGAIN && !Eventfd.mustNotWait(iocb)) {
      long[] got = new long[1];
      int waited =
          waiters.waitEvent(
              current, () -> (got[0] = tryRead(to)) != -Errno.EAGAIN, WaitQueue.FOREVER);
      result = waited != 0 ? waited : got[0];
    }
    if (result > 0) {
      waiters.wakeUp(OUT);
    }
    return result;
  }

  /** Reads the available bytes. Returns -EAGAIN if there are none and a writer may add some. */
  private long tryRead(IovIter to) {
    lockdep();
    synchronized (lock) {
      if (used == 0) {
        return writers == 0 ? 0 : -Errno.EAGAIN;
      }
      long done = 0;
      // at most twice: up to the end of the memory, and from its start
      while (used > 0 && to.count() > 0) {
        int step = (int) Math.min(Math.min(used, CAPACITY - head), to.count());
        int moved = (int) to.copyTo(memory + head, step);
        head = (head + moved) % CAPACITY;
        used -= moved;
        done += moved;
        if (moved < step) {
          return done > 0 ? done : -Errno.EFAULT;
        }
      }
      return done;
    }
  }

  @LinuxSource(file = "fs/pipe.c", name = "pipe_write")
  private long write(Task current, Kiocb iocb, IovIter from) {
    if (from.count() == 0) {
      return 0;
    }
    boolean whole = from.count() <= PIPE_BUF;
    long done = 0;
    while (true) { // each turn but the last moves at least one byte
      long result = tryWrite(from, whole);
      if (result == -Errno.EAGAIN && !Eventfd.mustNotWait(iocb)) {
        long[] got = new long[1];
        int waited =
            waiters.waitEvent(
                current,
                () -> (got[0] = tryWrite(from, whole)) != -Errno.EAGAIN,
                WaitQueue.FOREVER);
        result = waited != 0 ? waited : got[0];
      }
      if (result <= 0) {
        return done > 0 ? done : result;
      }
      done += result;
      waiters.wakeUp(IN);
      if (from.count() == 0) {
        return done;
      }
    }
  }

  /** Writes as much as fits. Returns -EAGAIN if nothing fits and a reader may make room. */
  private long tryWrite(IovIter from, boolean whole) {
    lockdep();
    synchronized (lock) {
      if (readers == 0) {
        return -Errno.EPIPE;
      }
      if (used == CAPACITY || (whole && CAPACITY - used < from.count())) {
        return -Errno.EAGAIN;
      }
      long done = 0;
      while (used < CAPACITY && from.count() > 0) { // at most twice
        int tail = (head + used) % CAPACITY;
        int step = (int) Math.min(Math.min(CAPACITY - used, CAPACITY - tail), from.count());
        int moved = (int) from.copyFrom(memory + tail, step);
        used += moved;
        done += moved;
        if (moved < step) {
          return done > 0 ? done : -Errno.EFAULT;
        }
      }
      return done;
    }
  }

  @LinuxSource(file = "fs/pipe.c", name = "pipe_poll")
  private int poll(File file, @Nullable PollTable table) {
    if (table != null) {
      table.pollWait(waiters);
    }
    lockdep();
    synchronized (lock) {
      int mask = 0;
      if (file.readable()) {
        mask |= used > 0 ? IN : 0;
        mask |= writers == 0 ? PollBits.POLLHUP : 0;
      }
      if (file.writable()) {
        mask |= CAPACITY - used >= PIPE_BUF ? OUT : 0;
        mask |= readers == 0 ? PollBits.POLLERR : 0;
      }
      return mask;
    }
  }

  @LinuxSource(file = "fs/pipe.c", name = "pipe_release")
  private void release(File file) {
    boolean gone;
    lockdep();
    synchronized (lock) {
      if (file.readable()) {
        readers--;
      } else {
        writers--;
      }
      gone = readers == 0 && writers == 0;
    }
    if (gone) {
      HostMemory.unmap(memory, CAPACITY); // no file refers to the pipe, so no call is inside
    } else {
      waiters.wakeUp(IN | OUT | PollBits.POLLERR | PollBits.POLLHUP);
    }
  }

  private int used() {
    lockdep();
    synchronized (lock) {
      return used;
    }
  }

  private void lockdep() {
    if (Debug.ON) {
      LockOrder.enter(LockClass.PIPE, lock);
    }
  }

  private static Pipe behind(File file) {
    return ((Node) file.inode()).pipe;
  }

  /** The inode that both files share. */
  private static final class Node extends AnonInode {
    private final Pipe pipe;

    Node(Pipe pipe) {
      super(StatMode.S_IFIFO | 0600);
      this.pipe = pipe;
    }

    @Override
    public FileOperations fop() {
      return OPERATIONS;
    }

    @Override
    String anonymousName() {
      return "pipe:[" + ino() + "]";
    }
  }

  @LinuxSource(file = "fs/pipe.c", name = "pipefifo_fops")
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
          return behind(file).poll(file, table);
        }

        @Override
        @LinuxSource(file = "fs/pipe.c", name = "pipe_ioctl")
        public long ioctl(Task current, File file, int cmd, long arg) {
          if (cmd != FileIoctl.FIONREAD) {
            return -Errno.ENOTTY;
          }
          if (!current.mm().accessOk(arg, Integer.BYTES, true)) {
            return -Errno.EFAULT;
          }
          RawMemory.putInt(arg, behind(file).used());
          return 0;
        }

        @Override
        @LinuxSource(file = "fs/pipe.c", name = "pipe_fcntl")
        public int pipeSize() {
          return CAPACITY;
        }

        @Override
        public void release(File file) {
          behind(file).release(file);
        }
      };
}
