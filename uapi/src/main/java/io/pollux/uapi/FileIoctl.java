// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

/** Requests of ioctl with the same meaning for all types of files. */
@LinuxSource(file = "include/uapi/asm-generic/ioctls.h")
public final class FileIoctl {
  /** Maps a block number in the file to one on the device, both as an int. */
  public static final int FIBMAP = 1;

  /** The block size of the filesystem, as an int. */
  public static final int FIGETBSZ = 2;

  /** Bytes that can be read, as an int. */
  public static final int FIONREAD = 0x541b;

  /** Sets or clears O_NONBLOCK, by an int. */
  public static final int FIONBIO = 0x5421;

  /** The descriptor stays open on exec. */
  public static final int FIONCLEX = 0x5450;

  /** The descriptor is closed on exec. */
  public static final int FIOCLEX = 0x5451;

  /** Sets or clears O_ASYNC, by an int. */
  public static final int FIOASYNC = 0x5452;

  /** Bytes allocated to a file, as a long. */
  public static final int FIOQSIZE = 0x5460;

  /** Shares all blocks of another file. */
  public static final int FICLONE = 0x40049409;

  /** Shares a range of another file. */
  public static final int FICLONERANGE = 0x4020940d;

  /** Shares equal ranges. */
  public static final int FIDEDUPERANGE = 0xc0189436;

  /** Freezes the filesystem. */
  public static final int FIFREEZE = 0xc0045877;

  /** Ends a freeze. */
  public static final int FITHAW = 0xc0045878;

  /** Stores the flags of a file, FS_*_FL, as an int. */
  public static final int FS_IOC_GETFLAGS = 0x80086601;

  /** Stores the attributes of a file as a struct fsxattr. */
  public static final int FS_IOC_FSGETXATTR = 0x801c581f;

  /** Stores the generation of an inode number as an int. */
  public static final int FS_IOC_GETVERSION = 0x80087601;

  /** Sets the flags of a file, by an int. */
  public static final int FS_IOC_SETFLAGS = 0x40086602;

  /** Sets the attributes of a file, by a struct fsxattr. */
  public static final int FS_IOC_FSSETXATTR = 0x401c5820;

  /** The bytes of a struct fsxattr. */
  public static final int FSXATTR_SIZE = 28;

  /** Stores the extents of a file: {@link Fiemap}. */
  public static final int FS_IOC_FIEMAP = 0xc020660b;

  /** The bytes of a struct file_clone_range. */
  public static final int FILE_CLONE_RANGE_SIZE = 32;

  /** The bytes of a struct file_dedupe_range without its elements. */
  public static final int FILE_DEDUPE_RANGE_SIZE = 24;

  /** The bytes of an element: struct file_dedupe_range_info. */
  public static final int FILE_DEDUPE_RANGE_INFO_SIZE = 32;

  /** Status of an element: the ranges share their blocks now. */
  public static final int FILE_DEDUPE_RANGE_SAME = 0;

  /** Status of an element: the ranges differ, and stay as they are. */
  public static final int FILE_DEDUPE_RANGE_DIFFERS = 1;

  private FileIoctl() {}
}
