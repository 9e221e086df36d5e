// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit.suite;

import static io.pollux.testkit.CallAssert.assertThatCall;
import static io.pollux.testkit.suite.Feature.ALLOCATE;
import static io.pollux.testkit.suite.Feature.CREATE;
import static io.pollux.testkit.suite.Feature.DIRECTORIES;
import static io.pollux.testkit.suite.Feature.HARD_LINKS;
import static io.pollux.testkit.suite.Feature.MKNOD;
import static io.pollux.testkit.suite.Feature.RENAME;
import static io.pollux.testkit.suite.Feature.SYMLINKS;
import static io.pollux.testkit.suite.Feature.TMPFILE;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Nr;
import io.pollux.uapi.StatMode;
import io.pollux.userland.FileStatus;
import org.junit.jupiter.api.Test;

/** Several names, symbolic links, special files, and files without a name. */
abstract class LinkBehaviours extends NameBehaviours {
  @Test
  @Needs({CREATE, ALLOCATE, HARD_LINKS})
  void twoNamesAreOneFile() {
    byte[] content = bytes(PAGE);
    fs.create("first", content);
    assertOk(fs.link("first", "second"));
    assertThat(fs.status("second").ino()).isEqualTo(fs.status("first").ino());
    int fd = fs.fd("second", O_RDWR);
    fs.store(fd, new byte[] {7}, 3);
    fs.done(fd);
    content[3] = 7;
    assertContent("first", content);
  }

  @Test
  @Needs({CREATE, HARD_LINKS})
  void theLinkCountFollowsTheNames() {
    fs.done(fs.fd("first", O_CREATE));
    assertOk(fs.link("first", "second"));
    assertOk(fs.link("second", "third"));
    assertThat(fs.status("first").nlink()).isEqualTo(3);
    assertOk(fs.unlink("first"));
    assertThat(fs.status("third").nlink()).isEqualTo(2);
    assertOk(fs.unlink("second"));
    assertThat(fs.status("third").nlink()).isEqualTo(1);
  }

  @Test
  @Needs({CREATE, HARD_LINKS})
  void aLinkNeedsAFreeName() {
    fs.done(fs.fd("first", O_CREATE));
    fs.done(fs.fd("second", O_CREATE));
    assertFails(fs.link("first", "second"), Errno.EEXIST);
    assertFails(fs.link("first", "first"), Errno.EEXIST);
    assertFails(fs.link("missing", "third"), Errno.ENOENT);
    assertThat(fs.status("first").nlink()).isEqualTo(1);
  }

  @Test
  @Needs({CREATE, HARD_LINKS, DIRECTORIES})
  void aDirectoryHasOneName() {
    assertOk(fs.mkdir("dir", 0755));
    assertFails(fs.link("dir", "other"), Errno.EPERM);
  }

  @Test
  @Needs({CREATE, HARD_LINKS, RENAME})
  void aRenameBetweenTwoNamesOfOneFileKeepsBoth() {
    fs.done(fs.fd("first", O_CREATE));
    assertOk(fs.link("first", "second"));
    assertOk(fs.rename("first", "second"));
    assertThat(fs.exists("first")).isTrue();
    assertThat(fs.status("second").nlink()).isEqualTo(2);
  }

  @Test
  @Needs({CREATE, ALLOCATE, SYMLINKS})
  void aSymlinkLeadsToItsTarget() {
    byte[] content = bytes(100);
    fs.create("target", content);
    assertOk(fs.symlink("target", "link"));
    assertContent("link", content);
    assertThat(fs.status("link").ino()).isEqualTo(fs.status("target").ino());
    assertThat(fs.linkStatus("link").is(StatMode.S_IFLNK)).isTrue();
  }

  @Test
  @Needs(SYMLINKS)
  void aSymlinkHasTheLengthOfItsTarget() {
    String target = "t".repeat(200);
    assertOk(fs.symlink(target, "link"));
    assertThat(fs.linkStatus("link").size()).isEqualTo(200);
    assertThatCall(fs.readlink("link", 1000)).returns(200);
    assertThat(fs.out(200)).isEqualTo(target);
    assertThatCall(fs.readlink("link", 5)).returns(5);
    assertFails(fs.readlink("link", 0), Errno.EINVAL);
  }

  @Test
  @Needs(SYMLINKS)
  void aSymlinkMayHoldTheLongestPath() {
    for (int length : new int[] {1, 59, 60, 500, 1023}) {
      String target = "l".repeat(length);
      assertOk(fs.symlink(target, "link" + length));
      assertThatCall(fs.readlink("link" + length, 4096)).returns(length);
      assertThat(fs.out(length)).isEqualTo(target);
    }
  }

