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
 * The file calls of a C library. Each copies its path into the program's memory, calls the kernel
 * and copies the result out. It returns the result or throws {@link SyscallException}.
 */
public final class UserFiles implements AutoCloseable {
  private static final int PATH_MAX = 4096;
  private static final int DIRENTS = 64 << 10;

  private final Program program;
  private final UserMemory memory;
  private final long path;
  private final long answer;
  private boolean closed;

  /**
   * Creates the file calls of a program.
   *
   * @param program makes the calls
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
   * @param name its path
   * @param flags O_* flags
   * @return the descriptor
   */
  public int open(PathName name, int flags) {
    return open(name, flags, 0);
  }

  /**
   * Opens a file, and creates it with O_CREAT, open(2).
   *
   * @param name its path
   * @param flags O_* flags
   * @param mode permissions of a new file, less the umask
   * @return the descriptor
   */
  public int open(PathName name, int flags, int mode) {
    put(name);
    return (int) check(name, program.syscall(Nr.OPEN, path, flags, mode));
  }

  /**
   * Opens a file in an open directory, openat(2).
   *
   * @param directory descriptor of the directory, or AT_FDCWD
   * @param name its path
   * @param flags O_* flags
   * @return the descriptor
   */
  public int openat(int directory, PathName name, int flags) {
    put(name);
    return (int) check(name, program.syscall(Nr.OPENAT, directory, path, flags, 0));
  }

  /**
   * Closes a descriptor, close(2).
   *
   * @param fd the descriptor
   */
  public void close(int fd) {
    SyscallException.check("close", program.syscall(Nr.CLOSE, fd));
  }

  /**
   * Returns the status of a file, stat(2). Follows a symlink.
   *
   * @param name its path
   */
  public FileStatus stat(PathName name) {
    put(name);
    check(name, program.syscall(Nr.STAT, path, answer));
    return FileStatus.read(answer);
  }

  /**
   * Returns the status of a file, lstat(2). Does not follow a symlink.
   *
   * @param name its path
   */
  public FileStatus lstat(PathName name) {
    put(name);
    check(name, program.syscall(Nr.LSTAT, path, answer));
    return FileStatus.read(answer);
  }

  /**
   * Returns the status of a file in an open directory, newfstatat(2). Does not follow a symlink.
   *
   * @param directory descriptor of the directory, or AT_FDCWD
   * @param name its path
   */
  public FileStatus lstatat(int directory, PathName name) {
    put(name);
    long result =
        program.syscall(Nr.NEWFSTATAT, directory, path, answer, Fcntl.AT_SYMLINK_NOFOLLOW);
    check(name, result);
    return FileStatus.read(answer);
  }

  /**
   * Returns the status of an open file, fstat(2).
   *
   * @param fd its descriptor
   */
  public FileStatus fstat(int fd) {
    assert Stat.SIZE <= DIRENTS;
    requireOpen();
    SyscallException.check("fstat", program.syscall(Nr.FSTAT, fd, answer));
    return FileStatus.read(answer);
  }

  /**
   * Reads at an offset, pread64(2).
   *
   * @param fd descriptor of the file
   * @param to address in the program's memory
   * @param bytes maximum number of bytes
   * @param offset position in the file
   * @return bytes read, 0 at the end of the file
   */
  public long pread(int fd, long to, long bytes, long offset) {
    return SyscallException.check("read", program.syscall(Nr.PREAD64, fd, to, bytes, offset));
  }

  /**
   * Finds data or a hole, lseek(2) with SEEK_DATA or SEEK_HOLE.
   *
   * @param fd descriptor of the file
   * @param offset start of the search
   * @param whence SEEK_DATA or SEEK_HOLE
   * @return the offset of the next data or hole, or the end of the file
   */
  public long seek(int fd, long offset, int whence) {
    long found = program.syscall(Nr.LSEEK, fd, offset, whence);
    return found == -Errno.ENXIO ? fstat(fd).size() : SyscallException.check("lseek", found);
  }

  /**
   * Returns the target of a symlink, readlink(2).
   *
   * @param name path of the symlink
   */
  public PathName readlink(PathName name) {
    return readlinkat(Fcntl.AT_FDCWD, name);
  }

  /**
   * Returns the target of a symlink in an open directory, readlinkat(2).
   *
   * @param directory descriptor of the directory, or AT_FDCWD
   * @param name path of the symlink
   */
  public PathName readlinkat(int directory, PathName name) {
    put(name);
    long result = program.syscall(Nr.READLINKAT, directory, path, answer, PATH_MAX);
    long length = check(name, result);
    return PathName.of(RawMemory.segment(answer, length).toArray(ValueLayout.JAVA_BYTE));
  }

  /**
   * Reads a directory from its position to its end, getdents64(2).
   *
   * @param fd descriptor of the directory
   * @return its entries in its own order, with "." and ".."
   */
  public List<DirEntry> readDirectory(int fd) {
    requireOpen();
    List<DirEntry> entries = new ArrayList<>();
    while (true) {
      long end =
          answer
              + SyscallException.check(
                  "getdents64", program.syscall(Nr.GETDENTS64, fd, answer, DIRENTS));
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
        RawMemory.segment(
            entry + LinuxDirent64.SIZE,
            (LinuxDirent64.dReclen(entry) & 0xffff) - LinuxDirent64.SIZE);
    long length = 0;
    while (field.get(ValueLayout.JAVA_BYTE, length) != 0) {
      length++;
    }
    return PathName.of(field.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE));
  }

  /** Checks that the memory for names and results is still mapped. */
  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the files of a program are used after their close");
    }
    if (program.hasEnded()) {
      throw new IllegalStateException("the files of a program are used after its end");
    }
  }

  /** As {@link SyscallException#check}. Only a failure needs the name as text. */
  private static long check(PathName name, long result) {
    return result < 0 ? SyscallException.check(name.toString(), result) : result;
  }

  private void put(PathName name) {
    requireOpen();
    byte[] bytes = name.bytes();
    if (bytes.length >= PATH_MAX) {
      // the kernel's error for such a name
      throw new SyscallException(name.toString(), Errno.ENAMETOOLONG);
    }
    MemorySegment.copy(bytes, 0, memory.segment(), ValueLayout.JAVA_BYTE, 0, bytes.length);
    RawMemory.putByte(path + bytes.length, (byte) 0);
  }

  /**
   * Unmaps the memory for names and results. Descriptors stay open. Does nothing the second time.
   */
  @Override
  public void close() {
    closed = true;
    memory.close();
  }
}
