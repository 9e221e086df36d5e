// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Nr;
import io.pollux.uapi.RawMemory;
import io.pollux.uapi.Stat;
import io.pollux.uapi.StatMode;
import io.pollux.uapi.Statfs;
import io.pollux.uapi.Statx;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The calls about names as a program sees them. Errnos are those of Linux 6.18 on ramfs. */
@Timeout(value = 1, unit = TimeUnit.MINUTES)
class PathCallsTest {
  private static final int CWD = Fcntl.AT_FDCWD;

  private final Booted booted = new Booted();
  private final Program program = booted.program;
  private final long memory = booted.memory;

  @AfterEach
  void close() throws ErrnoException {
    booted.close();
  }

  private long call(int nr, String path, long... arguments) {
    long[] all = Arrays.copyOf(arguments, 3);
    return program.syscall(nr, booted.path(path), all[0], all[1], all[2]);
  }

  private long callAt(int nr, int dirfd, String path, long... arguments) {
    long[] all = Arrays.copyOf(arguments, 3);
    return program.syscall(nr, dirfd, booted.path(path), all[0], all[1], all[2], 0);
  }

  @Test
  void filesAndDirectoriesAreMadeAndRemoved() {
    assertThat(call(Nr.MKDIR, "/dir", 0700)).isZero();
    int dir = booted.open("/dir", Fcntl.O_RDONLY | Fcntl.O_DIRECTORY);
    assertThat(callAt(Nr.MKDIRAT, dir, "sub", 0755)).isZero();
    assertThat(callAt(Nr.MKDIRAT, dir, "sub", 0755)).isEqualTo(-Errno.EEXIST);
    int fd = (int) call(Nr.CREAT, "/dir/sub/file", 0600);
    assertThat(fd).isPositive();
    assertThat(program.syscall(Nr.WRITE, fd, memory, 100)).isEqualTo(100);
    assertThat(program.syscall(Nr.READ, fd, memory, 100)).isEqualTo(-Errno.EBADF);
    assertThat(call(Nr.CREAT, "/dir/sub/file", 0600)).as("cut").isPositive();
    assertThat(program.syscall(Nr.FSTAT, fd, memory)).isZero();
    assertThat(Stat.stSize(memory)).isZero();
    assertThat(Stat.stMode(memory)).isEqualTo(StatMode.S_IFREG | 0600);
    assertThat(call(Nr.RMDIR, "/dir/sub")).isEqualTo(-Errno.ENOTEMPTY);
    assertThat(call(Nr.RMDIR, "/dir/sub/file")).isEqualTo(-Errno.ENOTDIR);
    assertThat(call(Nr.UNLINK, "/dir/sub")).isEqualTo(-Errno.EISDIR);
    assertThat(callAt(Nr.UNLINKAT, dir, "sub/file", 1)).isEqualTo(-Errno.EINVAL);
    assertThat(callAt(Nr.UNLINKAT, dir, "sub/file", 0)).isZero();
    assertThat(call(Nr.UNLINK, "/dir/sub/file")).isEqualTo(-Errno.ENOENT);
    assertThat(callAt(Nr.UNLINKAT, dir, "sub", Fcntl.AT_REMOVEDIR)).isZero();
    assertThat(callAt(Nr.MKDIRAT, fd, "x", 0)).isEqualTo(-Errno.ENOTDIR);
    assertThat(callAt(Nr.MKDIRAT, 900, "x", 0)).isEqualTo(-Errno.EBADF);
    assertThat(program.syscall(Nr.MKDIR, 8, 0)).isEqualTo(-Errno.EFAULT);
    assertThat(call(Nr.RMDIR, "/dir")).isZero();
    assertThat(call(Nr.UNLINK, "/dev/ram0")).isEqualTo(-Errno.EBUSY);
    assertThat(call(Nr.RMDIR, "/dev")).isEqualTo(-Errno.ENOTEMPTY);
  }

  @Test
  void truncateByName() {
    assertThat(call(Nr.CREAT, "/file", 0600)).isPositive();
    assertThat(call(Nr.TRUNCATE, "/file", 5000)).isZero();
    assertThat(call(Nr.STAT, "/file", memory)).isZero();
    assertThat(Stat.stSize(memory)).isEqualTo(5000);
    assertThat(call(Nr.TRUNCATE, "/file", -1)).isEqualTo(-Errno.EINVAL);
    assertThat(call(Nr.TRUNCATE, "/dev", 0)).isEqualTo(-Errno.EISDIR);
    assertThat(call(Nr.TRUNCATE, "/dev", -1)).isEqualTo(-Errno.EINVAL);
    assertThat(call(Nr.TRUNCATE, "/dev/ram0", 0)).isEqualTo(-Errno.EINVAL);
    assertThat(call(Nr.TRUNCATE, "/none", 0)).isEqualTo(-Errno.ENOENT);
  }

