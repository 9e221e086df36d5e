// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver.host;

import io.pollux.block.Bio;
import io.pollux.block.BlkTypes;
import io.pollux.block.Request;
import io.pollux.core.mm.DmaMapping;
import io.pollux.core.mm.HostMemory;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Iovec;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.RawMemory;
import org.jspecify.annotations.Nullable;

/**
 * The requests that a ring has in flight, by tag. It converts each to an entry and interprets the
 * host's result.
 *
 * <p>The submitter owns a tag's fields until the host has the entry. After that the thread that
 * reaps the completion owns them. The tail of each ring orders the two.
 */
final class Transfers implements AutoCloseable {
  /** Attempts of a request that the host interrupts before it starts. */
  private static final int MAX_ATTEMPTS = 16;

  private static final int EDQUOT = 122; // of the host; this kernel has no quotas

  private final @Nullable Request[] requests;
  private final int[] done; // completed bytes of the request
  private final int[] attempts;
  private final long iovecs; // Bio.BIO_MAX_PAGES for each tag; untouched pages take no memory
  private final long iovecsBytes;
  private final int callFd;
  private final BufferTable buffers;

  private @Nullable Request firstOver; // found by the last reap; the completing side's
  private @Nullable Request lastOver;
  private @Nullable Request again;

  /**
   * Makes room for requests.
   *
   * @param depth number of tags
   * @param callFd the file, if the ring takes only reads and writes (IOPOLL), so that other
   *     operations are system calls; -1 if the ring takes all
   * @param buffers the ring's registered buffers
   */
  Transfers(int depth, int callFd, BufferTable buffers) {
    this.callFd = callFd;
    this.buffers = buffers;
    requests = new Request[depth];
    done = new int[depth];
    attempts = new int[depth];
    iovecsBytes = depth * Iovec.SIZE * Bio.BIO_MAX_PAGES;
    assert (iovecsBytes & (HostMemory.PAGE_SIZE - 1)) == 0;
    iovecs = HostMemory.map(iovecsBytes);
    if (iovecs == 0) {
      throw new OutOfMemoryError("no memory for a disk's requests");
    }
  }

  /** Adds a new request. */
  void start(Request request) {
    int tag = request.tag();
    assert requests[tag] == null : "a tag given out twice";
    requests[tag] = request;
    done[tag] = 0;
    attempts[tag] = 0;
  }

  /** Fills a zeroed entry with the rest of a request. */
  void fill(long sqe, Request request) {
    Bio bio = request.bio();
    // index 0, the field's value
    RawMemory.putByte(sqe + IoUring.SQE_FLAGS, IoUring.SQE_FIXED_FILE);
    RawMemory.putLong(sqe + IoUring.SQE_USER_DATA, request.tag());
    switch (bio.op()) {
      case BlkTypes.REQ_OP_READ -> fillData(sqe, request, false);
      case BlkTypes.REQ_OP_WRITE -> {
        fillData(sqe, request, true);
        if (bio.has(BlkTypes.REQ_FUA)) {
          RawMemory.putInt(sqe + IoUring.SQE_OP_FLAGS, IoUring.RWF_DSYNC);
        }
      }
      case BlkTypes.REQ_OP_FLUSH -> {
        if (callFd >= 0) {
          fillNop(sqe, request, Libc.fdatasync(callFd));
          return;
        }
        RawMemory.putByte(sqe + IoUring.SQE_OPCODE, IoUring.OP_FSYNC);
        RawMemory.putInt(sqe + IoUring.SQE_OP_FLAGS, IoUring.FSYNC_DATASYNC);
      }
      case BlkTypes.REQ_OP_DISCARD -> fillRange(sqe, request, Libc.FALLOC_FL_PUNCH_HOLE);
      case BlkTypes.REQ_OP_WRITE_ZEROES -> {
        boolean keep = bio.has(BlkTypes.REQ_NOUNMAP);
        fillRange(sqe, request, keep ? Libc.FALLOC_FL_ZERO_RANGE : Libc.FALLOC_FL_PUNCH_HOLE);
      }
      default -> fillNop(sqe, request, -Errno.EOPNOTSUPP);
    }
  }

  /** Fills an entry that only completes, for an operation that is done already. */
  private static void fillNop(long sqe, Request request, int result) {
    request.setStatus(result < 0 ? toKernelErrno(result) : 0);
    RawMemory.putByte(sqe + IoUring.SQE_OPCODE, IoUring.OP_NOP);
    RawMemory.putByte(sqe + IoUring.SQE_FLAGS, (byte) 0);
  }

