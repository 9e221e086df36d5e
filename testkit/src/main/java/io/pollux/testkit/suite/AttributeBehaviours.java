// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit.suite;

import static io.pollux.testkit.CallAssert.assertThatCall;
import static io.pollux.testkit.suite.Feature.ALLOCATE;
import static io.pollux.testkit.suite.Feature.ATTRIBUTES;
import static io.pollux.testkit.suite.Feature.CHANGE_TIMES;
import static io.pollux.testkit.suite.Feature.CREATE;
import static io.pollux.testkit.suite.Feature.HOLES;
import static io.pollux.testkit.suite.Feature.REMOUNT;
import static io.pollux.testkit.suite.Feature.RENAME;
import static io.pollux.testkit.suite.Feature.WRITE;
import static io.pollux.testkit.suite.Feature.XATTR;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Nr;
import io.pollux.uapi.StatMode;
import io.pollux.uapi.Statfs;
import io.pollux.userland.FileStatus;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;

/** Attributes, times, extended attributes, and the counts of statfs. */
abstract class AttributeBehaviours extends SeekBehaviours {
  private static final long OLD = 1_000_000_000; // seconds since 1970
  private static final int XATTR_CREATE = 1;
  private static final int XATTR_REPLACE = 2;
  private static final int WAITS = 500;
  private static final long WAIT_NANOS = 20_000_000;
  private static final int NOBODY = 65_534;

  @Test
  void aFileHasOneStatus() {
    Sample sample = sample(PAGE + 1);
    int fd = fs.fd(sample.path(), O_RDONLY);
    FileStatus open = fs.status(fd);
    assertThat(open).isEqualTo(fs.status(sample.path())).isEqualTo(fs.linkStatus(sample.path()));
    assertThat(open.is(StatMode.S_IFREG)).isTrue();
    assertThat(open.size()).isEqualTo(sizeOf(sample));
    assertThat(open.nlink()).isEqualTo(1);
    assertThat(open.dev()).isEqualTo(fs.status("").dev());
    assertThat(open.blksize()).isPositive();
    fs.done(fd);
  }

  @Test
  void statfsAddsUp() {
    assertOk(fs.statfs(""));
    long blocks = Statfs.fBlocks(fs.out());
    long free = Statfs.fBfree(fs.out());
    assertThat(Statfs.fBsize(fs.out())).isPositive();
    assertThat(free).isBetween(0L, blocks);
    assertThat(Statfs.fBavail(fs.out())).isBetween(0L, free);
    assertThat(Statfs.fFfree(fs.out())).isBetween(0L, Statfs.fFiles(fs.out()));
    assertThat(Statfs.fNamelen(fs.out())).as("f_namelen").isBetween(1L, 255L);
  }

  @Test
  @Needs({CREATE, ALLOCATE, HOLES})
  void statfsFollowsTheBlocksOfFiles() {
    assertOk(fs.sync());
    long before = freeBytes();
    fs.create("file", bytes(64 * PAGE));
    assertOk(fs.sync());
    assertThat(before - freeBytes()).isGreaterThanOrEqualTo(64 * PAGE);
    assertOk(fs.unlink("file"));
    assertOk(fs.sync());
    for (int i = 0; i < WAITS && before - freeBytes() >= 64 * PAGE; i++) {
      LockSupport.parkNanos(WAIT_NANOS); // XFS frees blocks in the background
    }
    assertThat(before - freeBytes()).isLessThan(64 * PAGE);
  }

  private long freeBytes() {
    assertOk(fs.statfs(""));
    return Statfs.fBfree(fs.out()) * Statfs.fBsize(fs.out());
  }

  @Test
  @Needs(CREATE)
  void aNewFileHasTheModeOfItsCreationWithoutTheUmask() {
    long before = fs.call("umask(027)", Nr.UMASK, 027);
    fs.done(fs.open("new", O_CREATE, 0666));
    assertThatCall(fs.call("umask", Nr.UMASK, before)).returns(027);
    FileStatus status = fs.status("new");
    assertThat(status.mode()).isEqualTo(StatMode.S_IFREG | 0640);
    assertThat(status.uid()).isZero();
    assertThat(status.gid()).isZero();
    assertThat(status.size()).isZero();
    assertThat(status.blocks()).isZero();
  }

