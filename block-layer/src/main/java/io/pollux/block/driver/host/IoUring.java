// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver.host;

import io.pollux.core.host.HostCall;
import io.pollux.uapi.Errno;
import io.pollux.uapi.RawMemory;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * One io_uring of the host: its memory and its calls. Callers decide which thread uses it. One
 * thread at a time fills and submits, and one at a time reaps; the two sides share no state.
 *
 * <p>Offsets and numbers are those of the host's {@code linux/io_uring.h}.
 */
final class IoUring implements AutoCloseable {
  static final int SETUP_IOPOLL = 1;
  static final int SETUP_SUBMIT_ALL = 1 << 7;
  static final int SETUP_COOP_TASKRUN = 1 << 8;
  static final int SETUP_TASKRUN_FLAG = 1 << 9;
  static final int SETUP_SINGLE_ISSUER = 1 << 12;
  static final int SETUP_DEFER_TASKRUN = 1 << 13;

  static final int ENTER_GETEVENTS = 1;

  static final byte OP_NOP = 0;
  static final byte OP_READV = 1;
  static final byte OP_WRITEV = 2;
  static final byte OP_FSYNC = 3;
  static final byte OP_READ_FIXED = 4;
  static final byte OP_WRITE_FIXED = 5;
  static final byte OP_FALLOCATE = 17;
  static final byte OP_READ = 22;
  static final byte OP_WRITE = 23;
  static final byte SQE_FIXED_FILE = 1;
  static final int FSYNC_DATASYNC = 1;
  static final int RWF_DSYNC = 2;

  private static final int UNREGISTER_BUFFERS = 1;
  private static final int REGISTER_FILES = 2;
  private static final int UNREGISTER_FILES = 3;
  private static final int REGISTER_BUFFERS2 = 15;
  private static final int REGISTER_BUFFERS_UPDATE = 16;

  // struct io_uring_rsrc_register
  private static final long RSRC_SIZE = 32;
  private static final long RSRC_NR = 0;
  private static final long RSRC_FLAGS = 4;
  private static final int RSRC_REGISTER_SPARSE = 1;

  // struct io_uring_rsrc_update2
  private static final long UPDATE_SIZE = 32;
  private static final long UPDATE_OFFSET = 0;
  private static final long UPDATE_DATA = 8;
  private static final long UPDATE_NR = 24;

  // struct io_uring_params
  private static final long PARAMS_SIZE = 120;
  private static final long PARAMS_SQ_ENTRIES = 0;
  private static final long PARAMS_CQ_ENTRIES = 4;
  private static final long PARAMS_FLAGS = 8;
  private static final long PARAMS_FEATURES = 20;
  private static final long PARAMS_SQ_OFF = 40;
  private static final long PARAMS_CQ_OFF = 80;
  private static final int FEAT_SINGLE_MMAP = 1;
  private static final int FEAT_NODROP = 1 << 1;
  private static final int FEAT_SUBMIT_STABLE = 1 << 2;

  // struct io_sqring_offsets and struct io_cqring_offsets; head, tail and mask are alike in both
  private static final long OFF_HEAD = 0;
  private static final long OFF_TAIL = 4;
  private static final long OFF_MASK = 8;
  private static final long SQ_OFF_FLAGS = 16;
  private static final long SQ_OFF_ARRAY = 24;
  private static final int SQ_CQ_OVERFLOW = 1 << 1;
  private static final int SQ_TASKRUN = 1 << 2;
  private static final long CQ_OFF_CQES = 20;

  private static final long MMAP_RINGS = 0;
  private static final long MMAP_SQES = 0x10000000L;

  // struct io_uring_sqe
  private static final long SQE_SIZE = 64;
  static final long SQE_OPCODE = 0;
  static final long SQE_FLAGS = 1;
  static final long SQE_FD = 4;
  static final long SQE_OFF = 8;
  static final long SQE_ADDR = 16;
  static final long SQE_LEN = 24;
  static final long SQE_OP_FLAGS = 28;
  static final long SQE_USER_DATA = 32;
  static final long SQE_BUF_INDEX = 40;

  // struct io_uring_cqe
  private static final int CQE_SHIFT = 4;
  private static final long CQE_RES = 8;

  private final int fd;
  private final long rings;
  private final long ringsBytes;
  private final long sqes;
  private final long sqesBytes;
  private final long sqHead;
  private final long sqTail;
  private final long sqFlags;
  private final int sqMask;
  private final long cqHead;
  private final long cqTail;
  private final long cqes;
  private final int cqMask;
  private final MemorySegment submitState = HostCall.newState(Arena.global());
  private final MemorySegment reapState = HostCall.newState(Arena.global());

