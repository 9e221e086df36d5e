// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.userland;

import io.pollux.syscalls.Program;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.LinuxDirent64;
import io.pollux.uapi.Nr;
import io.pollux.uapi.RawMemory;
import io.pollux.uapi.Stat;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * The file calls of a C library: paths go into the program's own memory, the kernel is called, results come out of
 * it. Each answers the result or throws {@link SyscallException}.
 */
public final class UserFiles implements AutoCloseable {
  private static final int PATH_MAX = 4096;
  private static final int DIRENTS = 64 << 10;

  private final Program program;
  private final UserMemory memory;
  private final long path;
  private final long answer;

  /**
   * Makes the calls available to a program.
   *
   * @param program who calls
   */
  public UserFiles(Program program) {
    this.program = program;
    memory = UserMemory.map(program, PATH_MAX + DIRENTS);
    path = memory.address();
    answer = path + PATH_MAX;
  }

  /**
   * Opens a file, open(2).
   *
   * @param name which
   * @param flags O_* flags
   * @return the descriptor
   */
  public int open(PathName name, int flags) {
    put(name);
    return (int) SyscallException.check(name.toString(), program.syscall(Nr.OPEN, path, flags, 0));
  }

  /**
   * Opens a file in an open directory, openat(2).
   *
   * @param directory descriptor of the directory, or AT_FDCWD
   * @param name which
   * @param flags O_* flags
   * @return the descriptor
   */
  public int openat(int directory, PathName name, int flags) {
    put(name);
    return (int) SyscallException.check(name.toString(), program.syscall(Nr.OPENAT, directory, path, flags, 0));
  }

  /**
   * Closes a descriptor, close(2).
   *
   * @param fd which
   */
  public void close(int fd) {
    SyscallException.check("close", program.syscall(Nr.CLOSE, fd));
  }

  /**
   * Tells about a file, stat(2).
   *
   * @param name which; a symlink stands for what it points to
   * @return its status
   */
  public FileStatus stat(PathName name) {
    put(name);
    SyscallException.check(name.toString(), program.syscall(Nr.STAT, path, answer));
    return FileStatus.read(answer);
  }

  /**
   * Tells about a file, lstat(2).
   *
   * @param name which; a symlink stands for itself
   * @return its status
   */
  public FileStatus lstat(PathName name) {
    put(name);
    SyscallException.check(name.toString(), program.syscall(Nr.LSTAT, path, answer));
    return FileStatus.read(answer);
  }

  /**
   * Returns the status of a file in an open directory, newfstatat(2). Does not follow a symlink.
   *
   * @param directory descriptor of the directory, or AT_FDCWD
   * @param name which
   * @return its status
   */
  public FileStatus lstatat(int directory, PathName name) {
    put(name);
    long result = program.syscall(Nr.NEWFSTATAT, directory, path, answer, Fcntl.AT_SYMLINK_NOFOLLOW);
    SyscallException.check(name.toString(), result);
    return FileStatus.read(answer);
  }

  /**
   * Tells about an open file, fstat(2).
   *
   * @param fd which
   * @return its status
   */
  public FileStatus fstat(int fd) {
    assert Stat.SIZE <= DIRENTS;
    SyscallException.check("fstat", program.syscall(Nr.FSTAT, fd, answer));
    return FileStatus.read(answer);
  }

  /**
   * Reads at an offset, pread64(2).
   *
   * @param fd from which file
   * @param to into which memory of the program
   * @param bytes at most how many
   * @param offset from where
   * @return how many were read, 0 at the end of the file
   */
  public long pread(int fd, long to, long bytes, long offset) {
    return SyscallException.check("read", program.syscall(Nr.PREAD64, fd, to, bytes, offset));
  }

  /**
   * Finds data or a hole, lseek(2) with SEEK_DATA or SEEK_HOLE.
   *
   * @param fd in which file
   * @param offset from where
   * @param whence SEEK_DATA or SEEK_HOLE
   * @return the offset of the next one, or the end of the file
   */
  public long seek(int fd, long offset, int whence) {
    long found = program.syscall(Nr.LSEEK, fd, offset, whence);
    return found == -Errno.ENXIO ? fstat(fd).size() : SyscallException.check("lseek", found);
  }

  /**
   * Where a symlink points, readlink(2).
   *
   * @param name the symlink
   * @return its target, a path
   */
  public PathName readlink(PathName name) {
    return readlinkat(Fcntl.AT_FDCWD, name);
  }

  /**
   * Reads a symlink in an open directory, readlinkat(2).
   *
   * @param directory descriptor of the directory, or AT_FDCWD
   * @param name the symlink
   * @return its target, a path
   */
  public PathName readlinkat(int directory, PathName name) {
    put(name);
    long result = program.syscall(Nr.READLINKAT, directory, path, answer, PATH_MAX);
    long length = SyscallException.check(name.toString(), result);
    return PathName.of(RawMemory.segment(answer, length).toArray(ValueLayout.JAVA_BYTE));
  }

  /**
   * Reads a directory from where it stands to its end, getdents64(2).
   *
   * @param fd the directory
   * @return its names in its own order, with dots
   */
  public List<DirEntry> readDirectory(int fd) {
    List<DirEntry> entries = new ArrayList<>();
    while (true) {
      long end = answer + SyscallException.check("getdents64", program.syscall(Nr.GETDENTS64, fd, answer, DIRENTS));
      if (end == answer) {
        return entries;
      }
      for (long at = answer; at < end; at += LinuxDirent64.dReclen(at) & 0xffff) {
        entries.add(new DirEntry(name(at), LinuxDirent64.dIno(at), LinuxDirent64.dType(at)));
      }
    }
  }

  private static PathName name(long entry) {
    MemorySegment field =
        RawMemory.segment(entry + LinuxDirent64.SIZE, (LinuxDirent64.dReclen(entry) & 0xffff) - LinuxDirent64.SIZE);
    long length = 0;
    while (field.get(ValueLayout.JAVA_BYTE, length) != 0) {
      length++;
    }
    return PathName.of(field.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE));
  }

  private void put(PathName name) {
    byte[] bytes = name.bytes();
    if (bytes.length >= PATH_MAX) {
      throw new SyscallException(name.toString(), Errno.ENAMETOOLONG); // as the kernel would say of it
    }
    MemorySegment.copy(bytes, 0, memory.segment(), ValueLayout.JAVA_BYTE, 0, bytes.length);
    RawMemory.putByte(path + bytes.length, (byte) 0);
  }

  @Override
  public void close() {
    memory.close();
  }
}
