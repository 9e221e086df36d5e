// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import io.pollux.core.vfs.Xattr;
import io.pollux.syscalls.Both.NamesOut;
import io.pollux.syscalls.Both.Out;
import io.pollux.syscalls.Both.Slot;
import io.pollux.syscalls.Both.StatOut;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Nr;
import io.pollux.uapi.StatMode;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Calls on names and attributes have the results of the machine's own Linux on tmpfs. */
@Timeout(60)
class LikeLinuxTest {
  private static final int CWD = Fcntl.AT_FDCWD;
  private static final int RW_CREATE = Fcntl.O_RDWR | Fcntl.O_CREAT;
  private static final int RW_TMPFILE = Fcntl.O_RDWR | Fcntl.O_TMPFILE;
  private static final String LONG_NAME = "n".repeat(255);
  private static final String TOO_LONG_NAME = "n".repeat(256);
  private static final String LONG_PATH = "./".repeat(2047) + "f"; // 4,095 bytes
  private static final String TOO_LONG_PATH = "./".repeat(2047) + "ff";
  private static final long UNMAPPED = 8;

  private static final String[] ODD = {
    "",
    ".",
    "..",
    "/",
    "//",
    "/.",
    "/..",
    "./.",
    "/none/x",
    "/none/",
    "/f/",
    "/f/x",
    "/f/.",
    "/d/",
    "/d/.",
    "/d/..",
    "/d/../d",
    "/toF",
    "/toF/",
    "/toD",
    "/toD/",
    "/toD/x",
    "/toNone",
    "/toNone/",
    "/loop",
    "/loop/x",
    "/" + LONG_NAME,
    "/" + TOO_LONG_NAME,
    LONG_PATH,
    TOO_LONG_PATH,
    "f",
    "d",
    "dev/..",
    "/full",
    "/full/",
    "/full/x/..",
    "/f",
    "/d",
    "/none",
    "/toF/x",
    "/p",
    "/p/",
    "/toToF"
  };

  private final Both both;

  LikeLinuxTest() throws Exception {
    both = new Both();
  }

  @AfterEach
  void close() throws Exception {
    both.close();
  }

  private void makeTree() {
    both.open(0, Nr.OPEN, "/f", RW_CREATE, 0644);
    both.call(Nr.MKDIR, "/d", 0755);
    both.call(Nr.MKDIR, "/full", 0755);
    both.call(Nr.MKDIR, "/full/x", 0755);
    both.call(Nr.SYMLINK, "f", "/toF");
    both.call(Nr.SYMLINK, "toF", "/toToF");
    both.call(Nr.SYMLINK, "d", "/toD");
    both.call(Nr.SYMLINK, "none", "/toNone");
    both.call(Nr.SYMLINK, "loop", "/loop");
    both.call(Nr.MKNOD, "/p", StatMode.S_IFSOCK | 0600, 0);
  }

  /** Undoes what a successful call made, for the next call. */
  private void remake() {
    for (String name : new String[] {"/none", "/f/", "/d/x", "/" + LONG_NAME, "/new"}) {
      both.call(Nr.UNLINK, name);
      both.call(Nr.RMDIR, name);
    }
  }

  @Test
  void oddPathsFailAlikeInCallsThatMakeAndRemove() {
    makeTree();
    for (String odd : ODD) {
      both.call(Nr.MKDIR, odd, 0755);
      both.call(Nr.RMDIR, odd);
      remake();
      makeTree();
      both.call(Nr.SYMLINK, "target", odd);
      remake();
      both.call(Nr.MKNOD, odd, StatMode.S_IFIFO | 0644, 0);
      remake();
      both.call(Nr.LINK, "/f", odd);
      remake();
      both.call(Nr.LINK, odd, "/new");
      remake();
      both.call(Nr.LINKAT, CWD, odd, CWD, "/new", Fcntl.AT_SYMLINK_FOLLOW);
      remake();
      both.call(Nr.UNLINK, odd);
      remake();
      makeTree();
      both.open(1, Nr.OPEN, odd, RW_CREATE | Fcntl.O_EXCL, 0600);
      remake();
      both.open(1, Nr.OPEN, odd, RW_CREATE, 0600);
      remake();
      both.open(1, Nr.OPEN, odd, RW_TMPFILE, 0600);
      both.compareTrees();
    }
  }