  @Test
  @Needs(CREATE)
  void filesHaveDifferentNumbers() {
    fs.done(fs.fd("first", O_CREATE));
    fs.done(fs.fd("second", O_CREATE));
    assertThat(fs.status("first").ino()).isNotEqualTo(fs.status("second").ino());
  }

  @Test
  @Needs({CREATE, ATTRIBUTES})
  void chmodChangesTheMode() {
    fs.done(fs.fd("file", O_CREATE));
    for (int mode : new int[] {0, 0777, 04755, 01600, 0644}) {
      assertOk(fs.chmod("file", mode));
      assertThat(fs.status("file").mode()).isEqualTo(StatMode.S_IFREG | mode);
    }
    assertFails(fs.chmod("missing", 0600), Errno.ENOENT);
  }

  @Test
  @Needs({CREATE, ATTRIBUTES})
  void chownChangesTheOwner() {
    fs.done(fs.fd("file", O_CREATE));
    assertOk(fs.chown("file", 1234, 5678));
    assertThat(fs.status("file").uid()).isEqualTo(1234);
    assertThat(fs.status("file").gid()).isEqualTo(5678);
    assertOk(fs.chown("file", -1, 9));
    assertThat(fs.status("file").uid()).isEqualTo(1234);
    assertThat(fs.status("file").gid()).isEqualTo(9);
  }

  @Test
  @Needs({CREATE, ATTRIBUTES})
  void chownDropsTheSetUserIdBit() {
    fs.done(fs.fd("file", O_CREATE));
    assertOk(fs.chmod("file", 06755));
    assertOk(fs.chown("file", 1, 1));
    assertThat(fs.status("file").mode()).isEqualTo(StatMode.S_IFREG | 0755);
  }

  @Test
  @Needs({CREATE, ATTRIBUTES})
  void theModeDecidesWhoMayOpen() {
    fs.done(fs.fd("file", O_CREATE));
    assertOk(fs.chmod("file", 0600));
    assertOk(setEuid(NOBODY));
    assertFails(fs.open("file", O_RDONLY), Errno.EACCES);
    assertFails(fs.chmod("file", 0666), Errno.EPERM);
    assertFails(fs.chown("file", NOBODY, -1), Errno.EPERM);
    assertFails(fs.open("new", O_CREATE), Errno.EACCES);
    assertFails(fs.unlink("file"), Errno.EACCES);
    assertOk(setEuid(0));
    assertOk(fs.chmod("file", 0644));
    assertOk(setEuid(NOBODY));
    fs.done(fs.fd("file", O_RDONLY));
    assertFails(fs.open("file", O_RDWR), Errno.EACCES);
    assertOk(setEuid(0));
  }

  private long setEuid(int uid) {
    return fs.call("setresuid(-1, " + uid + ", -1)", Nr.SETRESUID, -1, uid, -1);
  }

  @Test
  @Needs({CREATE, ATTRIBUTES})
  void utimensSetsTimes() {
    fs.done(fs.fd("file", O_CREATE));
    assertOk(fs.utimens("file", OLD, 0, OLD + 5, 123_000_000));
    assertThat(fs.status("file").mtime()).isEqualTo(new FileStatus.Time(OLD + 5, 123_000_000));
    assertOk(fs.utimens("file", 0, Fcntl.UTIME_OMIT, 0, Fcntl.UTIME_OMIT));
    assertThat(fs.status("file").mtime()).isEqualTo(new FileStatus.Time(OLD + 5, 123_000_000));
    assertOk(fs.utimens("file", 0, Fcntl.UTIME_NOW, 0, Fcntl.UTIME_NOW));
    assertThat(fs.status("file").mtime().seconds()).isGreaterThan(OLD + 5);
    assertFails(fs.utimens("file", 0, 1_000_000_000, 0, 0), Errno.EINVAL);
  }

  @Test
  @Needs({CREATE, ATTRIBUTES})
  void timesBefore1970AreKept() {
    fs.done(fs.fd("file", O_CREATE));
    assertOk(fs.utimens("file", -5, 0, -5, 500_000_000));
    assertThat(fs.status("file").mtime()).isEqualTo(new FileStatus.Time(-5, 500_000_000));
  }

