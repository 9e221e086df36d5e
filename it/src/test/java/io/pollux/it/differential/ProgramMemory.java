// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.differential;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.it.differential.AioProgram.Address;
import io.pollux.it.differential.AioProgram.Descriptor;
import io.pollux.it.differential.AioProgram.Fault;
import io.pollux.it.differential.AioProgram.Operation;
import io.pollux.it.differential.AioProgram.Request;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.IoEvent;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.Iovec;
import io.pollux.uapi.Mman;
import io.pollux.uapi.Nr;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.SplittableRandom;
import java.util.function.ToIntFunction;

/** The memory of a program: where its iocbs, buffers and arguments are, and how they are filled. */
final class ProgramMemory implements AutoCloseable {
  private static final int REQUESTS = AioProgram.MAX_STEPS * AioProgram.MAX_BATCH;
  private static final int EVENTS = 64;
  private static final int IOVECS = 4; // of each request
  static final int BUFFER = 12 << 10;

  // Memory of the program, by offset.
  static final int CTXP = 0; // a word for each slot, and one more
  static final int TIMESPEC = 64;
  static final int SIGSET = 96;
  static final int SIGMASK = 128;
  static final int WORD = 136;
  static final int POINTERS = 4096;
  static final int EVENT_ARRAY = POINTERS + 4096;
  private static final int IOCBS = EVENT_ARRAY + EVENTS * (int) IoEvent.SIZE;
  private static final int IOVEC_ARRAYS = IOCBS + EVENTS * (int) Iocb.SIZE;
  static final int PATH = IOVEC_ARRAYS + EVENTS * IOVECS * (int) Iovec.SIZE;
  static final int DISK_COPY = PATH + 4096;
  private static final int BUFFERS = DISK_COPY + AioProgram.DISK_BYTES;
  private static final int MEMORY = BUFFERS + REQUESTS * BUFFER;

  static final int KEY_BEFORE = 0x5a5a5a5a;
  private static final long KERNEL_ADDRESS = -4096;
  private static final MemorySegment CONTENT = MemorySegment.ofArray(content());

  private final Machine machine;
  private final ToIntFunction<Descriptor> fds;
  private final long memory;
  private final long noAccess;
  private final long readOnly;

  /**
   * Maps the memory and writes the path of the disk there.
   *
   * @param fds the number of a descriptor, for iocbs
   */
  ProgramMemory(Machine machine, ToIntFunction<Descriptor> fds) {
    this.machine = machine;
    this.fds = fds;
    memory = map(machine, MEMORY, Mman.PROT_READ | Mman.PROT_WRITE);
    noAccess = map(machine, AioProgram.BLOCK, Mman.PROT_NONE);
    readOnly = map(machine, AioProgram.BLOCK, Mman.PROT_READ);
    byte[] path = (machine.diskPath() + "\0").getBytes(StandardCharsets.UTF_8);
    for (int i = 0; i < path.length; i++) {
      RawMemory.putByte(memory + PATH + i, path[i]);
    }
  }

  private static long map(Machine machine, long bytes, int protection) {
    long address =
        machine.syscall(
            Nr.MMAP, 0, bytes, protection, Mman.MAP_PRIVATE | Mman.MAP_ANONYMOUS, -1, 0);
    assertThat(address).as("mmap on " + machine.name()).isPositive();
    return address;
  }

  private static byte[] content() {
    byte[] bytes = new byte[AioProgram.DISK_BYTES + REQUESTS * BUFFER];
    new SplittableRandom(4711).nextBytes(bytes);
    return bytes;
  }

  /** The address at an offset. */
  long at(int offset) {
    return memory + offset;
  }

  /** The address of a page that the program cannot access. */
  long noAccess() {
    return noAccess;
  }

  /** The buffer of a request, of {@link #BUFFER} bytes. */
  long buffer(int request) {
    return memory + BUFFERS + (long) request * BUFFER;
  }

  /** The request of an iocb, from 0. */
  int indexOf(long iocb) {
    return (int) ((iocb - memory - IOCBS) / Iocb.SIZE);
  }

  /** Zeroes arguments and iocbs, and fills the copy of the disk and the buffers. */
  void fill() {
    RawMemory.zero(memory, PATH);
    long bytes = CONTENT.byteSize();
    MemorySegment.copy(CONTENT, 0, RawMemory.segment(memory + DISK_COPY, bytes), 0, bytes);
  }

  /** An address for a call: valid, or of another kind. */
  long at(Address where, long good) {
    return switch (where) {
      case GOOD -> good;
      case NULL -> 0;
      case NO_ACCESS -> noAccess;
      case READ_ONLY -> readOnly;
      case KERNEL -> KERNEL_ADDRESS;
    };
  }

  /** The address of the iocb of a request. */
  long iocb(int request) {
    return memory + IOCBS + request * Iocb.SIZE;
  }

