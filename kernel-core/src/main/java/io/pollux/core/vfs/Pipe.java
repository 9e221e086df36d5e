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
import java.util.IdentityHashMap;
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
  private final FileOperations operations = new Operations();

  // Under the lock.
  private long memory; // 0: none, in a fifo that no file has open
  private int head; // position of the next byte to read
  private int used;
  private int readers;
  private int writers;
  private final IdentityHashMap<File, Long> opened =
      new IdentityHashMap<>(); // of a fifo, with writersEver
  private long readersEver; // of a fifo: opens for reading
  private long writersEver; // likewise for writing

  private Pipe(long memory, int ends) {
    this.memory = memory;
    readers = ends;
    writers = ends;
  }

  /** Creates the pipe of a fifo, which no file has open. */
  @LinuxSource(file = "fs/pipe.c", name = "alloc_pipe_info")
  public static Pipe ofFifo() {
    return new Pipe(0, 0);
  }

  /** Returns the operations of the files of a fifo. */
  public FileOperations operations() {
    return operations;
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
    Node node = new Node(new Pipe(memory, 1));
    int keep = flags & Fcntl.O_NONBLOCK;
    return new Ends(
        new File(table, node, null, Fcntl.O_RDONLY | keep),
        new File(table, node, null, Fcntl.O_WRONLY | keep));
  }

  /**
   * Opens a fifo. Without O_NONBLOCK, an open for reading waits for a writer, and one for writing
   * for a reader.
   */
  @LinuxSource(file = "fs/pipe.c", name = "fifo_open")
  private int open(Task current, File file) {
    boolean nonblock = (file.flags() & Fcntl.O_NONBLOCK) != 0;
    long readersBefore;
    long writersBefore;
    boolean waits;
    lockdep();
    synchronized (lock) {
      if (nonblock && !file.readable() && readers == 0) {
        return -Errno.ENXIO;
      }
      if (memory == 0) {
        memory = HostMemory.map(CAPACITY);
      }
      if (memory == 0) {
        return -Errno.ENOMEM;
      }
      readersBefore = readersEver;
      writersBefore = writersEver;
      waits = !nonblock && (file.readable() ? writers == 0 : readers == 0);
      waits &= !(file.readable() && file.writable());
      if (file.readable()) {
        readers++;
        readersEver++;
      }
      if (file.writable()) {
        writers++;
        writersEver++;
      }
      // a reader that did not wait is not told of a hang-up before there was a writer
      opened.put(file, nonblock && writers == 0 ? writersEver : -1);
    }
    waiters.wakeUp();
    if (!waits) {
      return 0;
    }
    boolean reads = file.readable();
    return waiters.waitEvent(
        current,
        () -> reads ? writersEver() != writersBefore : readersEver() != readersBefore,
        WaitQueue.FOREVER);
  }

  private long readersEver() {
    lockdep();
    synchronized (lock) {
      return readersEver;
    }
  }

  private long writersEver() {
    lockdep();
    synchronized (lock) {
      return writersEver;
    }
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
        boolean never = opened.getOrDefault(file, -1L) == writersEver;
        mask |= writers == 0 && !never ? PollBits.POLLHUP : 0;
      }
      if (file.writable()) {
        mask |= CAPACITY - used >= PIPE_BUF ? OUT : 0;
        mask |= readers == 0 ? PollBits.POLLERR : 0;
      }
      return mask;
    }
  }

  @LinuxSource(file = "fs/pipe.c", name = "pipe_release")
  private void release(File file, boolean fifo) {
    lockdep();
    synchronized (lock) {
      if (fifo && opened.remove(file) == null) {
        return; // the open failed
      }
      readers -= file.readable() ? 1 : 0;
      writers -= file.writable() ? 1 : 0;
      if (readers == 0 && writers == 0) { // no file refers to the pipe, so no call is inside
        HostMemory.unmap(memory, CAPACITY);
        memory = 0;
        head = 0;
        used = 0;
      }
    }
    waiters.wakeUp(IN | OUT | PollBits.POLLERR | PollBits.POLLHUP);
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

  /** The inode that both files share. */
  private static final class Node extends AnonInode {
    private final Pipe pipe;

    Node(Pipe pipe) {
      super(StatMode.S_IFIFO | 0600);
      this.pipe = pipe;
    }

    @Override
    public FileOperations fop() {
      return pipe.operations;
    }

    @Override
    String anonymousName() {
      return "pipe:[" + ino() + "]";
    }
  }

  @LinuxSource(file = "fs/pipe.c", name = "pipefifo_fops")
  private final class Operations implements FileOperations {
    @Override
    public boolean hasReadIter() {
      return true;
    }

    @Override
    public long readIter(Task current, Kiocb iocb, IovIter to) {
      return Pipe.this.read(current, iocb, to);
    }

    @Override
    public boolean hasWriteIter() {
      return true;
    }

    @Override
    public long writeIter(Task current, Kiocb iocb, IovIter from) {
      return Pipe.this.write(current, iocb, from);
    }

    @Override
    @LinuxSource(file = "fs/pipe.c", name = "fifo_open")
    public int open(Task current, File file) {
      return Pipe.this.open(current, file);
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
      return Pipe.this.poll(file, table);
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
      RawMemory.putInt(arg, used());
      return 0;
    }

    @Override
    @LinuxSource(file = "fs/pipe.c", name = "pipe_fcntl")
    public int pipeSize() {
      return CAPACITY;
    }

    @Override
    public void release(File file) {
      Pipe.this.release(file, !(file.inode() instanceof Node));
    }
  }
}
