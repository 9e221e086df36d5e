// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver.host;

import io.pollux.block.Bio;
import io.pollux.block.BlkTypes;
import io.pollux.block.Request;
import io.pollux.core.mm.HostMemory;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Iovec;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.RawMemory;
import org.jspecify.annotations.Nullable;

/**
 * The requests that a ring has in flight, by their tags: how each becomes an entry, and what the machine's answer means.
 *
 * <p>Of a tag's fields, whoever submits it is the owner until the machine has the entry; whoever takes the completion is
 * the owner after that. The tail of each ring orders the two.
 */
final class Transfers implements AutoCloseable {
  /** Attempts at a request that the machine interrupts before it does anything. */
  private static final int MAX_ATTEMPTS = 16;

  private static final int EDQUOT = 122; // of the machine; this kernel has no quotas

  private final @Nullable Request[] requests;
  private final int[] done; // bytes of the request that are there
  private final int[] attempts;
  private final int[] status;
  private final long iovecs; // Bio.BIO_MAX_PAGES for each tag; pages that no request touches cost nothing
  private final long iovecsBytes;
  private final int flushFd;

  private @Nullable Request firstOver; // what the last reaping found; the completing side's
  private @Nullable Request lastOver;
  private @Nullable Request again;

  /**
   * Makes room for requests.
   *
   * @param depth how many tags there are
   * @param flushFd the file, if flushes have to be made by a call of their own; -1 if the ring makes them
   */
  Transfers(int depth, int flushFd) {
    this.flushFd = flushFd;
    requests = new Request[depth];
    done = new int[depth];
    attempts = new int[depth];
    status = new int[depth];
    iovecsBytes = depth * Iovec.SIZE * Bio.BIO_MAX_PAGES;
    assert (iovecsBytes & (HostMemory.PAGE_SIZE - 1)) == 0;
    iovecs = HostMemory.map(iovecsBytes);
    if (iovecs == 0) {
      throw new OutOfMemoryError("no memory for a disk's requests");
    }
  }

  /** Takes a request that is new. */
  void start(Request request) {
    int tag = request.tag();
    assert requests[tag] == null : "a tag given out twice";
    requests[tag] = request;
    done[tag] = 0;
    attempts[tag] = 0;
  }

  /** Fills in an entry, all zeroes until now, for what is left to do of a request. */
  void fill(long sqe, Request request) {
    int tag = request.tag();
    Bio bio = request.bio();
    RawMemory.putByte(sqe + IoUring.SQE_FLAGS, IoUring.SQE_FIXED_FILE); // number 0, which is also the field's value
    RawMemory.putLong(sqe + IoUring.SQE_USER_DATA, tag);
    switch (bio.op()) {
      case BlkTypes.REQ_OP_READ -> fillData(sqe, tag, bio, IoUring.OP_READ, IoUring.OP_READV);
      case BlkTypes.REQ_OP_WRITE -> fillData(sqe, tag, bio, IoUring.OP_WRITE, IoUring.OP_WRITEV);
      case BlkTypes.REQ_OP_FLUSH -> {
        if (flushFd >= 0) {
          int result = Libc.fdatasync(flushFd);
          status[tag] = result < 0 ? toKernelErrno(result) : 0;
          fillNop(sqe);
          return;
        }
        RawMemory.putByte(sqe + IoUring.SQE_OPCODE, IoUring.OP_FSYNC);
        RawMemory.putInt(sqe + IoUring.SQE_OP_FLAGS, IoUring.FSYNC_DATASYNC);
      }
      default -> {
        status[tag] = -Errno.EOPNOTSUPP;
        fillNop(sqe);
      }
    }
  }

  /** An entry that only comes back; the status is known. */
  private static void fillNop(long sqe) {
    RawMemory.putByte(sqe + IoUring.SQE_OPCODE, IoUring.OP_NOP);
    RawMemory.putByte(sqe + IoUring.SQE_FLAGS, (byte) 0);
  }

  private boolean known(int op) {
    return switch (op) {
      case BlkTypes.REQ_OP_READ, BlkTypes.REQ_OP_WRITE -> false;
      case BlkTypes.REQ_OP_FLUSH -> flushFd >= 0;
      default -> true;
    };
  }

  private void fillData(long sqe, int tag, Bio bio, byte single, byte vectored) {
    int skip = done[tag];
    RawMemory.putLong(sqe + IoUring.SQE_OFF, (bio.sector() << BlkTypes.SECTOR_SHIFT) + skip);
    int vec = 0;
    while (skip > 0 && skip >= bio.vecLength(vec)) { // less is done than there is
      skip -= bio.vecLength(vec);
      vec++;
    }
    int left = bio.vecs() - vec;
    if (left == 1) {
      RawMemory.putByte(sqe + IoUring.SQE_OPCODE, single);
      RawMemory.putLong(sqe + IoUring.SQE_ADDR, bio.vecAddress(vec) + skip);
      RawMemory.putInt(sqe + IoUring.SQE_LEN, bio.vecLength(vec) - skip);
      return;
    }
    assert left <= Bio.BIO_MAX_PAGES : left; // each vec has a page or more
    long first = iovecs + tag * Iovec.SIZE * Bio.BIO_MAX_PAGES;
    long iovec = first;
    for (; vec < bio.vecs(); vec++) {
      Iovec.iovBase(iovec, bio.vecAddress(vec) + skip);
      Iovec.iovLen(iovec, bio.vecLength(vec) - skip);
      skip = 0;
      iovec += Iovec.SIZE;
    }
    RawMemory.putByte(sqe + IoUring.SQE_OPCODE, vectored);
    RawMemory.putLong(sqe + IoUring.SQE_ADDR, first);
    RawMemory.putInt(sqe + IoUring.SQE_LEN, left);
  }