  @Test
  @Needs({CREATE, ALLOCATE, ATTRIBUTES})
  void aWriteMovesTheTimeOfModification() {
    fs.create("file", bytes(10));
    assertOk(fs.utimens("file", OLD, 0, OLD, 0));
    int fd = fs.fd("file", O_RDWR);
    fs.store(fd, bytes(1), 0);
    assertThat(fs.status(fd).mtime().seconds()).isGreaterThan(OLD);
    fs.done(fd);
    assertOk(fs.utimens("file", OLD, 0, OLD, 0));
    assertOk(fs.truncate("file", 5));
    assertThat(fs.status("file").mtime().seconds()).isGreaterThan(OLD);
  }

  @Test
  void aReadDoesNotMoveTheTimeOfModification() {
    Sample sample = sample(PAGE);
    FileStatus before = fs.status(sample.path());
    int fd = fs.fd(sample.path(), O_RDONLY);
    fs.load(fd, 0, PAGE);
    fs.done(fd);
    FileStatus after = fs.status(sample.path());
    assertThat(after.mtime()).isEqualTo(before.mtime());
    assertThat(after.ctime()).isEqualTo(before.ctime());
  }

  @Test
  @Needs({CREATE, ALLOCATE, ATTRIBUTES})
  void aWriteOfNoBytesDoesNotMoveTheTimeOfModification() {
    fs.create("file", bytes(10));
    assertOk(fs.utimens("file", OLD, 0, OLD, 0));
    int fd = fs.fd("file", O_RDWR);
    assertThatCall(fs.pwrite(fd, new byte[0], 0)).returns(0);
    assertFails(fs.pwriteAt(fd, 8, 100, Long.MIN_VALUE), Errno.EINVAL);
    fs.done(fd);
    assertThat(fs.status("file").mtime().seconds()).isEqualTo(OLD);
  }

  @Test
  @Needs({CREATE, ATTRIBUTES, CHANGE_TIMES})
  void changesOfTheInodeMoveItsTimeOfChange() {
    fs.done(fs.fd("file", O_CREATE));
    assertOk(fs.utimens("file", OLD, 0, OLD, 0));
    FileStatus status = fs.status("file");
    assertThat(status.ctime().seconds()).isGreaterThan(OLD);
    assertThat(status.atime().seconds()).isEqualTo(OLD);
    assertOk(fs.chmod("file", 0600));
    assertThat(fs.status("file").mtime().seconds()).isEqualTo(OLD);
  }

  @Test
  @Needs({CREATE, ATTRIBUTES, CHANGE_TIMES})
  void namesMoveTheTimesOfTheirDirectory() {
    assertOk(fs.utimens("", OLD, 0, OLD, 0));
    fs.done(fs.fd("new", O_CREATE));
    assertThat(fs.status("").mtime().seconds()).isGreaterThan(OLD);
    assertOk(fs.utimens("", OLD, 0, OLD, 0));
    assertOk(fs.unlink("new"));
    assertThat(fs.status("").mtime().seconds()).isGreaterThan(OLD);
  }

  @Test
  @Needs({CREATE, ALLOCATE, ATTRIBUTES, REMOUNT})
  void attributesOutliveARemount() throws Exception {
    fs.create("file", bytes(PAGE + 9));
    assertOk(fs.chmod("file", 0751));
    assertOk(fs.chown("file", 42, 43));
    assertOk(fs.utimens("file", OLD, 0, OLD + 1, 7_000_000));
    remount();
    FileStatus status = fs.status("file");
    assertThat(status.mode()).isEqualTo(StatMode.S_IFREG | 0751);
    assertThat(status.uid()).isEqualTo(42);
    assertThat(status.gid()).isEqualTo(43);
    assertThat(status.size()).isEqualTo(PAGE + 9);
    assertThat(status.mtime()).isEqualTo(new FileStatus.Time(OLD + 1, 7_000_000));
  }

  @Test
  @Needs({WRITE, REMOUNT})
  void theTimeOfAWriteOutlivesARemount() throws Exception {
    Sample sample = sample(PAGE);
    int fd = fs.fd(sample.path(), O_RDWR);
    assertThatCall(fs.pwrite(fd, bytes(10), 0)).returns(10);
    FileStatus.Time mtime = fs.status(fd).mtime();
    fs.done(fd);
    remount();
    assertThat(fs.status(sample.path()).mtime()).isEqualTo(mtime);
  }

  // Extended attributes.

  private long setxattr(String name, byte[] value, int flags) {
    Calls.put(fs.data(), value);
    long[] more = {fs.text(1, name), fs.data(), value.length, flags};
    return fs.onPath("setxattr " + name + " ", Nr.SETXATTR, "file", more);
  }

