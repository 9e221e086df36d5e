// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

/**
 * Flags of open and friends, x86-64 values.
 */
@LinuxSource(file = "include/uapi/asm-generic/fcntl.h")
public final class Fcntl {
  /** Mask of the access mode. */
  public static final int O_ACCMODE = 3;

  /** Reading. */
  public static final int O_RDONLY = 0;

  /** Writing. */
  public static final int O_WRONLY = 1;

  /** Both. */
  public static final int O_RDWR = 2;

  /** Create if missing. */
  public static final int O_CREAT = 0100;

  /** Fail if it exists. */
  public static final int O_EXCL = 0200;

  /** No controlling terminal. */
  public static final int O_NOCTTY = 0400;

  /** Cut to length 0. */
  public static final int O_TRUNC = 01000;

  /** Write at the end. */
  public static final int O_APPEND = 02000;

  /** Do not block. */
  public static final int O_NONBLOCK = 04000;

  /** Data is durable when a write returns. */
  public static final int O_DSYNC = 010000;

  /** Past the page cache. */
  public static final int O_DIRECT = 040000;

  /** Accepted and always on. */
  public static final int O_LARGEFILE = 0100000;

  /** Only a directory. */
  public static final int O_DIRECTORY = 0200000;

  /** Not through a last symlink. */
  public static final int O_NOFOLLOW = 0400000;

  /** Leave the access time. */
  public static final int O_NOATIME = 01000000;

  /** Close on exec. */
  public static final int O_CLOEXEC = 02000000;

  /** Data and metadata are durable when a write returns. */
  public static final int O_SYNC = 04010000;

  /** Relative to the current directory. */
  public static final int AT_FDCWD = -100;

  /** fstatat: the link itself. */
  public static final int AT_SYMLINK_NOFOLLOW = 0x100;

  /** fstatat: an empty path means the descriptor itself. */
  public static final int AT_EMPTY_PATH = 0x1000;

  /** unlinkat: a directory, as rmdir does. */
  public static final int AT_REMOVEDIR = 0x200;

  /** faccessat2: with the rights that are in force. */
  public static final int AT_EACCESS = 0x200;

  /** statx: no automount at the end. */
  public static final int AT_NO_AUTOMOUNT = 0x800;

  /** statx: mask of how fresh the answer is to be; both bits of it are none. */
  public static final int AT_STATX_SYNC_TYPE = 0x6000;

  /** access: may execute. */
  public static final int X_OK = 1;

  /** access: may write. */
  public static final int W_OK = 2;

  /** access: may read. */
  public static final int R_OK = 4;

  /** fallocate: the size stays. */
  public static final int FALLOC_FL_KEEP_SIZE = 0x1;

  /** fallocate: the range becomes a hole. */
  public static final int FALLOC_FL_PUNCH_HOLE = 0x2;

  /** fallocate: what the range reads as afterwards does not matter. Only inside the kernel: the call refuses it. */
  public static final int FALLOC_FL_NO_HIDE_STALE = 0x4;

  /** fallocate: the range is cut out. */
  public static final int FALLOC_FL_COLLAPSE_RANGE = 0x8;

  /** fallocate: the range becomes zeroes. */
  public static final int FALLOC_FL_ZERO_RANGE = 0x10;

  /** fallocate: a hole is put in. */
  public static final int FALLOC_FL_INSERT_RANGE = 0x20;

  /** fallocate: shared blocks become the file's own. */
  public static final int FALLOC_FL_UNSHARE_RANGE = 0x40;

  /** sync_file_range: start writing back, without a wait for it. */
  public static final int SYNC_FILE_RANGE_WRITE = 0x2;

  /** sync_file_range: mask of all that it may be told. */
  public static final int SYNC_FILE_RANGE_ALL = 0x7;

  /** fadvise: the last of the pieces of advice, which start from 0. */
  public static final int POSIX_FADV_NOREUSE = 5;

  /** From the start. */
  public static final int SEEK_SET = 0;

  /** From here. */
  public static final int SEEK_CUR = 1;

  /** From the end. */
  public static final int SEEK_END = 2;

  /** Next data. */
  public static final int SEEK_DATA = 3;

  /** Next hole. */
  public static final int SEEK_HOLE = 4;

  /** fcntl: another descriptor, not below the argument. */
  public static final int F_DUPFD = 0;

  /** fcntl: the flags of the open file. */
  public static final int F_GETFL = 3;

  /** fcntl: change them. */
  public static final int F_SETFL = 4;

  /** fcntl: {@link #F_DUPFD}, closed on exec. */
  public static final int F_DUPFD_CLOEXEC = 1030;

  private Fcntl() {}
}