  /** Whether an operation is done when its entry is filled. */
  private boolean isNop(int op) {
    return switch (op) {
      case BlkTypes.REQ_OP_READ, BlkTypes.REQ_OP_WRITE -> false;
      case BlkTypes.REQ_OP_FLUSH, BlkTypes.REQ_OP_DISCARD, BlkTypes.REQ_OP_WRITE_ZEROES ->
          callFd >= 0;
      default -> true;
    };
  }

  /** Fills a discard or zeroing as fallocate, as the loop device does. */
  @LinuxSource(file = "drivers/block/loop.c", name = "lo_fallocate")
  private void fillRange(long sqe, Request request, int how) {
    long at = request.bio().sector() << BlkTypes.SECTOR_SHIFT;
    int mode = how | Libc.FALLOC_FL_KEEP_SIZE;
    if (callFd >= 0) {
      fillNop(sqe, request, Libc.fallocate(callFd, mode, at, request.bytes()));
      return;
    }
    RawMemory.putByte(sqe + IoUring.SQE_OPCODE, IoUring.OP_FALLOCATE);
    RawMemory.putLong(sqe + IoUring.SQE_OFF, at);
    // fallocate's length is a long, in the address field
    RawMemory.putLong(sqe + IoUring.SQE_ADDR, request.bytes());
    RawMemory.putInt(sqe + IoUring.SQE_LEN, mode);
  }

  private void fillData(long sqe, Request request, boolean write) {
    int tag = request.tag();
    int skip = done[tag]; // less than the request's bytes
    Bio head = request.bio();
    RawMemory.putLong(sqe + IoUring.SQE_OFF, (head.sector() << BlkTypes.SECTOR_SHIFT) + skip);
    if (head.vecs() == 1 && head.next() == null) {
      fillSingle(sqe, write, head.mapping(), head.vecAddress(0) + skip, head.vecLength(0) - skip);
      return;
    }
    long first = iovecs + tag * Iovec.SIZE * Bio.BIO_MAX_PAGES;
    int count = 0;
    DmaMapping last = null; // of the last iovec, as end
    long end = 0;
    for (Bio bio = head; bio != null; bio = bio.next()) {
      for (int vec = 0; vec < bio.vecs(); vec++) {
        int length = bio.vecLength(vec);
        if (skip >= length) {
          skip -= length;
        } else {
          long address = bio.vecAddress(vec) + skip;
          if (count > 0 && address == end && bio.mapping() == last) { // contiguous buffers
            long before = first + (count - 1) * Iovec.SIZE;
            Iovec.iovLen(before, Iovec.iovLen(before) + length);
          } else {
            assert count < Bio.BIO_MAX_PAGES : "more vecs than the disk takes";
            long iovec = first + count * Iovec.SIZE;
            Iovec.iovBase(iovec, address);
            Iovec.iovLen(iovec, length - skip);
            last = bio.mapping();
            count++;
          }
          end = address + length - skip;
          skip = 0;
        }
      }
    }
    if (count == 1) {
      fillSingle(sqe, write, last, Iovec.iovBase(first), (int) Iovec.iovLen(first));
      return;
    }
    RawMemory.putByte(sqe + IoUring.SQE_OPCODE, write ? IoUring.OP_WRITEV : IoUring.OP_READV);
    RawMemory.putLong(sqe + IoUring.SQE_ADDR, first);
    RawMemory.putInt(sqe + IoUring.SQE_LEN, count);
  }

  private void fillSingle(
      long sqe, boolean write, @Nullable DmaMapping mapping, long address, int length) {
    int buffer = mapping == null ? BufferTable.NONE : buffers.find(mapping, address, length);
    if (buffer == BufferTable.NONE) {
      RawMemory.putByte(sqe + IoUring.SQE_OPCODE, write ? IoUring.OP_WRITE : IoUring.OP_READ);
    } else {
      RawMemory.putByte(
          sqe + IoUring.SQE_OPCODE, write ? IoUring.OP_WRITE_FIXED : IoUring.OP_READ_FIXED);
      RawMemory.putShort(sqe + IoUring.SQE_BUF_INDEX, (short) buffer);
    }
    RawMemory.putLong(sqe + IoUring.SQE_ADDR, address);
    RawMemory.putInt(sqe + IoUring.SQE_LEN, length);
  }