  private long getxattr(String name, int size) {
    return fs.onPath(
        "getxattr " + name + " ", Nr.GETXATTR, "file", fs.text(1, name), fs.out(), size);
  }

  private long listxattr(int size) {
    return fs.onPath("listxattr", Nr.LISTXATTR, "file", fs.out(), size);
  }

  private void assertXattr(String name, byte[] value) {
    assertThatCall(getxattr(name, 4096)).returns(value.length);
    assertSame(Calls.bytes(fs.out(), value.length), value, "of " + name);
  }

  @Test
  @Needs({CREATE, XATTR})
  void anExtendedAttributeIsKept() {
    fs.done(fs.fd("file", O_CREATE));
    for (int length : new int[] {0, 1, 100, 2000}) {
      byte[] value = bytes(length);
      assertOk(setxattr("user.a", value, 0));
      assertXattr("user.a", value);
    }
    assertFails(getxattr("user.b", 10), Errno.ENODATA);
    assertThatCall(getxattr("user.a", 0)).returns(2000);
    assertFails(getxattr("user.a", 5), Errno.ERANGE);
  }

  @Test
  @Needs({CREATE, XATTR})
  void extendedAttributesAreListed() {
    fs.done(fs.fd("file", O_CREATE));
    long before = listxattr(0); // a security module may have its own
    assertThatCall(before).succeeds();
    assertOk(setxattr("user.first", bytes(3), 0));
    assertOk(setxattr("user.second", bytes(3), 0));
    assertThatCall(listxattr(0)).returns(before + 23);
    assertThatCall(listxattr(1000)).returns(before + 23);
    assertThat(fs.out(before + 23).split("\0")).contains("user.first", "user.second");
    assertFails(listxattr(5), Errno.ERANGE);
  }

  @Test
  @Needs({CREATE, XATTR})
  void flagsOfSetxattrAreObeyed() {
    fs.done(fs.fd("file", O_CREATE));
    assertFails(setxattr("user.a", bytes(1), XATTR_REPLACE), Errno.ENODATA);
    assertOk(setxattr("user.a", bytes(1), XATTR_CREATE));
    assertFails(setxattr("user.a", bytes(1), XATTR_CREATE), Errno.EEXIST);
    assertOk(setxattr("user.a", bytes(1), XATTR_REPLACE));
    assertFails(setxattr("user.a", bytes(1), 4), Errno.EINVAL);
  }

  @Test
  @Needs({CREATE, XATTR})
  void aRemovedAttributeIsGone() {
    fs.done(fs.fd("file", O_CREATE));
    assertOk(setxattr("user.a", bytes(10), 0));
    assertOk(setxattr("user.b", bytes(11), 0));
    assertOk(fs.onPath("removexattr", Nr.REMOVEXATTR, "file", fs.text(1, "user.a")));
    assertFails(
        fs.onPath("removexattr", Nr.REMOVEXATTR, "file", fs.text(1, "user.a")), Errno.ENODATA);
    assertFails(getxattr("user.a", 100), Errno.ENODATA);
    assertThatCall(getxattr("user.b", 100)).returns(11);
  }

  @Test
  @Needs({CREATE, XATTR})
  void namesOfAttributesAreChecked() {
    fs.done(fs.fd("file", O_CREATE));
    assertFails(setxattr("user." + "n".repeat(251), bytes(1), 0), Errno.ERANGE);
    assertFails(setxattr("nothing.a", bytes(1), 0), Errno.EOPNOTSUPP);
    assertFails(setxattr("user.", bytes(1), 0), Errno.EINVAL);
    assertFails(setxattr("", bytes(1), 0), Errno.ERANGE);
  }

  @Test
  @Needs({CREATE, XATTR, RENAME})
  void attributesFollowARename() {
    fs.done(fs.fd("before", O_CREATE));
    assertOk(fs.rename("before", "file"));
    byte[] value = bytes(33);
    assertOk(setxattr("user.a", value, 0));
    assertOk(fs.rename("file", "between"));
    assertOk(fs.rename("between", "file"));
    assertXattr("user.a", value);
  }

  @Test
  @Needs({CREATE, XATTR, REMOUNT})
  void extendedAttributesOutliveARemount() throws Exception {
    fs.done(fs.fd("file", O_CREATE));
    byte[] value = bytes(500);
    assertOk(setxattr("user.a", value, 0));
    remount();
    assertXattr("user.a", value);
  }
}
