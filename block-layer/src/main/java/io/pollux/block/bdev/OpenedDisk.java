// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.bdev;

import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import java.util.List;

/** A disk that a {@link DiskType} has opened: its device, and what the device does not tell. */
public interface OpenedDisk extends AutoCloseable {
  /** {@return the device} */
  BlockDevice device();

  /**
   * Returns a disk over others. It keeps data if all lower disks do. Its close closes them.
   *
   * @param device its device
   * @param lower the disks below it
   * @return the disk
   */
  static OpenedDisk over(BlockDevice device, List<OpenedDisk> lower) {
    return new OpenedDisk() {
      @Override
      public BlockDevice device() {
        return device;
      }

      @Override
      public boolean keepsData() {
        return lower.stream().allMatch(OpenedDisk::keepsData);
      }

      @Override
      public void close() {
        lower.forEach(OpenedDisk::close);
      }
    };
  }

  /**
   * Writes initial content, before the device is mounted or opened. By default this is a write of
   * metadata through the device. A disk that counts, fails or drops writes stores the content
   * without that. From process context.
   *
   * @param current the calling task
   * @param position first byte on the device, a multiple of the logical block size
   * @param address kernel memory
   * @param length bytes, a positive multiple of the logical block size, at most 512 KiB
   * @throws ErrnoException the device's error
   */
  default void fill(Task current, long position, long address, int length) throws ErrnoException {
    int result =
        device()
            .transferAndWait(
                current, position, address, length, BlkTypes.REQ_OP_WRITE | BlkTypes.REQ_META);
    if (result != 0) {
      throw new ErrnoException(
          -result, device().name() + ": it can't be filled: " + Errno.describe(-result));
    }
  }

  /**
   * Returns whether the disk has no content of its own. Only such a disk is filled with an image or
   * a sample, if the disks below it are such, too.
   *
   * @return true, except for a disk such as file
   */
  default boolean isEmpty() {
    return true;
  }

  /**
   * Returns whether reads return the data of earlier writes. Otherwise data can't be verified.
   *
   * @return true, except for a disk such as null
   */
  default boolean keepsData() {
    return true;
  }

  /**
   * Returns whether the requests of a queue complete almost in the order of their submission, and
   * without a delay, as those of a memory do.
   *
   * @return false if unknown
   */
  default boolean completesInOrder() {
    return false;
  }

  /**
   * Returns phrases that describe the disk besides its name, for a line of output.
   *
   * @return such as "O_DIRECT"; may be empty
   */
  default List<String> traits() {
    return List.of();
  }

  /**
   * Returns sentences about what the disk did, for the end of a run.
   *
   * @return such as the faults that occurred, without full stops; may be empty
   */
  default List<String> summary() {
    return List.of();
  }

  /** Releases the disk and the disks below it. No request is in flight. */
  @Override
  void close();
}