  @Test
  void access() {
    assertThat(call(Nr.CREAT, "/file", 0600)).isPositive();
    assertThat(call(Nr.ACCESS, "/file", Fcntl.R_OK | Fcntl.W_OK)).isZero();
    assertThat(call(Nr.ACCESS, "/file", Fcntl.X_OK)).isEqualTo(-Errno.EACCES);
    assertThat(call(Nr.ACCESS, "/dev", Fcntl.X_OK)).isZero();
    assertThat(call(Nr.ACCESS, "/file", 8)).isEqualTo(-Errno.EINVAL);
    assertThat(call(Nr.ACCESS, "/none", 0)).isEqualTo(-Errno.ENOENT);
    assertThat(callAt(Nr.FACCESSAT, CWD, "file", 0, 12345))
        .as("flags that it does not have")
        .isZero();
    assertThat(callAt(Nr.FACCESSAT2, CWD, "file", 0, 1)).isEqualTo(-Errno.EINVAL);
    assertThat(callAt(Nr.FACCESSAT2, CWD, "file", 0, Fcntl.AT_EACCESS)).isZero();
    assertThat(callAt(Nr.FACCESSAT2, CWD, "", 0, Fcntl.AT_EMPTY_PATH)).isZero();
    assertThat(callAt(Nr.FACCESSAT2, CWD, "", 0, 0)).isEqualTo(-Errno.ENOENT);
  }

  @Test
  void statxTellsWhatStatTells() {
    int fd = (int) call(Nr.CREAT, "/file", 0640);
    assertThat(program.syscall(Nr.WRITE, fd, memory, 100)).isEqualTo(100);
    assertThat(program.syscall(Nr.FSTAT, fd, memory)).isZero();
    long statx = memory + Stat.SIZE;
    assertThat(callAt(Nr.STATX, CWD, "/file", 0, Statx.STATX_BASIC_STATS, statx)).isZero();
    assertThat(Statx.stxMask(statx)).isEqualTo(Statx.STATX_BASIC_STATS);
    assertThat(Statx.stxSize(statx)).isEqualTo(100);
    assertThat(Statx.stxBlocks(statx)).isEqualTo(8);
    assertThat(Short.toUnsignedInt(Statx.stxMode(statx))).isEqualTo(StatMode.S_IFREG | 0640);
    assertThat(Statx.stxIno(statx)).isEqualTo(Stat.stIno(memory));
    assertThat(Statx.stxNlink(statx)).isEqualTo(1);
    assertThat(Statx.stxDevMinor(statx)).isEqualTo(1);
    assertThat(Statx.stxMtime(statx)).isEqualTo(Stat.stMtime(memory));
    assertThat(Statx.stxMtimeNsec(statx)).isEqualTo((int) Stat.stMtimeNsec(memory));
    assertThat(callAt(Nr.STATX, fd, "", Fcntl.AT_EMPTY_PATH, 0, statx)).isZero();
    assertThat(callAt(Nr.STATX, CWD, "/dev/ram0", 0, 0, statx)).isZero();
    assertThat(Statx.stxRdevMajor(statx)).isEqualTo(1);
    assertThat(callAt(Nr.STATX, fd, "", 0, 0, statx)).isEqualTo(-Errno.ENOENT);
    assertThat(callAt(Nr.STATX, CWD, "/file", 0x40, 0, statx)).isEqualTo(-Errno.EINVAL);
    assertThat(callAt(Nr.STATX, CWD, "/file", Fcntl.AT_STATX_SYNC_TYPE, 0, statx))
        .isEqualTo(-Errno.EINVAL);
    assertThat(callAt(Nr.STATX, CWD, "/file", 0, Statx.STATX__RESERVED, statx))
        .isEqualTo(-Errno.EINVAL);
    assertThat(callAt(Nr.STATX, CWD, "/file", 0, 0, 8)).isEqualTo(-Errno.EFAULT);
  }

  /**
   * As Linux tells it of a pipe with something in it, of an eventfd, and of ramfs; of a device as
   * it did before 6.11.
   */
  @Test
  void everyKindOfFileHasTheSizesThatItHasInLinux() {
    assertThat(program.syscall(Nr.PIPE2, memory, 0)).isZero();
    int[] pipe = {RawMemory.getInt(memory), RawMemory.getInt(memory + 4)};
    assertThat(program.syscall(Nr.WRITE, pipe[1], memory, 3)).isEqualTo(3);
    assertStat((int) program.syscall(Nr.EVENTFD2, 3, 0), 0600, 0, 0, 1, 0);
    assertStat(pipe[0], StatMode.S_IFIFO | 0600, 0, 0, 1, 0);
    assertStat(pipe[1], StatMode.S_IFIFO | 0600, 0, 0, 1, 0);
    int file = (int) call(Nr.CREAT, "/file", 0640);
    assertStat(file, StatMode.S_IFREG | 0640, 0, 0, 1, 0);
    assertThat(program.syscall(Nr.PWRITE64, file, memory, 5000, 0)).isEqualTo(5000);
    assertStat(file, StatMode.S_IFREG | 0640, 5000, 16, 1, 0);
    assertThat(call(Nr.MKDIR, "/directory", 0755)).isZero();
    assertStat(
        (int) call(Nr.OPEN, "/directory", Fcntl.O_RDONLY), StatMode.S_IFDIR | 0755, 0, 0, 2, 0);
    assertStat(
        (int) call(Nr.OPEN, "/dev/ram0", Fcntl.O_RDONLY), StatMode.S_IFBLK | 0660, 0, 0, 1, 0x100);
  }