  /**
   * Takes the completions of a ring. From the completing side, which then calls {@link #takeOver}
   * and {@link #takeAgain}.
   *
   * @param except user data that is not a tag
   * @return whether it was among them
   */
  boolean reap(IoUring ring, long except) {
    boolean found = false;
    int count = ring.completions(); // later completions are for the next call
    for (int i = 0; i < count; i++) {
      long data = ring.userData();
      int result = ring.result();
      ring.advance(); // before anything that may fail: no entry is processed twice
      if (data == except) {
        found = true;
      } else {
        Request request = request((int) data);
        boolean ended;
        try {
          ended = answered(request, result);
        } catch (Throwable e) {
          refuse(request, -Errno.EIO); // its entry is gone: no later completion puts the tag
          throw e;
        }
        if (ended) {
          addOver(request);
        } else {
          request.setNext(again);
          again = request;
        }
      }
    }
    if (count > 0) {
      ring.release();
    }
    return found;
  }

  /**
   * Takes back entries that the host does not take, as completed. From the submitting and the
   * completing side.
   *
   * @param except user data that is not a tag
   * @param result the host's negative errno
   * @return whether it was among them
   */
  boolean takeBack(IoUring ring, long except, int result) {
    boolean found = false;
    while (ring.unsubmitted() > 0) {
      long data = ring.takeBack();
      if (data == except) {
        found = true;
      } else {
        Request request = request((int) data);
        request.setStatus(toKernelErrno(result));
        addOver(request);
      }
    }
    return found;
  }

  /** Completes a request that was started and is not in the ring. By the completing thread. */
  void refuse(Request request, int errno) {
    request.setStatus(errno);
    addOver(request);
  }

  private void addOver(Request request) {
    request.setNext(null);
    if (lastOver == null) {
      firstOver = request;
    } else {
      lastOver.setNext(request);
    }
    lastOver = request;
  }

  /** Takes the completed requests, a chain for {@link #completeAll}, or null. */
  @Nullable Request takeOver() {
    Request chain = firstOver;
    firstOver = null;
    lastOver = null;
    return chain;
  }

  /** Takes the requests to be submitted again, a chain, or null. */
  @Nullable Request takeAgain() {
    Request chain = again;
    again = null;
    return chain;
  }

  /** The request of a tag. */
  private Request request(int tag) {
    Request request = requests[tag];
    assert request != null : "a completion without a request";
    return request;
  }

  /**
   * Handles the host's result for a request.
   *
   * @param result bytes moved, or a negative errno
   * @return whether the request is complete, with its status set; otherwise it must be submitted
   *     again
   */
  boolean answered(Request request, int result) {
    int tag = request.tag();
    int op = request.bio().op();
    if (isNop(op)) {
      return true;
    }
    if (result < 0) {
      if (interrupted(result) && attempts[tag] < MAX_ATTEMPTS) {
        attempts[tag]++;
        return false;
      }
      return over(request, toKernelErrno(result));
    }
    if (op != BlkTypes.REQ_OP_READ && op != BlkTypes.REQ_OP_WRITE) {
      return over(request, 0);
    }
    int left = request.bytes() - done[tag];
    if (result == left) {
      return over(request, 0);
    }
    if (result == 0 || result > left || (result & (BlkTypes.SECTOR_SIZE - 1)) != 0) {
      // the file was truncated: its end is here, or inside a sector
      return over(request, -Errno.EIO);
    }
    done[tag] += result; // advances by at least a sector
    attempts[tag] = 0;
    return false;
  }

  private static boolean over(Request request, int status) {
    request.setStatus(status);
    return true;
  }

  /**
   * Whether the host did not start: a signal, a lack of memory, or the exit of the submitting
   * thread.
   */
  private static boolean interrupted(int result) {
    return result == -Errno.EINTR || result == -Errno.EAGAIN || result == -Errno.ECANCELED;
  }

  /**
   * Converts the host's errno to one that a disk reports. An errno that no disk reports becomes
   * EIO.
   */
  @LinuxSource(
      file = "block/blk-core.c",
      name = {"errno_to_blk_status", "blk_status_to_errno"})
  static int toKernelErrno(int result) {
    return switch (-result) {
      case Errno.ENOSPC, EDQUOT -> -Errno.ENOSPC;
      case Errno.EOPNOTSUPP, Errno.ETIMEDOUT, Errno.ENODATA, Errno.ENOMEM -> result;
      default -> -Errno.EIO;
    };
  }

  /** Completes requests of one hardware queue. No lock is held. Returns their number. */
  int completeAll(@Nullable Request chain) {
    if (chain == null) {
      return 0;
    }
    for (Request request = chain; request != null; request = request.next()) {
      requests[request.tag()] = null; // before the tag can be reused
    }
    return chain.hctx().completeAll(chain);
  }

  /** Whether anything is in flight; exact once no task submits. */
  boolean busy() {
    for (Request request : requests) {
      if (request != null) {
        return true;
      }
    }
    return false;
  }

  @Override
  public void close() {
    HostMemory.unmap(iovecs, iovecsBytes);
  }
}
