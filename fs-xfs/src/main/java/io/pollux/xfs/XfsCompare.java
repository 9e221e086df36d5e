// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.BlkTypes;
import io.pollux.core.ErrnoException;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.RawMemory;
import io.pollux.xfs.format.XfsSb;

/** Compares ranges of two files on the disk. */
@LinuxSource(file = "fs/read_write.c", name = "vfs_dedupe_file_range_compare")
final class XfsCompare {
  private static final int CHUNK = 64 << 10;

  private final Task current;
  private final XfsSb sb;

  private XfsCompare(Task current, XfsSb sb) {
    this.current = current;
    this.sb = sb;
  }

  /**
   * Compares. Both files have their iRwsem held, their pages are clean, and no direct I/O is in
   * flight.
   *
   * @param current the calling task
   * @param one a file
   * @param pos its first byte, a multiple of the block size
   * @param other another file of the filesystem, or the same
   * @param otherPos its first byte, a multiple of the block size
   * @param length bytes
   * @return whether the bytes are equal
   * @throws ErrnoException the device's error, or EUCLEAN
   */
  static boolean equal(
      Task current, XfsInode one, long pos, XfsInode other, long otherPos, long length)
      throws ErrnoException {
    XfsCompare compare = new XfsCompare(current, one.mp().sb());
    long memory = HostMemory.map(2 * CHUNK);
    try {
      for (long done = 0; done < length; done += CHUNK) {
        int bytes = (int) Math.min(CHUNK, length - done);
        compare.read(one, pos + done, bytes, memory);
        compare.read(other, otherPos + done, bytes, memory + CHUNK);
        boolean equal =
            RawMemory.segment(memory, bytes).mismatch(RawMemory.segment(memory + CHUNK, bytes))
                == -1;
        if (!equal) {
          return false;
        }
      }
      return true;
    } finally {
      HostMemory.unmap(memory, 2 * CHUNK);
    }
  }

  /** Reads the blocks of a range. */
  private void read(XfsInode ip, long pos, int bytes, long memory) throws ErrnoException {
    XfsExtentMap map = ip.extents(current);
    long first = pos >> sb.blockLog;
    long end = XfsIomapWrite.blocksTo(sb, pos + bytes);
    long at = first;
    while (at < end) { // each turn passes a part of an extent or a hole
      int index = map.find(at);
      boolean mapped = index != XfsExtentMap.NONE && at < map.endOff(index);
      long next =
          mapped
              ? map.endOff(index)
              : index + 1 < map.count() ? map.startOff(index + 1) : Long.MAX_VALUE;
      long to = Math.min(end, next);
      long target = memory + ((at - first) << sb.blockLog);
      int length = (int) ((to - at) << sb.blockLog);
      if (mapped && !map.unwritten(index)) {
        long fsb = map.startBlock(index) + at - map.startOff(index);
        int result =
            ip.mp()
                .bdev()
                .transferAndWait(current, sb.fsbToByte(fsb), target, length, BlkTypes.REQ_OP_READ);
        if (result != 0) {
          throw new ErrnoException(-result);
        }
      } else {
        RawMemory.segment(target, length).fill((byte) 0);
      }
      at = to;
    }
  }
}
