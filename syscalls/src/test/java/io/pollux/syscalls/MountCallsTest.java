// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.pollux.block.BlockDevice;
import io.pollux.block.bdev.FileSystemType;
import io.pollux.block.bdev.Providers;
import io.pollux.block.driver.RamDisk;
import io.pollux.core.ErrnoException;
import io.pollux.core.Oops;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Mman;
import io.pollux.uapi.MountFlags;
import io.pollux.uapi.Nr;
import io.pollux.uapi.RawMemory;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Mounting, unmounting and remounting while programs run, with a filesystem of the class path. The
 * errnos of the calls are those that Linux 6.18 returned for XFS on a loop device.
 */
@Timeout(60)
class MountCallsTest {
  private static final long PAGE = 4096;

  private final RamDisk memory = new RamDisk(1 << 20);
  private final BlockDevice one = memory.disk("ram0", 0x100, false);
  private final BlockDevice two = memory.disk("ram1", 0x101, false);
  private final BlockDevice fixed = memory.disk("ram2", 0x102, true);
  private final FileSystemType toy = new Toy();
  private Kernel kernel;
  private Program program;
  private long page;

  @BeforeEach
  void boot() throws ErrnoException {
    kernel = Kernel.boot(Providers.builtIn().with(toy));
    kernel.addDisk(one);
    kernel.addDisk(two);
    kernel.addDisk(fixed);
    program = kernel.newProgram();
    page = map(program);
    Toy.EVENTS.clear();
  }

  @AfterEach
  void shutDown() throws ErrnoException {
    program.close();
    assertThat(kernel.held()).isEmpty();
    kernel.close();
    for (BlockDevice disk : List.of(one, two, fixed)) {
      assertThat(disk.claim(this)).as("the claim of " + disk.name()).isTrue();
    }
    memory.close();
  }

  private static long map(Program program) {
    int prot = Mman.PROT_READ | Mman.PROT_WRITE;
    int flags = Mman.MAP_PRIVATE | Mman.MAP_ANONYMOUS;
    return program.syscall(Nr.MMAP, 0, 8 * PAGE, prot, flags, -1, 0);
  }

  /** Puts a string into a slot of the program's memory. Null is a null pointer. */
  private long text(int slot, @Nullable String text) {
    if (text == null) {
      return 0;
    }
    byte[] bytes = (text + "\0").getBytes(StandardCharsets.UTF_8);
    for (int i = 0; i < bytes.length; i++) {
      RawMemory.putByte(page + slot * PAGE + i, bytes[i]);
    }
    return page + slot * PAGE;
  }

  private long open(String path, int flags) {
    return program.syscall(Nr.OPEN, text(0, path), flags, 0644);
  }

  private long mkdir(String path) {
    return program.syscall(Nr.MKDIR, text(0, path), 0755);
  }

  private void close(long fd) {
    assertThat(program.syscall(Nr.CLOSE, fd)).isZero();
  }

  private boolean exists(String path) {
    long result = program.syscall(Nr.ACCESS, text(0, path), 0);
    assertThat(result).isIn(0L, (long) -Errno.ENOENT);
    return result == 0;
  }

  private void create(String path) {
    long fd = open(path, Fcntl.O_CREAT | Fcntl.O_RDWR);
    assertThat(fd).as(path).isNotNegative();
    close(fd);
  }

  private long mount(
      @Nullable String source,
      String target,
      @Nullable String type,
      long flags,
      @Nullable String data) {
    return program.syscall(
        Nr.MOUNT, text(1, source), text(2, target), text(3, type), flags, text(4, data), 0);
  }

  private long umount(String target, int flags) {
    return program.syscall(Nr.UMOUNT2, text(2, target), flags);
  }

  private static void assertErrno(int errno, ThrowingCallable call) {
    assertThat(catchThrowableOfType(ErrnoException.class, call).errno()).isEqualTo(errno);
  }

  // Where.

  @Test
  void aFilesystemIsMountedOnAnyDirectoryOfTheTree() throws ErrnoException {
    kernel.mount("a", toy, one, "");
    assertThat(mkdir("/a/deep")).isZero();
    create("/a/deep/under");
    kernel.mount("/a/deep", toy, two, "");
    assertThat(exists("/a/deep/under")).isFalse();
    create("/a/deep/file");
    assertThat(exists("/a/deep/../deep/file")).isTrue();
    assertThat(exists("/a/deep/../../a/deep/file")).isTrue();
    kernel.umount("/a/deep");
    assertThat(exists("/a/deep/under")).isTrue();
    assertThat(exists("/a/deep/file")).isFalse();
    assertThat(Toy.EVENTS).containsExactly("unmount ram1");
    assertErrno(Errno.ENOENT, () -> kernel.mount("/a/missing", toy, two, ""));
    assertErrno(Errno.ENOENT, () -> kernel.mount("/no/where", toy, two, ""));
    assertErrno(Errno.EBUSY, () -> kernel.mount("/", toy, two, ""));
  }

