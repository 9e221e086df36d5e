// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.BlockDevice;
import io.pollux.block.Plug;
import io.pollux.block.bdev.BdevInode;
import io.pollux.core.ErrnoException;
import io.pollux.core.mm.WindowSpace;
import io.pollux.core.ramfs.Ramfs;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.core.vfs.Eventfd;
import io.pollux.core.vfs.FileTable;
import io.pollux.core.vfs.FilesStruct;
import io.pollux.core.vfs.Namei;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.IoEvent;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.Mman;
import io.pollux.uapi.RawMemory;
import io.pollux.uapi.Timespec;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * A program of io_submit and io_getevents on one open block device, without a call table in
 * between.
 */
final class LegacyProgram implements AutoCloseable {
  static final int BLOCK = 4096;
  static final int IOCBS = 64;

  private final UserProcess kernelProcess = new UserProcess();
  final Aio aio = new Aio(kernelProcess, Plug::new);
  final FileTable files = new FileTable();
  final UserProcess process = new UserProcess(new WindowSpace(), new FilesStruct());
  final Task task = process.newTask();
  private final Namei namei;
  private final BlockDevice disk;
  final long iocbs = map(IOCBS * Iocb.SIZE);
  final long pointers = map(IOCBS * 8L);
  final long buffers = map((long) IOCBS * BLOCK);
  final long events = map(IOCBS * IoEvent.SIZE);
  final long ctxp = map(BLOCK);
  final long timespec = ctxp + 64;
  final int fd;

  LegacyProgram(BlockDevice disk) {
    this.disk = disk;
    Ramfs fs = new Ramfs(1);
    fs.top().attach("disk", new BdevInode(fs, 2, disk));
    namei = new Namei(fs.root(), files);
    fd = open(Fcntl.O_RDWR | Fcntl.O_DIRECT);
  }

  int open(int flags) {
    try {
      return FilesStruct.of(process)
          .install(namei.open(task, null, "/disk".getBytes(StandardCharsets.UTF_8), flags, 0));
    } catch (ErrnoException e) {
      throw new AssertionError(e);
    }
  }

  int eventfd(long initial) {
    return FilesStruct.of(process).install(Eventfd.create(files, initial, 0));
  }

  long map(long bytes) {
    return process.mm().mmap(bytes, Mman.PROT_READ | Mman.PROT_WRITE);
  }

  long setup(int nr, int flags) {
    RawMemory.putLong(ctxp, 0);
    return RingProgram.in(task, () -> aio.ioSetup2(task, nr, flags, iocbs, 0, 0, ctxp));
  }

  long ctx() {
    return RawMemory.getLong(ctxp);
  }

  /** A read of one block by iocb i into buffer i. */
  long read(int i, long offset) {
    return prepare(i, AioAbi.IOCB_CMD_PREAD, fd, buffers + (long) i * BLOCK, BLOCK, offset);
  }

  long prepare(int i, int opcode, int file, long buf, long nbytes, long offset) {
    long iocb = iocbs + i * Iocb.SIZE;
    RawMemory.zero(iocb, Iocb.SIZE);
    Iocb.aioData(iocb, 1000 + i);
    Iocb.aioLioOpcode(iocb, (short) opcode);
    Iocb.aioFildes(iocb, file);
    Iocb.aioBuf(iocb, buf);
    Iocb.aioNbytes(iocb, nbytes);
    Iocb.aioOffset(iocb, offset);
    return iocb;
  }

  /** Submits iocbs first to last - 1 by address. */
  long submit(int first, int last) {
    for (int i = first; i < last; i++) {
      RawMemory.putLong(pointers + (i - first) * 8L, iocbs + i * Iocb.SIZE);
    }
    return submitArray(last - first, pointers);
  }

  long submitArray(long nr, long array) {
    return RingProgram.in(task, () -> aio.ioSubmit(task, ctx(), nr, array));
  }

  /** Takes events; a timeout of -1 is none. */
  long getevents(long min, long nr, long timeoutNanos) {
    return getevents(task, min, nr, events, timeoutNanos);
  }

  long getevents(Task caller, long min, long nr, long array, long timeoutNanos) {
    Timespec.tvSec(timespec, timeoutNanos / 1_000_000_000);
    Timespec.tvNsec(timespec, timeoutNanos % 1_000_000_000);
    return RingProgram.in(
        caller,
        () -> aio.ioGetevents(caller, ctx(), min, nr, array, timeoutNanos < 0 ? 0 : timespec));
  }

  /** As getevents for one event, with a timeout whose fields are any value at all. */
  long geteventsFor(Task caller, long seconds, long nanoseconds) {
    Timespec.tvSec(timespec, seconds);
    Timespec.tvNsec(timespec, nanoseconds);
    return RingProgram.in(caller, () -> aio.ioGetevents(caller, ctx(), 1, 1, events, timespec));
  }

  List<RingProgram.Event> events(int count) {
    List<RingProgram.Event> list = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      long at = events + i * IoEvent.SIZE;
      list.add(
          new RingProgram.Event(
              IoEvent.data(at), IoEvent.obj(at), IoEvent.res(at), IoEvent.res2(at)));
    }
    return list;
  }

  /** Takes exactly so many events and answers their results in order of their iocbs. */
  List<Long> results(int count) {
    assertThat(getevents(count, count, -1)).isEqualTo(count);
    return events(count).stream()
        .sorted((a, b) -> Long.compare(a.data(), b.data()))
        .map(RingProgram.Event::res)
        .toList();
  }

  long cancel(long iocb) {
    return RingProgram.in(task, () -> aio.ioCancel(task, ctx(), iocb, events));
  }

  long destroy() {
    return RingProgram.in(task, () -> aio.ioDestroy(task, ctx()));
  }

  /** Ends the process and looks whether anything is left. */
  @Override
  public void close() {
    process.exit();
    assertThat(process.mm().pinnedPages()).as("pinned pages").isZero();
    assertThat(process.mm().lockedPages()).as("locked pages").isZero();
    assertThat(files.nrFiles()).as("open files").isZero();
    assertThat(aio.aioNr()).as("aio_nr").isZero();
    assertThat(disk.queue().busyTags()).as("tags").isZero();
    kernelProcess.exit();
  }
}
