// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.mkfs;

import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.core.ErrnoException;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.zip.CRC32C;

/** Writes the parts of the filesystem to the device, through one buffer in kernel memory. */
final class MkfsWriter implements AutoCloseable {
  private static final int STAGING_BYTES = 512 << 10;

  private final Task current;
  private final BlockDevice bdev;
  private final long staging;

  MkfsWriter(Task current, BlockDevice bdev) throws ErrnoException {
    this.current = current;
    this.bdev = bdev;
    staging = HostMemory.map(STAGING_BYTES);
    if (staging == 0) {
      throw new ErrnoException(Errno.ENOMEM);
    }
  }

  @Override
  public void close() {
    HostMemory.unmap(staging, STAGING_BYTES);
  }

  /** Stores the checksum of a structure, the only little-endian number in it. */
  static void seal(ByteBuffer block, int at, int length, int crcOffset) {
    block.putInt(at + crcOffset, 0);
    CRC32C crc = new CRC32C();
    crc.update(block.slice(at, length));
    block.putInt(at + crcOffset, Integer.reverseBytes((int) crc.getValue()));
  }

  /** Writes whole sectors. */
  void write(long position, ByteBuffer data, String what) throws ErrnoException {
    int done = 0;
    while (done < data.limit()) { // each step advances by at least a byte
      int step = Math.min(data.limit() - done, STAGING_BYTES);
      MemorySegment.copy(
          MemorySegment.ofBuffer(data), done, RawMemory.segment(staging, step), 0, step);
      int opf = BlkTypes.REQ_OP_WRITE | BlkTypes.REQ_META;
      check(bdev.transferAndWait(current, position + done, staging, step, opf), what);
      done += step;
    }
  }

  /** Reads whole sectors, at most the buffer's length. */
  byte[] read(long position, int length) throws ErrnoException {
    int opf = BlkTypes.REQ_OP_READ | BlkTypes.REQ_META;
    int status = bdev.transferAndWait(current, position, staging, length, opf);
    if (status != 0) {
      throw new ErrnoException(-status, "the device can't be read");
    }
    byte[] bytes = new byte[length];
    MemorySegment.copy(
        RawMemory.segment(staging, length), 0, MemorySegment.ofArray(bytes), 0, length);
    return bytes;
  }

  /** Writes zeroes, or makes a hole. */
  void zero(long position, long bytes, String what) throws ErrnoException {
    check(bdev.zeroAndWait(current, position, bytes, 0), what);
  }

  /** Drops the contents of the device, if it can. Returns whether it did. */
  boolean discard(long bytes) {
    return bdev.discardAndWait(current, 0, bytes) == 0;
  }

  void flush(String what) throws ErrnoException {
    check(bdev.flushAndWait(current), what);
  }

  private static void check(int status, String what) throws ErrnoException {
    if (status != 0) {
      throw new ErrnoException(-status, what + ": can't be written");
    }
  }
}
