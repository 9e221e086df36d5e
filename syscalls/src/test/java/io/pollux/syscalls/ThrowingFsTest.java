// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import static java.util.Map.entry;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.BlockDevice;
import io.pollux.core.ErrnoException;
import io.pollux.core.Oops;
import io.pollux.core.vfs.FileOperations;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.InodeOperations;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Fiemap;
import io.pollux.uapi.FileIoctl;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.Iovec;
import io.pollux.uapi.Nr;
import io.pollux.uapi.PollBits;
import io.pollux.uapi.Pollfd;
import io.pollux.uapi.RawMemory;
import io.pollux.uapi.StatMode;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Any method of a filesystem that throws fails the call with EIO, and shuts the filesystem down.
 * Its locks are free afterwards, and it can be unmounted.
 */
@Timeout(60)
class ThrowingFsTest {
  private static final String AT = "mnt";
  private static final int RW = Fcntl.O_RDWR;
  private static final int CREATE = RW | Fcntl.O_CREAT;
  private static final int XATTR = 1 << 10; // offset of a value in the memory

  /** A call that reaches a method. Gets a descriptor of the file. */
  @FunctionalInterface
  private interface Reach {
    long call(ThrowingFsTest test, int fd);
  }

  private static final Map<String, Reach> REACH =
      Map.ofEntries(
          entry("uid", (t, fd) -> t.stat("file")),
          entry("gid", (t, fd) -> t.stat("file")),
          entry("nlink", (t, fd) -> t.stat("file")),
          entry("size", (t, fd) -> t.stat("file")),
          entry("fop", (t, fd) -> t.open("file", RW)),
          entry("mapping", (t, fd) -> t.open("file", RW)),
          entry("getattr", (t, fd) -> t.stat("file")),
          entry("fillStatx", (t, fd) -> t.statx("file")),
          entry("hasFiemap", (t, fd) -> t.fiemap(fd)),
          entry("fiemap", (t, fd) -> t.fiemap(fd)),
          entry("fileattrGet", (t, fd) -> t.ioctl(fd, FileIoctl.FS_IOC_GETFLAGS)),
          entry("fileattrSet", (t, fd) -> t.ioctl(fd, FileIoctl.FS_IOC_SETFLAGS)),
          entry("creationMask", (t, fd) -> t.at(Nr.MKDIR, "new", 0700)),
          entry("permission", (t, fd) -> t.open("file", RW)),
          entry("setattr", (t, fd) -> t.at(Nr.CHMOD, "file", 0600)),
          entry("lookup", (t, fd) -> t.stat("file")),
          entry("readlink", (t, fd) -> t.at(Nr.READLINK, "link", t.booted.memory, 10)),
          entry("create", (t, fd) -> t.open("new", CREATE)),
          entry("mkdir", (t, fd) -> t.at(Nr.MKDIR, "new", 0700)),
          entry("mknod", (t, fd) -> t.at(Nr.MKNOD, "new", StatMode.S_IFIFO | 0600, 0)),
          entry("symlink", (t, fd) -> t.symlink("new")),
          entry("link", (t, fd) -> t.two(Nr.LINK, "file", "new")),
          entry("rmdir", (t, fd) -> t.at(Nr.RMDIR, "dir")),
          entry("unlink", (t, fd) -> t.at(Nr.UNLINK, "spare")),
          entry("rename", (t, fd) -> t.two(Nr.RENAME, "file", "new")),
          entry("tmpfile", (t, fd) -> t.open("", RW | Fcntl.O_TMPFILE)),
          entry("getxattr", (t, fd) -> t.xattr(Nr.GETXATTR)),
          entry("setxattr", (t, fd) -> t.xattr(Nr.SETXATTR)),
          entry("listxattr", (t, fd) -> t.at(Nr.LISTXATTR, "file", t.booted.memory, 10)),
          entry("immutable", (t, fd) -> t.open("file", RW)),
          entry("appendOnly", (t, fd) -> t.open("file", RW)),
          entry("hasReadIter", (t, fd) -> t.fd(Nr.READ, fd, t.booted.memory, 10)),
          entry("readIter", (t, fd) -> t.fd(Nr.READ, fd, t.booted.memory, 10)),
          entry("hasWriteIter", (t, fd) -> t.fd(Nr.WRITE, fd, t.booted.memory, 10)),
          entry("writeIter", (t, fd) -> t.fd(Nr.WRITE, fd, t.booted.memory, 10)),
          entry("hasIopoll", (t, fd) -> t.vector(fd, AioAbi.RWF_HIPRI)),
          entry("canDirect", (t, fd) -> t.open("file", RW | Fcntl.O_DIRECT)),
          entry("canNowait", (t, fd) -> t.vector(fd, AioAbi.RWF_NOWAIT)),
          entry("canSeek", (t, fd) -> t.fd(Nr.LSEEK, fd, 0, 0)),
          entry("llseek", (t, fd) -> t.fd(Nr.LSEEK, fd, 0, 0)),
          entry("hasPoll", (t, fd) -> t.poll(fd)),
          entry("poll", (t, fd) -> t.poll(fd)),
          entry("hasFsync", (t, fd) -> t.aioFsync(fd)),
          entry("fsync", (t, fd) -> t.fd(Nr.FSYNC, fd)),
          entry("fallocate", (t, fd) -> t.fallocate(fd)),
          entry("hasRemapFileRange", (t, fd) -> t.cloneRange(fd)),
          entry("iterateShared", (t, fd) -> t.list()),
          entry("ioctl", (t, fd) -> t.ioctl(fd, 12345)),
          entry("pipeSize", (t, fd) -> t.fd(Nr.FCNTL, fd, Fcntl.F_GETPIPE_SZ)),
          entry("open", (t, fd) -> t.open("file", RW)),
          entry("claim", (t, fd) -> t.open("file", RW)),
          entry("opened", (t, fd) -> t.open("file", RW)),
          entry("statfs", (t, fd) -> t.at(Nr.STATFS, "", t.booted.memory)),
          entry("canFreeze", (t, fd) -> t.ioctl(fd, FileIoctl.FIFREEZE)),
          entry("freezeFs", (t, fd) -> t.ioctl(fd, FileIoctl.FIFREEZE)));

