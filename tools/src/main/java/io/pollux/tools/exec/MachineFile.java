// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.exec;

import io.pollux.core.mm.IovIter;
import io.pollux.core.mm.Slab;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.WaitQueue;
import io.pollux.core.vfs.AnonInode;
import io.pollux.core.vfs.EventfdCtx;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileOperations;
import io.pollux.core.vfs.FileTable;
import io.pollux.core.vfs.Kiocb;
import io.pollux.core.vfs.PollTable;
import io.pollux.tools.exec.MachineDuplicates.Duplicate;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.PollBits;
import io.pollux.uapi.Pollfd;
import io.pollux.uapi.RawMemory;
import io.pollux.uapi.Stat;
import io.pollux.uapi.StatMode;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A host file for aio requests of a C program: an eventfd, a pipe, a file outside the mount point.
 *
 * <p>A read or write is one preadv2 or pwritev2 of the host, with the request's flags, on the
 * program's memory. It runs in place inside the submitting call, as in Linux 4.20 for files without
 * asynchronous I/O. A request that must wait (an empty pipe) sleeps in this kernel, so that a
 * signal interrupts it (EINTR).
 *
 * <p>A file that a request may use after its submission has a duplicate of the descriptor: see
 * {@link MachineDuplicates}.
 */
class MachineFile extends AnonInode {
  private static final int F_GETFL = 3;
  private static final int O_PATH = 010000000;
  private static final int O_NONBLOCK = 04000;
  private static final int NAME_BYTES = 64;
  private static final int SOL_SOCKET = 1;
  private static final int SO_RCVTIMEO = 20;
  private static final int SO_SNDTIMEO = 21;
  private static final int TIMEVAL_SIZE = 16;
  private static final long NO_POSITION = -1; // the file's own position, or none
  private static final int IN =
      PollBits.POLLIN | PollBits.POLLRDNORM | PollBits.POLLHUP | PollBits.POLLERR;
  private static final int OUT =
      PollBits.POLLOUT | PollBits.POLLWRNORM | PollBits.POLLHUP | PollBits.POLLERR;

  private final Host host;
  private final int number; // the program's
  private final int access; // O_ACCMODE
  private final int type; // S_IFMT
  private final Operations operations = new Operations();
  private @Nullable Duplicate duplicate; // under this object's lock
  private volatile boolean unpositioned; // the host returned ESPIPE

  /** Shared by all files of one program. */
  record Host(Machine machine, MachineAio aio, MachinePolls polls, MachineDuplicates duplicates) {}

  private MachineFile(Host host, int number, int mode, int access) {
    super(mode);
    this.host = host;
    this.number = number;
    this.access = access;
    this.type = mode & StatMode.S_IFMT;
  }

  /**
   * Opens a descriptor of the host.
   *
   * @return the file, with one reference for the caller; null if there is no such descriptor
   */
  static @Nullable File open(Host host, FileTable table, int fd) {
    Machine machine = host.machine();
    int flags = (int) machine.call(Machine.FCNTL, fd, F_GETFL, 0);
    if (flags < 0 || (flags & O_PATH) != 0) {
      return null;
    }
    int access = flags & Fcntl.O_ACCMODE; // the host applies the other flags, which may change
    try (Arena arena = Arena.ofConfined()) {
      long stat = arena.allocate(Stat.SIZE, Long.BYTES).address();
      if (machine.call(Machine.FSTAT, fd, stat, 0) != 0) {
        return null;
      }
      int mode = Stat.stMode(stat);
      MachineFile file;
      if ((mode & StatMode.S_IFMT) == 0 && isEventfd(machine, arena, fd)) {
        file = new MachineEventfd(host, fd, mode, access);
        if (file.duplicate() == null) {
          return null; // a later completion may signal it at any time
        }
      } else {
        file = new MachineFile(host, fd, mode, access);
      }
      return new File(table, file, null, access);
    }
  }