  private int filled; // tail of the SQ ring, filled entries included
  private int seen; // head of the CQ ring

  private IoUring(int fd, MemorySegment params) throws IOException {
    this.fd = fd;
    int sqEntries = params.get(ValueLayout.JAVA_INT, PARAMS_SQ_ENTRIES);
    int cqEntries = params.get(ValueLayout.JAVA_INT, PARAMS_CQ_ENTRIES);
    int sqArray = params.get(ValueLayout.JAVA_INT, PARAMS_SQ_OFF + SQ_OFF_ARRAY);
    int cqOff = params.get(ValueLayout.JAVA_INT, PARAMS_CQ_OFF + CQ_OFF_CQES);
    ringsBytes = Math.max(sqArray + 4L * sqEntries, cqOff + ((long) cqEntries << CQE_SHIFT));
    sqesBytes = SQE_SIZE * sqEntries;
    rings = Libc.mmap(fd, ringsBytes, MMAP_RINGS);
    if (rings < 0) {
      throw refused("mmap", rings);
    }
    sqes = Libc.mmap(fd, sqesBytes, MMAP_SQES);
    if (sqes < 0) {
      Libc.munmap(rings, ringsBytes);
      throw refused("mmap", sqes);
    }
    sqHead = rings + params.get(ValueLayout.JAVA_INT, PARAMS_SQ_OFF + OFF_HEAD);
    sqTail = rings + params.get(ValueLayout.JAVA_INT, PARAMS_SQ_OFF + OFF_TAIL);
    sqMask = RawMemory.getInt(rings + params.get(ValueLayout.JAVA_INT, PARAMS_SQ_OFF + OFF_MASK));
    sqFlags = rings + params.get(ValueLayout.JAVA_INT, PARAMS_SQ_OFF + SQ_OFF_FLAGS);
    cqHead = rings + params.get(ValueLayout.JAVA_INT, PARAMS_CQ_OFF + OFF_HEAD);
    cqTail = rings + params.get(ValueLayout.JAVA_INT, PARAMS_CQ_OFF + OFF_TAIL);
    cqMask = RawMemory.getInt(rings + params.get(ValueLayout.JAVA_INT, PARAMS_CQ_OFF + OFF_MASK));
    cqes = rings + cqOff;
    for (int i = 0; i < sqEntries; i++) {
      RawMemory.putInt(rings + sqArray + 4L * i, i); // entries are used in order
    }
    filled = RawMemory.getInt(sqTail);
    seen = RawMemory.getInt(cqHead);
  }