  @Test
  void aCoveredDirectoryIsCoveredAgainAndUncoveredInTurn() throws ErrnoException {
    kernel.mount("a", toy, one, "");
    create("/a/first");
    kernel.mount("a", toy, two, "");
    assertThat(exists("/a/first")).isFalse();
    kernel.umount("a");
    assertThat(exists("/a/first")).isTrue();
    kernel.umount("a");
    assertErrno(Errno.EINVAL, () -> kernel.umount("a"));
    assertThat(Toy.EVENTS).containsExactly("unmount ram1", "unmount ram0");
  }

  @Test
  void theNameOfACoveredDirectoryStays() throws ErrnoException {
    kernel.mount("a", toy, one, "");
    assertThat(mkdir("/a/b")).isZero();
    kernel.mount("/a/b", toy, two, "");
    assertThat(program.syscall(Nr.RMDIR, text(0, "/a/b"))).isEqualTo(-Errno.EBUSY);
    assertThat(program.syscall(Nr.RMDIR, text(0, "/a"))).isEqualTo(-Errno.EBUSY);
    assertThat(program.syscall(Nr.RMDIR, text(0, "/a/c"))).isEqualTo(-Errno.ENOENT);
    kernel.umount("/a/b");
    assertThat(program.syscall(Nr.RMDIR, text(0, "/a/b"))).isZero();
  }

  @Test
  void aShutdownUnmountsFilesystemsAfterThoseMountedInThem() throws ErrnoException {
    kernel.mount("a", toy, one, "");
    assertThat(mkdir("/a/b")).isZero();
    kernel.mount("/a/b", toy, two, "");
    program.close();
    kernel.close();
    assertThat(Toy.EVENTS).containsExactly("unmount ram1", "unmount ram0");
  }

  // In use.

  @Test
  void aFilesystemInUseIsNotUnmounted() throws ErrnoException {
    kernel.mount("a", toy, one, "");
    assertThat(mkdir("/a/b")).isZero();
    long file = open("/a/f", Fcntl.O_CREAT | Fcntl.O_RDWR);
    assertErrno(Errno.EBUSY, () -> kernel.umount("a"));
    long path = open("/a/f", Fcntl.O_PATH);
    close(file);
    assertErrno(Errno.EBUSY, () -> kernel.umount("a"));
    close(path);
    kernel.mount("/a/b", toy, two, "");
    assertErrno(Errno.EBUSY, () -> kernel.umount("a"));
    kernel.umount("/a/b");
    kernel.umount("a");
    assertErrno(
        Errno.EBUSY,
        () -> {
          kernel.mount("a", toy, one, "");
          kernel.mount("b", toy, one, "");
        });
  }

  @Test
  void anUnmountThatFailsToWriteStillUnmounts() throws ErrnoException {
    kernel.mount("a", toy, one, "throw=unmount");
    assertThatThrownBy(() -> kernel.umount("a")).hasMessage("the last write failed");
    kernel.mount("a", toy, one, "");
  }