  @Test
  void oddPathsFailAlikeInCallsThatReadAndChangeAttributes() {
    makeTree();
    for (String odd : ODD) {
      both.call(Nr.STAT, odd, new StatOut());
      both.call(Nr.LSTAT, odd, new StatOut());
      both.call(Nr.READLINK, odd, new Out(64), 64);
      both.call(Nr.CHMOD, odd, 0700);
      both.call(Nr.CHOWN, odd, 1, 2);
      both.call(Nr.LCHOWN, odd, 3, -1);
      both.call(Nr.TRUNCATE, odd, 10);
      both.call(Nr.UTIMENSAT, CWD, odd, 0, 0);
      both.call(Nr.UTIMENSAT, CWD, odd, times(1, 2, 3, 4), Fcntl.AT_SYMLINK_NOFOLLOW);
      both.call(Nr.ACCESS, odd, Fcntl.X_OK);
      both.call(Nr.SETXATTR, odd, "user.a", bytes("1"), 1, 0);
      both.call(Nr.LSETXATTR, odd, "trusted.a", bytes("1"), 1, 0);
      both.call(Nr.GETXATTR, odd, "user.a", new Out(4), 4);
      both.call(Nr.LGETXATTR, odd, "trusted.a", new Out(4), 4);
      both.call(Nr.LISTXATTR, odd, new NamesOut(64), 64);
      both.call(Nr.REMOVEXATTR, odd, "user.a");
      both.call(Nr.CHDIR, odd);
      both.call(Nr.GETCWD, new Out(64), 64);
      both.call(Nr.CHDIR, "/");
    }
    both.compareTrees();
  }

  @Test
  void oddPathsFailAlikeInRenames() {
    makeTree();
    int[] flags = {0, Fcntl.RENAME_NOREPLACE, Fcntl.RENAME_EXCHANGE};
    for (int flag : flags) {
      for (String odd : ODD) {
        for (String other : new String[] {"/f", "/d", "/full", "/none", "/toF", "/full/x/new"}) {
          both.call(Nr.RENAMEAT2, CWD, odd, CWD, other, flag);
          both.call(Nr.RENAMEAT2, CWD, other, CWD, odd, flag);
          both.call(Nr.RENAME, "/new", other);
          makeTree();
        }
      }
      both.compareTrees();
    }
  }

  @Test
  void unknownFlagsAndBadPointersFailAlike() {
    makeTree();
    for (int flag = 1; flag != 0; flag <<= 1) {
      both.call(Nr.RENAMEAT2, CWD, "/none", CWD, "/new", flag & ~Fcntl.RENAME_WHITEOUT);
      both.call(Nr.LINKAT, CWD, "/none", CWD, "/new", flag);
      both.call(Nr.FCHOWNAT, CWD, "/none", 1, 1, flag);
      both.call(Nr.FCHMODAT2, CWD, "/none", 1, flag);
      both.call(Nr.UTIMENSAT, CWD, "/none", 0, flag);
      both.call(Nr.FACCESSAT2, CWD, "/none", 0, flag);
      both.call(Nr.UNLINKAT, CWD, "/none", flag);
      both.call(Nr.NEWFSTATAT, CWD, "/none", new StatOut(), flag);
      both.call(Nr.SETXATTR, "/f", "user.a", bytes("1"), 1, flag);
      both.call(Nr.MKNOD, "/none/x", flag, 0);
      both.call(Nr.ACCESS, "/f", flag);
      both.call(Nr.UMASK, flag);
    }
    both.call(Nr.UMASK, 0);
    both.call(Nr.RENAMEAT2, CWD, UNMAPPED, CWD, UNMAPPED, 8);
    both.call(Nr.RENAME, UNMAPPED, "/x");
    both.call(Nr.RENAME, "/f", UNMAPPED);
    both.call(Nr.LINK, "/f", UNMAPPED);
    both.call(Nr.LINK, "/none", UNMAPPED);
    both.call(Nr.SYMLINK, UNMAPPED, "/x");
    both.call(Nr.SYMLINK, "/f", UNMAPPED);
    both.call(Nr.SYMLINK, "", "/x");
    both.call(Nr.SYMLINK, "", UNMAPPED);
    both.call(Nr.MKNOD, UNMAPPED, 0, 0);
    both.call(Nr.CHMOD, UNMAPPED, 0);
    both.call(Nr.CHDIR, UNMAPPED);
    both.call(Nr.UTIMENSAT, CWD, "/f", UNMAPPED, 0);
    both.call(Nr.UTIMENSAT, CWD, 0, 0, 0);
    both.call(Nr.UTIMES, "/f", UNMAPPED);
    both.call(Nr.UTIME, "/f", UNMAPPED);
    both.call(Nr.GETCWD, UNMAPPED, 100);
    both.call(Nr.GETCWD, new Out(8), 1);
    both.call(Nr.SETXATTR, "/f", UNMAPPED, bytes("1"), 1, 0);
    both.call(Nr.SETXATTR, "/f", "user.a", UNMAPPED, 1, 0);
    both.call(Nr.READLINK, "/toF", new Out(8), 0);
    both.call(Nr.READLINK, "/toF", new Out(8), -1);
    both.call(Nr.TRUNCATE, "/f", -1L);
    both.call(Nr.TRUNCATE, "/f", Long.MAX_VALUE);
    both.call(Nr.SETGROUPS, -1, 0);
    both.call(Nr.GETGROUPS, -1, 0);
    both.call(Nr.SETUID, -1);
    both.call(Nr.SETGID, -1);
    both.compareTrees();
  }