  /** Fills the iocb of a request. Returns the pointer to submit. */
  long prepare(int index, Request request) {
    long iocb = iocb(index);
    Operation operation = request.operation();
    RawMemory.zero(iocb, Iocb.SIZE);
    Iocb.aioData(iocb, 1000 + index);
    Iocb.aioKey(iocb, KEY_BEFORE);
    Iocb.aioLioOpcode(iocb, (short) operation.opcode);
    Iocb.aioFildes(iocb, fds.applyAsInt(request.file()));
    Iocb.aioOffset(iocb, request.offset());
    Iocb.aioReserved2(iocb, request.has(Fault.RESERVED2) ? 1 : 0);
    if (operation.moves()) {
      prepareMove(iocb, index, request);
    } else if (operation == Operation.POLL) {
      Iocb.aioBuf(
          iocb, request.options().pollMask() | (request.has(Fault.WIDE_POLL_MASK) ? 1 << 16 : 0));
    } else {
      Iocb.aioBuf(iocb, request.has(Fault.NONZERO_BUFFER) ? memory : 0);
    }
    if (!operation.moves()) {
      Iocb.aioNbytes(iocb, request.has(Fault.NONZERO_LENGTH) ? 1 : 0);
      Iocb.aioRwFlags(iocb, request.has(Fault.NONZERO_RWF) ? AioAbi.RWF_DSYNC : 0);
    }
    if (request.has(Fault.NEGATIVE_COUNT)) {
      Iocb.aioNbytes(iocb, -1);
    }
    prepareFlags(iocb, request);
    if (request.has(Fault.NULL_IOCB)) {
      return 0;
    }
    if (request.has(Fault.NO_ACCESS_IOCB)) {
      return noAccess;
    }
    return request.has(Fault.READ_ONLY_IOCB) ? readOnly : iocb;
  }

  private void prepareFlags(long iocb, Request request) {
    int flags = request.options().aioFlags();
    Descriptor resfd = request.options().resfd();
    if (request.has(Fault.RESFD_CLOSED)) {
      resfd = Descriptor.NEGATIVE;
    } else if (request.has(Fault.RESFD_NO_EVENTFD)) {
      resfd = Descriptor.DIRECT;
    }
    if (resfd != Descriptor.CLOSED) {
      flags |= AioAbi.IOCB_FLAG_RESFD;
      Iocb.aioResfd(iocb, fds.applyAsInt(resfd));
    }
    if (request.options().ioprio() >= 0) {
      flags |= AioAbi.IOCB_FLAG_IOPRIO;
      Iocb.aioReqprio(iocb, (short) request.options().ioprio());
    }
    Iocb.aioFlags(iocb, flags);
  }

  private void prepareMove(long iocb, int index, Request request) {
    long buffer = buffer(index) + (request.has(Fault.MISALIGNED_BUFFER) ? 1 : 0);
    if (request.has(Fault.NULL_BUFFER)) {
      buffer = 0;
    } else if (request.has(Fault.NO_ACCESS_BUFFER)) {
      buffer = noAccess;
    } else if (request.has(Fault.KERNEL_BUFFER)) {
      buffer = KERNEL_ADDRESS;
    } else if (request.has(Fault.READ_ONLY_BUFFER)) {
      buffer = readOnly;
    }
    // The page is mapped alone; a longer request would reach the mapping after it.
    int length =
        buffer == readOnly || buffer == noAccess
            ? Math.min(request.length(), AioProgram.BLOCK)
            : request.length();
    Iocb.aioRwFlags(iocb, request.options().rwFlags());
    if (!request.operation().isVectored()) {
      Iocb.aioBuf(iocb, buffer);
      Iocb.aioNbytes(iocb, length);
      return;
    }
    long iovecs = memory + IOVEC_ARRAYS + (long) index * IOVECS * Iovec.SIZE;
    int segments = request.has(Fault.NO_IOVECS) ? 0 : request.extent().segments();
    int step = length / AioProgram.SECTOR / Math.max(1, segments) * AioProgram.SECTOR;
    for (int i = 0; i < segments; i++) {
      Iovec.iovBase(iovecs + i * Iovec.SIZE, buffer + (long) i * step);
      Iovec.iovLen(iovecs + i * Iovec.SIZE, i == segments - 1 ? length - i * step : step);
    }
    if (segments > 0 && request.has(Fault.KERNEL_IOVEC)) {
      Iovec.iovBase(iovecs + (segments - 1) * Iovec.SIZE, KERNEL_ADDRESS);
    }
    if (segments > 0 && request.has(Fault.NEGATIVE_IOVEC)) {
      Iovec.iovLen(iovecs + (segments - 1) * Iovec.SIZE, -1);
    }
    Iocb.aioBuf(iocb, request.has(Fault.NO_ACCESS_IOVECS) ? noAccess : iovecs);
    Iocb.aioNbytes(iocb, request.has(Fault.TOO_MANY_IOVECS) ? AioAbi.UIO_MAXIOV + 1 : segments);
  }

  @Override
  public void close() {
    machine.syscall(Nr.MUNMAP, memory, MEMORY, 0);
    machine.syscall(Nr.MUNMAP, noAccess, AioProgram.BLOCK, 0);
    machine.syscall(Nr.MUNMAP, readOnly, AioProgram.BLOCK, 0);
  }
}
