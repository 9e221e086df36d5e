// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.IoEvent;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.Iovec;
import io.pollux.uapi.Nr;
import io.pollux.uapi.RawMemory;
import io.pollux.uapi.Stat;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Files in memory, and the calls about room and durability, as a program sees them. Errnos are
 * those of Linux 6.18.
 */
@Timeout(value = 1, unit = TimeUnit.MINUTES)
class StorageCallsTest {
  private static final int NONE = 900; // no such descriptor
  private static final int PUNCH = Fcntl.FALLOC_FL_PUNCH_HOLE | Fcntl.FALLOC_FL_KEEP_SIZE;

  private final Booted booted = new Booted();
  private final Program program = booted.program;
  private final long memory = booted.memory;
  private final int file = booted.open("/file", Fcntl.O_RDWR | Fcntl.O_CREAT);
  private final int disk = booted.open("/dev/ram0", Fcntl.O_RDWR);

  @AfterEach
  void close() throws ErrnoException {
    booted.close();
  }

  private long size(int fd) {
    assertThat(program.syscall(Nr.FSTAT, fd, memory + 4 * Booted.PAGE)).isZero();
    return Stat.stSize(memory + 4 * Booted.PAGE);
  }

  private int pipe(boolean write) {
    assertThat(program.syscall(Nr.PIPE2, memory, 0)).isZero();
    return RawMemory.getInt(memory + (write ? 4 : 0));
  }

  @Test
  void vectorsGoThroughTheFilesPosition() {
    for (int i = 0; i < 2; i++) {
      Iovec.iovBase(memory + i * Iovec.SIZE, memory + (1 + i) * (long) Booted.PAGE);
      Iovec.iovLen(memory + i * Iovec.SIZE, 10);
    }
    RawMemory.segment(memory + Booted.PAGE, 10).fill((byte) 1);
    RawMemory.segment(memory + 2 * Booted.PAGE, 10).fill((byte) 2);
    assertThat(program.syscall(Nr.WRITEV, file, memory, 2)).isEqualTo(20);
    assertThat(program.syscall(Nr.WRITEV, file, memory, 1)).isEqualTo(10);
    assertThat(program.syscall(Nr.LSEEK, file, 5, Fcntl.SEEK_SET)).isEqualTo(5);
    assertThat(program.syscall(Nr.READV, file, memory, 2)).isEqualTo(20);
    assertThat(RawMemory.getByte(memory + Booted.PAGE + 4)).isEqualTo((byte) 1);
    assertThat(RawMemory.getByte(memory + Booted.PAGE + 5)).isEqualTo((byte) 2);
    assertThat(program.syscall(Nr.READV, file, memory, 2)).isEqualTo(5);
    assertThat(program.syscall(Nr.READV, file, memory, 2)).isZero();
    assertThat(program.syscall(Nr.READV, file, memory, 1025)).isEqualTo(-Errno.EINVAL);
    assertThat(program.syscall(Nr.PREADV, file, memory, 2, -1))
        .as("no position for preadv")
        .isEqualTo(-Errno.EINVAL);
    assertThat(program.syscall(Nr.PREADV2, file, memory, 2, 0)).isEqualTo(20);
    assertThat(program.syscall(Nr.WRITEV, NONE, memory, 1)).isEqualTo(-Errno.EBADF);
  }

  @Test
  void anEmptyVectorReturnsBeforeTheFlagsAreChecked() {
    int unknown = 1 << 31;
    assertThat(program.syscall(Nr.PREADV2, file, 0, 0, 0, 0, unknown)).isZero();
    assertThat(program.syscall(Nr.PWRITEV2, file, 0, 0, 0, 0, unknown)).isZero();
    Iovec.iovBase(memory, memory + Booted.PAGE);
    Iovec.iovLen(memory, 0);
    assertThat(program.syscall(Nr.PREADV2, file, memory, 1, 0, 0, unknown)).isZero();
    Iovec.iovLen(memory, 1);
    assertThat(program.syscall(Nr.PREADV2, file, memory, 1, 0, 0, unknown))
        .isEqualTo(-Errno.EOPNOTSUPP);
    assertThat(program.syscall(Nr.PREADV2, NONE, 0, 0, 0, 0, unknown)).isEqualTo(-Errno.EBADF);
  }