  @Test
  void descriptorsFailAlike() {
    makeTree();
    both.open(1, Nr.OPEN, "/d", Fcntl.O_RDONLY | Fcntl.O_DIRECTORY);
    both.open(2, Nr.OPEN, "/f", Fcntl.O_PATH);
    both.open(3, Nr.OPEN, "/toF", Fcntl.O_PATH | Fcntl.O_NOFOLLOW);
    both.open(4, Nr.OPEN, "/f", Fcntl.O_RDONLY);
    for (int i = 0; i < 6; i++) {
      Slot fd = new Slot(i); // the last one is open nowhere
      both.call(Nr.FCHMOD, fd, 0640);
      both.call(Nr.FCHOWN, fd, 1, 1);
      both.call(Nr.FCHDIR, fd);
      both.call(Nr.CHDIR, "/");
      both.call(Nr.FTRUNCATE, fd, 5);
      both.call(Nr.UTIMENSAT, fd, 0, 0, 0);
      both.call(Nr.UTIMENSAT, fd, 0, 0, Fcntl.AT_SYMLINK_NOFOLLOW);
      both.call(Nr.UTIMENSAT, fd, "", 0, Fcntl.AT_EMPTY_PATH);
      both.call(Nr.FUTIMESAT, fd, 0, 0);
      both.call(Nr.FSETXATTR, fd, "user.x", bytes("v"), 1, 0);
      both.call(Nr.FGETXATTR, fd, "user.x", new Out(4), 4);
      both.call(Nr.FLISTXATTR, fd, new NamesOut(32), 32);
      both.call(Nr.FREMOVEXATTR, fd, "user.x");
      both.call(Nr.MKDIRAT, fd, "sub", 0700);
      both.call(Nr.SYMLINKAT, "to", fd, "link");
      both.call(Nr.READLINKAT, fd, "link", new Out(8), 8);
      both.call(Nr.READLINKAT, fd, "", new Out(8), 8);
      both.call(Nr.MKNODAT, fd, "pipe", StatMode.S_IFIFO | 0600, 0);
      both.call(Nr.RENAMEAT, fd, "link", fd, "renamed");
      both.call(Nr.RENAMEAT, fd, "renamed", CWD, "/renamed" + i);
      both.call(Nr.LINKAT, fd, "", CWD, "/linked" + i, Fcntl.AT_EMPTY_PATH);
      both.call(Nr.LINKAT, fd, "", CWD, "/linked" + i, 0);
      both.call(Nr.LINKAT, fd, "pipe", fd, "pipe2", 0);
      both.call(Nr.FCHMODAT, fd, "pipe", 0611);
      both.call(Nr.FCHMODAT2, fd, "", 0711, Fcntl.AT_EMPTY_PATH);
      both.call(Nr.FCHOWNAT, fd, "pipe", 5, 6, 0);
      both.call(Nr.FCHOWNAT, fd, "", 7, 8, Fcntl.AT_EMPTY_PATH);
      both.call(Nr.FACCESSAT, fd, "pipe", Fcntl.R_OK);
      both.call(Nr.FACCESSAT2, fd, "", Fcntl.R_OK, Fcntl.AT_EMPTY_PATH);
      both.call(Nr.NEWFSTATAT, fd, "", new StatOut(), Fcntl.AT_EMPTY_PATH);
      both.call(Nr.UNLINKAT, fd, "sub", Fcntl.AT_REMOVEDIR);
      both.call(Nr.FLOCK, fd, Fcntl.LOCK_EX | Fcntl.LOCK_NB);
      both.call(Nr.FLOCK, fd, Fcntl.LOCK_UN);
      both.call(Nr.SYNCFS, fd);
    }
    both.compareTrees();
  }

