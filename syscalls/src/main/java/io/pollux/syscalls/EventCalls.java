// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.WaitQueue;
import io.pollux.core.vfs.Eventfd;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileTable;
import io.pollux.core.vfs.FilesStruct;
import io.pollux.core.vfs.Pipe;
import io.pollux.uapi.Errno;
import io.pollux.uapi.EventfdFlags;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.PollBits;
import io.pollux.uapi.Pollfd;
import io.pollux.uapi.RawMemory;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Calls on eventfds and pipes, and poll. Each handler implements one call. */
final class EventCalls {
  private static final int EFD_KNOWN =
      EventfdFlags.EFD_SEMAPHORE | EventfdFlags.EFD_NONBLOCK | EventfdFlags.EFD_CLOEXEC;

  private final FileTable table;

  EventCalls(FileTable table) {
    this.table = table;
  }

  /** Implements eventfd2(2). The initial value has 32 bits. */
  @LinuxSource(file = "fs/eventfd.c", name = "do_eventfd")
  long eventfd2(Task current, int initial, int flags) {
    if ((flags & ~EFD_KNOWN) != 0) {
      return -Errno.EINVAL;
    }
    File file = Eventfd.create(table, Integer.toUnsignedLong(initial), flags);
    int fd = FilesStruct.of(current).install(file);
    if (fd < 0) {
      file.fput(current);
    }
    return (flags & Fcntl.O_CLOEXEC) != 0 ? DescriptorCalls.closeOnExec(current, fd) : fd;
  }

  /** Implements pipe2(2). Packet mode (O_DIRECT) is EINVAL. */
  @LinuxSource(file = "fs/pipe.c", name = "do_pipe2")
  long pipe2(Task current, long fildes, int flags) throws ErrnoException {
    if ((flags & ~(Fcntl.O_NONBLOCK | Fcntl.O_CLOEXEC)) != 0) {
      return -Errno.EINVAL;
    }
    if (!current.mm().accessOk(fildes, 2 * Integer.BYTES, true)) {
      return -Errno.EFAULT;
    }
    Pipe.Ends ends = Pipe.create(table, flags);
    int read = FilesStruct.of(current).install(ends.read());
    if (read < 0) {
      ends.read().fput(current);
      ends.write().fput(current);
      return read;
    }
    int write = FilesStruct.of(current).install(ends.write());
    if (write < 0) {
      FilesStruct.of(current).close(current, read);
      ends.write().fput(current);
      return write;
    }
    if ((flags & Fcntl.O_CLOEXEC) != 0) {
      DescriptorCalls.closeOnExec(current, read);
      DescriptorCalls.closeOnExec(current, write);
    }
    RawMemory.putInt(fildes, read);
    RawMemory.putInt(fildes + Integer.BYTES, write);
    return 0;
  }

  /** Implements poll(2). A negative timeout waits without a limit. */
  @LinuxSource(file = "fs/select.c", name = "do_sys_poll")
  long poll(Task current, long ufds, int nfds, int timeoutMillis) {
    if (nfds < 0 || nfds > FilesStruct.NR_OPEN) {
      return -Errno.EINVAL;
    }
    if (!current.mm().accessOk(ufds, nfds * Pollfd.SIZE, false)) {
      return -Errno.EFAULT;
    }
    PollSet set = new PollSet(current, ufds, nfds);
    int result;
    try {
      set.listen();
      long nanos =
          timeoutMillis < 0 ? WaitQueue.FOREVER : TimeUnit.MILLISECONDS.toNanos(timeoutMillis);
      result = set.wakeUps.waitEvent(current, () -> set.look() > 0, nanos);
    } finally {
      set.letGo();
    }
    if (result == -Errno.EINTR) {
      return result;
    }
    return set.store(ufds) ? set.ready : -Errno.EFAULT;
  }

  /** The descriptors of one poll call, and its registrations for changes. */
  @LinuxSource(
      file = "fs/select.c",
      name = {"poll_wqueues", "do_pollfd"})
  private static final class PollSet {
    /** An entry on a queue of a file. */
    private record Heard(WaitQueue queue, WaitQueue.WaitEntry entry) {}

    private final Task current;
    private final int[] events;
    private final int[] revents;
    private final boolean[] skipped;
    private final @Nullable File[] files;
    private final List<Heard> heard = new ArrayList<>();
    private final WaitQueue wakeUps = new WaitQueue();
    private int ready;

    PollSet(Task current, long ufds, int nfds) {
      this.current = current;
      events = new int[nfds];
      revents = new int[nfds];
      skipped = new boolean[nfds];
      files = new File[nfds];
      for (int i = 0; i < nfds; i++) {
        long at = ufds + i * Pollfd.SIZE;
        int fd = Pollfd.fd(at);
        // always reported
        events[i] = (Pollfd.events(at) & 0xffff) | PollBits.POLLERR | PollBits.POLLHUP;
        skipped[i] = fd < 0;
        files[i] = fd < 0 ? null : FilesStruct.of(current).fget(fd);
      }
    }

    /** Registers on the queues of all files, before the first check. */
    void listen() {
      for (File file : files) {
        if (file != null && hasPoll(file)) {
          file.op()
              .poll(
                  file,
                  queue -> {
                    WaitQueue.WaitEntry entry = new WaitQueue.WaitEntry(this::woken);
                    queue.add(entry);
                    queue.letWait(entry); // the caller checks all files afterwards
                    heard.add(new Heard(queue, entry));
                  });
        }
      }
    }

    private boolean hasPoll(File file) {
      current.setTarget(file.inode().sb());
      return file.op().hasPoll();
    }

    @LinuxSource(file = "fs/select.c", name = "pollwake")
    private boolean woken(int key) {
      wakeUps.wakeUp();
      return true;
    }

    /** Checks all files. Returns how many are ready. */
    int look() {
      ready = 0;
      for (int i = 0; i < files.length; i++) {
        File file = files[i];
        if (skipped[i]) {
          revents[i] = 0;
        } else if (file == null) {
          revents[i] = PollBits.POLLNVAL;
        } else {
          revents[i] =
              events[i] & (hasPoll(file) ? file.op().poll(file, null) : PollBits.DEFAULT_POLLMASK);
        }
        ready += revents[i] != 0 ? 1 : 0;
      }
      return ready;
    }

    void letGo() {
      for (Heard one : heard) {
        one.queue().remove(one.entry());
      }
      for (File file : files) {
        if (file != null) {
          file.fput(current);
        }
      }
    }

    boolean store(long ufds) {
      if (!current.mm().accessOk(ufds, files.length * Pollfd.SIZE, true)) {
        return false;
      }
      for (int i = 0; i < files.length; i++) {
        Pollfd.revents(ufds + i * Pollfd.SIZE, (short) revents[i]);
      }
      return true;
    }
  }
}
