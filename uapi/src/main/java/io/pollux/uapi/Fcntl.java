// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

/** Flags of open, fcntl and other file calls, with x86-64 values. */
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

  /** Truncate to length 0. */
  public static final int O_TRUNC = 01000;

  /** Write at the end. */
  public static final int O_APPEND = 02000;

  /** Do not block. */
  public static final int O_NONBLOCK = 04000;

  /** Send a signal when I/O is possible; no file here does. */
  public static final int O_ASYNC = 020000;

  /** Data is durable when a write returns. */
  public static final int O_DSYNC = 010000;

  /** Bypass the page cache. */
  public static final int O_DIRECT = 040000;

  /** Accepted and always on. */
  public static final int O_LARGEFILE = 0100000;

  /** Only a directory. */
  public static final int O_DIRECTORY = 0200000;

  /** Do not follow a symlink at the end. */
  public static final int O_NOFOLLOW = 0400000;

  /** Do not update the access time. */
  public static final int O_NOATIME = 01000000;

  /** Close on exec. */
  public static final int O_CLOEXEC = 02000000;

  /** Data and metadata are durable when a write returns. */
  public static final int O_SYNC = 04010000;

  /** Opens only the path: no reading, writing or ioctl. */
  public static final int O_PATH = 010000000;

  /** Creates an unnamed file in the opened directory. Includes O_DIRECTORY. */
  public static final int O_TMPFILE = 020000000 | O_DIRECTORY;

  /** Relative to the current directory. */
  public static final int AT_FDCWD = -100;

  /** fstatat: the link itself. */
  public static final int AT_SYMLINK_NOFOLLOW = 0x100;

  /** fstatat: an empty path denotes the descriptor itself. */
  public static final int AT_EMPTY_PATH = 0x1000;

  /** linkat: follow a symbolic link at the end. */
  public static final int AT_SYMLINK_FOLLOW = 0x400;

  /** renameat2: fail if the new name exists. */
  public static final int RENAME_NOREPLACE = 1;

  /** renameat2: exchange the two names. */
  public static final int RENAME_EXCHANGE = 2;

  /** renameat2: leave a whiteout under the old name. */
  public static final int RENAME_WHITEOUT = 4;

  /** utimensat: the current time, as a number of nanoseconds. */
  public static final int UTIME_NOW = 0x3fffffff;

  /** utimensat: the time stays, as a number of nanoseconds. */
  public static final int UTIME_OMIT = 0x3ffffffe;

  /** unlinkat: a directory, as for rmdir. */
  public static final int AT_REMOVEDIR = 0x200;

  /** faccessat2: with the effective rights. */
  public static final int AT_EACCESS = 0x200;

  /** statx: no automount at the end. */
  public static final int AT_NO_AUTOMOUNT = 0x800;

  /** statx: mask of the synchronization mode; both bits together are invalid. */
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

  /**
   * fallocate: the range may expose stale data. Used only inside the kernel; the call refuses it.
   */
  public static final int FALLOC_FL_NO_HIDE_STALE = 0x4;

  /** fallocate: removes the range. */
  public static final int FALLOC_FL_COLLAPSE_RANGE = 0x8;

  /** fallocate: zeroes the range. */
  public static final int FALLOC_FL_ZERO_RANGE = 0x10;

  /** fallocate: inserts a hole. */
  public static final int FALLOC_FL_INSERT_RANGE = 0x20;

  /** fallocate: unshares shared blocks. */
  public static final int FALLOC_FL_UNSHARE_RANGE = 0x40;

  /** sync_file_range: start write-back without waiting. */
  public static final int SYNC_FILE_RANGE_WRITE = 0x2;

  /** sync_file_range: mask of all flags. */
  public static final int SYNC_FILE_RANGE_ALL = 0x7;

  /** fadvise: the largest advice; values start from 0. */
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

  /** openat2: do not cross into another filesystem. */
  public static final int RESOLVE_NO_XDEV = 0x01;

  /** openat2: no link of /proc. */
  public static final int RESOLVE_NO_MAGICLINKS = 0x02;

  /** openat2: no symbolic link at all. */
  public static final int RESOLVE_NO_SYMLINKS = 0x04;

  /** openat2: never leave the starting directory. */
  public static final int RESOLVE_BENEATH = 0x08;

  /** openat2: the starting directory is the root. */
  public static final int RESOLVE_IN_ROOT = 0x10;

  /** openat2: only without I/O. */
  public static final int RESOLVE_CACHED = 0x20;

  /** fcntl: duplicate the descriptor to the lowest free number that is not below the argument. */
  public static final int F_DUPFD = 0;

  /** fcntl: get the flags of the descriptor. */
  public static final int F_GETFD = 1;

  /** fcntl: set the flags of the descriptor. */
  public static final int F_SETFD = 2;

  /** A descriptor is closed on exec. */
  public static final int FD_CLOEXEC = 1;

  /** fcntl: get the flags of the open file. */
  public static final int F_GETFL = 3;

  /** fcntl: set the flags of the open file. */
  public static final int F_SETFL = 4;

  /** fcntl: get a conflicting lock of another owner. */
  public static final int F_GETLK = 5;

  /** fcntl: lock or unlock a range for the process. */
  public static final int F_SETLK = 6;

  /** fcntl: {@link #F_SETLK}, waiting. */
  public static final int F_SETLKW = 7;

  /** fcntl: set the owner, which receives signals. */
  public static final int F_SETOWN = 8;

  /** fcntl: get the owner. */
  public static final int F_GETOWN = 9;

  /** fcntl: set the signal for I/O. */
  public static final int F_SETSIG = 10;

  /** fcntl: get the signal for I/O. */
  public static final int F_GETSIG = 11;

  /** fcntl: {@link #F_SETOWN} with a {@link FOwnerEx}. */
  public static final int F_SETOWN_EX = 15;

  /** fcntl: {@link #F_GETOWN} with a {@link FOwnerEx}. */
  public static final int F_GETOWN_EX = 16;

  /** fcntl: the user ids of the owner, two 32-bit numbers. */
  public static final int F_GETOWNER_UIDS = 17;

  /** fcntl: {@link #F_GETLK} for the open file instead of the process. */
  public static final int F_OFD_GETLK = 36;

  /** fcntl: {@link #F_SETLK} for the open file. */
  public static final int F_OFD_SETLK = 37;

  /** fcntl: {@link #F_SETLKW} for the open file. */
  public static final int F_OFD_SETLKW = 38;

  /** fcntl: set a lease. */
  public static final int F_SETLEASE = 1024;

  /** fcntl: get the lease. */
  public static final int F_GETLEASE = 1025;

  /** fcntl: send signals when a directory changes. */
  public static final int F_NOTIFY = 1026;

  /** fcntl: whether two descriptors refer to one open file; since Linux 6.10. */
  public static final int F_DUPFD_QUERY = 1027;

  /** fcntl: {@link #F_DUPFD}, closed on exec. */
  public static final int F_DUPFD_CLOEXEC = 1030;

  /** fcntl: set the size of a pipe. */
  public static final int F_SETPIPE_SZ = 1031;

  /** fcntl: get the size of a pipe. */
  public static final int F_GETPIPE_SZ = 1032;

  /** fcntl: seal a file in memory. */
  public static final int F_ADD_SEALS = 1033;

  /** fcntl: get the seals. */
  public static final int F_GET_SEALS = 1034;

  /** fcntl: get the lifetime hint of a file's data, as a u64. */
  public static final int F_GET_RW_HINT = 1035;

  /** fcntl: set the lifetime hint. */
  public static final int F_SET_RW_HINT = 1036;

  /** The largest hint that {@link #F_SET_RW_HINT} accepts; 0 is none. */
  public static final int RWH_WRITE_LIFE_EXTREME = 5;

  /** A lock for reading, or a lease. */
  public static final int F_RDLCK = 0;

  /** A lock for writing, or a lease. */
  public static final int F_WRLCK = 1;

  /** No lock, or lease. */
  public static final int F_UNLCK = 2;

  /** An owner is a thread. */
  public static final int F_OWNER_TID = 0;

  /** An owner is a process. */
  public static final int F_OWNER_PID = 1;

  /** An owner is a process group. */
  public static final int F_OWNER_PGRP = 2;

  /** flock: shared. */
  public static final int LOCK_SH = 1;

  /** flock: exclusive. */
  public static final int LOCK_EX = 2;

  /** flock: without waiting. */
  public static final int LOCK_NB = 4;

  /** flock: release. */
  public static final int LOCK_UN = 8;

  /** flock: a mandatory lock, which Linux accepts and ignores. */
  public static final int LOCK_MAND = 32;

  private Fcntl() {}
}