  @Test
  void unnamedFilesGetNames() {
    both.call(Nr.MKDIR, "/d", 0755);
    both.open(0, Nr.OPEN, "/d", RW_TMPFILE, 0666);
    both.call(Nr.WRITE, new Slot(0), bytes("hello"), 5);
    both.call(Nr.FSTAT, new Slot(0), new StatOut());
    both.call(Nr.LINKAT, new Slot(0), "", CWD, "/d/named", Fcntl.AT_EMPTY_PATH);
    both.call(Nr.LINKAT, new Slot(0), "", CWD, "/d/named", Fcntl.AT_EMPTY_PATH);
    both.call(Nr.LINKAT, new Slot(0), "", CWD, "/d/again", Fcntl.AT_EMPTY_PATH);
    both.open(1, Nr.OPEN, "/d", RW_TMPFILE | Fcntl.O_EXCL, 0600);
    both.call(Nr.LINKAT, new Slot(1), "", CWD, "/d/never", Fcntl.AT_EMPTY_PATH);
    both.open(2, Nr.OPEN, "/d/named", RW_TMPFILE, 0600);
    both.open(2, Nr.OPEN, "/d", Fcntl.O_RDONLY | Fcntl.O_TMPFILE, 0600);
    both.open(3, Nr.OPEN, "/d/named", Fcntl.O_RDWR);
    both.call(Nr.UNLINK, "/d/named");
    both.call(Nr.UNLINK, "/d/again");
    both.call(Nr.LINKAT, new Slot(3), "", CWD, "/d/back", Fcntl.AT_EMPTY_PATH);
    both.call(Nr.FSTAT, new Slot(3), new StatOut());
    both.compareTrees();
  }

  @Test
  void theWorkingDirectoryFollowsRenamesAndRemoval() {
    both.call(Nr.MKDIR, "/a", 0755);
    both.call(Nr.MKDIR, "/a/b", 0755);
    both.call(Nr.CHDIR, "a/b");
    both.call(Nr.GETCWD, new Out(32), 32);
    both.call(Nr.MKDIR, "c", 0755);
    both.call(Nr.RENAME, "/a", "/z");
    both.call(Nr.GETCWD, new Out(32), 32);
    both.call(Nr.STAT, "c", new StatOut());
    both.call(Nr.RENAME, "../b", "../../y");
    both.call(Nr.GETCWD, new Out(32), 32);
    both.call(Nr.CHDIR, "c/..");
    both.call(Nr.GETCWD, new Out(32), 32);
    both.call(Nr.GETCWD, new Out(32), 2);
    both.call(Nr.CHDIR, "c");
    both.call(Nr.RMDIR, "/y/c");
    both.call(Nr.GETCWD, new Out(32), 32);
    both.open(0, Nr.OPEN, "new", RW_CREATE, 0600);
    both.call(Nr.MKDIR, "new", 0700);
    both.call(Nr.STAT, ".", new StatOut());
    both.call(Nr.STAT, "..", new StatOut());
    both.call(Nr.RENAME, "/z", "x");
    both.call(Nr.LINK, "/y", "x");
    both.call(Nr.CHDIR, "..");
    both.call(Nr.GETCWD, new Out(32), 32);
    both.call(Nr.CHDIR, "/");
    both.call(Nr.RMDIR, ".");
    both.compareTrees();
  }

