// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.exec;

import io.pollux.core.mm.MachineSpace;
import io.pollux.core.sched.UserProcess;
import io.pollux.core.vfs.FilesStruct;
import io.pollux.syscalls.Program;
import io.pollux.tools.image.Target;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Nr;
import io.pollux.uapi.RawMemory;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Other processes of the host that use this kernel: those that the program has started. server.c
 * receives their calls, and makes them on a thread of this process, with the arguments copied.
 *
 * <p>A process has a positive key. The program itself has the key 0.
 */
final class Children {
  /** Maximum number of processes at a time. */
  private static final int MAX_PROCESSES = 4096;

  private final Target target;
  private final GuestFiles numbers;
  private final MachineSpace memory;
  private final UserProcess first;
  private final int fdLimit;
  private final Map<Integer, Child> all = new HashMap<>(); // under its own lock
  private int lastKey; // likewise

  /** A process, and the program that is its first thread and makes no call. */
  private static final class Child {
    private final UserProcess process;
    private final Program program;
    private int threads; // under the lock of `all`

    Child(UserProcess process, Program program) {
      this.process = process;
      this.program = program;
    }
  }

  /**
   * Creates the table of processes.
   *
   * @param target its kernel serves them
   * @param numbers the calls for descriptors of a served process
   * @param memory the arguments that the serving thread has copied
   * @param first the program's own process
   * @param fdLimit upper limit of descriptors, exclusive
   */
  Children(Target target, GuestFiles numbers, MachineSpace memory, UserProcess first, int fdLimit) {
    this.target = target;
    this.numbers = numbers;
    this.memory = memory;
    this.first = first;
    this.fdLimit = fdLimit;
  }

  /**
   * Creates a process.
   *
   * @param parent key of the process whose descriptors, directory and umask are copied; negative
   *     for none
   * @param pid its pid on the host, for locks; 0 if unknown
   * @return its key or -EAGAIN
   */
  long spawn(long parent, long pid) {
    synchronized (all) {
      if (all.size() >= MAX_PROCESSES) {
        return -Errno.EAGAIN;
      }
      ChildFiles files = new ChildFiles(numbers, (int) pid);
      FilesStruct from = filesOf(parent);
      FilesStruct made = from == null ? new FilesStruct(files, fdLimit) : from.copy(files);
      UserProcess process = new UserProcess(memory, made);
      lastKey = Math.floorMod(lastKey, Integer.MAX_VALUE) + 1;
      while (all.containsKey(lastKey)) { // bounded by the number of processes
        lastKey = Math.floorMod(lastKey, Integer.MAX_VALUE) + 1;
      }
      all.put(lastKey, new Child(process, target.newProgram(process)));
      return lastKey;
    }
  }

  private @Nullable FilesStruct filesOf(long key) {
    if (key == 0) {
      return FilesStruct.of(first);
    }
    Child child = all.get((int) key);
    return child == null ? null : FilesStruct.of(child.process);
  }

  /**
   * Creates a thread of a process.
   *
   * @param key of the process
   * @return the thread; null if there is no such process
   */
  @Nullable Program newThread(long key) {
    synchronized (all) {
      Child child = all.get((int) key);
      if (child == null) {
        return null;
      }
      child.threads++;
      return child.program.newThread();
    }
  }

  /**
   * Removes a thread of a process. The process exits with its last thread.
   *
   * @param key of the process
   * @param thread not in a call; null if the process never had one
   */
  void depart(long key, @Nullable Program thread) {
    Child last = null;
    synchronized (all) {
      Child child = all.get((int) key);
      if (child != null && thread != null) {
        child.threads--;
      }
      if (child != null && child.threads == 0) {
        last = all.remove((int) key);
      }
    }
    if (thread != null) {
      thread.threadEnded();
    }
    if (last != null) {
      last.program.close();
    }
  }

  /**
   * Closes the descriptors of a process that did not survive an exec.
   *
   * @param key of the process
   * @param thread the calling thread of the process
   * @param list address of 32-bit numbers that survived, ascending; receives those that are the
   *     kernel's
   * @param count their number
   * @return how many are the kernel's; plus 2^32 if the working directory is the kernel's
   */
  long keep(long key, Program thread, long list, long count) {
    FilesStruct files;
    synchronized (all) {
      files = filesOf(key);
    }
    if (files == null || count < 0 || count > fdLimit) {
      return -Errno.ESRCH;
    }
    BitSet kept = new BitSet();
    for (long i = 0; i < count; i++) {
      int fd = RawMemory.getInt(list + i * Integer.BYTES);
      if (fd >= 0 && files.has(fd)) {
        kept.set(fd);
      }
    }
    for (int fd = 0; fd < fdLimit; fd++) {
      if (files.has(fd) && !kept.get(fd)) {
        thread.syscall(Nr.CLOSE, fd);
      }
    }
    long at = list;
    for (int fd = kept.nextSetBit(0); fd >= 0; fd = kept.nextSetBit(fd + 1)) {
      RawMemory.putInt(at, fd);
      at += Integer.BYTES;
    }
    return kept.cardinality() + (files.hasPwd() ? 1L << Integer.SIZE : 0);
  }
}