  /** Methods whose exception fails no call, each with the reason or its test. */
  private static final Map<String, String> NOT_REACHED =
      Map.of(
          "iSizeWrite", "only the filesystem's own code calls it",
          "iopoll", "the tests of kernel-aio have files whose iopoll throws",
          "needsPolling", "as iopoll",
          "hold", "as iopoll",
          "preparePoll", "its default calls hasPoll",
          "release", "theReleaseOfAFile",
          "remapFileRange", "the file is empty");

  private final Booted booted = new Booted();
  private final ThrowingFs type = new ThrowingFs();
  private final List<String> said = new CopyOnWriteArrayList<>();

  @BeforeEach
  void mount() throws ErrnoException {
    Oops.setSink((sentence, thrown) -> said.add(sentence));
    BlockDevice disk = booted.disk.disk("throw0", 0x300, false);
    booted.kernel.addDisk(disk);
    booted.kernel.mount(AT, type, disk, "rw");
  }

  @AfterEach
  void close() throws ErrnoException {
    booted.close();
    Oops.setSink(null);
  }

  private long path(int slot, String name) {
    byte[] bytes = ("/" + AT + "/" + name + "\0").getBytes(StandardCharsets.UTF_8);
    long at = booted.memory + Booted.MEMORY_BYTES - 2 * Booted.PAGE + slot * 256L;
    for (int i = 0; i < bytes.length; i++) {
      RawMemory.putByte(at + i, bytes[i]);
    }
    return at;
  }

  private long call(int nr, long... a) {
    long[] all = Arrays.copyOf(a, 6);
    return booted.program.syscall(nr, all[0], all[1], all[2], all[3], all[4], all[5]);
  }

  private long at(int nr, String name, long... more) {
    long[] all = new long[more.length + 1];
    all[0] = path(0, name);
    System.arraycopy(more, 0, all, 1, more.length);
    return call(nr, all);
  }

