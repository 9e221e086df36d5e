// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.exec;

import io.pollux.uapi.RawMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/** Makes system calls of the host, bypassing all functions that the library replaces. */
final class Machine {
  /** As APART_TAKE in pollux.h. */
  static final int TAKE = -1;

  // As ASK_* in pollux.h: the placeholder of a descriptor.
  static final int RESERVE = -1;
  static final int RESERVE_AT = -2;
  static final int FREE = -3;

  // Numbers of x86-64 Linux, the host.
  static final int READ = 0;
  static final int WRITE = 1;
  static final int CLOSE = 3;
  static final int FSTAT = 5;
  static final int POLL = 7;
  static final int LSEEK = 8;
  static final int PREAD64 = 17;
  static final int PWRITE64 = 18;
  static final int GETPID = 39;
  static final int GETSOCKOPT = 55;
  static final int FCNTL = 72;
  static final int FSYNC = 74;
  static final int FDATASYNC = 75;
  static final int READLINK = 89;
  static final int GETTID = 186;
  static final int IO_SETUP = 206;
  static final int IO_GETEVENTS = 208;
  static final int IO_SUBMIT = 209;
  static final int EPOLL_WAIT = 232;
  static final int EPOLL_CTL = 233;
  static final int EPOLL_CREATE1 = 291;
  static final int PRLIMIT64 = 302;
  static final int KCMP = 312;
  static final int PREADV2 = 327;
  static final int PWRITEV2 = 328;

  private static final int F_DUPFD_CLOEXEC = 1030;
  private static final int RLIMIT_NOFILE = 7;
  private static final int RLIMIT_SIZE = 16; // struct rlimit64: soft and hard
  private static final int OUT_OF_THE_WAY = 900;
  private static final int ROOM = 16;
  private static final int BELOW_SMALL_LIMIT = 8; // as a divisor of the limit

  private final MethodHandle call;

  /** Creates the calls from the address of the C function. */
  @SuppressWarnings("restricted") // calls C
  Machine(MemorySegment function) {
    ValueLayout.OfLong word = ValueLayout.JAVA_LONG;
    FunctionDescriptor type = FunctionDescriptor.of(word, word, word, word, word, word, word, word);
    call = Linker.nativeLinker().downcallHandle(function, type);
  }

  /**
   * Makes a call and returns a result or a negative errno. It may block, and signals interrupt it.
   */
  long call(int nr, long a0, long a1, long a2, long a3, long a4, long a5) {
    try {
      return (long) call.invokeExact((long) nr, a0, a1, a2, a3, a4, a5);
    } catch (Throwable e) {
      throw new AssertionError("a C function has no Java exceptions", e);
    }
  }

  /** Makes a call with four arguments. */
  long call(int nr, long a0, long a1, long a2, long a3) {
    return call(nr, a0, a1, a2, a3, 0, 0);
  }

  /** Makes a call with up to three arguments. */
  long call(int nr, long a0, long a1, long a2) {
    return call(nr, a0, a1, a2, 0, 0, 0);
  }

  /**
   * Duplicates a descriptor of the program's table, with close-on-exec.
   *
   * @param from the lowest acceptable number
   * @return the number or a negative errno
   */
  int duplicate(int fd, int from) {
    return (int) call(FCNTL, fd, F_DUPFD_CLOEXEC, from);
  }

  /** Returns the lowest number that programs do not expect. */
  int outOfTheWay() {
    try (Arena arena = Arena.ofConfined()) {
      long limit = arena.allocate(RLIMIT_SIZE, Long.BYTES).address();
      call(PRLIMIT64, 0, RLIMIT_NOFILE, 0, limit);
      long soft = RawMemory.getLong(limit);
      return soft < 0 || soft >= OUT_OF_THE_WAY + ROOM // RLIM_INFINITY is -1
          ? OUT_OF_THE_WAY
          : (int) (soft - soft / BELOW_SMALL_LIMIT);
    }
  }
}
