// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver.host;

import java.lang.foreign.AddressLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.nio.charset.Charset;
import java.nio.file.Path;

/** C functions of the host. Each returns a result or a negative errno. */
final class Libc {
  // Values of x86-64 Linux, the host.
  static final int O_RDONLY = 0;
  static final int O_RDWR = 2;
  static final int O_DIRECT = 0x4000;
  static final int O_CLOEXEC = 0x80000;

  static final int FALLOC_FL_KEEP_SIZE = 1;
  static final int FALLOC_FL_PUNCH_HOLE = 2;
  static final int FALLOC_FL_ZERO_RANGE = 0x10;

  static final long NR_EVENTFD2 = 290;
  static final long NR_STATX = 332;
  static final long NR_IO_URING_SETUP = 425;
  static final long NR_IO_URING_ENTER = 426;
  static final long NR_IO_URING_REGISTER = 427;

  private static final long EFD_CLOEXEC = 0x80000;
  private static final long AT_EMPTY_PATH = 0x1000;
  private static final int STATX_DIOALIGN = 0x2000;
  private static final long STATX_SIZE = 256; // struct statx
  private static final long STX_MASK = 0;
  private static final long STX_DIO_MEM_ALIGN = 152;
  private static final long STX_DIO_OFFSET_ALIGN = 156;
  private static final long BLKSSZGET = 0x1268;
  private static final int PROT_READ_WRITE = 3;
  private static final int MAP_SHARED_POPULATE = 0x1 | 0x8000;

