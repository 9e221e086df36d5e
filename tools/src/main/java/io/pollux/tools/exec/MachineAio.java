// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.exec;

import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Errno;
import io.pollux.uapi.IoEvent;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.PollBits;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.Arena;

/**
 * The host's aio, for two operations that no other system call offers. It checks whether a file
 * accepts a request, and it signals an eventfd without blocking. The program's requests do not use
 * it.
 */
final class MachineAio {
  /** A bad user address: a request that reaches its buffer fails with EFAULT and has no effect. */
  private static final long NO_BUFFER = -4096;

  private static final int EVENTS = 8;

  private final Machine machine;
  private long context; // 0 before the first use; under this object's lock, as all below
  private boolean missing; // the host has no aio, or none left

  MachineAio(Machine machine) {
    this.machine = machine;
  }

  private synchronized long context() {
    if (context == 0 && !missing) {
      try (Arena arena = Arena.ofConfined()) {
        long id = arena.allocate(Long.BYTES, Long.BYTES).address();
        RawMemory.putLong(id, 0);
        missing = machine.call(Machine.IO_SETUP, EVENTS, id, 0) != 0;
        context = missing ? 0 : RawMemory.getLong(id);
      }
    }
    return context;
  }

  /**
   * Checks whether a file accepts reads or writes. Transfers nothing.
   *
   * @param table makes calls on the descriptor
   * @param fd the descriptor
   * @param opcode IOCB_CMD_PREAD or IOCB_CMD_PWRITE
   * @param rwf RWF_* flags
   * @param unknown the result if the host has no aio
   * @return true if the host's io_submit reaches the buffer
   */
  boolean takes(Machine table, int fd, int opcode, int rwf, boolean unknown) {
    if (context() == 0) {
      return unknown;
    }
    try (Arena arena = Arena.ofConfined()) {
      long iocb = iocb(arena, fd, opcode);
      Iocb.aioBuf(iocb, NO_BUFFER);
      Iocb.aioNbytes(iocb, 1);
      Iocb.aioRwFlags(iocb, rwf);
      return submit(table, arena, iocb) == -Errno.EFAULT;
    }
  }

  /**
   * Adds 1 to an eventfd. A full one saturates and reports POLLERR, which write(2) cannot do. Never
   * sleeps.
   *
   * @param table makes calls on the descriptor
   * @param fd an eventfd
   * @return false if the host has no aio
   */
  synchronized boolean signal(Machine table, int fd) {
    if (context() == 0) {
      return false;
    }
    try (Arena arena = Arena.ofConfined()) {
      // an eventfd is always readable or writable
      long iocb = iocb(arena, fd, AioAbi.IOCB_CMD_POLL);
      Iocb.aioBuf(iocb, PollBits.POLLIN | PollBits.POLLOUT);
      Iocb.aioFlags(iocb, AioAbi.IOCB_FLAG_RESFD);
      Iocb.aioResfd(iocb, fd);
      if (submit(table, arena, iocb) != 1) {
        return false;
      }
      long events = arena.allocate(EVENTS * IoEvent.SIZE, Long.BYTES).address();
      machine.call(Machine.IO_GETEVENTS, context(), 0, EVENTS, events);
      return true;
    }
  }

  private static long iocb(Arena arena, int fd, int opcode) {
    long iocb = arena.allocate(Iocb.SIZE, Long.BYTES).address(); // zeroes
    Iocb.aioFildes(iocb, fd);
    Iocb.aioLioOpcode(iocb, (short) opcode);
    return iocb;
  }

  private long submit(Machine table, Arena arena, long iocb) {
    long list = arena.allocate(Long.BYTES, Long.BYTES).address();
    RawMemory.putLong(list, iocb);
    return table.call(Machine.IO_SUBMIT, context(), 1, list);
  }
}
