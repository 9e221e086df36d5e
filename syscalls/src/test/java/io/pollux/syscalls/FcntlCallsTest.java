// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.ErrnoException;
import io.pollux.core.vfs.FileTable;
import io.pollux.core.vfs.Pipe;
import io.pollux.uapi.Errno;
import io.pollux.uapi.FOwnerEx;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.FileIoctl;
import io.pollux.uapi.Flock;
import io.pollux.uapi.Nr;
import io.pollux.uapi.RawMemory;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * fcntl and flock: locks, owners, hints, descriptor flags. fd-commands.c compares each command with
 * Linux.
 */
@Timeout(60)
class FcntlCallsTest {
  // of the program's memory, for another thread
  private static final int OTHER_PAGE = 2 * Booted.PAGE;

  private final Booted booted = new Booted();
  private final Program program = booted.program;
  private final long memory = booted.memory;
  private final int one = booted.open("/file", Fcntl.O_RDWR | Fcntl.O_CREAT);
  private final int other = booted.open("/file", Fcntl.O_RDWR);

  @AfterEach
  void close() throws ErrnoException {
    booted.close();
  }

  private long fcntl(int fd, int command, long argument) {
    return program.syscall(Nr.FCNTL, fd, command, argument);
  }

  private static void fill(long address, int type, long start, long length) {
    Flock.lType(address, (short) type);
    Flock.lWhence(address, (short) Fcntl.SEEK_SET);
    Flock.lStart(address, start);
    Flock.lLen(address, length);
    Flock.lPid(address, 0);
  }

  private long lock(int fd, int command, int type, long start, long length) {
    fill(memory, type, start, length);
    return fcntl(fd, command, memory);
  }

  @Test
  void openFilesConflictAndTheirLocksGoWithThem() {
    assertThat(lock(one, Fcntl.F_OFD_SETLK, Fcntl.F_WRLCK, 10, 10)).isZero();
    assertThat(lock(other, Fcntl.F_OFD_SETLK, Fcntl.F_RDLCK, 19, 1)).isEqualTo(-Errno.EAGAIN);
    assertThat(lock(other, Fcntl.F_OFD_SETLK, Fcntl.F_RDLCK, 20, 1)).isZero();
    assertThat(lock(other, Fcntl.F_OFD_GETLK, Fcntl.F_RDLCK, 0, 0)).isZero();
    assertThat(Flock.lType(memory)).isEqualTo((short) Fcntl.F_WRLCK);
    assertThat(Flock.lStart(memory)).isEqualTo(10);
    assertThat(Flock.lLen(memory)).isEqualTo(10);
    assertThat(Flock.lPid(memory)).isEqualTo(-1);
    int dup = (int) program.syscall(Nr.DUP, one);
    assertThat(program.syscall(Nr.CLOSE, one)).isZero();
    assertThat(lock(other, Fcntl.F_OFD_SETLK, Fcntl.F_RDLCK, 19, 1))
        .as("a duplicate has it yet")
        .isEqualTo(-Errno.EAGAIN);
    assertThat(program.syscall(Nr.CLOSE, dup)).isZero();
    assertThat(lock(other, Fcntl.F_OFD_SETLK, Fcntl.F_RDLCK, 19, 1)).isZero();
  }

  @Test
  void aProcessLosesItsLocksWhenItClosesTheFileOnce() {
    assertThat(lock(one, Fcntl.F_SETLK, Fcntl.F_WRLCK, 0, 0)).isZero();
    assertThat(lock(other, Fcntl.F_SETLK, Fcntl.F_WRLCK, 5, 1)).as("its own").isZero();
    assertThat(lock(other, Fcntl.F_OFD_SETLK, Fcntl.F_WRLCK, 5, 1)).isEqualTo(-Errno.EAGAIN);
    assertThat(program.syscall(Nr.CLOSE, booted.open("/file", Fcntl.O_RDONLY))).isZero();
    assertThat(lock(other, Fcntl.F_OFD_SETLK, Fcntl.F_WRLCK, 5, 1)).isZero();
  }