  private long two(int nr, String from, String to) {
    return call(nr, path(0, from), path(1, to));
  }

  private long symlink(String name) {
    return call(Nr.SYMLINK, path(0, "target"), path(1, name));
  }

  private long open(String name, int flags) {
    return at(Nr.OPEN, name, flags, 0600);
  }

  private long stat(String name) {
    return at(Nr.STAT, name, booted.memory);
  }

  private long statx(String name) {
    return call(Nr.STATX, Fcntl.AT_FDCWD, path(0, name), 0, 0xfff, booted.memory);
  }

  private long fd(int nr, long... a) {
    return call(nr, a);
  }

  private long ioctl(int fd, int cmd) {
    return call(Nr.IOCTL, fd, cmd, booted.memory);
  }

  private long fiemap(int fd) {
    RawMemory.zero(booted.memory, Fiemap.SIZE);
    RawMemory.putLong(booted.memory, Fiemap.FM_LENGTH, 100);
    return ioctl(fd, FileIoctl.FS_IOC_FIEMAP);
  }

  private long xattr(int nr) {
    long name = booted.path("user.a");
    return at(nr, "file", name, booted.memory + XATTR, 1, 0);
  }

  private long vector(int fd, int flags) {
    Iovec.iovBase(booted.memory, booted.memory + 512);
    Iovec.iovLen(booted.memory, 512);
    return call(Nr.PREADV2, fd, booted.memory, 1, 0, 0, flags);
  }

  private long poll(int fd) {
    Pollfd.fd(booted.memory, fd);
    Pollfd.events(booted.memory, (short) PollBits.POLLIN);
    return call(Nr.POLL, booted.memory, 1, 0);
  }

  private long fallocate(int fd) {
    return call(Nr.FALLOCATE, fd, 0, 0, 100);
  }

  /** Clones the file to a place behind its end. */
  private long cloneRange(int fd) {
    RawMemory.putLong(booted.memory, fd);
    RawMemory.putLong(booted.memory + 8, 0);
    RawMemory.putLong(booted.memory + 16, 0);
    RawMemory.putLong(booted.memory + 24, 1 << 20);
    return call(Nr.IOCTL, fd, FileIoctl.FICLONERANGE, booted.memory);
  }

  private long list() {
    long directory = open("", Fcntl.O_RDONLY | Fcntl.O_DIRECTORY);
    assertThat(directory).isNotNegative();
    long result = call(Nr.GETDENTS64, directory, booted.memory, 4096);
    assertThat(call(Nr.CLOSE, directory)).isZero();
    return result;
  }

  private long aioFsync(int fd) {
    long context = booted.memory;
    RawMemory.putLong(context, 0);
    assertThat(call(Nr.IO_SETUP, 1, context)).isZero();
    long iocb = booted.memory + 512;
    RawMemory.zero(iocb, 64);
    Iocb.aioLioOpcode(iocb, (short) AioAbi.IOCB_CMD_FSYNC);
    Iocb.aioFildes(iocb, fd);
    RawMemory.putLong(booted.memory + 256, iocb);
    long result = call(Nr.IO_SUBMIT, RawMemory.getLong(context), 1, booted.memory + 256);
    assertThat(call(Nr.IO_DESTROY, RawMemory.getLong(context))).isZero();
    return result;
  }

  static Stream<String> methods() {
    return REACH.keySet().stream().sorted();
  }

  @ParameterizedTest
  @MethodSource("methods")
  void aMethodThatThrowsIsEioAndShutsTheFilesystemDown(String method) throws ErrnoException {
    int fd = (int) open("file", RW);
    assertThat(fd).isNotNegative();
    Reach reach = REACH.get(method);
    assertThat(reach).isNotNull();
    type.arm(method);
    assertThat(reach.call(this, fd)).as(method).isEqualTo(-Errno.EIO);
    type.arm("");
    assertThat(said)
        .singleElement()
        .asString()
        .contains("a broken " + method, "EIO, and /mnt is shut down");
    assertShutDown(fd);
  }

