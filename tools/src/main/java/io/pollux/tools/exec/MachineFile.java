// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.exec;

import io.pollux.core.mm.HostMemory;
import io.pollux.core.mm.IovIter;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.WaitQueue;
import io.pollux.core.vfs.AnonInode;
import io.pollux.core.vfs.EventfdCtx;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileOperations;
import io.pollux.core.vfs.FileTable;
import io.pollux.core.vfs.Kiocb;
import io.pollux.core.vfs.PollTable;
import io.pollux.uapi.Errno;
import io.pollux.uapi.PollBits;
import io.pollux.uapi.Pollfd;
import io.pollux.uapi.RawMemory;
import io.pollux.uapi.Stat;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * A file of the machine as a file of this kernel, for aio requests of a C program that name one: its eventfds, its
 * pipes, a file outside the mount point. Requests are made at once and in place, as Linux 4.20 makes those of files
 * that know no asynchronous I/O. The data passes through a buffer of its own; these are not the requests that have to
 * be fast.
 *
 * <p>It has a duplicate of the descriptor, so that a request outlives the program's close().
 */
class MachineFile extends AnonInode {
  private static final int PIECE = 64 << 10;
  private static final int F_DUPFD_CLOEXEC = 1030;
  private static final int F_GETFL = 3;
  private static final int SEEK_CUR = 1;
  private static final int OUT_OF_THE_WAY = 900; // of the numbers that a program counts on
  private static final int NAME_BYTES = 64;

  final Machine machine;
  final int fd;
  private final MachinePolls polls;
  private final boolean seekable;

  private MachineFile(Machine machine, MachinePolls polls, int fd, int mode) {
    super(mode);
    this.machine = machine;
    this.polls = polls;
    this.fd = fd;
    this.seekable = machine.call(Machine.LSEEK, fd, 0, SEEK_CUR) >= 0;
  }

  /**
   * Opens what a descriptor of the machine names.
   *
   * @return the file, with one reference for the caller; null if there is no such descriptor
   */
  static @Nullable File open(Machine machine, MachinePolls polls, FileTable table, int fd) {
    int own = (int) machine.call(Machine.FCNTL, fd, F_DUPFD_CLOEXEC, OUT_OF_THE_WAY);
    if (own < 0) {
      return null;
    }
    try (Arena arena = Arena.ofConfined()) {
      long stat = arena.allocate(Stat.SIZE, Long.BYTES).address();
      machine.call(Machine.FSTAT, own, stat, 0);
      int mode = Stat.stMode(stat);
      int flags = (int) machine.call(Machine.FCNTL, own, F_GETFL, 0);
      MachineFile file =
          isEventfd(machine, arena, own)
              ? new MachineEventfd(machine, polls, own, mode)
              : new MachineFile(machine, polls, own, mode);
      return new File(table, file, null, flags);
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

  /** One that the kernel can signal. */
  private static final class MachineEventfd extends MachineFile implements EventfdCtx {
    private MachineEventfd(Machine machine, MachinePolls polls, int fd, int mode) {
      super(machine, polls, fd, mode);
    }

    @Override
    public long signal(long n) {
      try (Arena arena = Arena.ofConfined()) {
        long value = arena.allocate(Long.BYTES, Long.BYTES).address();
        RawMemory.putLong(value, n);
        return machine.call(Machine.WRITE, fd, value, Long.BYTES) == Long.BYTES ? n : 0;
      }
    }
  }

  @Override
  public FileOperations fop() {
    return OPERATIONS;
  }

  /** Moves data in pieces until a short one. */
  private long transfer(Kiocb iocb, IovIter iter) {
    if (!seekable && iocb.kiPos != 0) {
      return -Errno.ESPIPE;
    }
    boolean read = iter.intoMemory();
    int nr = seekable ? (read ? Machine.PREAD64 : Machine.PWRITE64) : (read ? Machine.READ : Machine.WRITE);
    long done = 0;
    try (Arena arena = Arena.ofConfined()) {
      long room = Math.min(PIECE, Math.max(iter.count(), 1));
      long buffer = arena.allocate(room, HostMemory.PAGE_SIZE).address();
      do {
        long wanted = Math.min(room, iter.count());
        long ready = read ? wanted : iter.copyFrom(buffer, wanted);
        if (ready == 0 && wanted != 0) {
          return done != 0 ? done : -Errno.EFAULT;
        }
        long moved = machine.call(nr, fd, buffer, ready, iocb.kiPos + done);
        if (moved < 0) {
          return done != 0 ? done : moved;
        }
        long taken = read ? iter.copyTo(buffer, moved) : moved;
        done += taken;
        if (taken < moved) {
          return done != 0 ? done : -Errno.EFAULT;
        }
        if (moved < wanted) {
          return done;
        }
      } while (iter.count() > 0);
      return done;
    }
  }

  private int mask() {
    try (Arena arena = Arena.ofConfined()) {
      long pollfd = arena.allocate(Pollfd.SIZE, Long.BYTES).address();
      Pollfd.fd(pollfd, fd);
      Pollfd.events(pollfd, (short) (PollBits.POLLIN | PollBits.POLLOUT | PollBits.POLLPRI));
      long ready = machine.call(Machine.POLL, pollfd, 1, 0);
      return ready <= 0 ? 0 : Pollfd.revents(pollfd) & 0xffff;
    }
  }

  private static MachineFile behind(File file) {
    return (MachineFile) file.inode();
  }

  private static final FileOperations OPERATIONS =
      new FileOperations() {
        @Override
        public boolean hasReadIter() {
          return true;
        }

        @Override
        public long readIter(Task current, Kiocb iocb, IovIter to) {
          return behind(iocb.file()).transfer(iocb, to);
        }

        @Override
        public boolean hasWriteIter() {
          return true;
        }

        @Override
        public long writeIter(Task current, Kiocb iocb, IovIter from) {
          return behind(iocb.file()).transfer(iocb, from);
        }

        @Override
        public boolean hasFsync() {
          return true;
        }

        @Override
        public int fsync(Task current, File file, boolean datasync) {
          return (int) behind(file).machine.call(datasync ? Machine.FDATASYNC : Machine.FSYNC, behind(file).fd, 0, 0);
        }

        @Override
        public boolean hasPoll() {
          return true;
        }

        @Override
        public int poll(File file, @Nullable PollTable table) {
          MachineFile polled = behind(file);
          WaitQueue queue = table == null ? null : polled.polls.watch(polled.fd);
          if (table != null && queue != null) {
            table.pollWait(queue);
          }
          return polled.mask();
        }

        @Override
        public void release(File file) {
          MachineFile released = behind(file);
          released.polls.forget(released.fd);
          released.machine.call(Machine.CLOSE, released.fd, 0, 0);
        }
      };
}