  @Test
  void aRootIsNotLeftByNamesAndLinks() {
    both.call(Nr.MKDIR, "/a", 0755);
    both.call(Nr.MKDIR, "/a/b", 0755);
    both.call(Nr.MKDIR, "/ab", 0700);
    both.call(Nr.SYMLINK, "/b/new", "/a/absolute");
    both.call(Nr.SYMLINK, "../../../b/relative", "/a/b/up");
    both.call(Nr.SYMLINK, "/ab", "/a/outside");
    both.open(0, Nr.OPEN, "/", Fcntl.O_RDONLY | Fcntl.O_DIRECTORY);
    both.call(Nr.CHROOT, "/missing");
    both.call(Nr.CHROOT, "/a/absolute");
    both.call(Nr.CHROOT, UNMAPPED);
    both.call(Nr.CHROOT, "/a");
    both.call(Nr.STAT, "ab", new StatOut()); // the working directory is outside
    both.call(Nr.CHDIR, "ab");
    both.call(Nr.CHDIR, "/");
    both.call(Nr.GETCWD, new Out(32), 32);
    both.call(Nr.STAT, "/ab", new StatOut());
    both.call(Nr.STAT, "../ab", new StatOut());
    both.call(Nr.STAT, "/../../ab", new StatOut());
    both.call(Nr.STAT, "/outside", new StatOut());
    both.open(1, Nr.OPEN, "/absolute", RW_CREATE, 0600);
    both.open(2, Nr.OPEN, "/b/up", RW_CREATE, 0600);
    both.call(Nr.MKDIR, "../../b/c", 0755);
    both.call(Nr.CHDIR, "b/c");
    both.call(Nr.GETCWD, new Out(32), 32);
    both.call(Nr.SETRESUID, -1, 1, -1);
    both.call(Nr.CHROOT, "/b");
    both.call(Nr.SETRESUID, -1, 0, -1);
    both.call(Nr.CHROOT, "..");
    both.call(Nr.CHDIR, "..");
    both.call(Nr.CHDIR, "..");
    both.call(Nr.GETCWD, new Out(32), 32);
    both.call(Nr.FCHDIR, new Slot(0));
    both.call(Nr.CHROOT, ".");
    both.call(Nr.GETCWD, new Out(32), 32);
    both.compareTrees();
  }

  @Test
  void timesAreKeptToTheNanosecond() {
    both.open(0, Nr.OPEN, "/f", RW_CREATE, 0644);
    long[][] sets = {
      {1, 2, 3, 4},
      {-1, 999_999_999, Long.MAX_VALUE, 0},
      {Long.MIN_VALUE, 0, 5, 1},
      {1, Fcntl.UTIME_OMIT, 9, 9},
      {8, 8, 1, Fcntl.UTIME_OMIT},
      {1, Fcntl.UTIME_OMIT, 1, Fcntl.UTIME_OMIT},
      {1, 1_000_000_000, 1, 1},
      {1, 1, 1, -1}
    };
    for (long[] set : sets) {
      both.call(Nr.UTIMENSAT, CWD, "/f", times(set), 0);
      both.compareTimes("/f");
    }
    both.call(Nr.UTIMENSAT, CWD, "/none", times(1, Fcntl.UTIME_OMIT, 1, Fcntl.UTIME_OMIT), 0);
    both.call(Nr.UTIMENSAT, CWD, "/none", times(1, 1, 1, -1), 0);
    both.call(Nr.UTIMES, "/f", times(5, 999_999, -6, 0));
    both.compareTimes("/f");
    both.call(Nr.UTIMES, "/f", times(5, 1_000_000, 6, 0));
    both.call(Nr.UTIMES, "/f", times(5, -1, 6, 0));
    both.call(Nr.UTIME, "/f", times(7, 8, 0, 0));
    both.compareTimes("/f");
    both.call(Nr.FUTIMESAT, new Slot(0), 0, times(1, 1, 1, 1));
    both.compareTimes("/f");
  }