  @Test
  void pathsMayBeWalkedWhileAFilesystemComesAndGoes() throws Exception {
    kernel.mount("a", toy, one, "");
    AtomicBoolean stop = new AtomicBoolean();
    List<Long> strange = Collections.synchronizedList(new ArrayList<>());
    List<Thread> walkers = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      Thread walker =
          new Thread(
              () -> {
                try (Program other = kernel.newProgram()) {
                  long at = map(other);
                  byte[] name = "/a/f\0".getBytes(StandardCharsets.UTF_8);
                  for (int k = 0; k < name.length; k++) {
                    RawMemory.putByte(at + k, name[k]);
                  }
                  while (!stop.get()) {
                    long fd = other.syscall(Nr.OPEN, at, Fcntl.O_CREAT | Fcntl.O_RDWR, 0644);
                    if (fd < 0 || other.syscall(Nr.CLOSE, fd) != 0) {
                      strange.add(fd);
                    }
                  }
                }
              });
      walker.start();
      walkers.add(walker);
    }
    int busy = 0;
    for (int i = 0; i < 300; i++) {
      try {
        kernel.umount("a");
        kernel.mount("a", toy, one, "");
      } catch (ErrnoException e) {
        assertThat(e.errno()).isEqualTo(Errno.EBUSY);
        busy++;
        Thread.sleep(1); // a walker inside a call needs a processor
      }
    }
    stop.set(true);
    for (Thread walker : walkers) {
      assertThat(walker.join(Duration.ofSeconds(30))).isTrue();
    }
    assertThat(strange).isEmpty();
    assertThat(busy).isLessThan(300);
    kernel.umount("a");
  }

  // Remount.

  @Test
  void aFilesystemBecomesReadOnlyOnceNoFileIsOpenForWriting() throws ErrnoException {
    kernel.mount("a", toy, one, "");
    long file = open("/a/f", Fcntl.O_CREAT | Fcntl.O_RDWR);
    assertErrno(Errno.EBUSY, () -> kernel.remount("a", "ro"));
    assertThat(program.syscall(Nr.FTRUNCATE, file, 5)).as("nothing has changed").isZero();
    close(file);
    long reader = open("/a/f", Fcntl.O_RDONLY);
    Toy.EVENTS.clear();
    kernel.remount("a", "ro");
    assertThat(Toy.EVENTS).containsExactly("sync ram0");
    assertThat(open("/a/f", Fcntl.O_RDWR)).isEqualTo(-Errno.EROFS);
    assertThat(mkdir("/a/d")).isEqualTo(-Errno.EROFS);
    close(reader);
    kernel.remount("a", "rw");
    assertThat(mkdir("/a/d")).isZero();
  }

  @Test
  void aRemountThatFailsChangesNothing() throws ErrnoException {
    kernel.mount("a", toy, one, "");
    assertErrno(Errno.EINVAL, () -> kernel.remount("a", "ro,colour=red"));
    assertErrno(Errno.EINVAL, () -> kernel.remount("/dev", "ro"));
    assertThatThrownBy(() -> kernel.remount("a", "ro,fails"))
        .isInstanceOfSatisfying(
            ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EIO))
        .hasMessageContaining("its remount threw")
        .hasRootCauseMessage("no remount");
    create("/a/f");
    kernel.mount("b", toy, fixed, "ro");
    assertErrno(Errno.EACCES, () -> kernel.remount("b", "rw"));
    kernel.remount("b", "");
    assertThat(open("/b/f", Fcntl.O_CREAT | Fcntl.O_RDWR)).isEqualTo(-Errno.EROFS);
  }

  // Filesystems that make mistakes.

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          throw=mount | 5 | toy: its mount threw java.lang.IllegalStateException: a toy broke
          throw=root | 5 | toy: its mount threw java.lang.IllegalStateException: no root
          null | 5 | its mount returned nothing
          colour=red | 22 | toy has no option 'colour'; it has only careless, null, throw
          careless,colour=red | 22 | toy has no option 'colour'; it has only careless, null, throw
          """)
  void aMountThatFailsLeavesNothingBehind(String options, int errno, String sentence)
      throws ErrnoException {
    assertThatThrownBy(() -> kernel.mount("a", toy, one, options))
        .isInstanceOfSatisfying(ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(errno))
        .hasMessage(sentence);
    assertThat(kernel.held()).isEmpty();
    assertErrno(Errno.EINVAL, () -> kernel.umount("a"));
    kernel.mount("a", toy, one, "");
  }

  @Test
  void aTypeThatThrowsRecognisesNothing() throws ErrnoException {
    long before = Oops.count();
    Oops.setSink((sentence, thrown) -> {});
    try {
      assertThat(kernel.recognise(one)).isEmpty();
    } finally {
      Oops.setSink(null);
    }
    assertThat(Oops.count()).isGreaterThan(before);
    assertThat(kernel.held()).isEmpty();
  }

  // mkfs and check.

  @Test
  void mkfsAndCheckClaimTheDiskMeanwhile() throws ErrnoException {
    kernel.mkfs(toy, one, "");
    assertThat(Toy.EVENTS).containsExactly("mkfs ram0");
    List<String> damage = new ArrayList<>();
    kernel.check(toy, one, "", damage::add);
    assertThat(damage).containsExactly("a block is in two files");
    assertErrno(Errno.EINVAL, () -> kernel.mkfs(toy, one, "colour=red"));
    assertErrno(Errno.EINVAL, () -> kernel.check(toy, one, "colour=red", damage::add));
    assertThatThrownBy(() -> kernel.mkfs(toy, one, "throw=mkfs"))
        .isInstanceOf(ErrnoException.class)
        .hasMessage("toy: its mkfs threw java.lang.IllegalStateException: no mkfs");
    kernel.mount("a", toy, one, "");
    assertErrno(Errno.EBUSY, () -> kernel.mkfs(toy, one, ""));
    assertErrno(Errno.EBUSY, () -> kernel.check(toy, one, "", damage::add));
  }

  @Test
  void aTypeWithoutMkfsOrCheckSaysSo() throws ErrnoException {
    String name = "gfs2";
    FileSystemType type = Providers.builtIn().fileSystem(name);
    assertThatThrownBy(() -> kernel.mkfs(type, one, ""))
        .hasMessage("a filesystem of type " + name + " can't be made");
    assertThatThrownBy(() -> kernel.check(type, one, "", damage -> {}))
        .hasMessage("a filesystem of type " + name + " can't be checked");
    assertErrno(Errno.EOPNOTSUPP, () -> kernel.mkfs(type, one, ""));
  }

  // The calls.

  @Test
  void mountReturnsTheErrnosOfLinux() {
    String disk = "/dev/ram0";
    assertThat(mkdir("/a")).isZero();
    assertThat(mount(disk, "/none", "toy", 0, null)).isEqualTo(-Errno.ENOENT);
    assertThat(mount(disk, "/none", "nofs", 0, null)).isEqualTo(-Errno.ENOENT);
    assertThat(mount(disk, disk, "toy", 0, null)).isEqualTo(-Errno.ENOTDIR);
    assertThat(mount(disk, "/a", null, 0, null)).isEqualTo(-Errno.EINVAL);
    assertThat(mount(disk, "/a", "nofs", 0, null)).isEqualTo(-Errno.ENODEV);
    assertThat(mount("/none", "/a", "toy", 0, null)).isEqualTo(-Errno.ENOENT);
    assertThat(mount("/dev", "/a", "toy", 0, null)).isEqualTo(-Errno.ENOTBLK);
    assertThat(mount(null, "/a", "toy", 0, null)).isEqualTo(-Errno.EINVAL);
    assertThat(mount(disk, "/a", "toy", 0, "bogus")).isEqualTo(-Errno.EINVAL);
    assertThat(mount(disk, "/a", "t".repeat((int) PAGE), 0, null)).isEqualTo(-Errno.EINVAL);
    assertThat(mount(disk, "/a", "toy", 1L << 39, null)).isEqualTo(-Errno.EINVAL);
    assertThat(program.syscall(Nr.MOUNT, 1, text(2, "/a"), text(3, "toy"), 0))
        .isEqualTo(-Errno.EFAULT);
    assertThat(program.syscall(Nr.MOUNT, text(1, disk), text(2, "/a"), text(3, "toy"), 0, 1, 0))
        .isEqualTo(-Errno.EFAULT);
    assertThat(umount("/a", 0)).isEqualTo(-Errno.EINVAL);
    assertThat(umount("/none", 0)).isEqualTo(-Errno.ENOENT);
    assertThat(umount(disk, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(umount("/a", 0x100)).isEqualTo(-Errno.EINVAL);
    assertThat(mount(disk, "/a", "toy", MountFlags.MS_MGC_VAL, null)).isZero();
    assertThat(mount(disk, "/dev", "toy", 0, null)).isEqualTo(-Errno.EBUSY);
    assertThat(umount("/a", MountFlags.UMOUNT_NOFOLLOW)).isZero();
    assertThat(umount("/a", 0)).isEqualTo(-Errno.EINVAL);
  }

  @Test
  void aProgramRemounts() {
    assertThat(mkdir("/a")).isZero();
    assertThat(mount("/dev/ram0", "/a", "toy", 0, null)).isZero();
    assertThat(mkdir("/a/sub")).isZero();
    long file = open("/a/x", Fcntl.O_CREAT | Fcntl.O_RDWR);
    long readOnly = MountFlags.MS_REMOUNT | MountFlags.MS_RDONLY;
    assertThat(umount("/a", 0)).isEqualTo(-Errno.EBUSY);
    assertThat(mount(null, "/a", null, readOnly, null)).isEqualTo(-Errno.EBUSY);
    close(file);
    long reader = open("/a/x", Fcntl.O_RDONLY);
    assertThat(mount(null, "/a", null, readOnly, null)).isZero();
    assertThat(umount("/a", MountFlags.MNT_FORCE)).isEqualTo(-Errno.EBUSY);
    close(reader);
    assertThat(open("/a/x", Fcntl.O_RDWR)).isEqualTo(-Errno.EROFS);
    assertThat(mount(null, "/a", null, MountFlags.MS_REMOUNT, "bogus")).isEqualTo(-Errno.EINVAL);
    assertThat(mount(null, "/a", null, MountFlags.MS_REMOUNT, null)).isZero();
    assertThat(mount(null, "/a/sub", null, MountFlags.MS_REMOUNT, null)).isEqualTo(-Errno.EINVAL);
    create("/a/x");
    assertThat(umount("/a", 0)).isZero();
  }

  @Test
  void aFilesystemThatThrowsIsReportedOnceToTheConsole() {
    List<String> reports = new ArrayList<>();
    Oops.setSink((sentence, thrown) -> reports.add(sentence));
    try {
      assertThat(mkdir("/a")).isZero();
      assertThat(mount("/dev/ram0", "/a", "toy", 0, "throw=mount")).isEqualTo(-Errno.EIO);
    } finally {
      Oops.setSink(null);
    }
    assertThat(reports).singleElement().asString().contains("mount of toy", "EIO");
    assertThat(mount("/dev/ram0", "/a", "toy", 0, null)).isZero();
  }
}
