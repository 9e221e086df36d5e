// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.host;

import io.pollux.core.host.HostCall;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.LinuxDirent64;
import io.pollux.uapi.Nr;
import io.pollux.uapi.Stat;
import io.pollux.userland.FileStatus;
import io.pollux.userland.PathName;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.ArrayList;
import java.util.List;

/** File calls of the host. Not thread-safe. */
final class HostCalls implements AutoCloseable {
  private static final int PATH_MAX = 4096;
  private static final int DIRENTS = 64 << 10;
  private static final long TIMES_BYTES = 32; // two struct timespec
  private static final long NANOS = 8; // offset of tv_nsec
  private static final long SECOND_TIME = 16; // offset of the second timespec

  private static final MethodHandle STRERROR = strerror();

  private final Arena arena = Arena.ofConfined();
  private final MemorySegment state = HostCall.newState(arena);
  private final MemorySegment first = arena.allocate(PATH_MAX);
  private final MemorySegment second = arena.allocate(PATH_MAX);
  private final MemorySegment stat = arena.allocate(Stat.SIZE, Long.BYTES);
  private final MemorySegment times = arena.allocate(TIMES_BYTES, Long.BYTES);

  HostCalls() {}

  private long call(int nr, long a0, long a1, long a2, long a3, long a4) {
    return HostCall.call(state, nr, a0, a1, a2, a3, a4, 0);
  }

  private static long check(long result) throws HostFailure {
    if (result < 0) {
      throw new HostFailure((int) -result);
    }
    return result;
  }

  @SuppressWarnings("restricted") // calls C
  private static MethodHandle strerror() {
    Linker linker = Linker.nativeLinker();
    return linker.downcallHandle(
        linker.defaultLookup().findOrThrow("strerror"),
        FunctionDescriptor.of(ValueLayout.ADDRESS, ValueLayout.JAVA_INT));
  }

  /** The host's text for an error. */
  @SuppressWarnings("restricted") // the C library is trusted to return a string
  static String describe(int errno) {
    try {
      MemorySegment words = (MemorySegment) STRERROR.invokeExact(errno);
      return words.reinterpret(PATH_MAX).getString(0);
    } catch (Throwable e) {
      throw new AssertionError("a C function has no Java exceptions", e);
    }
  }

  /** Copies a name into native memory, terminated by a 0. */
  private static long put(MemorySegment to, PathName name) throws HostFailure {
    byte[] bytes = name.bytes();
    if (bytes.length >= PATH_MAX) {
      throw new HostFailure(Errno.ENAMETOOLONG);
    }
    for (byte b : bytes) {
      if (b == 0) {
        throw new HostFailure(Errno.EINVAL); // C would truncate the name there
      }
    }
    MemorySegment.copy(bytes, 0, to, ValueLayout.JAVA_BYTE, 0, bytes.length);
    to.set(ValueLayout.JAVA_BYTE, bytes.length, (byte) 0);
    return to.address();
  }

  boolean isRoot() {
    return call(Nr.GETEUID, 0, 0, 0, 0, 0) == 0;
  }

  int open(int dir, PathName name, int flags, int mode) throws HostFailure {
    return (int) check(call(Nr.OPENAT, dir, put(first, name), flags | Fcntl.O_CLOEXEC, mode, 0));
  }

  void close(int fd) throws HostFailure {
    check(call(Nr.CLOSE, fd, 0, 0, 0, 0));
  }

  FileStatus stat(int dir, PathName name, int flags) throws HostFailure {
    check(call(Nr.NEWFSTATAT, dir, put(first, name), stat.address(), flags, 0));
    return FileStatus.read(stat.address());
  }

  /** Reads at an offset. Returns the bytes read, 0 at the end. */
  long read(int fd, long address, long bytes, long offset) throws HostFailure {
    long done;
    do {
      done = call(Nr.PREAD64, fd, address, bytes, offset, 0);
    } while (done == -Errno.EINTR);
    return check(done);
  }

  long seek(int fd, long offset, int whence) throws HostFailure {
    return check(call(Nr.LSEEK, fd, offset, whence, 0, 0));
  }