  @Test
  void extendedAttributes() {
    makeTree();
    String[] names = {
      "user.a",
      "trusted.a",
      "security.a",
      "user.",
      "trusted.",
      "user",
      "none.a",
      "a",
      "",
      "user." + "x".repeat(250),
      "user." + "x".repeat(251),
      "system.a"
    };
    for (String file : new String[] {"/f", "/d", "/toF", "/p"}) {
      for (String name : names) {
        for (int flags = 0; flags < 4; flags++) {
          both.call(Nr.LSETXATTR, file, name, bytes("v" + flags), 2, flags);
          both.call(Nr.LSETXATTR, file, name, bytes(""), 0, flags);
          both.call(Nr.LGETXATTR, file, name, new Out(8), 8);
        }
        both.call(Nr.LSETXATTR, file, name, bytes("value"), 5, 0);
        both.call(Nr.LGETXATTR, file, name, new Out(8), 0);
        both.call(Nr.LGETXATTR, file, name, new Out(8), 4);
        both.call(Nr.LGETXATTR, file, name, UNMAPPED, 5);
      }
      both.call(Nr.LLISTXATTR, file, new NamesOut(600), 600);
      both.call(Nr.LLISTXATTR, file, new NamesOut(8), 8);
      both.call(Nr.LLISTXATTR, file, 0, 0);
      both.call(Nr.LREMOVEXATTR, file, "user.a");
      both.call(Nr.LREMOVEXATTR, file, "user.a");
      both.call(Nr.LREMOVEXATTR, file, "none.a");
      both.call(Nr.LREMOVEXATTR, file, "trusted.a");
    }
    both.call(Nr.SETXATTR, "/f", "user.b", new byte[8], (long) Xattr.XATTR_SIZE_MAX + 1, 0);
    both.call(Nr.SETXATTR, "/f", "user.b", new byte[1 << 16], 1 << 16, 0);
    both.call(Nr.GETXATTR, "/f", "user.b", new Out(16), 0);
    both.compareTrees();
  }

