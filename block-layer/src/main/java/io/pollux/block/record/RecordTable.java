// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.record;

import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.core.ErrnoException;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import io.pollux.uapi.RawMemory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Objects;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.zip.CRC32C;

/**
 * Records at the start of a device. After a power cut, each record has its old or its new content.
 *
 * <p>A record has two slots. A slot has a magic number, a length, a CRC32C, a sequence number and
 * the content, all little-endian. The version with sequence number n is in slot n mod 2 of its
 * record, so a write never touches the newest version. The CRC32C also covers the record's number
 * and the length of a slot: a slot at another place, or of a table with other slots, is invalid.
 *
 * <p>A write flushes the device before it, and after it. So data that was written before is durable
 * when the record is.
 *
 * <p>{@link #read} each record once before the first {@link #write}: it finds the sequence numbers.
 * One lock serializes all calls. It is a leaf, except for the requests to the device.
 */
public final class RecordTable implements AutoCloseable {
  private static final int BLOCK = 4096; // bytes of the smallest transfer
  private static final int PIECE = 512 << 10; // bytes of the largest transfer
  private static final int CHECKED =
      16; // from here to the end of the content the checksum covers a slot
  private static final int HEAD = 24;
  private static final long MAX_SEQ = 1L << 62;

  private final BlockDevice bdev;
  private final long magic;
  private final int slot; // bytes
  private final long[] seqs; // of the newest versions; 0 for none; under the lock
  private final ReentrantLock lock = new ReentrantLock();
  private long buffer; // a slot; under the lock; 0 once closed

  /**
   * Creates a table. Reads and writes nothing.
   *
   * @param bdev the device
   * @param magic the first 8 bytes of each slot
   * @param records the number of records
   * @param slotBytes length of a slot, a multiple of 4096 and of the logical block size
   * @throws ErrnoException EINVAL if the device is smaller than the table, or ENOMEM
   */
  public RecordTable(BlockDevice bdev, long magic, int records, int slotBytes)
      throws ErrnoException {
    if (slotBytes < BLOCK || slotBytes % Math.max(BLOCK, bdev.queue().logicalBlockSize()) != 0) {
      throw new IllegalArgumentException("a slot of " + slotBytes + " bytes");
    }
    this.bdev = bdev;
    this.magic = magic;
    slot = slotBytes;
    seqs = new long[records];
    if (bdev.bytes() < bytes()) {
      throw error(Errno.EINVAL, bdev.bytes() + " bytes, and its records need " + bytes());
    }
    buffer = HostMemory.map(slot);
    if (buffer == 0) {
      throw error(Errno.ENOMEM, Errno.describe(Errno.ENOMEM));
    }
  }

  private ErrnoException error(int errno, String what) {
    return new ErrnoException(errno, bdev.name() + ": " + what);
  }

  /** Returns the bytes of the device that the table takes, from its start. */
  public long bytes() {
    return 2L * slot * seqs.length;
  }

  /** Returns the largest length of a record's content in bytes. */
  public int capacity() {
    return slot - HEAD;
  }

  /**
   * Reads the newest version of a record. From process context.
   *
   * @param current the calling task
   * @param record its number, from 0
   * @return the content, which the caller keeps, little-endian; empty if neither slot is valid
   * @throws ErrnoException the error of the device
   */
  public ByteBuffer read(Task current, int record) throws ErrnoException {
    lock(current);
    try {
      ByteBuffer newest = ByteBuffer.allocate(0);
      seqs[record] = 0;
      for (int which = 0; which < 2; which++) {
        int bytes = load(current, record, which);
        long seq = bytes == 0 ? 0 : slot().getLong(CHECKED);
        if (seq > seqs[record] && seq <= MAX_SEQ && (seq & 1) == which) {
          seqs[record] = seq;
          newest = ByteBuffer.allocate(bytes - HEAD).order(ByteOrder.LITTLE_ENDIAN);
          newest.put(slot().slice(HEAD, bytes - HEAD)).flip();
        }
      }
      return newest;
    } finally {
      lock.unlock();
    }
  }

