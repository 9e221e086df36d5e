// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fiemap;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.RawMemory;

/**
 * A request for the extents of a file, and the user memory that they go to. One task uses it, for one call.
 *
 * <p>Every extent is checked against the task's address space before it is stored.
 */
@LinuxSource(file = "include/linux/fs.h", name = "fiemap_extent_info")
public final class FiemapExtentInfo {
  private final long extents; // user address
  private final long max;
  private int flags;
  private long mapped;

  /**
   * Makes a request.
   *
   * @param flags FIEMAP_FLAG_*; any value at all
   * @param extents user address of the first struct fiemap_extent; any value that {@code AddressSpace.isUserRange} accepts with
   *     all of them
   * @param max extents that there is room for, not negative and at most FIEMAP_MAX_EXTENTS; 0 to count only
   */
  public FiemapExtentInfo(int flags, long extents, long max) {
    this.flags = flags;
    this.extents = extents;
    this.max = max;
  }

  /**
   * The flags of the request.
   *
   * @return FIEMAP_FLAG_*; after EBADR the bits that are not supported
   */
  public int flags() {
    return flags;
  }

  /**
   * Takes a flag out of the request.
   *
   * @param flag one of FIEMAP_FLAG_*
   * @return whether it was set
   */
  public boolean takeFlag(int flag) {
    boolean was = (flags & flag) != 0;
    flags &= ~flag;
    return was;
  }

  /**
   * Extents that were stored, or counted.
   *
   * @return fi_extents_mapped
   */
  public long mapped() {
    return mapped;
  }

  /**
   * Checks the flags of the request. Bits that are not supported are kept for the program.
   *
   * @param supported FIEMAP_FLAG_* that the filesystem supports
   * @return 0 or -EBADR
   */
  @LinuxSource(file = "fs/ioctl.c", name = "fiemap_check_flags")
  public int checkFlags(int supported) {
    int bad = flags & ~(Fiemap.FIEMAP_FLAGS_COMPAT & supported);
    if (bad == 0) {
      return 0;
    }
    flags = bad;
    return -Errno.EBADR;
  }

  /**
   * Stores an extent, or counts it. From process context.
   *
   * @param current the calling task
   * @param logical first byte in the file
   * @param physical first byte on the device
   * @param length bytes
   * @param extentFlags FIEMAP_EXTENT_*
   * @return 0 to go on, 1 after the last extent or if there is no more room, or -EFAULT
   */
  @LinuxSource(file = "fs/ioctl.c", name = "fiemap_fill_next_extent")
  public int fillNextExtent(Task current, long logical, long physical, long length, int extentFlags) {
    int last = (extentFlags & Fiemap.FIEMAP_EXTENT_LAST) != 0 ? 1 : 0;
    if (max == 0) {
      mapped++;
      return last;
    }
    if (mapped >= max) {
      return 1;
    }
    long to = extents + mapped * Fiemap.EXTENT_SIZE;
    if (!current.mm().accessOk(to, Fiemap.EXTENT_SIZE, true)) {
      return -Errno.EFAULT;
    }
    boolean inline = (extentFlags & Fiemap.FIEMAP_EXTENT_DATA_INLINE) != 0;
    RawMemory.zero(to, Fiemap.EXTENT_SIZE);
    RawMemory.putLong(to, Fiemap.FE_LOGICAL, logical);
    RawMemory.putLong(to, Fiemap.FE_PHYSICAL, physical);
    RawMemory.putLong(to, Fiemap.FE_LENGTH, length);
    RawMemory.putInt(to, Fiemap.FE_FLAGS, inline ? extentFlags | Fiemap.FIEMAP_EXTENT_NOT_ALIGNED : extentFlags);
    mapped++;
    return mapped == max ? 1 : last;
  }
}
