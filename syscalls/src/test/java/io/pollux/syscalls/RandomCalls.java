// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import io.pollux.syscalls.Both.Out;
import io.pollux.syscalls.Both.Slot;
import io.pollux.syscalls.Both.StatOut;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Nr;
import io.pollux.uapi.StatMode;
import java.util.SplittableRandom;

/** Draws calls on a few names of a small tree, as root and as another user. */
final class RandomCalls {
  private static final String[] NAMES = {"a", "b", "c", "f", "g"};
  private static final String[] NAME_SPACES = {"user.", "trusted.", "security."};
  private static final int CWD = Fcntl.AT_FDCWD;
  private static final int SLOTS = 6;

  /** A number of a device that no driver has: major 200, minor 5. */
  private static final int NO_DEVICE = 0xc805;

  private final Both both;
  private final SplittableRandom random;
  private boolean root = true;

  RandomCalls(Both both, SplittableRandom random) {
    this.both = both;
    this.random = random;
  }

  /** Makes some calls, the last ones as root. */
  void make(int count) {
    for (int i = 0; i < count; i++) {
      one();
    }
    become(true);
  }

  private void become(boolean toRoot) {
    if (root != toRoot) {
      int id = toRoot ? 0 : 1000;
      both.call(Nr.SETRESGID, id, id, 0);
      both.call(Nr.SETRESUID, id, id, 0);
      root = toRoot;
    }
  }

  private String path() {
    StringBuilder path = new StringBuilder(random.nextInt(3) == 0 ? "" : "/");
    int depth = random.nextInt(1, 4);
    for (int i = 0; i < depth; i++) {
      int draw = random.nextInt(40);
      String name = draw == 0 ? ".." : draw == 1 ? "." : NAMES[random.nextInt(NAMES.length)];
      path.append(i == 0 ? "" : "/").append(name);
    }
    return path.append(random.nextInt(15) == 0 ? "/" : "").toString();
  }

  private Slot slot() {
    return new Slot(random.nextInt(SLOTS));
  }

  private int mode() {
    int draw = random.nextInt(4);
    return draw == 0 ? random.nextInt(010000) : draw == 1 ? 01777 : draw == 2 ? 0755 : 0777;
  }

  private int pick(int... of) {
    return of[random.nextInt(of.length)];
  }

  private void one() {
    switch (random.nextInt(34)) {
      case 0, 1, 2 -> both.call(Nr.MKDIR, path(), mode());
      case 3 -> both.call(Nr.RMDIR, path());
      case 4 -> both.call(Nr.UNLINK, path());
      case 5, 6 -> both.open(random.nextInt(SLOTS), Nr.OPEN, path(), openFlags(), mode());
      case 7, 8, 9 -> both.call(Nr.RENAMEAT2, CWD, path(), CWD, path(), pick(0, 0, 0, 1, 2));
      case 10, 11 -> {
        become(true); // the machine may restrict the links of others (protected_hardlinks)
        both.call(Nr.LINKAT, CWD, path(), CWD, path(), pick(0, 0, Fcntl.AT_SYMLINK_FOLLOW));
      }
      case 12, 13 -> both.call(Nr.SYMLINK, path(), path());
      case 14 ->
          both.call(
              Nr.MKNOD,
              path(),
              pick(StatMode.S_IFREG, StatMode.S_IFCHR, StatMode.S_IFSOCK) | 0644,
              NO_DEVICE);
      case 15 -> both.call(Nr.CHMOD, path(), mode());
      case 16 -> both.call(Nr.LCHOWN, path(), pick(-1, 0, 1000, 1001), pick(-1, 0, 1000, 50));
      case 17 -> both.call(Nr.TRUNCATE, path(), random.nextInt(20_000));
      case 18 -> both.call(Nr.FTRUNCATE, slot(), random.nextInt(20_000));
      case 19 -> both.call(Nr.STAT, path(), new StatOut());
      case 20 -> both.call(Nr.LSTAT, path(), new StatOut());
      case 21 -> both.call(Nr.FSTAT, slot(), new StatOut());
      case 22 -> both.call(Nr.READLINK, path(), new Out(40), 40);
      case 23 -> both.call(Nr.ACCESS, path(), random.nextInt(8));
      case 24 -> both.call(Nr.SETXATTR, path(), attribute(), new byte[9], 9, random.nextInt(3));
      case 25 -> both.call(Nr.GETXATTR, path(), attribute(), new Out(10), 10);
      case 26 -> both.call(Nr.LREMOVEXATTR, path(), attribute());
      case 27 -> both.call(Nr.CHDIR, path());
      case 28 -> both.call(Nr.GETCWD, new Out(200), 200);
      case 29 -> both.call(Nr.UMASK, random.nextInt(0100));
      case 30 -> both.close(random.nextInt(SLOTS));
      case 31 -> both.call(Nr.PWRITE64, slot(), new byte[3000], 3000, random.nextInt(9000));
      case 32 -> both.call(Nr.FCHDIR, slot());
      default -> become((!root && random.nextBoolean()) || random.nextInt(3) != 0);
    }
  }

  private int openFlags() {
    int flags = pick(Fcntl.O_RDONLY, Fcntl.O_WRONLY, Fcntl.O_RDWR);
    flags |= pick(0, Fcntl.O_CREAT, Fcntl.O_CREAT, Fcntl.O_CREAT | Fcntl.O_EXCL, Fcntl.O_TMPFILE);
    flags |= pick(0, 0, Fcntl.O_TRUNC, Fcntl.O_APPEND, Fcntl.O_NOFOLLOW, Fcntl.O_PATH);
    return flags | Fcntl.O_NONBLOCK; // so that no open waits for the other end of a fifo
  }

  private String attribute() {
    return NAME_SPACES[random.nextInt(NAME_SPACES.length)] + NAMES[random.nextInt(NAMES.length)];
  }
}
