// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

/** System call numbers of x86-64. The series adds io_setup2 and io_ring_enter. */
@Patch({13, 26})
@LinuxSource(file = "arch/x86/entry/syscalls/syscall_64.tbl")
public final class Nr {
  /** read(2). */
  public static final int READ = 0;

  /** write(2). */
  public static final int WRITE = 1;

  /** open(2). */
  public static final int OPEN = 2;

  /** close(2). */
  public static final int CLOSE = 3;

  /** stat(2). */
  public static final int STAT = 4;

  /** fstat(2). */
  public static final int FSTAT = 5;

  /** lstat(2). */
  public static final int LSTAT = 6;

  /** poll(2). */
  public static final int POLL = 7;

  /** lseek(2). */
  public static final int LSEEK = 8;

  /** mmap(2). */
  public static final int MMAP = 9;

  /** munmap(2). */
  public static final int MUNMAP = 11;

  /** flock(2). */
  public static final int FLOCK = 73;

  /** openat2(2); newer than the series. */
  public static final int OPENAT2 = 437;

  /** ioctl(2). */
  public static final int IOCTL = 16;

  /** pread64(2). */
  public static final int PREAD64 = 17;

  /** pwrite64(2). */
  public static final int PWRITE64 = 18;

  /** dup(2). */
  public static final int DUP = 32;

  /** dup2(2). */
  public static final int DUP2 = 33;

  /** fcntl(2). */
  public static final int FCNTL = 72;

  /** readv(2). */
  public static final int READV = 19;

  /** writev(2). */
  public static final int WRITEV = 20;

  /** access(2). */
  public static final int ACCESS = 21;

  /** fsync(2). */
  public static final int FSYNC = 74;

  /** fdatasync(2). */
  public static final int FDATASYNC = 75;

  /** truncate(2). */
  public static final int TRUNCATE = 76;

  /** ftruncate(2). */
  public static final int FTRUNCATE = 77;

  /** getcwd(2). */
  public static final int GETCWD = 79;

  /** mkdir(2). */
  public static final int MKDIR = 83;

  /** rmdir(2). */
  public static final int RMDIR = 84;

  /** creat(2). */
  public static final int CREAT = 85;

  /** unlink(2). */
  public static final int UNLINK = 87;

  /** readlink(2). */
  public static final int READLINK = 89;

  /** statfs(2). */
  public static final int STATFS = 137;

  /** fstatfs(2). */
  public static final int FSTATFS = 138;

  /** sync(2). */
  public static final int SYNC = 162;

  /** mount(2). */
  public static final int MOUNT = 165;

  /** umount2(2). */
  public static final int UMOUNT2 = 166;

  /** io_setup(2). */
  public static final int IO_SETUP = 206;

  /** io_destroy(2). */
  public static final int IO_DESTROY = 207;

  /** io_getevents(2). */
  public static final int IO_GETEVENTS = 208;

  /** io_submit(2). */
  public static final int IO_SUBMIT = 209;

  /** io_cancel(2). */
  public static final int IO_CANCEL = 210;

  /** getdents64(2). */
  public static final int GETDENTS64 = 217;

  /** fadvise64(2). */
  public static final int FADVISE64 = 221;

  /** openat(2). */
  public static final int OPENAT = 257;

  /** mkdirat(2). */
  public static final int MKDIRAT = 258;

  /** newfstatat(2). */
  public static final int NEWFSTATAT = 262;

  /** unlinkat(2). */
  public static final int UNLINKAT = 263;

  /** readlinkat(2). */
  public static final int READLINKAT = 267;

  /** faccessat(2). */
  public static final int FACCESSAT = 269;

  /** sync_file_range(2). */
  public static final int SYNC_FILE_RANGE = 277;

  /** fallocate(2). */
  public static final int FALLOCATE = 285;

  /** eventfd2(2). */
  public static final int EVENTFD2 = 290;

  /** dup3(2). */
  public static final int DUP3 = 292;

  /** pipe2(2). */
  public static final int PIPE2 = 293;

  /** preadv(2). */
  public static final int PREADV = 295;

  /** pwritev(2). */
  public static final int PWRITEV = 296;

  /** prlimit64(2). */
  public static final int PRLIMIT64 = 302;

  /** syncfs(2). */
  public static final int SYNCFS = 306;

  /** preadv2(2). */
  public static final int PREADV2 = 327;

  /** pwritev2(2). */
  public static final int PWRITEV2 = 328;

  /** statx(2). */
  public static final int STATX = 332;

  /** io_pgetevents(2). */
  public static final int IO_PGETEVENTS = 333;

  /** io_setup2(2). */
  public static final int IO_SETUP2 = 335;

  /** io_ring_enter(2). */
  public static final int IO_RING_ENTER = 336;

  /** faccessat2(2). */
  public static final int FACCESSAT2 = 439;

  /** Upper limit of the numbers, exclusive. */
  public static final int COUNT = 512;

  private Nr() {}
}