  @Test
  void processesConflict() throws ErrnoException {
    assertThat(lock(one, Fcntl.F_SETLK, Fcntl.F_RDLCK, 0, 100)).isZero();
    try (Program second = booted.kernel.newProgram()) {
      long room = second.syscall(Nr.MMAP, 0, Booted.PAGE, 3, 0x22, -1, 0);
      RawMemory.putLong(room, 0x656c6966_2fL); // "/file"
      int fd = (int) second.syscall(Nr.OPEN, room, Fcntl.O_RDWR, 0);
      fill(room, Fcntl.F_WRLCK, 50, 1);
      assertThat(second.syscall(Nr.FCNTL, fd, Fcntl.F_SETLK, room)).isEqualTo(-Errno.EAGAIN);
      fill(room, Fcntl.F_RDLCK, 50, 1);
      assertThat(second.syscall(Nr.FCNTL, fd, Fcntl.F_SETLK, room)).isZero();
    }
    assertThat(lock(one, Fcntl.F_SETLK, Fcntl.F_WRLCK, 0, 100))
        .as("the end of a process releases")
        .isZero();
  }

  @Test
  void aWaiterIsWokenByTheReleaseAndEndedByASignal() throws Exception {
    assertThat(lock(one, Fcntl.F_OFD_SETLK, Fcntl.F_WRLCK, 0, 10)).isZero();
    Program thread = program.newThread();
    try (ExecutorService executor = Executors.newSingleThreadExecutor()) {
      fill(memory + OTHER_PAGE, Fcntl.F_WRLCK, 5, 1);
      Future<Long> waits =
          executor.submit(
              () -> thread.syscall(Nr.FCNTL, other, Fcntl.F_OFD_SETLKW, memory + OTHER_PAGE));
      Thread.sleep(50);
      assertThat(waits.isDone()).isFalse();
      assertThat(lock(one, Fcntl.F_OFD_SETLK, Fcntl.F_UNLCK, 5, 1)).isZero();
      assertThat(waits.get(20, TimeUnit.SECONDS)).isZero();
      fill(memory + OTHER_PAGE, Fcntl.F_WRLCK, 0, 1);
      Future<Long> again =
          executor.submit(
              () -> thread.syscall(Nr.FCNTL, other, Fcntl.F_OFD_SETLKW, memory + OTHER_PAGE));
      Thread.sleep(50);
      thread.sendSignal(14);
      assertThat(again.get(20, TimeUnit.SECONDS)).isEqualTo(-Errno.EINTR);
    }
    thread.threadEnded();
  }

  @Test
  void aLockTakenAfterTheCloseIsReleased() throws Exception {
    assertThat(lock(one, Fcntl.F_SETLK, Fcntl.F_WRLCK, 0, 0)).isZero();
    try (Program second = booted.kernel.newProgram();
        ExecutorService executor = Executors.newSingleThreadExecutor()) {
      long room = second.syscall(Nr.MMAP, 0, Booted.PAGE, 3, 0x22, -1, 0);
      RawMemory.putLong(room, 0x656c6966_2fL); // "/file"
      int fd = (int) second.syscall(Nr.OPEN, room, Fcntl.O_RDWR, 0);
      fill(room, Fcntl.F_WRLCK, 0, 0);
      Program thread = second.newThread();
      Future<Long> waits =
          executor.submit(() -> thread.syscall(Nr.FCNTL, fd, Fcntl.F_SETLKW, room));
      Thread.sleep(200);
      assertThat(waits.isDone()).isFalse();
      assertThat(second.syscall(Nr.CLOSE, fd)).isZero();
      assertThat(lock(one, Fcntl.F_SETLK, Fcntl.F_UNLCK, 0, 0)).isZero();
      assertThat(waits.get(20, TimeUnit.SECONDS)).isEqualTo(-Errno.EBADF);
      assertThat(lock(one, Fcntl.F_SETLK, Fcntl.F_WRLCK, 0, 0)).isZero();
      thread.threadEnded();
    }
  }