  /** Reads a slot into the buffer. Returns its length with the head, or 0 if it is damaged. */
  private int load(Task current, int record, int which) throws ErrnoException {
    ByteBuffer head = slot();
    int first = unit();
    check(transfer(current, record, which, 0, first, BlkTypes.REQ_OP_READ));
    int length = head.getInt(8);
    if (head.getLong(0) != magic || length < HEAD - CHECKED || length > slot - CHECKED) {
      return 0;
    }
    int whole = whole(CHECKED + length);
    check(transfer(current, record, which, first, whole, BlkTypes.REQ_OP_READ));
    return head.getInt(12) == crc(record, length) ? CHECKED + length : 0;
  }

  /**
   * Replaces a record, and waits until it is durable. If this fails, either version may be on the
   * device, and the next write of the record goes to the same slot. From process context.
   *
   * @param current the calling task
   * @param record its number, from 0
   * @param content puts at most {@link #capacity} bytes into a little-endian buffer; it takes no
   *     lock under which a task calls this table
   * @return 0 or a negative errno
   */
  public int write(Task current, int record, Consumer<ByteBuffer> content) {
    lock(current);
    try {
      long seq = seqs[record] + 1;
      if (seq > MAX_SEQ) {
        return -Errno.EUCLEAN; // only a forged version is so close to the largest number
      }
      ByteBuffer to = slot().position(HEAD);
      content.accept(to);
      int length = to.position() - CHECKED;
      to.putLong(0, magic).putInt(8, length).putLong(CHECKED, seq);
      to.putInt(12, crc(record, length));
      int whole = whole(CHECKED + length);
      int result = bdev.flushAndWait(current);
      if (result == 0) {
        result = transfer(current, record, (int) (seq & 1), 0, whole, BlkTypes.REQ_OP_WRITE);
      }
      if (result == 0) {
        result = bdev.flushAndWait(current);
      }
      seqs[record] = result == 0 ? seq : seq - 1;
      return result;
    } finally {
      lock.unlock();
    }
  }

  /** Transfers bytes from..to of a slot. Returns 0 or a negative errno. */
  private int transfer(Task current, int record, int which, int from, int to, int op) {
    Objects.checkIndex(record, seqs.length);
    long position = (2L * record + which) * slot;
    int result = 0;
    for (int at = from; at < to && result == 0; at += PIECE) {
      int bytes = Math.min(PIECE, to - at);
      result =
          bdev.transferAndWait(current, position + at, buffer + at, bytes, op | BlkTypes.REQ_META);
    }
    return result;
  }

  private void check(int result) throws ErrnoException {
    if (result != 0) {
      throw error(-result, Errno.describe(-result));
    }
  }

  private ByteBuffer slot() {
    if (buffer == 0) {
      throw new IllegalStateException("the table is closed");
    }
    return RawMemory.segment(buffer, slot).asByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
  }

  private void lock(Task current) {
    current.aboutToSleep(); // the holder may wait for bios in this task's plug
    lock.lock();
  }

  private int crc(int record, int length) {
    CRC32C crc = new CRC32C();
    ByteBuffer place = ByteBuffer.allocate(2 * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    crc.update(place.putInt(record).putInt(slot).flip());
    crc.update(slot().slice(CHECKED, length));
    return (int) crc.getValue();
  }

  /** Returns the smallest unit of a transfer. */
  private int unit() {
    return Math.max(BLOCK, bdev.queue().logicalBlockSize());
  }

  private int whole(int bytes) {
    return (bytes + unit() - 1) & -unit();
  }

  /** Frees the memory. Waits for the calls of other tasks; later calls are refused. */
  @Override
  public void close() {
    lock.lock();
    try {
      if (buffer != 0) {
        HostMemory.unmap(buffer, slot);
      }
      buffer = 0;
    } finally {
      lock.unlock();
    }
  }
}