  @Test
  @Needs(SYMLINKS)
  void aLoopOfSymlinksIsEloop() {
    assertOk(fs.symlink("second", "first"));
    assertOk(fs.symlink("first", "second"));
    assertFails(fs.open("first", O_RDONLY), Errno.ELOOP);
  }

  @Test
  @Needs(SYMLINKS)
  void aDanglingSymlinkIsEnoent() {
    assertOk(fs.symlink("missing", "link"));
    assertFails(fs.open("link", O_RDONLY), Errno.ENOENT);
    assertFails(fs.symlink("other", "link"), Errno.EEXIST);
    assertFails(fs.symlink("", "empty"), Errno.ENOENT);
  }

  @Test
  @Needs({CREATE, SYMLINKS})
  void openWithNofollowRefusesASymlink() {
    fs.done(fs.fd("target", O_CREATE));
    assertOk(fs.symlink("target", "link"));
    assertFails(fs.open("link", O_RDONLY | Fcntl.O_NOFOLLOW), Errno.ELOOP);
    fs.done(fs.fd("target", O_RDONLY | Fcntl.O_NOFOLLOW));
  }

  @Test
  @Needs({CREATE, SYMLINKS})
  void unlinkRemovesTheLinkAndNotItsTarget() {
    fs.done(fs.fd("target", O_CREATE));
    assertOk(fs.symlink("target", "link"));
    assertOk(fs.unlink("link"));
    assertThat(fs.exists("target")).isTrue();
  }

  @Test
  void readlinkOfAFileIsEinval() {
    assertFails(fs.readlink(sample(PAGE).path(), 100), Errno.EINVAL);
    assertFails(fs.readlink("missing", 100), Errno.ENOENT);
  }

  @Test
  @Needs(MKNOD)
  void aFifoHasItsTypeAndMode() {
    assertOk(fs.mknod("fifo", StatMode.S_IFIFO | 0640, 0));
    FileStatus status = fs.status("fifo");
    assertThat(status.mode()).isEqualTo(StatMode.S_IFIFO | 0640);
    assertThat(status.nlink()).isEqualTo(1);
    assertThat(fs.list("").stream().filter(entry -> entry.name().equals("fifo")))
        .singleElement()
        .matches(entry -> entry.type() == StatMode.DT_FIFO || entry.type() == StatMode.DT_UNKNOWN);
    assertOk(fs.unlink("fifo"));
  }

  @Test
  @Needs(MKNOD)
  void aDeviceNodeKeepsItsNumber() {
    long dev = 7L << 8 | 3;
    assertOk(fs.mknod("node", StatMode.S_IFBLK | 0600, dev));
    assertThat(fs.status("node").rdev()).isEqualTo(dev);
    assertThat(fs.status("node").is(StatMode.S_IFBLK)).isTrue();
    assertFails(fs.mknod("node", StatMode.S_IFBLK | 0600, dev), Errno.EEXIST);
  }

  @Test
  @Needs({TMPFILE, ALLOCATE})
  void aTmpfileHasNoName() {
    int before = fs.names("").size();
    int fd = fs.fd("", O_RDWR | Fcntl.O_TMPFILE);
    byte[] content = bytes(PAGE + 1);
    fs.store(fd, content, 0);
    assertContent(fd, 0, content);
    assertThat(fs.status(fd).nlink()).isZero();
    assertThat(fs.names("")).hasSize(before);
    fs.done(fd);
  }

  @Test
  @Needs({TMPFILE, ALLOCATE, HARD_LINKS})
  void aTmpfileCanGetAName() {
    byte[] content = bytes(50);
    int fd = fs.fd("", O_RDWR | Fcntl.O_TMPFILE);
    fs.store(fd, content, 0);
    assertOk(linkat(fd, "named"));
    fs.done(fd);
    assertContent("named", content);
    assertThat(fs.status("named").nlink()).isEqualTo(1);
  }

  @Test
  @Needs({TMPFILE, HARD_LINKS})
  void anExclusiveTmpfileGetsNoName() {
    int fd = fs.fd("", O_RDWR | Fcntl.O_TMPFILE | Fcntl.O_EXCL);
    assertFails(linkat(fd, "named"), Errno.ENOENT);
    fs.done(fd);
  }

  private long linkat(int fd, String name) {
    String full = machine.directory() + "/" + name;
    long empty = fs.text(0, "");
    long to = fs.text(1, full);
    return fs.call(
        "linkat(" + fd + ", \"" + name + "\")",
        Nr.LINKAT,
        fd,
        empty,
        Fcntl.AT_FDCWD,
        to,
        Fcntl.AT_EMPTY_PATH);
  }
}