  /** Returns the names in a directory from its position to its end, without "." and "..". */
  List<PathName> names(int fd) throws HostFailure {
    List<PathName> names = new ArrayList<>();
    try (Arena own = Arena.ofConfined()) {
      MemorySegment entries = own.allocate(DIRENTS, Long.BYTES);
      while (true) {
        long end = check(call(Nr.GETDENTS64, fd, entries.address(), DIRENTS, 0, 0));
        if (end == 0) {
          return names;
        }
        for (long at = 0; at < end; ) {
          long entry = entries.address() + at;
          PathName name = PathName.of(bytes(entries, at + LinuxDirent64.SIZE));
          if (!name.isDots()) {
            names.add(name);
          }
          at += LinuxDirent64.dReclen(entry) & 0xffff;
        }
      }
    }
  }

  private static byte[] bytes(MemorySegment from, long at) {
    long length = 0;
    while (from.get(ValueLayout.JAVA_BYTE, at + length) != 0) {
      length++;
    }
    return from.asSlice(at, length).toArray(ValueLayout.JAVA_BYTE);
  }

  PathName readlink(int dir, PathName name) throws HostFailure {
    long length = check(call(Nr.READLINKAT, dir, put(first, name), second.address(), PATH_MAX, 0));
    return PathName.of(second.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE));
  }

  void makeDirectory(int dir, PathName name, int mode) throws HostFailure {
    check(call(Nr.MKDIRAT, dir, put(first, name), mode, 0, 0));
  }

  void makeSpecial(int dir, PathName name, int mode, long rdev) throws HostFailure {
    check(call(Nr.MKNODAT, dir, put(first, name), mode, rdev, 0));
  }

  void makeSymlink(PathName target, int dir, PathName name) throws HostFailure {
    check(call(Nr.SYMLINKAT, put(second, target), dir, put(first, name), 0, 0));
  }

  void unlink(int dir, PathName name) throws HostFailure {
    check(call(Nr.UNLINKAT, dir, put(first, name), 0, 0, 0));
  }

  void truncate(int fd, long bytes) throws HostFailure {
    check(call(Nr.FTRUNCATE, fd, bytes, 0, 0, 0));
  }

  /**
   * Writes at an offset, or at the file's position if the offset is negative. Returns the bytes
   * written.
   */
  long write(int fd, long address, long bytes, long offset) throws HostFailure {
    long done;
    do {
      done =
          offset < 0
              ? call(Nr.WRITE, fd, address, bytes, 0, 0)
              : call(Nr.PWRITE64, fd, address, bytes, offset, 0);
    } while (done == -Errno.EINTR);
    return check(done);
  }

  void setOwner(int fd, int uid, int gid) throws HostFailure {
    check(call(Nr.FCHOWN, fd, uid, gid, 0, 0));
  }

  void setOwner(int dir, PathName name, int uid, int gid) throws HostFailure {
    check(call(Nr.FCHOWNAT, dir, put(first, name), uid, gid, Fcntl.AT_SYMLINK_NOFOLLOW));
  }

  void setMode(int fd, int mode) throws HostFailure {
    check(call(Nr.FCHMOD, fd, mode, 0, 0, 0));
  }

  /** Sets the mode. Follows a symlink, which has no mode of its own. */
  void setMode(int dir, PathName name, int mode) throws HostFailure {
    check(call(Nr.FCHMODAT, dir, put(first, name), mode, 0, 0));
  }

  void setTimes(int fd, FileStatus.Time atime, FileStatus.Time mtime) throws HostFailure {
    check(call(Nr.UTIMENSAT, fd, 0, putTimes(atime, mtime), 0, 0));
  }

  void setTimes(int dir, PathName name, FileStatus.Time atime, FileStatus.Time mtime)
      throws HostFailure {
    long to = putTimes(atime, mtime);
    check(call(Nr.UTIMENSAT, dir, put(first, name), to, Fcntl.AT_SYMLINK_NOFOLLOW, 0));
  }

  private long putTimes(FileStatus.Time atime, FileStatus.Time mtime) {
    times.set(ValueLayout.JAVA_LONG, 0, atime.seconds());
    times.set(ValueLayout.JAVA_LONG, NANOS, atime.nanos());
    times.set(ValueLayout.JAVA_LONG, SECOND_TIME, mtime.seconds());
    times.set(ValueLayout.JAVA_LONG, SECOND_TIME + NANOS, mtime.nanos());
    return times.address();
  }

  @Override
  public void close() {
    arena.close();
  }
}
