// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.userland;

import io.pollux.syscalls.Program;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Nr;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The calls of a C library that change files and names. Each returns its result or throws {@link
 * SyscallException}. A directory is a descriptor or AT_FDCWD, and a name is a path in it.
 */
public final class UserChanges implements AutoCloseable {
  private static final int PATH_MAX = 4096;
  private static final int TIMES_BYTES = 32; // two struct timespec
  private static final int NANOS = 8; // offset of tv_nsec
  private static final int SECOND_TIME = 16; // offset of the second timespec

  private final Program program;
  private final UserMemory memory;
  private final long first;
  private final long second;
  private final long times;

  /**
   * Creates the calls of a program.
   *
   * @param program makes the calls
   */
  public UserChanges(Program program) {
    this.program = program;
    memory = UserMemory.map(program, 2 * PATH_MAX + TIMES_BYTES);
    first = memory.address();
    second = first + PATH_MAX;
    times = second + PATH_MAX;
  }

  private long put(int at, PathName name) {
    byte[] bytes = name.bytes();
    if (bytes.length >= PATH_MAX) {
      // the kernel's error for such a name
      throw new SyscallException(name.toString(), Errno.ENAMETOOLONG);
    }
    MemorySegment.copy(bytes, 0, memory.segment(), ValueLayout.JAVA_BYTE, at, bytes.length);
    RawMemory.putByte(first + at + bytes.length, (byte) 0);
    return first + at;
  }

  private long put(PathName name) {
    return put(0, name);
  }

  private static long check(PathName name, long result) {
    return result < 0 ? SyscallException.check(name.toString(), result) : result;
  }

  // Names.

  /**
   * Creates a file, or opens one, openat(2).
   *
   * @param directory the directory
   * @param name its name
   * @param flags O_* flags
   * @param mode permissions of a new file, less the umask
   * @return the descriptor
   */
  public int open(int directory, PathName name, int flags, int mode) {
    return (int) check(name, program.syscall(Nr.OPENAT, directory, put(name), flags, mode));
  }

  /**
   * Creates a directory, mkdirat(2).
   *
   * @param directory its parent
   * @param name its name
   * @param mode permissions, less the umask
   */
  public void makeDirectory(int directory, PathName name, int mode) {
    check(name, program.syscall(Nr.MKDIRAT, directory, put(name), mode));
  }

  /**
   * Creates a pipe, a socket or a device, mknodat(2).
   *
   * @param directory the directory
   * @param name its name
   * @param mode type and permissions, less the umask
   * @param rdev number of a device
   */
  public void makeSpecial(int directory, PathName name, int mode, long rdev) {
    check(name, program.syscall(Nr.MKNODAT, directory, put(name), mode, rdev));
  }

  /**
   * Creates a symlink, symlinkat(2).
   *
   * @param target its target
   * @param directory the directory
   * @param name its name
   */
  public void makeSymlink(PathName target, int directory, PathName name) {
    long to = put(PATH_MAX, target);
    check(name, program.syscall(Nr.SYMLINKAT, to, directory, put(name)));
  }

  /**
   * Removes a name, unlinkat(2).
   *
   * @param directory the directory
   * @param name the name
   * @param flags AT_REMOVEDIR for a directory, or 0
   */
  public void unlink(int directory, PathName name, int flags) {
    check(name, program.syscall(Nr.UNLINKAT, directory, put(name), flags));
  }

  /**
   * Moves a name, rename(2).
   *
   * @param from the path
   * @param to the new path
   */
  public void rename(PathName from, PathName to) {
    long target = put(PATH_MAX, to);
    check(from, program.syscall(Nr.RENAME, put(from), target));
  }

  /**
   * Makes a directory the root and the working directory of the process, chroot(2) and chdir(2).
   *
   * @param directory the path
   */
  public void changeRoot(PathName directory) {
    check(directory, program.syscall(Nr.CHROOT, put(directory)));
    check(directory, program.syscall(Nr.CHDIR, put(PathName.of("/"))));
  }

  // Contents.

  /**
   * Writes at an offset, pwrite64(2).
   *
   * @param fd descriptor of the file
   * @param from address in the program's memory
   * @param bytes how many
   * @param offset position in the file
   * @return bytes written, may be less
   */
  public long pwrite(int fd, long from, long bytes, long offset) {
    return SyscallException.check("write", program.syscall(Nr.PWRITE64, fd, from, bytes, offset));
  }

  /**
   * Sets the size of a file, ftruncate(2).
   *
   * @param fd its descriptor
   * @param bytes the size
   */
  public void truncate(int fd, long bytes) {
    SyscallException.check("truncate", program.syscall(Nr.FTRUNCATE, fd, bytes));
  }

  // Attributes of an open file.

  /**
   * Sets owner and group, fchown(2).
   *
   * @param fd descriptor of the file
   * @param uid the owner
   * @param gid the group
   */
  public void setOwner(int fd, int uid, int gid) {
    SyscallException.check("chown", program.syscall(Nr.FCHOWN, fd, uid, gid));
  }

  /**
   * Sets the mode, fchmod(2).
   *
   * @param fd descriptor of the file
   * @param mode permissions with set-user-id, set-group-id and sticky bit
   */
  public void setMode(int fd, int mode) {
    SyscallException.check("chmod", program.syscall(Nr.FCHMOD, fd, mode));
  }

  /**
   * Sets the times, futimens(3). The filesystem clamps them to its range.
   *
   * @param fd descriptor of the file
   * @param atime of the last access
   * @param mtime of the last change
   */
  public void setTimes(int fd, FileStatus.Time atime, FileStatus.Time mtime) {
    putTimes(atime, mtime);
    SyscallException.check("utimensat", program.syscall(Nr.UTIMENSAT, fd, 0, times, 0));
  }

  // Attributes of a name. Only fchmodat follows a symlink, because a symlink has no mode.

  /**
   * Sets owner and group, fchownat(2).
   *
   * @param directory the directory
   * @param name the name
   * @param uid the owner
   * @param gid the group
   */
  public void setOwner(int directory, PathName name, int uid, int gid) {
    int flags = Fcntl.AT_SYMLINK_NOFOLLOW;
    check(name, program.syscall(Nr.FCHOWNAT, directory, put(name), uid, gid, flags, 0));
  }

  /**
   * Sets the mode, fchmodat(2).
   *
   * @param directory the directory
   * @param name the name, not of a symlink
   * @param mode permissions with set-user-id, set-group-id and sticky bit
   */
  public void setMode(int directory, PathName name, int mode) {
    check(name, program.syscall(Nr.FCHMODAT, directory, put(name), mode));
  }

  /**
   * Sets the times, utimensat(2).
   *
   * @param directory the directory
   * @param name the name
   * @param atime of the last access
   * @param mtime of the last change
   */
  public void setTimes(int directory, PathName name, FileStatus.Time atime, FileStatus.Time mtime) {
    putTimes(atime, mtime);
    int flags = Fcntl.AT_SYMLINK_NOFOLLOW;
    check(name, program.syscall(Nr.UTIMENSAT, directory, put(name), times, flags));
  }

  private void putTimes(FileStatus.Time atime, FileStatus.Time mtime) {
    RawMemory.putLong(times, atime.seconds());
    RawMemory.putLong(times + NANOS, atime.nanos());
    RawMemory.putLong(times + SECOND_TIME, mtime.seconds());
    RawMemory.putLong(times + SECOND_TIME + NANOS, mtime.nanos());
  }

  /** Unmaps the memory for names. Descriptors stay open. Does nothing the second time. */
  @Override
  public void close() {
    memory.close();
  }
}
