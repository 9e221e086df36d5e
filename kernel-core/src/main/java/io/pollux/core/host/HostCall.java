// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.host;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;

/**
 * Makes system calls of the host through the C library's syscall(2). A call returns a result or a
 * negative errno, and does not allocate. The numbers are those of x86-64 Linux, as in {@link
 * io.pollux.uapi.Nr}. This class adds calls that this kernel does not have. Pointers are addresses;
 * the caller ensures that they are valid.
 */
public final class HostCall {
  /** mprotect. */
  public static final int MPROTECT = 10;

  /** rt_sigprocmask. */
  public static final int RT_SIGPROCMASK = 14;

  /** madvise. */
  public static final int MADVISE = 28;

  private static final StructLayout STATE = Linker.Option.captureStateLayout();
  private static final VarHandle ERRNO =
      STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));
  private static final MethodHandle SYSCALL = syscallFunction();

  private static final ThreadLocal<MemorySegment> OWN_STATE =
      ThreadLocal.withInitial(() -> newState(Arena.ofAuto()));

  private HostCall() {}

  @SuppressWarnings("restricted") // calls C
  private static MethodHandle syscallFunction() {
    ValueLayout.OfLong word = ValueLayout.JAVA_LONG;
    Linker linker = Linker.nativeLinker();
    return linker.downcallHandle(
        linker.defaultLookup().findOrThrow("syscall"),
        FunctionDescriptor.of(word, word, word, word, word, word, word, word),
        Linker.Option.captureCallState("errno"),
        Linker.Option.firstVariadicArg(1));
  }

  /**
   * Allocates the memory for the errno of a call. A call site on the path of requests that makes
   * one call at a time has its own, and so avoids the lookup of the thread's.
   *
   * @param arena owns the memory
   */
  public static MemorySegment newState(Arena arena) {
    return arena.allocate(STATE);
  }

  /**
   * Makes a call.
   *
   * @param state from {@link #newState}; no other call uses it at the same time
   * @param nr the number of the call
   * @param a0 the arguments
   * @param a1 likewise
   * @param a2 likewise
   * @param a3 likewise
   * @param a4 likewise
   * @param a5 likewise
   * @return the result or a negative errno
   */
  public static long call(
      MemorySegment state, long nr, long a0, long a1, long a2, long a3, long a4, long a5) {
    try {
      long result = (long) SYSCALL.invokeExact(state, nr, a0, a1, a2, a3, a4, a5);
      return result == -1 ? -(int) ERRNO.get(state, 0L) : result;
    } catch (Throwable e) {
      throw new AssertionError("a C function has no Java exceptions", e);
    }
  }

  /**
   * Makes a call with up to six arguments.
   *
   * @param nr the number of the call
   * @param a0 the arguments
   * @param a1 likewise
   * @param a2 likewise
   * @param a3 likewise
   * @param a4 likewise
   * @param a5 likewise
   * @return the result or a negative errno
   */
  public static long call(long nr, long a0, long a1, long a2, long a3, long a4, long a5) {
    return call(OWN_STATE.get(), nr, a0, a1, a2, a3, a4, a5);
  }

  /**
   * Makes a call with up to four arguments.
   *
   * @param nr the number of the call
   * @param a0 the arguments
   * @param a1 likewise
   * @param a2 likewise
   * @param a3 likewise
   * @return the result or a negative errno
   */
  public static long call(long nr, long a0, long a1, long a2, long a3) {
    return call(nr, a0, a1, a2, a3, 0, 0);
  }
}