  /** Checks that calls fail with EIO, that no lock is held, and that an unmount succeeds. */
  private void assertShutDown(int fd) throws ErrnoException {
    assertThat(open("file", RW)).isEqualTo(-Errno.EIO);
    assertThat(open("new", CREATE)).isEqualTo(-Errno.EIO);
    assertThat(stat("")).isEqualTo(-Errno.EIO);
    assertThat(at(Nr.STATFS, "", booted.memory)).isEqualTo(-Errno.EIO);
    assertThat(at(Nr.MKDIR, "new", 0700)).isEqualTo(-Errno.EIO);
    if (fd >= 0) {
      assertThat(call(Nr.READ, fd, booted.memory, 10)).isEqualTo(-Errno.EIO);
      assertThat(call(Nr.WRITE, fd, booted.memory, 10)).isEqualTo(-Errno.EIO);
      assertThat(call(Nr.FSYNC, fd)).isEqualTo(-Errno.EIO);
      assertThat(call(Nr.CLOSE, fd)).isZero();
    }
    assertThat(call(Nr.SYNC)).isZero();
    booted.kernel.inTask(
        current -> {
          for (Inode inode : type.inodes()) {
            assertThat(inode.iRwsem.downWrite(current, true)).as("iRwsem is free").isTrue();
            inode.iRwsem.upWrite();
          }
          return true;
        });
    booted.kernel.umount(AT);
    assertThat(booted.kernel.held()).isEmpty();
  }

  @Test
  void theReleaseOfAFile() throws ErrnoException {
    int fd = (int) open("file", RW);
    type.arm("release");
    assertThat(call(Nr.CLOSE, fd)).isZero();
    type.arm("");
    assertThat(said).singleElement().asString().contains("a broken release", "is shut down");
    assertShutDown(-1);
  }

  @Test
  void theEndOfAnInode() throws ErrnoException {
    int fd = (int) open("spare", RW);
    assertThat(at(Nr.UNLINK, "spare")).isZero();
    type.arm("evictInode");
    assertThat(call(Nr.CLOSE, fd)).isZero();
    type.arm("");
    assertThat(said).singleElement().asString().contains("a broken evictInode", "is shut down");
    assertShutDown(-1);
  }

  @Test
  void theSyncOfAFilesystem() throws ErrnoException {
    int fd = (int) open("file", RW);
    type.arm("sync");
    assertThat(call(Nr.SYNC)).isZero();
    type.arm("");
    assertThat(said).singleElement().asString().contains("a broken sync", "is shut down");
    assertShutDown(fd);
  }

  @Test
  void theRemountOfAFilesystem() throws ErrnoException {
    type.arm("remount");
    try {
      booted.kernel.remount(AT, "rw");
      throw new AssertionError("remounted");
    } catch (ErrnoException e) {
      assertThat(e.errno()).isEqualTo(Errno.EIO);
      assertThat(e.getMessage()).contains("a broken remount", "/mnt is shut down");
    }
    type.arm("");
    assertShutDown(-1);
  }

  @Test
  void theRootIsNotShutDown() {
    assertThat(call(Nr.MKDIR, booted.path("/other"), 0700)).isZero();
    type.arm("lookup");
    assertThat(stat("file")).isEqualTo(-Errno.EIO);
    type.arm("");
    assertThat(call(Nr.STAT, booted.path("/other"), booted.memory)).isZero();
    assertThat(call(Nr.STAT, booted.path("/mnt/.."), booted.memory)).isIn(0L, (long) -Errno.EIO);
  }

  @Test
  void eachMethodOfInodesAndFilesIsTried() {
    Set<String> all = new TreeSet<>();
    for (Class<?> each : List.of(Inode.class, InodeOperations.class, FileOperations.class)) {
      for (Method method : each.getDeclaredMethods()) {
        int modifiers = method.getModifiers();
        boolean open = Modifier.isPublic(modifiers) || Modifier.isProtected(modifiers);
        if (open && !Modifier.isFinal(modifiers) && !Modifier.isStatic(modifiers)) {
          all.add(method.getName());
        }
      }
    }
    all.removeAll(REACH.keySet());
    assertThat(all).isEqualTo(new TreeSet<>(NOT_REACHED.keySet()));
  }
}