  /**
   * Makes a ring.
   *
   * @param entries minimum size of the SQ ring; the CQ ring has twice as many
   * @param flags SETUP_*
   * @throws IOException if the host refuses, with its reason
   */
  static IoUring setup(int entries, int flags) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment params = arena.allocate(PARAMS_SIZE, Long.BYTES);
      params.set(ValueLayout.JAVA_INT, PARAMS_FLAGS, flags);
      MemorySegment state = HostCall.newState(arena);
      long fd = HostCall.call(state, Libc.NR_IO_URING_SETUP, entries, params.address(), 0, 0, 0, 0);
      if (fd < 0) {
        throw refused("io_uring_setup", fd);
      }
      int features = params.get(ValueLayout.JAVA_INT, PARAMS_FEATURES);
      int needed = FEAT_SINGLE_MMAP | FEAT_NODROP | FEAT_SUBMIT_STABLE;
      try {
        if ((features & needed) != needed) {
          throw new IOException("io_uring_setup: too old");
        }
        return new IoUring((int) fd, params);
      } catch (IOException e) {
        Libc.close((int) fd);
        throw e;
      }
    }
  }

  private static IOException refused(String what, long result) {
    return new IOException(what + ": " + Errno.describe((int) -result));
  }

  /** Registers files with the ring. Entries refer to them by index with SQE_FIXED_FILE. */
  void registerFiles(int... fds) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment array = arena.allocateFrom(ValueLayout.JAVA_INT, fds);
      MemorySegment state = HostCall.newState(arena);
      long result =
          HostCall.call(
              state,
              Libc.NR_IO_URING_REGISTER,
              fd,
              REGISTER_FILES,
              array.address(),
              fds.length,
              0,
              0);
      if (result < 0) {
        throw refused("io_uring_register", result);
      }
    }
  }

  /**
   * Makes the ring's table of registered buffers, all empty. From a thread that may submit, as for
   * all changes of the table.
   *
   * @return 0 or a negative errno
   */
  int makeBufferTable(int entries) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment table = arena.allocate(RSRC_SIZE, Long.BYTES);
      table.set(ValueLayout.JAVA_INT, RSRC_NR, entries);
      table.set(ValueLayout.JAVA_INT, RSRC_FLAGS, RSRC_REGISTER_SPARSE);
      return register(arena, REGISTER_BUFFERS2, table);
    }
  }

  /**
   * Replaces entries of the table: the ring pins the new memory and releases the old. Requests
   * refer to it by index with *_FIXED.
   *
   * @param first index of the first entry
   * @param iovecs memory of each entry; an empty one clears it
   * @param count number of entries
   * @return the number of entries set before one was refused, or, if the first was, a negative
   *     errno
   */
  int updateBuffers(int first, MemorySegment iovecs, int count) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment update = arena.allocate(UPDATE_SIZE, Long.BYTES);
      update.set(ValueLayout.JAVA_INT, UPDATE_OFFSET, first);
      update.set(ValueLayout.JAVA_LONG, UPDATE_DATA, iovecs.address());
      update.set(ValueLayout.JAVA_INT, UPDATE_NR, count);
      return register(arena, REGISTER_BUFFERS_UPDATE, update);
    }
  }

  /** Makes a register call with a struct and its size. */
  private int register(Arena arena, int what, MemorySegment with) {
    MemorySegment state = HostCall.newState(arena);
    return (int)
        HostCall.call(
            state, Libc.NR_IO_URING_REGISTER, fd, what, with.address(), with.byteSize(), 0, 0);
  }

  /** Returns the next entry to fill, zeroed. There must be one. */
  long sqe() {
    long sqe = entry();
    // RawMemory.zero makes an object, which may not be optimized away
    for (long at = 0; at < SQE_SIZE; at += Long.BYTES) {
      RawMemory.putLong(sqe + at, 0);
    }
    return sqe;
  }

  private long entry() {
    return sqes + SQE_SIZE * (filled & sqMask);
  }

  /** Adds the filled entry. */
  void push() {
    filled++;
  }

  /** Filled entries that the host has not taken. */
  int unsubmitted() {
    return filled - RawMemory.getIntAcquire(sqHead);
  }

  /**
   * Submits the filled entries. From the submitting side.
   *
   * @param wait completions to wait for; 0 for no wait
   * @param flags ENTER_*
   * @return entries taken, or a negative errno
   */
  int submit(int wait, int flags) {
    // orders the entries before the tail; the host pairs with it
    RawMemory.putIntRelease(sqTail, filled);
    return (int)
        HostCall.call(submitState, Libc.NR_IO_URING_ENTER, fd, unsubmitted(), wait, flags, 0, 0);
  }

  /** Takes back the last filled entry that the host did not take. Returns its user data. */
  long takeBack() {
    filled--;
    return RawMemory.getLong(entry() + SQE_USER_DATA);
  }

  /**
   * Whether the host has completions that become visible only in a call. Requires
   * SETUP_TASKRUN_FLAG.
   */
  boolean hasHidden() {
    return (RawMemory.getIntAcquire(sqFlags) & (SQ_TASKRUN | SQ_CQ_OVERFLOW)) != 0;
  }

  /**
   * Makes the host add its completions to the ring. From the completing side. Returns 0 or a
   * negative errno.
   */
  int lookForCompletions() {
    return (int) HostCall.call(reapState, Libc.NR_IO_URING_ENTER, fd, 0, 0, ENTER_GETEVENTS, 0, 0);
  }

  /** Visible completions. From any thread; exact on the completing side. */
  int completions() {
    // pairs with the host's release
    return RawMemory.getIntAcquire(cqTail) - RawMemory.getInt(cqHead);
  }

  /** The user data of the first completion. */
  long userData() {
    return RawMemory.getLong(cqe());
  }

  /** The result of the first completion, or a negative errno. */
  int result() {
    return RawMemory.getInt(cqe() + CQE_RES);
  }

  private long cqe() {
    return cqes + ((long) (seen & cqMask) << CQE_SHIFT);
  }

  /** Advances to the next completion; {@link #release} informs the host. */
  void advance() {
    seen++;
  }

  /** Frees the completions advanced over, for the host. */
  void release() {
    RawMemory.putIntRelease(cqHead, seen);
  }

  /**
   * Closes the ring. Nothing is in flight. Files and buffers are unregistered first, since the host
   * keeps them for a while after the close.
   */
  @Override
  public void close() {
    // ENXIO if there are none
    HostCall.call(submitState, Libc.NR_IO_URING_REGISTER, fd, UNREGISTER_BUFFERS, 0, 0, 0, 0);
    // ENXIO if there are none
    HostCall.call(submitState, Libc.NR_IO_URING_REGISTER, fd, UNREGISTER_FILES, 0, 0, 0, 0);
    Libc.munmap(sqes, sqesBytes);
    Libc.munmap(rings, ringsBytes);
    Libc.close(fd);
  }
}