  private static boolean isEventfd(Machine machine, Arena arena, int fd) {
    long link = arena.allocateFrom("/proc/self/fd/" + fd).address();
    long name = arena.allocate(NAME_BYTES).address();
    int length = (int) machine.call(Machine.READLINK, link, name, NAME_BYTES);
    byte[] bytes = new byte[Math.max(length, 0)];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = RawMemory.getByte(name + i);
    }
    return new String(bytes, StandardCharsets.US_ASCII).equals("anon_inode:[eventfd]");
  }

  /** An eventfd of the host, which the kernel can signal. */
  private static final class MachineEventfd extends MachineFile implements EventfdCtx {
    private MachineEventfd(Host host, int number, int mode, int access) {
      super(host, number, mode, access);
    }

    @Override
    public long signal(long n) {
      assert n == 1 : n;
      return signalOne() ? 1 : 0;
    }
  }

  /**
   * Adds 1 to an eventfd. If the host has no aio, a full eventfd does not change: a write would
   * block, and a completion must not block.
   */
  boolean signalOne() {
    Duplicate held = duplicate();
    assert held != null : "since it was opened";
    if (host.aio().signal(held.machine, held.fd)) {
      return true;
    }
    if ((mask() & PollBits.POLLOUT) == 0) {
      return false;
    }
    try (Arena arena = Arena.ofConfined()) {
      long value = arena.allocate(Long.BYTES, Long.BYTES).address();
      RawMemory.putLong(value, 1);
      return held.machine.call(Machine.WRITE, held.fd, value, Long.BYTES) == Long.BYTES;
    }
  }

  @Override
  public FileOperations fop() {
    return operations;
  }

  /** Returns the duplicate, created by the first call; null if the host has no free descriptor. */
  final synchronized @Nullable Duplicate duplicate() {
    if (duplicate == null) {
      duplicate = host.duplicates().hold(number);
    }
    return duplicate;
  }

  /** Returns the duplicate; null while the program's number is used. */
  private synchronized @Nullable Duplicate held() {
    return duplicate;
  }

  private Machine table(@Nullable Duplicate held) {
    return held == null ? host.machine() : held.machine;
  }

  private int fd(@Nullable Duplicate held) {
    return held == null ? number : held.fd;
  }

  private int mask() {
    try (Arena arena = Arena.ofConfined()) {
      Duplicate held = held();
      long pollfd = arena.allocate(Pollfd.SIZE, Long.BYTES).address();
      Pollfd.fd(pollfd, fd(held));
      Pollfd.events(pollfd, (short) MachinePolls.ALL_EVENTS);
      long ready = table(held).call(Machine.POLL, pollfd, 1, 0);
      return ready <= 0 ? 0 : Pollfd.revents(pollfd) & 0xffff;
    }
  }

  // Reading and writing.

  private long transfer(Task current, Kiocb iocb, IovIter iter) {
    if (type == StatMode.S_IFSOCK && iocb.kiPos != 0) {
      return -Errno.ESPIPE; // C: sock_read_iter; other streams ignore the position
    }
    int rwf = rwFlags(iocb);
    if (stored()) {
      return once(current, iocb, iter, rwf); // not interruptible on the host either
    }
    if (iter.count() == 0 || (rwf & AioAbi.RWF_NOWAIT) != 0 || !mayWait()) {
      return once(current, iocb, iter, rwf);
    }
    return operations.canNowait()
        ? transferInTurns(current, iocb, iter, rwf)
        : transferWhenReady(current, iocb, iter, rwf);
  }

  private static int rwFlags(Kiocb iocb) {
    int rwf = iocb.has(Kiocb.IOCB_NOWAIT) ? AioAbi.RWF_NOWAIT : 0;
    rwf |= iocb.has(Kiocb.IOCB_APPEND) ? AioAbi.RWF_APPEND : 0;
    if (iocb.has(Kiocb.IOCB_SYNC)) {
      return rwf | AioAbi.RWF_SYNC;
    }
    return iocb.has(Kiocb.IOCB_DSYNC) ? rwf | AioAbi.RWF_DSYNC : rwf;
  }

  private boolean mayWait() {
    Duplicate held = held();
    return (table(held).call(Machine.FCNTL, fd(held), F_GETFL, 0) & O_NONBLOCK) == 0;
  }

  private boolean stored() {
    return type == StatMode.S_IFREG || type == StatMode.S_IFBLK || type == StatMode.S_IFDIR;
  }

  /**
   * Transfers data on the host without blocking, and waits here until a read returns data or a
   * write is complete. A blocking write of the host also continues after a short count.
   */
  private long transferInTurns(Task current, Kiocb iocb, IovIter iter, int rwf) {
    long done = 0;
    int seen = 0;
    Duplicate waitsOn = null;
    while (true) { // bounded: each turn moves data, waits for a change, or returns
      long moved = once(current, iocb, iter, rwf | AioAbi.RWF_NOWAIT);
      if (moved > 0) {
        done += moved;
        iter.advance(moved);
        if (iter.intoMemory() || iter.count() == 0) {
          return done;
        }
        continue;
      }
      if (moved != -Errno.EAGAIN) {
        return done > 0 ? done : moved;
      }
      if (waitsOn != null) {
        int result = await(current, waitsOn, seen, iter.intoMemory());
        if (result != 0) {
          return done > 0 ? done : result;
        }
      } else {
        waitsOn = duplicate();
      }
      seen = waitsOn == null ? 0 : waitsOn.seen(); // before the watch and the next attempt
      // the file cannot be watched: wait on the host
      if (waitsOn == null || host.polls().watch(waitsOn) != 0) {
        moved = once(current, iocb, iter, rwf);
        return moved > 0 ? done + moved : done > 0 ? done : moved;
      }
    }
  }

  private int await(Task current, Duplicate file, int seen, boolean read) {
    int result = file.changes.waitEvent(current, () -> file.seen() != seen, timeout(read));
    return result == -Errno.ETIMEDOUT ? -Errno.EAGAIN : result;
  }

  /** Returns the socket timeout that the program has set. */
  private long timeout(boolean read) {
    if (type != StatMode.S_IFSOCK) {
      return WaitQueue.FOREVER;
    }
    try (Arena arena = Arena.ofConfined()) {
      long timeval = arena.allocate(TIMEVAL_SIZE, Long.BYTES).address();
      long size = arena.allocate(Integer.BYTES, Integer.BYTES).address();
      RawMemory.putInt(size, TIMEVAL_SIZE);
      int option = read ? SO_RCVTIMEO : SO_SNDTIMEO;
      Duplicate held = held();
      table(held).call(Machine.GETSOCKOPT, fd(held), SOL_SOCKET, option, timeval, size, 0);
      long micros = RawMemory.getLong(timeval + Long.BYTES);
      long nanos =
          TimeUnit.SECONDS.toNanos(RawMemory.getLong(timeval))
              + TimeUnit.MICROSECONDS.toNanos(micros);
      return nanos <= 0 ? WaitQueue.FOREVER : nanos;
    }
  }

  /**
   * Waits until the file is ready, then transfers data on the host. For files without RWF_NOWAIT,
   * such as terminals. If another reader was faster, the host blocks.
   */
  private long transferWhenReady(Task current, Kiocb iocb, IovIter iter, int rwf) {
    int ready = iter.intoMemory() ? IN : OUT;
    if ((mask() & ready) == 0) {
      Duplicate file = duplicate();
      if (file != null && host.polls().watch(file) == 0) {
        long timeout = timeout(iter.intoMemory());
        int result =
            file.changes.waitEvent(
                current, () -> (mask() & ready) != 0 || host.polls().hasFailed(), timeout);
        if (result != 0) {
          return result == -Errno.ETIMEDOUT ? -Errno.EAGAIN : result;
        }
      }
    }
    return once(current, iocb, iter, rwf);
  }

  /**
   * One host call for the rest of the request. A call that may block is made in the program's
   * table: all duplicates of the second table share one thread.
   */
  private long once(Task current, Kiocb iocb, IovIter iter, int rwf) {
    Duplicate held = held();
    boolean mayBlock = !stored() && (rwf & AioAbi.RWF_NOWAIT) == 0;
    if (mayBlock && held != null && held.machine != host.machine() && mayWait()) {
      if (!host.duplicates().names(number, held)) {
        return -Errno.EBADF;
      }
      held = null;
    }
    Machine table = table(held);
    int fd = fd(held);
    if (iter.count() == 0) {
      return nothing(table, fd, iocb, iter.intoMemory());
    }
    int nr = iter.intoMemory() ? Machine.PREADV2 : Machine.PWRITEV2;
    MachineVector vector = MachineVector.SLAB.alloc(current);
    int pieces = iter.writeIovecs(vector.address);
    long result = -Errno.ESPIPE;
    if (positioned()) {
      result = table.call(nr, fd, vector.address, pieces, iocb.kiPos, 0, rwf);
      unpositioned = result == -Errno.ESPIPE;
    }
    if (unpositioned || !positioned()) { // a file without positions ignores the request's
      result = table.call(nr, fd, vector.address, pieces, NO_POSITION, 0, rwf);
    }
    Slab.free(vector);
    return result;
  }

  /**
   * A request of 0 bytes, such as an empty datagram. The host's vectored calls return before the
   * file sees it.
   */
  private long nothing(Machine table, int fd, Kiocb iocb, boolean read) {
    if (positioned()) {
      long result = table.call(read ? Machine.PREAD64 : Machine.PWRITE64, fd, 0, 0, iocb.kiPos);
      if (result != -Errno.ESPIPE) {
        return result;
      }
    }
    return table.call(read ? Machine.READ : Machine.WRITE, fd, 0, 0);
  }

  private boolean positioned() {
    return !unpositioned && type != StatMode.S_IFIFO && type != StatMode.S_IFSOCK;
  }

  /** The host decides what the file supports; it is asked only where the result matters. */
  private final class Operations implements FileOperations {
    @Override
    public boolean hasReadIter() {
      return host.aio().takes(host.machine(), number, AioAbi.IOCB_CMD_PREAD, 0, true);
    }

    @Override
    public long readIter(Task current, Kiocb iocb, IovIter to) {
      return transfer(current, iocb, to);
    }

    @Override
    public boolean hasWriteIter() {
      return host.aio().takes(host.machine(), number, AioAbi.IOCB_CMD_PWRITE, 0, true);
    }

    @Override
    public long writeIter(Task current, Kiocb iocb, IovIter from) {
      return transfer(current, iocb, from);
    }

    @Override
    public boolean canNowait() {
      int opcode = access == Fcntl.O_WRONLY ? AioAbi.IOCB_CMD_PWRITE : AioAbi.IOCB_CMD_PREAD;
      Duplicate held = held();
      return host.aio().takes(table(held), fd(held), opcode, AioAbi.RWF_NOWAIT, false);
    }

    /** A file of any other type reads a stream. A regular file may do so, too: the host knows. */
    @Override
    public boolean canSeek() {
      if (type != StatMode.S_IFREG && type != StatMode.S_IFBLK) {
        return false;
      }
      Duplicate held = held();
      return table(held).call(Machine.LSEEK, fd(held), 0, Fcntl.SEEK_CUR) >= 0;
    }

    @Override
    public int hold() {
      return duplicate() != null ? 0 : noDuplicate();
    }

    private int noDuplicate() {
      return host.machine().call(Machine.FCNTL, number, F_GETFL, 0) < 0
          ? -Errno.EBADF
          : -Errno.EMFILE;
    }

    @Override
    public boolean hasFsync() {
      return (stored() || host.machine().call(Machine.FSYNC, number, 0, 0) != -Errno.EINVAL)
          && duplicate() != null;
    }

    @Override
    public int fsync(Task current, File file, long start, long end, boolean datasync) {
      Duplicate held = duplicate();
      assert held != null : "since hasFsync";
      return (int) held.machine.call(datasync ? Machine.FDATASYNC : Machine.FSYNC, held.fd, 0, 0);
    }

    @Override
    public boolean hasPoll() {
      return preparePoll() == 0;
    }

    @Override
    public int preparePoll() {
      Duplicate file = duplicate();
      if (file == null) {
        return noDuplicate();
      }
      int result = host.polls().watch(file);
      return result == -Errno.EPERM ? 0 : result; // a file that is always ready
    }

    @Override
    public int poll(File file, @Nullable PollTable table) {
      Duplicate polled = duplicate();
      if (table != null && polled != null && host.polls().watch(polled) == 0) {
        table.pollWait(polled.changes);
      }
      // else no change wakes it
      return host.polls().hasFailed() ? mask() | PollBits.POLLERR : mask();
    }

    @Override
    public void release(File file) {
      Duplicate held;
      synchronized (MachineFile.this) {
        held = duplicate;
        duplicate = null;
      }
      if (held != null) {
        host.duplicates().release(held);
      }
    }
  }
}