  private static final StructLayout STATE = Linker.Option.captureStateLayout();
  private static final VarHandle ERRNO =
      STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));

  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;
  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;
  private static final AddressLayout POINTER = ValueLayout.ADDRESS;

  private static final MethodHandle SYSCALL =
      function("syscall", FunctionDescriptor.of(LONG, LONG, LONG, LONG, LONG, LONG, LONG, LONG), 1);
  private static final MethodHandle OPEN =
      function("open", FunctionDescriptor.of(INT, POINTER, INT), -1);
  private static final MethodHandle CLOSE = function("close", FunctionDescriptor.of(INT, INT), -1);
  private static final MethodHandle IOCTL =
      function("ioctl", FunctionDescriptor.of(INT, INT, LONG, POINTER), 2);
  private static final MethodHandle PREAD =
      function("pread", FunctionDescriptor.of(LONG, INT, LONG, LONG, LONG), -1);
  private static final MethodHandle PWRITE =
      function("pwrite", FunctionDescriptor.of(LONG, INT, LONG, LONG, LONG), -1);
  private static final MethodHandle LSEEK =
      function("lseek", FunctionDescriptor.of(LONG, INT, LONG, INT), -1);
  private static final MethodHandle WRITE =
      function("write", FunctionDescriptor.of(LONG, INT, LONG, LONG), -1);
  private static final MethodHandle FDATASYNC =
      function("fdatasync", FunctionDescriptor.of(INT, INT), -1);
  private static final MethodHandle FALLOCATE =
      function("fallocate", FunctionDescriptor.of(INT, INT, INT, LONG, LONG), -1);
  private static final MethodHandle MMAP =
      function("mmap", FunctionDescriptor.of(LONG, LONG, LONG, INT, INT, INT, LONG), -1);
  private static final MethodHandle MUNMAP =
      function("munmap", FunctionDescriptor.of(INT, LONG, LONG), -1);

  /** For calls on the request path, which must not allocate. */
  private static final ThreadLocal<MemorySegment> OWN_STATE =
      ThreadLocal.withInitial(() -> newState(Arena.ofAuto()));

  private Libc() {}

  /**
   * Links a function that sets errno. It is variadic from an argument on, unless variadicFrom is
   * negative.
   */
  @SuppressWarnings("restricted") // calling C is what this class is for
  private static MethodHandle function(String name, FunctionDescriptor type, int variadicFrom) {
    Linker linker = Linker.nativeLinker();
    MemorySegment symbol = linker.defaultLookup().findOrThrow(name);
    Linker.Option errno = Linker.Option.captureCallState("errno");
    return variadicFrom < 0
        ? linker.downcallHandle(symbol, type, errno)
        : linker.downcallHandle(symbol, type, errno, Linker.Option.firstVariadicArg(variadicFrom));
  }

  /**
   * Makes room for the errno of a call: one for each call site that makes one call at a time.
   *
   * @return memory that is never freed
   */
  static MemorySegment newState(Arena arena) {
    return arena.allocate(STATE);
  }

  private static long result(long value, MemorySegment state) {
    return value == -1 ? -(int) ERRNO.get(state, 0L) : value;
  }

  private static AssertionError none(Throwable e) {
    return new AssertionError("a C function has no Java exceptions", e);
  }

  /** Makes a system call that the C library has no function for. */
  static long syscall(
      MemorySegment state, long nr, long a0, long a1, long a2, long a3, long a4, long a5) {
    try {
      return result((long) SYSCALL.invokeExact(state, nr, a0, a1, a2, a3, a4, a5), state);
    } catch (Throwable e) {
      throw none(e);
    }
  }

  /** Opens a file. */
  static int open(Path path, int flags) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = newState(arena);
      Charset names = Charset.forName(System.getProperty("sun.jnu.encoding", "UTF-8"));
      return (int)
          result(
              (int) OPEN.invokeExact(state, arena.allocateFrom(path.toString(), names), flags),
              state);
    } catch (Throwable e) {
      throw none(e);
    }
  }

  static int close(int fd) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = newState(arena);
      return (int) result((int) CLOSE.invokeExact(state, fd), state);
    } catch (Throwable e) {
      throw none(e);
    }
  }

  /** Returns the logical block size of a block device; -ENOTTY for other files. */
  static int blockSize(int fd) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = newState(arena);
      MemorySegment size = arena.allocate(INT);
      long result = result((int) IOCTL.invokeExact(state, fd, BLKSSZGET, size), state);
      return result < 0 ? (int) result : size.get(INT, 0);
    } catch (Throwable e) {
      throw none(e);
    }
  }

  /**
   * Returns the alignment that O_DIRECT requires of memory and offsets; 0 if unsupported, negative
   * if the host does not report it.
   */
  static int directAlignment(int fd) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = newState(arena);
      MemorySegment statx = arena.allocate(STATX_SIZE, Long.BYTES);
      long empty = arena.allocate(1).address();
      long result =
          syscall(state, NR_STATX, fd, empty, AT_EMPTY_PATH, STATX_DIOALIGN, statx.address(), 0);
      if (result < 0 || (statx.get(INT, STX_MASK) & STATX_DIOALIGN) == 0) {
        return -1;
      }
      int offsets = statx.get(INT, STX_DIO_OFFSET_ALIGN);
      return offsets == 0 ? 0 : Math.max(offsets, statx.get(INT, STX_DIO_MEM_ALIGN));
    }
  }

  static long pread(int fd, MemorySegment to, long offset) {
    return pread(fd, to.address(), to.byteSize(), offset);
  }

  static long pread(int fd, long address, long bytes, long offset) {
    MemorySegment state = OWN_STATE.get();
    try {
      return result((long) PREAD.invokeExact(state, fd, address, bytes, offset), state);
    } catch (Throwable e) {
      throw none(e);
    }
  }

  static long pwrite(int fd, long address, long bytes, long offset) {
    MemorySegment state = OWN_STATE.get();
    try {
      return result((long) PWRITE.invokeExact(state, fd, address, bytes, offset), state);
    } catch (Throwable e) {
      throw none(e);
    }
  }

  static long lseek(int fd, long offset, int whence) {
    MemorySegment state = OWN_STATE.get();
    try {
      return result((long) LSEEK.invokeExact(state, fd, offset, whence), state);
    } catch (Throwable e) {
      throw none(e);
    }
  }

  static long write(MemorySegment state, int fd, long address, long bytes) {
    try {
      return result((long) WRITE.invokeExact(state, fd, address, bytes), state);
    } catch (Throwable e) {
      throw none(e);
    }
  }

  static int fdatasync(int fd) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = newState(arena);
      return (int) result((int) FDATASYNC.invokeExact(state, fd), state);
    } catch (Throwable e) {
      throw none(e);
    }
  }

  /** Punches or zeroes a range of a file: FALLOC_FL_*. */
  static int fallocate(int fd, int mode, long offset, long bytes) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = newState(arena);
      return (int) result((int) FALLOCATE.invokeExact(state, fd, mode, offset, bytes), state);
    } catch (Throwable e) {
      throw none(e);
    }
  }

  /** Makes an eventfd with count 0. */
  static int eventfd() {
    try (Arena arena = Arena.ofConfined()) {
      return (int) syscall(newState(arena), NR_EVENTFD2, 0, EFD_CLOEXEC, 0, 0, 0, 0);
    }
  }

  /** Maps a file shared, for reading and writing. */
  static long mmap(int fd, long bytes, long offset) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = newState(arena);
      return result(
          (long)
              MMAP.invokeExact(state, 0L, bytes, PROT_READ_WRITE, MAP_SHARED_POPULATE, fd, offset),
          state);
    } catch (Throwable e) {
      throw none(e);
    }
  }

  static int munmap(long address, long bytes) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = newState(arena);
      return (int) result((int) MUNMAP.invokeExact(state, address, bytes), state);
    } catch (Throwable e) {
      throw none(e);
    }
  }
}