  @Test
  void ftruncate() {
    assertThat(program.syscall(Nr.FTRUNCATE, file, 12345)).isZero();
    assertThat(size(file)).isEqualTo(12345);
    assertThat(program.syscall(Nr.FTRUNCATE, NONE, -1)).isEqualTo(-Errno.EINVAL);
    assertThat(program.syscall(Nr.FTRUNCATE, NONE, 0)).isEqualTo(-Errno.EBADF);
    assertThat(program.syscall(Nr.FTRUNCATE, disk, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(program.syscall(Nr.FTRUNCATE, pipe(true), 0)).isEqualTo(-Errno.EINVAL);
    assertThat(program.syscall(Nr.FTRUNCATE, booted.open("/file", 0), 0)).isEqualTo(-Errno.EINVAL);
    assertThat(program.syscall(Nr.FTRUNCATE, booted.open("/", 0), 0)).isEqualTo(-Errno.EINVAL);
  }

  @Test
  void fallocate() {
    assertThat(program.syscall(Nr.FALLOCATE, file, 0, 0, 10_000)).isZero();
    assertThat(size(file)).isEqualTo(10_000);
    assertThat(program.syscall(Nr.FALLOCATE, file, PUNCH, 0, 1L << 40)).isZero();
    assertThat(program.syscall(Nr.FALLOCATE, file, 0, 0, 2L << 30)).isEqualTo(-Errno.ENOSPC);
    assertThat(program.syscall(Nr.FALLOCATE, NONE, 0, 0, 0)).isEqualTo(-Errno.EBADF);
    assertThat(program.syscall(Nr.FALLOCATE, file, 0, 0, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(program.syscall(Nr.FALLOCATE, file, 0, Long.MAX_VALUE, 5)).isEqualTo(-Errno.EFBIG);
    assertThat(program.syscall(Nr.FALLOCATE, file, Fcntl.FALLOC_FL_PUNCH_HOLE, 0, 5))
        .isEqualTo(-Errno.EOPNOTSUPP);
    assertThat(program.syscall(Nr.FALLOCATE, file, 0x100, 0, 5)).isEqualTo(-Errno.EOPNOTSUPP);
    int collapse = Fcntl.FALLOC_FL_COLLAPSE_RANGE;
    assertThat(program.syscall(Nr.FALLOCATE, file, collapse | 1, 0, 5)).isEqualTo(-Errno.EINVAL);
    assertThat(program.syscall(Nr.FALLOCATE, file, collapse, 0, 5)).isEqualTo(-Errno.EOPNOTSUPP);
    assertThat(program.syscall(Nr.FALLOCATE, booted.open("/file", 0), 0, 0, 5))
        .isEqualTo(-Errno.EBADF);
    assertThat(program.syscall(Nr.FALLOCATE, pipe(true), 0, 0, 5)).isEqualTo(-Errno.ESPIPE);
    assertThat(program.syscall(Nr.FALLOCATE, program.syscall(Nr.EVENTFD2, 0, 0), 0, 0, 5))
        .isEqualTo(-Errno.ENODEV);
    assertThat(program.syscall(Nr.FALLOCATE, disk, 0, 0, 4096)).isEqualTo(-Errno.EOPNOTSUPP);
  }

  @Test
  void adviceIsChecked() {
    assertThat(program.syscall(Nr.FADVISE64, file, 0, 0, 5)).isZero();
    assertThat(program.syscall(Nr.FADVISE64, file, 0, 0, 6)).isEqualTo(-Errno.EINVAL);
    assertThat(program.syscall(Nr.FADVISE64, file, 0, -1, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(program.syscall(Nr.FADVISE64, pipe(false), 0, 0, 6)).isEqualTo(-Errno.ESPIPE);
    assertThat(program.syscall(Nr.FADVISE64, NONE, 0, 0, 0)).isEqualTo(-Errno.EBADF);
  }

  private void dirty(int at) {
    RawMemory.putByte(memory, (byte) 7);
    assertThat(program.syscall(Nr.PWRITE64, disk, memory, 1, at)).isEqualTo(1);
    assertThat(onDisk(at)).isZero();
  }

  private int onDisk(int at) {
    return RawMemory.getByte(booted.disk.address() + at);
  }

  @Test
  void syncFileRangeBringsThatRangeToTheDisk() {
    dirty(0);
    dirty(8 * Booted.PAGE);
    assertThat(program.syscall(Nr.SYNC_FILE_RANGE, disk, 0, 1, 2)).isZero();
    assertThat(onDisk(0)).isEqualTo(7);
    assertThat(onDisk(8 * Booted.PAGE)).isZero();
    assertThat(program.syscall(Nr.SYNC_FILE_RANGE, disk, 1, 0, 7))
        .as("0 is up to the end")
        .isZero();
    assertThat(onDisk(8 * Booted.PAGE)).isEqualTo(7);
    assertThat(program.syscall(Nr.SYNC_FILE_RANGE, file, 0, 0, 7)).isZero();
    assertThat(program.syscall(Nr.SYNC_FILE_RANGE, file, -1, 0, 7)).isEqualTo(-Errno.EINVAL);
    assertThat(program.syscall(Nr.SYNC_FILE_RANGE, file, 1, Long.MAX_VALUE, 7))
        .isEqualTo(-Errno.EINVAL);
    assertThat(program.syscall(Nr.SYNC_FILE_RANGE, file, 0, 0, 8)).isEqualTo(-Errno.EINVAL);
    assertThat(program.syscall(Nr.SYNC_FILE_RANGE, pipe(true), 0, 0, 0)).isEqualTo(-Errno.ESPIPE);
  }

  @Test
  void syncBringsEverythingToTheDisks() {
    dirty(0);
    assertThat(program.syscall(Nr.SYNC, 0)).isZero();
    assertThat(onDisk(0)).isEqualTo(7);
    assertThat(program.syscall(Nr.SYNCFS, file)).isZero();
    assertThat(program.syscall(Nr.SYNCFS, NONE)).isEqualTo(-Errno.EBADF);
  }

  @Test
  void aioOnAFileInMemoryIsDoneAtOnce() {
    assertThat(program.syscall(Nr.IO_SETUP, 4, memory)).isZero();
    long context = RawMemory.getLong(memory);
    RawMemory.segment(memory + Booted.PAGE, Booted.PAGE).fill((byte) 9);
    long event = memory + 512;
    assertThat(aio(context, AioAbi.IOCB_CMD_PWRITE, Booted.PAGE, event)).isEqualTo(Booted.PAGE);
    assertThat(size(file)).isEqualTo(100 + Booted.PAGE);
    assertThat(aio(context, AioAbi.IOCB_CMD_PREAD, 2 * Booted.PAGE, event)).isEqualTo(Booted.PAGE);
    assertThat(RawMemory.getByte(memory + 3 * Booted.PAGE - 1)).isEqualTo((byte) 9);
    assertThat(aio(context, AioAbi.IOCB_CMD_FSYNC, 0, event)).isZero();
    assertThat(program.syscall(Nr.UNLINK, booted.path("/file"))).isZero();
    assertThat(aio(context, AioAbi.IOCB_CMD_PREAD, 3 * Booted.PAGE, event)).isEqualTo(Booted.PAGE);
  }

  private long aio(long context, int opcode, int at, long event) {
    long iocb = memory + 128;
    RawMemory.zero(iocb, Iocb.SIZE);
    Iocb.aioLioOpcode(iocb, (short) opcode);
    Iocb.aioFildes(iocb, file);
    if (at != 0) {
      Iocb.aioBuf(iocb, memory + at);
      Iocb.aioNbytes(iocb, Booted.PAGE);
      Iocb.aioOffset(iocb, 100);
    }
    RawMemory.putLong(memory + 64, iocb);
    assertThat(program.syscall(Nr.IO_SUBMIT, context, 1, memory + 64)).isEqualTo(1);
    assertThat(program.syscall(Nr.IO_GETEVENTS, context, 1, 1, event, 0, 0)).isEqualTo(1);
    return IoEvent.res(event);
  }
}