  @Test
  void permissionsDecide() {
    both.call(Nr.MKDIR, "/open", 0777);
    both.call(Nr.MKDIR, "/sticky", 01777);
    both.call(Nr.MKDIR, "/shut", 0700);
    both.call(Nr.MKDIR, "/group", 02770);
    both.call(Nr.CHOWN, "/group", 0, 50);
    both.call(Nr.MKDIR, "/search", 0711);
    for (String directory : new String[] {"/open", "/sticky", "/shut", "/group", "/search"}) {
      both.open(0, Nr.OPEN, directory + "/f", RW_CREATE, 0640);
      both.open(1, Nr.OPEN, directory + "/x", RW_CREATE, 06777);
      both.call(Nr.MKDIR, directory + "/d", 0755);
      both.call(Nr.SETXATTR, directory + "/f", "trusted.t", bytes("t"), 1, 0);
      both.call(Nr.SETXATTR, directory + "/x", "user.u", bytes("u"), 1, 0);
    }
    both.call(Nr.SETGROUPS, 2, ints(50, 60));
    both.call(Nr.SETRESGID, 1000, 1000, 0);
    both.call(Nr.SETRESUID, 1000, 1000, 0);
    for (String directory : new String[] {"/open", "/sticky", "/shut", "/group", "/search"}) {
      for (String name : new String[] {directory + "/f", directory + "/x", directory + "/d"}) {
        for (int mode = 0; mode < 8; mode++) {
          both.call(Nr.ACCESS, name, mode);
          both.call(Nr.FACCESSAT2, CWD, name, mode, Fcntl.AT_EACCESS);
        }
        both.open(2, Nr.OPEN, name, Fcntl.O_RDONLY);
        both.open(2, Nr.OPEN, name, Fcntl.O_WRONLY);
        both.open(2, Nr.OPEN, name, Fcntl.O_RDONLY | Fcntl.O_TRUNC);
        both.open(2, Nr.OPEN, name, Fcntl.O_RDONLY | Fcntl.O_NOATIME);
        both.open(2, Nr.OPEN, name, 3);
        both.call(Nr.CHMOD, name, 0777);
        both.call(Nr.CHOWN, name, 1000, -1);
        both.call(Nr.CHOWN, name, -1, -1);
        both.call(Nr.TRUNCATE, name, 3);
        both.call(Nr.UTIMENSAT, CWD, name, 0, 0);
        both.call(Nr.UTIMENSAT, CWD, name, times(1, 2, 3, 4), 0);
        both.call(Nr.UTIMENSAT, CWD, name, times(1, Fcntl.UTIME_NOW, 3, Fcntl.UTIME_OMIT), 0);
        both.call(Nr.SETXATTR, name, "user.n", bytes("1"), 1, 0);
        both.call(Nr.SETXATTR, name, "trusted.n", bytes("1"), 1, 0);
        both.call(Nr.SETXATTR, name, "security.n", bytes("1"), 1, 0);
        both.call(Nr.GETXATTR, name, "user.u", new Out(4), 4);
        both.call(Nr.GETXATTR, name, "trusted.t", new Out(4), 4);
        both.call(Nr.LISTXATTR, name, new NamesOut(64), 64);
        both.call(Nr.STAT, name, new StatOut());
        both.call(Nr.RENAME, name, "/open/moved");
        both.call(Nr.RENAME, "/open/moved", name);
        both.call(Nr.RENAMEAT2, CWD, name, CWD, "/open/f", Fcntl.RENAME_EXCHANGE);
        both.call(Nr.RENAMEAT2, CWD, "/open/f", CWD, name, Fcntl.RENAME_EXCHANGE);
      }
      both.open(3, Nr.OPEN, directory + "/mine", RW_CREATE, 06755);
      both.call(Nr.STAT, directory + "/mine", new StatOut());
      both.call(Nr.WRITE, new Slot(3), bytes("x"), 1);
      both.call(Nr.STAT, directory + "/mine", new StatOut());
      both.call(Nr.CHMOD, directory + "/mine", 06777);
      both.call(Nr.CHOWN, directory + "/mine", -1, 60);
      both.call(Nr.CHOWN, directory + "/mine", -1, 70);
      both.call(Nr.CHOWN, directory + "/mine", 1001, -1);
      both.call(Nr.CHMOD, directory + "/mine", 02755);
      both.call(Nr.TRUNCATE, directory + "/mine", 9);
      both.call(Nr.STAT, directory + "/mine", new StatOut());
      both.call(Nr.MKDIR, directory + "/sub", 0777);
      both.call(Nr.STAT, directory + "/sub", new StatOut());
      both.call(Nr.MKNOD, directory + "/chr", StatMode.S_IFCHR | 0600, 0x103);
      both.call(Nr.MKNOD, directory + "/pipe", StatMode.S_IFIFO | 0600, 0);
      both.open(4, Nr.OPEN, directory, RW_TMPFILE, 0600);
      both.call(Nr.LINKAT, new Slot(4), "", CWD, directory + "/t", Fcntl.AT_EMPTY_PATH);
      both.call(Nr.UNLINK, directory + "/f");
      both.call(Nr.RMDIR, directory + "/d");
      both.call(Nr.CHDIR, directory);
      both.call(Nr.CHDIR, "/");
    }
    both.call(Nr.SETUID, 5);
    both.call(Nr.SETRESUID, -1, -1, 7);
    both.call(Nr.SETGROUPS, 0, 0);
    both.call(Nr.GETRESUID, new Out(4), new Out(4), new Out(4));
    both.call(Nr.GETRESGID, new Out(4), new Out(4), new Out(4));
    both.call(Nr.GETGROUPS, 0, 0);
    both.call(Nr.SETRESUID, 0, 0, 0);
    both.call(Nr.SETRESGID, 0, 0, 0);
    both.compareTrees();
  }

  /** A sequence of calls at random. -Dpollux.seed=N draws the same again. */
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 0})
  void randomCalls(long number) {
    long seed = number != 0 ? number : Long.getLong("pollux.seed", System.nanoTime());
    System.out.println("LikeLinuxTest: -Dpollux.seed=" + seed);
    RandomCalls calls = new RandomCalls(both, new SplittableRandom(seed));
    for (int i = 0; i < 20; i++) {
      calls.make(200);
      both.compareTrees();
    }
  }

  static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  static byte[] times(long... words) {
    ByteBuffer buffer = ByteBuffer.allocate(32).order(ByteOrder.LITTLE_ENDIAN);
    for (long word : words) {
      buffer.putLong(word);
    }
    return buffer.array();
  }

  private static byte[] ints(int... words) {
    ByteBuffer buffer = ByteBuffer.allocate(4 * words.length).order(ByteOrder.LITTLE_ENDIAN);
    for (int word : words) {
      buffer.putInt(word);
    }
    return buffer.array();
  }
}