  private void assertStat(int fd, int mode, long size, long blocks, long nlink, long rdev) {
    assertThat(program.syscall(Nr.FSTAT, fd, memory)).isZero();
    assertThat(Stat.stMode(memory)).isEqualTo(mode);
    assertThat(Stat.stSize(memory)).isEqualTo(size);
    assertThat(Stat.stBlocks(memory)).isEqualTo(blocks);
    assertThat(Stat.stNlink(memory)).isEqualTo(nlink);
    assertThat(Stat.stRdev(memory)).isEqualTo(rdev);
    assertThat(Stat.stBlksize(memory)).isEqualTo(4096);
    long statx = memory + Stat.SIZE;
    assertThat(
            callAt(
                Nr.STATX,
                fd,
                "",
                Fcntl.AT_EMPTY_PATH,
                Statx.STATX_BASIC_STATS | Statx.STATX_BTIME,
                statx))
        .isZero();
    assertThat(Statx.stxMask(statx)).as("no birth time").isEqualTo(Statx.STATX_BASIC_STATS);
    assertThat(Statx.stxAttributes(statx)).isZero();
  }

  @Test
  void statfs() {
    assertThat(call(Nr.STATFS, "/dev", memory)).isZero();
    assertThat(Statfs.fType(memory)).isEqualTo(0x858458f6L);
    assertThat(Statfs.fBlocks(memory)).isEqualTo(1 << 18);
    assertThat(Statfs.fNamelen(memory)).isEqualTo(255);
    assertThat(Statfs.fFlags(memory) & Statfs.ST_RDONLY).isZero();
    int event = (int) program.syscall(Nr.EVENTFD2, 0, 0);
    assertThat(program.syscall(Nr.FSTATFS, event, memory)).isZero();
    assertThat(Statfs.fType(memory)).isEqualTo(0x09041934);
    assertThat(program.syscall(Nr.FSTATFS, event, 8)).isEqualTo(-Errno.EFAULT);
    assertThat(program.syscall(Nr.FSTATFS, 900, memory)).isEqualTo(-Errno.EBADF);
    assertThat(call(Nr.STATFS, "/none", memory)).isEqualTo(-Errno.ENOENT);
  }

  @Test
  void theWorkingDirectoryIsTheRoot() {
    RawMemory.putInt(memory, -1);
    assertThat(program.syscall(Nr.GETCWD, memory, 2)).isEqualTo(2);
    assertThat(RawMemory.getInt(memory)).isEqualTo(0xffff_002f);
    assertThat(program.syscall(Nr.GETCWD, memory, 1)).isEqualTo(-Errno.ERANGE);
    assertThat(program.syscall(Nr.GETCWD, 8, -1)).isEqualTo(-Errno.EFAULT);
  }

  @Test
  void aWorkingDirectoryOutsideTheRootIsUnreachable() {
    assertThat(call(Nr.CHROOT, "/dev")).isZero();
    assertThat(program.syscall(Nr.GETCWD, memory, 32)).isEqualTo(15);
    StringBuilder path = new StringBuilder();
    for (long at = memory; RawMemory.getByte(at) != 0; at++) {
      path.append((char) RawMemory.getByte(at));
    }
    assertThat(path).hasToString("(unreachable)/");
    assertThat(call(Nr.STAT, "/dev", memory)).isEqualTo(-Errno.ENOENT);
    assertThat(call(Nr.STAT, "dev", memory)).isZero();
    assertThat(call(Nr.CHDIR, "/")).isZero();
    assertThat(call(Nr.STAT, "../dev", memory)).isEqualTo(-Errno.ENOENT);
    assertThat(program.syscall(Nr.GETCWD, memory, 32)).isEqualTo(2);
  }

  @Test
  void onlyLinksAreRead() {
    assertThat(call(Nr.READLINK, "/dev", memory, 100)).isEqualTo(-Errno.EINVAL);
    assertThat(callAt(Nr.READLINKAT, CWD, "/dev", memory, 100)).isEqualTo(-Errno.EINVAL);
    assertThat(callAt(Nr.READLINKAT, CWD, "/dev", memory, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(callAt(Nr.READLINKAT, booted.open("/dev", 0), "", memory, 100))
        .isEqualTo(-Errno.ENOENT);
  }
}