  @Test
  void rangesThatCantBe() {
    assertThat(lock(one, Fcntl.F_SETLK, Fcntl.F_WRLCK, -1, 1)).isEqualTo(-Errno.EINVAL);
    assertThat(lock(one, Fcntl.F_SETLK, Fcntl.F_WRLCK, 10, -11)).isEqualTo(-Errno.EINVAL);
    assertThat(lock(one, Fcntl.F_SETLK, Fcntl.F_WRLCK, 10, Long.MIN_VALUE))
        .isEqualTo(-Errno.EINVAL);
    assertThat(lock(one, Fcntl.F_SETLK, Fcntl.F_WRLCK, Long.MAX_VALUE, 2))
        .isEqualTo(-Errno.EOVERFLOW);
    assertThat(lock(one, Fcntl.F_SETLK, Fcntl.F_WRLCK, Long.MAX_VALUE, 1)).isZero();
    assertThat(lock(one, Fcntl.F_SETLK, Fcntl.F_WRLCK, 10, -5)).isZero();
    assertThat(lock(other, Fcntl.F_OFD_GETLK, Fcntl.F_WRLCK, 0, 0)).isZero();
    assertThat(Flock.lStart(memory)).isEqualTo(5);
    assertThat(Flock.lLen(memory)).isEqualTo(5);
    assertThat(lock(one, Fcntl.F_SETLK, 3, 0, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(fcntl(one, Fcntl.F_SETLK, 8)).isEqualTo(-Errno.EFAULT);
    int read = booted.open("/file", Fcntl.O_RDONLY);
    assertThat(lock(read, Fcntl.F_SETLK, Fcntl.F_WRLCK, 0, 0)).isEqualTo(-Errno.EBADF);
  }

  @Test
  void locksHaveALimitAndGiveItBack() {
    int perFile = 1024;
    List<Integer> files = new ArrayList<>();
    for (int file = 0; file < FileTable.MAX_LOCKS / perFile; file++) {
      int fd = booted.open("/locked" + file, Fcntl.O_RDWR | Fcntl.O_CREAT);
      files.add(fd);
      for (int i = 0; i < perFile; i++) {
        assertThat(lock(fd, Fcntl.F_OFD_SETLK, Fcntl.F_WRLCK, 2L * i, 1)).isZero();
      }
    }
    assertThat(lock(one, Fcntl.F_OFD_SETLK, Fcntl.F_WRLCK, 0, 1)).isEqualTo(-Errno.ENOLCK);
    assertThat(program.syscall(Nr.FLOCK, one, Fcntl.LOCK_SH)).isEqualTo(-Errno.ENOLCK);
    assertThat(lock(files.getFirst(), Fcntl.F_OFD_SETLK, Fcntl.F_UNLCK, 0, 1)).isZero();
    assertThat(lock(one, Fcntl.F_OFD_SETLK, Fcntl.F_WRLCK, 0, 1)).isZero();
    assertThat(program.syscall(Nr.CLOSE, files.getFirst())).isZero();
    assertThat(program.syscall(Nr.FLOCK, one, Fcntl.LOCK_SH)).isZero();
  }

  @Test
  void flocksAreOfTheOpenFile() {
    assertThat(program.syscall(Nr.FLOCK, one, Fcntl.LOCK_EX)).isZero();
    assertThat(program.syscall(Nr.FLOCK, other, Fcntl.LOCK_SH | Fcntl.LOCK_NB))
        .isEqualTo(-Errno.EAGAIN);
    assertThat(lock(other, Fcntl.F_OFD_SETLK, Fcntl.F_WRLCK, 0, 0))
        .as("another kind of lock")
        .isZero();
    assertThat(program.syscall(Nr.FLOCK, one, Fcntl.LOCK_UN)).isZero();
    assertThat(program.syscall(Nr.FLOCK, other, Fcntl.LOCK_EX | Fcntl.LOCK_NB)).isZero();
    assertThat(program.syscall(Nr.FLOCK, one, Fcntl.LOCK_SH | Fcntl.LOCK_EX))
        .isEqualTo(-Errno.EINVAL);
    assertThat(program.syscall(Nr.CLOSE, other)).isZero();
    assertThat(program.syscall(Nr.FLOCK, one, Fcntl.LOCK_EX | Fcntl.LOCK_NB)).isZero();
  }

  @Test
  void ownersSignalsAndHintsAreKept() {
    assertThat(fcntl(one, Fcntl.F_SETOWN, 77)).isZero();
    assertThat(fcntl(one, Fcntl.F_GETOWN, 0)).isEqualTo(77);
    assertThat(fcntl(one, Fcntl.F_GETOWN_EX, memory)).isZero();
    assertThat(FOwnerEx.type(memory)).isEqualTo(Fcntl.F_OWNER_PID);
    assertThat(fcntl(one, Fcntl.F_SETSIG, 10)).isZero();
    assertThat(fcntl(one, Fcntl.F_GETSIG, 0)).isEqualTo(10);
    assertThat(fcntl(one, Fcntl.F_SETSIG, 65)).isEqualTo(-Errno.EINVAL);
    RawMemory.putLong(memory, Fcntl.RWH_WRITE_LIFE_EXTREME);
    assertThat(fcntl(one, Fcntl.F_SET_RW_HINT, memory)).isZero();
    RawMemory.putLong(memory, 9);
    assertThat(fcntl(one, Fcntl.F_SET_RW_HINT, memory)).isEqualTo(-Errno.EINVAL);
    assertThat(fcntl(other, Fcntl.F_GET_RW_HINT, memory)).isZero();
    assertThat(RawMemory.getLong(memory))
        .as("of the file, not of who opened it")
        .isEqualTo(Fcntl.RWH_WRITE_LIFE_EXTREME);
  }

  @Test
  void closeOnExecBelongsToTheDescriptor() {
    assertThat(fcntl(one, Fcntl.F_GETFD, 0)).isZero();
    assertThat(fcntl(one, Fcntl.F_SETFD, Fcntl.FD_CLOEXEC)).isZero();
    assertThat(fcntl(one, Fcntl.F_GETFD, 0)).isEqualTo(Fcntl.FD_CLOEXEC);
    int dup = (int) program.syscall(Nr.DUP, one);
    assertThat(fcntl(dup, Fcntl.F_GETFD, 0)).isZero();
    assertThat(fcntl((int) fcntl(one, Fcntl.F_DUPFD_CLOEXEC, 0), Fcntl.F_GETFD, 0))
        .isEqualTo(Fcntl.FD_CLOEXEC);
    assertThat(program.syscall(Nr.IOCTL, dup, FileIoctl.FIOCLEX, 0)).isZero();
    assertThat(fcntl(dup, Fcntl.F_GETFD, 0)).isEqualTo(Fcntl.FD_CLOEXEC);
    assertThat(program.syscall(Nr.CLOSE, dup)).isZero();
    assertThat(fcntl(booted.open("/file", Fcntl.O_RDONLY), Fcntl.F_GETFD, 0))
        .as("the number is new")
        .isZero();
    assertThat(fcntl(booted.open("/file", Fcntl.O_CLOEXEC), Fcntl.F_GETFD, 0))
        .isEqualTo(Fcntl.FD_CLOEXEC);
  }

  @Test
  void aPipeHasASize() {
    assertThat(program.syscall(Nr.PIPE2, memory, 0)).isZero();
    int end = RawMemory.getInt(memory);
    int write = RawMemory.getInt(memory + Integer.BYTES);
    assertThat(fcntl(end, Fcntl.F_GETPIPE_SZ, 0)).isEqualTo(Pipe.CAPACITY);
    assertThat(fcntl(one, Fcntl.F_GETPIPE_SZ, 0)).isEqualTo(-Errno.EBADF);
    assertThat(program.syscall(Nr.WRITE, write, memory, 123)).isEqualTo(123);
    assertThat(program.syscall(Nr.IOCTL, end, FileIoctl.FIONREAD, memory)).isZero();
    assertThat(RawMemory.getInt(memory)).isEqualTo(123);
  }
}
