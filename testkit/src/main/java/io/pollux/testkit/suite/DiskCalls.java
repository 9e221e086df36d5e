// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit.suite;

import static io.pollux.testkit.CallAssert.assertThatCall;

import io.pollux.syscalls.Program;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Iovec;
import io.pollux.uapi.Nr;
import io.pollux.uapi.RawMemory;
import io.pollux.userland.PathName;
import io.pollux.userland.UserFiles;
import io.pollux.userland.UserMemory;
import java.util.StringJoiner;
import java.util.function.Consumer;

/**
 * The calls of a program on a disk, which is open. Methods return the result of the call. On the
 * thread of the program.
 */
final class DiskCalls implements AutoCloseable {
  /** Size of the area for data in bytes: the largest transfer. */
  static final int MAX_BYTES = 4 << 20;

  private static final int PAGE = 4096;
  private static final int MAX_VECTORS = 64;

  private final Program program;
  private final Consumer<String> log;
  private final UserFiles files;
  private final UserMemory memory;
  private final int fd;

  /**
   * Opens a disk.
   *
   * @param program the program
   * @param name the disk's name under /dev
   * @param flags flags of open(2)
   * @param log gets a line for each call
   */
  DiskCalls(Program program, String name, int flags, Consumer<String> log) {
    this.program = program;
    this.log = log;
    files = new UserFiles(program);
    memory = UserMemory.map(program, MAX_BYTES + 3L * PAGE);
    fd = files.open(PathName.of("/dev/" + name), flags);
    log.accept(String.format("open(/dev/%s, 0%o) = %d", name, flags, fd));
  }

  int fd() {
    return fd;
  }

  Program program() {
    return program;
  }

  /** Returns the address of the area for data, at a page. */
  long data() {
    return memory.address() + 2 * PAGE;
  }

  private long call(String text, int nr, long a1, long a2, long a3, long a4, long a5) {
    long result = program.syscall(nr, fd, a1, a2, a3, a4, a5);
    log.accept(text + " = " + (result < 0 ? "-" + Errno.name((int) -result) : result));
    return result;
  }

  private static String show(int rwf) {
    StringJoiner words = new StringJoiner("|", ", ", "").setEmptyValue("");
    if ((rwf & AioAbi.RWF_HIPRI) != 0) {
      words.add("HIPRI");
    }
    if ((rwf & AioAbi.RWF_DSYNC) != 0) {
      words.add("DSYNC");
    }
    return words.toString();
  }

  /** Reads into the area for data. */
  long read(long at, long bytes, int rwf) {
    return vector(Nr.PREADV2, at, rwf, data(), bytes);
  }

  /** Writes from the area for data. */
  long write(long at, long bytes, int rwf) {
    return vector(Nr.PWRITEV2, at, rwf, data(), bytes);
  }

  /** Reads or writes ranges of memory: address, length, address, length. */
  long vector(int nr, long at, int rwf, long... ranges) {
    int count = ranges.length / 2;
    assert count <= MAX_VECTORS;
    StringJoiner lengths = new StringJoiner("+");
    for (int i = 0; i < count; i++) {
      long iovec = memory.address() + i * Iovec.SIZE;
      Iovec.iovBase(iovec, ranges[2 * i]);
      Iovec.iovLen(iovec, ranges[2 * i + 1]);
      lengths.add(String.valueOf(ranges[2 * i + 1]));
    }
    String text = nr == Nr.PREADV2 ? "read" : "write";
    String line = text + "(" + lengths + " at " + at + show(rwf) + ")";
    return call(line, nr, memory.address(), count, at, 0, rwf);
  }

  long fsync() {
    return call("fsync()", Nr.FSYNC, 0, 0, 0, 0, 0);
  }

  long fallocate(int mode, long at, long bytes) {
    String text = String.format("fallocate(%#x, %d at %d)", mode, bytes, at);
    return call(text, Nr.FALLOCATE, mode, at, bytes, 0, 0);
  }

  /** Makes an ioctl on a range, such as BLKDISCARD. */
  long range(String name, int cmd, long at, long bytes) {
    RawMemory.putLong(memory.address() + PAGE, at);
    RawMemory.putLong(memory.address() + PAGE + Long.BYTES, bytes);
    String text = name + "(" + bytes + " at " + at + ")";
    return call(text, Nr.IOCTL, cmd, memory.address() + PAGE, 0, 0, 0);
  }

  /** Makes an ioctl that stores a number. Returns the number. */
  long number(String name, int cmd) {
    RawMemory.putLong(memory.address() + PAGE, 0);
    long result = call(name + "()", Nr.IOCTL, cmd, memory.address() + PAGE, 0, 0, 0);
    assertThatCall(result).returns(0);
    return RawMemory.getLong(memory.address() + PAGE);
  }

  /** Returns the size in bytes. */
  long size() {
    return call("lseek(0, SEEK_END)", Nr.LSEEK, 0, Fcntl.SEEK_END, 0, 0, 0);
  }

  /** Closes the disk. */
  @Override
  public void close() {
    files.close(fd);
    log.accept("close(" + fd + ")");
    memory.close();
    files.close();
  }
}
