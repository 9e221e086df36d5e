// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fiemap;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.RawMemory;

/**
 * A request for the extents of a file, with the user memory for the result. One task uses it, for
 * one call.
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
   * Creates a request.
   *
   * @param flags FIEMAP_FLAG_*; any value
   * @param extents user address of the first struct fiemap_extent; {@code AddressSpace.isUserRange}
   *     must accept the whole array
   * @param max number of extents that fit, not negative and at most FIEMAP_MAX_EXTENTS; 0 to count
   *     only
   */
  public FiemapExtentInfo(int flags, long extents, long max) {
    this.flags = flags;
    this.extents = extents;
    this.max = max;
  }

  /** Returns FIEMAP_FLAG_* of the request; after EBADR, the unsupported bits. */
  public int flags() {
    return flags;
  }

  /**
   * Clears a flag of the request.
   *
   * @param flag one of FIEMAP_FLAG_*
   * @return whether it was set
   */
  public boolean takeFlag(int flag) {
    boolean was = (flags & flag) != 0;
    flags &= ~flag;
    return was;
  }

  /** Returns the number of extents stored or counted (fi_extents_mapped). */
  public long mapped() {
    return mapped;
  }

  /**
   * Checks the flags of the request. Unsupported bits are kept for the program.
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
   * Stores or counts an extent. From process context.
   *
   * @param current the calling task
   * @param logical first byte in the file
   * @param physical first byte on the device
   * @param length bytes
   * @param extentFlags FIEMAP_EXTENT_*
   * @return 0 to continue, 1 after the last extent or if no more fit, or -EFAULT
   */
  @LinuxSource(file = "fs/ioctl.c", name = "fiemap_fill_next_extent")
  public int fillNextExtent(
      Task current, long logical, long physical, long length, int extentFlags) {
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
    RawMemory.putInt(
        to, Fiemap.FE_FLAGS, inline ? extentFlags | Fiemap.FIEMAP_EXTENT_NOT_ALIGNED : extentFlags);
    mapped++;
    return mapped == max ? 1 : last;
  }
}
