// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

/** Flags of mount(2) and umount2(2). */
@LinuxSource(
    file = "include/uapi/linux/fs.h",
    name = {"MS_RDONLY", "MNT_FORCE"})
public final class MountFlags {
  /** Reject every write. */
  public static final long MS_RDONLY = 1;

  /** Ignore set-user-ID bits. */
  public static final long MS_NOSUID = 1 << 1;

  /** Refuse device nodes. */
  public static final long MS_NODEV = 1 << 2;

  /** Refuse to execute programs. */
  public static final long MS_NOEXEC = 1 << 3;

  /** Change the options of a mount. */
  public static final long MS_REMOUNT = 1 << 5;

  /** Do not update access times. */
  public static final long MS_NOATIME = 1 << 10;

  /** Do not update access times of directories. */
  public static final long MS_NODIRATIME = 1 << 11;

  /** Print fewer messages. */
  public static final long MS_SILENT = 1 << 15;

  /** Update access times relative to times of modification. */
  public static final long MS_RELATIME = 1 << 21;

  /** In the upper half of the low 32 bits, an obsolete mark that is ignored. */
  public static final long MS_MGC_VAL = 0xc0ed_0000L;

  /** The bits of {@link #MS_MGC_VAL}. */
  public static final long MS_MGC_MSK = 0xffff_0000L;

  /** Unmount even if it is in use, if the filesystem can. */
  public static final int MNT_FORCE = 1;

  /** Do not follow a symbolic link at the end of the path. */
  public static final int UMOUNT_NOFOLLOW = 8;

  private MountFlags() {}
}
