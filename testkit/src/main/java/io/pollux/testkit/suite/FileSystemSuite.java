// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit.suite;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Nr;
import io.pollux.uapi.StatMode;
import io.pollux.uapi.Statfs;
import org.junit.jupiter.api.Test;

/**
 * The behaviours of a filesystem, as tests. A test class extends it and implements {@code
 * fileSystem}:
 *
 * <pre>{@code
 * class MyFsSuiteTest extends FileSystemSuite {
 *   @Override
 *   protected SuiteFileSystem fileSystem() {
 *     return SuiteFileSystem.made(new MyFs(), 64 << 20).with(Feature.CREATE, Feature.WRITE);
 *   }
 * }
 * }</pre>
 *
 * <p>The suite skips a behaviour that needs an undeclared feature, and the report names the
 * feature. One more behaviour checks that the filesystem refuses undeclared operations with Linux's
 * errors.
 *
 * <p>Each behaviour has a kernel of its own. It fails if the kernel still holds a resource at the
 * end, or if the filesystem threw an exception. A failure lists the last calls and the seed;
 * -Dpollux.seed=N replays it. -Dpollux.operations=N and -Dpollux.cuts=N make the load and the power
 * cuts longer. The counts are written to target/suites/NAME.txt.
 *
 * <p>Each superclass is one subject: names, links, directories, reads, writes, direct and polled
 * I/O, sizes, holes, attributes, power cuts, damage, load.
 */
public abstract class FileSystemSuite extends LoadBehaviours {
  /** Creates the suite, for JUnit. */
  protected FileSystemSuite() {}

  @Test
  void whatIsNotDeclaredIsRefused() {
    Sample sample = sample(Calls.PAGE);
    String file = sample.path();
    int refused = Errno.EOPNOTSUPP;
    if (!has(Feature.CREATE)) {
      refuse(Feature.CREATE, fs.open("new", O_CREATE), Errno.EACCES, Errno.EPERM, refused);
    }
    if (!has(Feature.DIRECTORIES)) {
      refuse(Feature.DIRECTORIES, fs.mkdir("new", 0755), Errno.EPERM, refused);
    }
    if (!has(Feature.HARD_LINKS)) {
      refuse(Feature.HARD_LINKS, fs.link(file, "new"), Errno.EPERM, refused);
    }
    if (!has(Feature.SYMLINKS)) {
      refuse(Feature.SYMLINKS, fs.symlink("to", "new"), Errno.EPERM, refused);
    }
    if (!has(Feature.RENAME)) {
      refuse(Feature.RENAME, fs.rename(file, "new"), Errno.EPERM, refused);
    }
    if (has(Feature.RENAME) && !has(Feature.RENAME_EXCHANGE)) {
      fs.create("other", new byte[0]);
      long result = fs.renameat2(file, "other", Fcntl.RENAME_EXCHANGE);
      refuse(Feature.RENAME_EXCHANGE, result, Errno.EINVAL);
    }
    if (!has(Feature.MKNOD)) {
      long result = fs.mknod("new", StatMode.S_IFIFO | 0600, 0);
      refuse(Feature.MKNOD, result, Errno.EPERM, refused);
    }
    if (!has(Feature.TMPFILE)) {
      refuse(Feature.TMPFILE, fs.open("", O_RDWR | Fcntl.O_TMPFILE), refused);
    }
    if (!has(Feature.XATTR)) {
      long name = fs.text(1, "user.a");
      long result = fs.onPath("setxattr", Nr.SETXATTR, file, name, fs.data(), 3, 0);
      refuse(Feature.XATTR, result, refused);
    }
    if (!has(Feature.ATTRIBUTES)) {
      refuse(Feature.ATTRIBUTES, fs.chmod(file, 0600), Errno.EPERM, refused);
    }
    if (!has(Feature.DIRECT) && fileSystem.isOfThisKernel()) { // Linux has it on tmpfs since 6.6
      refuse(Feature.DIRECT, fs.open(file, O_RDONLY | O_DIRECT), Errno.EINVAL);
    }
    refuseOnFile(file, refused);
    assertThat(fs.exists("new")).isFalse();
  }

  private void refuseOnFile(String file, int refused) {
    int fd = fs.fd(file, has(Feature.WRITE) ? O_RDWR : O_RDONLY);
    if (has(Feature.WRITE) && !has(Feature.ALLOCATE)) {
      long result = fs.pwrite(fd, new byte[1], fs.status(fd).size());
      refuse(Feature.ALLOCATE, result, refused, Errno.ENOSPC);
      refuse(Feature.ALLOCATE, fs.ftruncate(fd, 0), refused, Errno.EPERM);
    }
    if (has(Feature.WRITE) && !has(Feature.FALLOCATE)) {
      refuse(Feature.FALLOCATE, fs.fallocate(fd, 0, 0, 100), refused);
    }
    if (!has(Feature.NOWAIT)) {
      long result = fs.vector(Nr.PREADV2, fd, 0, AioAbi.RWF_NOWAIT, 512);
      refuse(Feature.NOWAIT, result, refused);
    }
    if (!has(Feature.SEEK)) {
      long size = fs.status(fd).size();
      assertThat(fs.lseek(fd, 0, Fcntl.SEEK_HOLE)).isEqualTo(size);
    }
    if (!has(Feature.LARGE_FILES) && has(Feature.ALLOCATE)) {
      refuse(Feature.LARGE_FILES, fs.ftruncate(fd, 5L << 30), Errno.EFBIG, Errno.ENOSPC);
    }
    assertOk(fs.statfs(""));
    assertThat(Statfs.fBsize(fs.out())).isPositive();
    fs.done(fd);
  }

  private void refuse(Feature feature, long result, int... errnos) {
    fs.note("(" + feature + " is not declared)");
    if (result != -Errno.EROFS || !isReadOnly()) {
      assertFails(result, errnos);
    }
  }
}