  /**
   * Takes the completions that are in a ring. From the completing side, which then takes {@link #takeOver} and {@link
   * #takeAgain}.
   *
   * @param except user data that is no tag
   * @return whether that was among them
   */
  boolean reap(IoUring ring, long except) {
    boolean found = false;
    int count = ring.completions(); // those that come meanwhile are for the next time
    for (int i = 0; i < count; i++) {
      long data = ring.userData();
      if (data == except) {
        found = true;
      } else if (answered((int) data, ring.result())) {
        addOver(request((int) data));
      } else {
        Request request = request((int) data);
        request.setNext(again);
        again = request;
      }
      ring.advance();
    }
    if (count > 0) {
      ring.release();
    }
    return found;
  }

  /**
   * Takes back what the machine will not have, as if it had ended. From the submitting and the completing side.
   *
   * @param except user data that is no tag
   * @param result the machine's negative errno
   * @return whether that was among it
   */
  boolean takeBack(IoUring ring, long except, int result) {
    boolean found = false;
    while (ring.unsubmitted() > 0) {
      long data = ring.takeBack();
      if (data == except) {
        found = true;
      } else {
        over((int) data, toKernelErrno(result));
        addOver(request((int) data));
      }
    }
    return found;
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

  /** A chain of what is over, for {@link #completeAll}, or null. */
  @Nullable Request takeOver() {
    Request chain = firstOver;
    firstOver = null;
    lastOver = null;
    return chain;
  }

  /** A chain of what is to be submitted again, or null. */
  @Nullable Request takeAgain() {
    Request chain = again;
    again = null;
    return chain;
  }

  /** The request of a tag. */
  private Request request(int tag) {
    Request request = requests[tag];
    assert request != null : "an answer nobody asked for";
    return request;
  }

  /**
   * Takes the machine's answer.
   *
   * @param result bytes moved, or a negative errno
   * @return whether the request is over, with its {@link #status}; otherwise it is to be submitted again
   */
  boolean answered(int tag, int result) {
    Bio bio = request(tag).bio();
    int op = bio.op();
    if (known(op)) {
      return true;
    }
    if (result < 0) {
      if (interrupted(result) && attempts[tag] < MAX_ATTEMPTS) {
        attempts[tag]++;
        return false;
      }
      return over(tag, toKernelErrno(result));
    }
    if (op == BlkTypes.REQ_OP_FLUSH) {
      return over(tag, 0);
    }
    int left = bio.size() - done[tag];
    if (result == left) {
      return over(tag, 0);
    }
    if (result == 0 || result > left || (result & (BlkTypes.SECTOR_SIZE - 1)) != 0) {
      return over(tag, -Errno.EIO); // the file became shorter: it ends here, or in the middle of a sector
    }
    done[tag] += result; // moves on by a sector or more
    attempts[tag] = 0;
    return false;
  }

  private boolean over(int tag, int how) {
    status[tag] = how;
    return true;
  }

  /** Whether the machine was kept from starting: by a signal, by want of memory, by the end of the submitting thread. */
  private static boolean interrupted(int result) {
    return result == -Errno.EINTR || result == -Errno.EAGAIN || result == -Errno.ECANCELED;
  }

  /** What the machine says, as a disk says it: errors that no disk has are I/O errors. */
  @LinuxSource(file = "block/blk-core.c", name = {"errno_to_blk_status", "blk_status_to_errno"})
  static int toKernelErrno(int result) {
    return switch (-result) {
      case Errno.ENOSPC, EDQUOT -> -Errno.ENOSPC;
      case Errno.EOPNOTSUPP, Errno.ETIMEDOUT, Errno.ENODATA, Errno.ENOMEM -> result;
      default -> -Errno.EIO;
    };
  }

  /** Ends requests that are over. No lock is held. Answers how many there were. */
  int completeAll(@Nullable Request chain) {
    int count = 0;
    Request request = chain;
    while (request != null) {
      Request following = request.next(); // before complete: the request is another's after that
      int tag = request.tag();
      int how = status[tag];
      requests[tag] = null; // before the tag is somebody else's
      request.complete(how);
      count++;
      request = following;
    }
    return count;
  }

  /** Whether anything is in flight; exact when nobody submits any more. */
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
