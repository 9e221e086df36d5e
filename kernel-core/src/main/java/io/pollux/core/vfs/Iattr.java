// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.uapi.LinuxSource;

/**
 * A change of attributes, for {@link Inode#setattr}. A field counts if its bit of {@link #valid} is
 * set. The change time is always set to now.
 *
 * @param valid ATTR_* bits
 * @param mode type and permissions
 * @param uid owner
 * @param gid group
 * @param size size in bytes, not negative
 * @param atime last access
 * @param mtime last modification
 */
@LinuxSource(file = "include/linux/fs.h", name = "iattr")
public record Iattr(
    int valid, int mode, int uid, int gid, long size, Timespec64 atime, Timespec64 mtime) {
  /** The mode changes. */
  public static final int ATTR_MODE = 1;

  /** The owner changes. */
  public static final int ATTR_UID = 1 << 1;

  /** The group changes. */
  public static final int ATTR_GID = 1 << 2;

  /** The size changes. */
  public static final int ATTR_SIZE = 1 << 3;

  /** The access time changes. */
  public static final int ATTR_ATIME = 1 << 4;

  /** The modification time changes. */
  public static final int ATTR_MTIME = 1 << 5;

  /** The access time is the program's, not the current one. */
  public static final int ATTR_ATIME_SET = 1 << 7;

  /** The modification time is the program's, not the current one. */
  public static final int ATTR_MTIME_SET = 1 << 8;

  /** The set-user-ID bit is dropped, and the set-group-ID bit of an executable file. */
  public static final int ATTR_KILL_SUID = 1 << 11;

  /** The program names times, so that only the owner may set them. */
  public static final int ATTR_TIMES_SET = 1 << 16;

  /** Both times become now, which every writer may do. */
  public static final int ATTR_TOUCH = 1 << 17;

  private static final Timespec64 NONE = new Timespec64(0, 0);

  /**
   * Returns a change of the mode.
   *
   * @param mode mode bits
   */
  public static Iattr ofMode(int mode) {
    return new Iattr(ATTR_MODE, mode, 0, 0, 0, NONE, NONE);
  }

  /**
   * Returns a change of the size.
   *
   * @param bytes the size, not negative
   */
  public static Iattr ofSize(long bytes) {
    assert bytes >= 0 : bytes;
    return new Iattr(ATTR_SIZE | ATTR_MTIME, 0, 0, 0, bytes, NONE, NONE);
  }

  /**
   * Returns a change of owner and group.
   *
   * @param uid the owner, or -1 to keep it
   * @param gid the group, or -1 to keep it
   */
  public static Iattr ofOwner(int uid, int gid) {
    int valid = (uid == -1 ? 0 : ATTR_UID) | (gid == -1 ? 0 : ATTR_GID);
    return new Iattr(valid, 0, uid, gid, 0, NONE, NONE);
  }

  /** Returns a change of both times to now. */
  public static Iattr touch() {
    return new Iattr(ATTR_ATIME | ATTR_MTIME | ATTR_TOUCH, 0, 0, 0, 0, NONE, NONE);
  }

  /**
   * Returns a change of times that a program names.
   *
   * @param bits of ATTR_ATIME, ATTR_ATIME_SET, ATTR_MTIME and ATTR_MTIME_SET
   * @param atime the access time, if it is set
   * @param mtime the modification time, if it is set
   */
  public static Iattr ofTimes(int bits, Timespec64 atime, Timespec64 mtime) {
    return new Iattr(bits | ATTR_TIMES_SET, 0, 0, 0, 0, atime, mtime);
  }

  /**
   * Whether any of some bits is valid.
   *
   * @param bits ATTR_* bits
   */
  public boolean has(int bits) {
    return (valid & bits) != 0;
  }

  /**
   * Returns this change with more bits.
   *
   * @param bits ATTR_* bits
   */
  public Iattr with(int bits) {
    return new Iattr(valid | bits, mode, uid, gid, size, atime, mtime);
  }

  /**
   * Returns this change with a change of the mode.
   *
   * @param newMode type and permissions
   */
  public Iattr withMode(int newMode) {
    return new Iattr(valid | ATTR_MODE, newMode, uid, gid, size, atime, mtime);
  }
}
