// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.driver.FaultDisk;
import io.pollux.block.driver.FaultPlan;
import io.pollux.block.driver.RamDisk;
import io.pollux.core.ErrnoException;
import io.pollux.core.mm.HostMemory;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.IoEvent;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.Mman;
import io.pollux.uapi.Nr;
import io.pollux.uapi.RawMemory;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Which call of which open file reports an error of write-back: a disk of which writes beyond the
 * first half fail. The values are those of Linux on a loop device over a file on a full tmpfs.
 */
@Timeout(60)
class WriteErrorCallsTest {
  private static final int HALF_SECTORS = 2048;
  private static final int HALF = HALF_SECTORS << 9;
  private static final int BYTES = 64 << 10;

  private final RamDisk ram = new RamDisk(2 * HALF);
  private final FaultDisk disk =
      FaultDisk.over(
          ram,
          FaultPlan.builder()
              .errors(FaultPlan.Errors.WRITE)
              .errorSectors(HALF_SECTORS, 2 * HALF_SECTORS - 1)
              .build());
  private final Kernel kernel = Kernel.boot();
  private final Program program = kernel.newProgram();
  private final long memory =
      program.syscall(
          Nr.MMAP,
          0,
          4 * BYTES,
          Mman.PROT_READ | Mman.PROT_WRITE,
          Mman.MAP_PRIVATE | Mman.MAP_ANONYMOUS,
          -1,
          0);

  @BeforeEach
  void boot() {
    kernel.addDisk(disk.disk("ram0", 0x100, false));
  }

  @AfterEach
  void shutDown() throws ErrnoException {
    program.close();
    assertThat(kernel.held()).isEmpty();
    kernel.close();
    disk.close();
  }

  private int open(int flags) {
    byte[] name = "/dev/ram0\0".getBytes(StandardCharsets.UTF_8);
    for (int i = 0; i < name.length; i++) {
      RawMemory.putByte(memory + i, name[i]);
    }
    int fd = (int) program.syscall(Nr.OPEN, memory, flags, 0);
    assertThat(fd).isNotNegative();
    return fd;
  }

  private long fsync(int fd) {
    return program.syscall(Nr.FSYNC, fd);
  }

  private void write(int fd) {
    assertThat(program.syscall(Nr.PWRITE64, fd, memory, BYTES, HALF)).isEqualTo(BYTES);
  }

  private long readDirectly(int fd, int at) {
    return program.syscall(Nr.PREAD64, fd, memory + BYTES, HostMemory.PAGE_SIZE, HALF + at);
  }

  @Test
  void eachOpenFileReportsAnErrorOnce() {
    int first = open(Fcntl.O_RDWR);
    int second = open(Fcntl.O_RDWR);
    int dup = (int) program.syscall(Nr.DUP, first);
    write(first);
    assertThat(fsync(first)).isEqualTo(-Errno.EIO);
    assertThat(fsync(first)).isZero();
    assertThat(fsync(dup)).as("the same open file").isZero();
    int late = open(Fcntl.O_RDWR);
    assertThat(fsync(late)).isZero();
    assertThat(program.syscall(Nr.SYNC_FILE_RANGE, second, 0, 0, 2)).as("without a wait").isZero();
    assertThat(program.syscall(Nr.SYNC_FILE_RANGE, second, 0, 0, 7)).isEqualTo(-Errno.EIO);
    assertThat(fsync(second)).isZero();
  }

  @Test
  void syncAndSyncfsTellNothing() {
    int first = open(Fcntl.O_RDWR);
    int second = open(Fcntl.O_RDWR);
    write(first);
    assertThat(program.syscall(Nr.SYNCFS, first)).isZero();
    assertThat(program.syscall(Nr.SYNC, 0)).isZero();
    assertThat(fsync(second)).isEqualTo(-Errno.EIO);
    assertThat(fsync(open(Fcntl.O_RDWR))).as("opened after the report").isZero();
    assertThat(fsync(first)).isEqualTo(-Errno.EIO);
  }

  @Test
  void aDirectReadReportsTheErrorOnceAndNoFsyncMissesIt() {
    int first = open(Fcntl.O_RDWR);
    write(first);
    int direct = open(Fcntl.O_RDWR | Fcntl.O_DIRECT);
    assertThat(readDirectly(direct, 0)).isEqualTo(-Errno.EIO);
    assertThat(readDirectly(direct, BYTES)).isEqualTo(HostMemory.PAGE_SIZE);
    assertThat(fsync(direct)).isEqualTo(-Errno.EIO);
    assertThat(fsync(first)).isEqualTo(-Errno.EIO);
  }

  @Test
  void theNextFileReportsAnErrorOfTheLastClose() {
    int first = open(Fcntl.O_RDWR);
    write(first);
    assertThat(program.syscall(Nr.CLOSE, first)).isZero();
    int next = open(Fcntl.O_RDWR);
    assertThat(fsync(next)).isEqualTo(-Errno.EIO);
    assertThat(fsync(next)).isZero();
  }

  @Test
  void durableWritesAndAioReportWithTheirOwnFile() {
    int first = open(Fcntl.O_RDWR);
    int second = open(Fcntl.O_RDWR | Fcntl.O_DSYNC);
    write(first);
    assertThat(fsync(first)).isEqualTo(-Errno.EIO);
    assertThat(program.syscall(Nr.PWRITE64, second, memory, 512, 0))
        .as("that range is good")
        .isEqualTo(-Errno.EIO);
    assertThat(program.syscall(Nr.PWRITE64, second, memory, 512, 0)).isEqualTo(512);
    write(first);
    assertThat(fsync(first)).isEqualTo(-Errno.EIO);
    long context = memory + 2 * BYTES;
    long iocb = context + 64;
    long pointers = context + 128;
    long event = context + 256;
    assertThat(program.syscall(Nr.IO_SETUP, 1, context)).isZero();
    RawMemory.putLong(pointers, iocb);
    Iocb.aioLioOpcode(iocb, (short) AioAbi.IOCB_CMD_FDSYNC);
    Iocb.aioFildes(iocb, second);
    for (long expected : new long[] {-Errno.EIO, 0}) {
      assertThat(program.syscall(Nr.IO_SUBMIT, RawMemory.getLong(context), 1, pointers))
          .isEqualTo(1);
      assertThat(program.syscall(Nr.IO_GETEVENTS, RawMemory.getLong(context), 1, 1, event))
          .isEqualTo(1);
      assertThat(IoEvent.res(event)).isEqualTo(expected);
    }
  }
}
