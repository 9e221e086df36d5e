// SPDX-License-Identifier: GPL-2.0-only
package example.flatfs;

import io.pollux.syscalls.Program;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Mman;
import io.pollux.uapi.Nr;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;

/** A program that makes system calls with paths and data in its own memory. */
final class Caller implements AutoCloseable {
  static final int MOST = 1 << 20;
  private static final int PATH = 256;

  private final Program program;
  private final long data;
  private final long paths;

  Caller(Program program) {
    this.program = program;
    data = map(MOST);
    paths = map(2 * PATH);
  }

  private long map(long bytes) {
    int prot = Mman.PROT_READ | Mman.PROT_WRITE;
    return call(Nr.MMAP, 0, bytes, prot, Mman.MAP_PRIVATE | Mman.MAP_ANONYMOUS, -1, 0);
  }

  private long call(int number, long... arguments) {
    long[] all = java.util.Arrays.copyOf(arguments, 6);
    return program.syscall(number, all[0], all[1], all[2], all[3], all[4], all[5]);
  }

  private long path(int slot, String name) {
    byte[] bytes = (name + "\0").getBytes(StandardCharsets.UTF_8);
    long at = paths + (long) slot * PATH;
    RawMemory.segment(at, bytes.length).copyFrom(MemorySegment.ofArray(bytes));
    return at;
  }

  private static long good(long result, String what) {
    if (result < 0) {
      throw new AssertionError(what + " failed with errno " + -result);
    }
    return result;
  }

  /** Opens a file, and creates it if flags have O_CREAT. */
  int open(String name, int flags) {
    return (int) good(call(Nr.OPEN, path(0, name), flags, 0644), "open of " + name);
  }

  boolean exists(String name) {
    return call(Nr.ACCESS, path(0, name), 0) == 0;
  }

  void close(int fd) {
    good(call(Nr.CLOSE, fd), "close");
  }

  void write(int fd, byte[] bytes, long pos) {
    RawMemory.segment(data, bytes.length).copyFrom(MemorySegment.ofArray(bytes));
    long written = good(call(Nr.PWRITE64, fd, data, bytes.length, pos), "write at " + pos);
    if (written != bytes.length) {
      throw new AssertionError("a write of " + bytes.length + " bytes wrote " + written);
    }
  }

  /** Writes, and returns the bytes written or a negative errno. */
  long tryWrite(int fd, byte[] bytes, long pos) {
    RawMemory.segment(data, bytes.length).copyFrom(MemorySegment.ofArray(bytes));
    return writeFrom(data, fd, bytes.length, pos);
  }

  /** Writes from any address, and returns the bytes written or a negative errno. */
  long writeFrom(long address, int fd, long bytes, long pos) {
    return call(Nr.PWRITE64, fd, address, bytes, pos);
  }

  long sync() {
    return call(Nr.SYNC);
  }

  byte[] read(int fd, long pos, int bytes) {
    long got = good(call(Nr.PREAD64, fd, data, bytes, pos), "read at " + pos);
    return RawMemory.segment(data, got).toArray(ValueLayout.JAVA_BYTE);
  }

  /** Reads a whole file through the page cache. */
  byte[] readAll(String name) {
    int fd = open(name, Fcntl.O_RDONLY);
    byte[] all = read(fd, 0, MOST);
    close(fd);
    return all;
  }

  void fsync(int fd) {
    good(call(Nr.FSYNC, fd), "fsync");
  }

  void truncate(String name, long bytes) {
    good(call(Nr.TRUNCATE, path(0, name), bytes), "truncate of " + name);
  }

  void unlink(String name) {
    good(call(Nr.UNLINK, path(0, name)), "unlink of " + name);
  }

  void rename(String from, String to) {
    good(call(Nr.RENAME, path(0, from), path(1, to)), "rename of " + from);
  }

  @Override
  public void close() {
    program.close();
  }
}
