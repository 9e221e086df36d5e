// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

/** File types and mode bits. */
@LinuxSource(file = "include/uapi/linux/stat.h")
public final class StatMode {
  /** Mask of the type. */
  public static final int S_IFMT = 0170000;

  /** Socket. */
  public static final int S_IFSOCK = 0140000;

  /** Symbolic link. */
  public static final int S_IFLNK = 0120000;

  /** Regular file. */
  public static final int S_IFREG = 0100000;

  /** Block device. */
  public static final int S_IFBLK = 0060000;

  /** Directory. */
  public static final int S_IFDIR = 0040000;

  /** Character device. */
  public static final int S_IFCHR = 0020000;

  /** Pipe. */
  public static final int S_IFIFO = 0010000;

  /** Set user id. */
  public static final int S_ISUID = 04000;

  /** Set group id. */
  public static final int S_ISGID = 02000;

  /** Sticky. */
  public static final int S_ISVTX = 01000;

  /** The permissions of the group. */
  public static final int S_IRWXG = 0070;

  /** All permissions. */
  public static final int S_IRWXUGO = 0777;

  /** Execute permission of the group. */
  public static final int S_IXGRP = 0010;

  /** Write permission of others. */
  public static final int S_IWOTH = 0002;

  /** Execute permission of owner, group and others. */
  public static final int S_IXUGO = 0111;

  /** All mode bits except the type. */
  public static final int S_IALLUGO = 07777;

  /** Unknown type. */
  public static final int DT_UNKNOWN = 0;

  /** Pipe. */
  public static final int DT_FIFO = 1;

  /** Character device. */
  public static final int DT_CHR = 2;

  /** Directory. */
  public static final int DT_DIR = 4;

  /** Block device. */
  public static final int DT_BLK = 6;

  /** Regular file. */
  public static final int DT_REG = 8;

  /** Symbolic link. */
  public static final int DT_LNK = 10;

  /** Socket. */
  public static final int DT_SOCK = 12;

  private StatMode() {}

  /**
   * Whether a mode is of a type.
   *
   * @param mode a mode with its type bits
   * @param type one of S_IF*
   */
  public static boolean isType(int mode, int type) {
    return (mode & S_IFMT) == type;
  }
}
