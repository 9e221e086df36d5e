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

  /** ioctl(2). */
  public static final int IOCTL = 16;

  /** pread64(2). */
  public static final int PREAD64 = 17;

  /** pwrite64(2). */
  public static final int PWRITE64 = 18;

  /** readv(2). */
  public static final int READV = 19;

  /** writev(2). */
  public static final int WRITEV = 20;

  /** access(2). */
  public static final int ACCESS = 21;

  /** dup(2). */
  public static final int DUP = 32;

  /** dup2(2). */
  public static final int DUP2 = 33;

  /** fcntl(2). */
  public static final int FCNTL = 72;

  /** flock(2). */
  public static final int FLOCK = 73;

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

  /** chdir(2). */
  public static final int CHDIR = 80;

  /** fchdir(2). */
  public static final int FCHDIR = 81;

  /** rename(2). */
  public static final int RENAME = 82;

  /** mkdir(2). */
  public static final int MKDIR = 83;

  /** rmdir(2). */
  public static final int RMDIR = 84;

  /** creat(2). */
  public static final int CREAT = 85;

  /** link(2). */
  public static final int LINK = 86;

  /** unlink(2). */
  public static final int UNLINK = 87;

  /** symlink(2). */
  public static final int SYMLINK = 88;

  /** readlink(2). */
  public static final int READLINK = 89;

  /** chmod(2). */
  public static final int CHMOD = 90;

  /** fchmod(2). */
  public static final int FCHMOD = 91;

  /** chown(2). */
  public static final int CHOWN = 92;

  /** fchown(2). */
  public static final int FCHOWN = 93;

  /** lchown(2). */
  public static final int LCHOWN = 94;

  /** umask(2). */
  public static final int UMASK = 95;

  /** getuid(2). */
  public static final int GETUID = 102;

  /** getgid(2). */
  public static final int GETGID = 104;

  /** setuid(2). */
  public static final int SETUID = 105;

  /** setgid(2). */
  public static final int SETGID = 106;

  /** geteuid(2). */
  public static final int GETEUID = 107;

  /** getegid(2). */
  public static final int GETEGID = 108;

  /** getgroups(2). */
  public static final int GETGROUPS = 115;

  /** setgroups(2). */
  public static final int SETGROUPS = 116;

  /** setresuid(2). */
  public static final int SETRESUID = 117;

  /** getresuid(2). */
  public static final int GETRESUID = 118;

  /** setresgid(2). */
  public static final int SETRESGID = 119;

  /** getresgid(2). */
  public static final int GETRESGID = 120;

  /** utime(2). */
  public static final int UTIME = 132;

  /** mknod(2). */
  public static final int MKNOD = 133;

  /** statfs(2). */
  public static final int STATFS = 137;

  /** fstatfs(2). */
  public static final int FSTATFS = 138;

  /** chroot(2). */
  public static final int CHROOT = 161;

  /** sync(2). */
  public static final int SYNC = 162;

  /** mount(2). */
  public static final int MOUNT = 165;

  /** umount2(2). */
  public static final int UMOUNT2 = 166;

  /** setxattr(2). */
  public static final int SETXATTR = 188;

  /** lsetxattr(2). */
  public static final int LSETXATTR = 189;

  /** fsetxattr(2). */
  public static final int FSETXATTR = 190;

  /** getxattr(2). */
  public static final int GETXATTR = 191;

  /** lgetxattr(2). */
  public static final int LGETXATTR = 192;

  /** fgetxattr(2). */
  public static final int FGETXATTR = 193;

  /** listxattr(2). */
  public static final int LISTXATTR = 194;

  /** llistxattr(2). */
  public static final int LLISTXATTR = 195;

  /** flistxattr(2). */
  public static final int FLISTXATTR = 196;

  /** removexattr(2). */
  public static final int REMOVEXATTR = 197;

  /** lremovexattr(2). */
  public static final int LREMOVEXATTR = 198;

  /** fremovexattr(2). */
  public static final int FREMOVEXATTR = 199;

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

  /** utimes(2). */
  public static final int UTIMES = 235;

  /** openat(2). */
  public static final int OPENAT = 257;

  /** mkdirat(2). */
  public static final int MKDIRAT = 258;

  /** mknodat(2). */
  public static final int MKNODAT = 259;

  /** fchownat(2). */
  public static final int FCHOWNAT = 260;

  /** futimesat(2). */
  public static final int FUTIMESAT = 261;

  /** newfstatat(2). */
  public static final int NEWFSTATAT = 262;

  /** unlinkat(2). */
  public static final int UNLINKAT = 263;

  /** renameat(2). */
  public static final int RENAMEAT = 264;

  /** linkat(2). */
  public static final int LINKAT = 265;

  /** symlinkat(2). */
  public static final int SYMLINKAT = 266;

  /** readlinkat(2). */
  public static final int READLINKAT = 267;

  /** fchmodat(2). */
  public static final int FCHMODAT = 268;

  /** faccessat(2). */
  public static final int FACCESSAT = 269;

  /** sync_file_range(2). */
  public static final int SYNC_FILE_RANGE = 277;

  /** utimensat(2). */
  public static final int UTIMENSAT = 280;

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

  /** renameat2(2). */
  public static final int RENAMEAT2 = 316;

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

  /** openat2(2); newer than the series. */
  public static final int OPENAT2 = 437;

  /** faccessat2(2). */
  public static final int FACCESSAT2 = 439;

  /** fchmodat2(2); newer than the series. */
  public static final int FCHMODAT2 = 452;

  /** Upper limit of the numbers, exclusive. */
  public static final int COUNT = 512;

  private Nr() {}
}
