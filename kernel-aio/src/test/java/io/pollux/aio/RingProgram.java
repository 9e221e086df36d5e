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
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileTable;
import io.pollux.core.vfs.FilesStruct;
import io.pollux.core.vfs.Namei;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.AioIoEventRing;
import io.pollux.uapi.AioIocbRing;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.IoEvent;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.Mman;
import io.pollux.uapi.RawMemory;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** A program with rings of its own on one open block device, without a call table in between. */
final class RingProgram implements AutoCloseable {
  static final int BLOCK = 4096;
  static final int RINGS = AioAbi.IOCTX_FLAG_SCQRING;
  static final int POLLED = RINGS | AioAbi.IOCTX_FLAG_IOPOLL;
  static final int ENTER = AioAbi.IORING_FLAG_SUBMIT | AioAbi.IORING_FLAG_GETEVENTS;

  private final UserProcess kernelProcess = new UserProcess();
  final Aio aio = new Aio(kernelProcess, Plug::new);
  final FileTable files = new FileTable();
  final UserProcess process = new UserProcess(new WindowSpace(), new FilesStruct());
  final Task task = process.newTask();
  final int nr;
  final long sq;
  final long cq;
  final long buffers;
  final long ctxp;
  final int fd;
  private final BlockDevice disk;
  private final Namei namei;
  private int sqTail;
  private int cqHead;

  RingProgram(BlockDevice disk, int nr) {
    this.disk = disk;
    this.nr = nr;
    Ramfs fs = new Ramfs(1);
    fs.top().attach("disk", new BdevInode(fs, 2, disk));
    sq = map(AioIocbRing.bytes(nr), Mman.PROT_READ | Mman.PROT_WRITE);
    cq = map(AioIoEventRing.bytes(nr), Mman.PROT_READ | Mman.PROT_WRITE);
    buffers = map((long) nr * BLOCK, Mman.PROT_READ | Mman.PROT_WRITE);
    ctxp = map(BLOCK, Mman.PROT_READ | Mman.PROT_WRITE);
    namei = new Namei(fs.root(), files);
    fd = open(Fcntl.O_RDWR | Fcntl.O_DIRECT);
    for (int i = 0; i < nr; i++) { // what FIXEDBUFS wants to know at setup
      Iocb.aioBuf(AioIocbRing.iocb(sq, i), buffers + (long) i * BLOCK);
      Iocb.aioNbytes(AioIocbRing.iocb(sq, i), BLOCK);
    }
  }

  int open(int flags) {
    try {
      return FilesStruct.of(process)
          .install(namei.open(task, null, "/disk".getBytes(StandardCharsets.UTF_8), flags, 0));
    } catch (ErrnoException e) {
      throw new AssertionError(e);
    }
  }

  /** A file without a name. */
  int install(File file) {
    return FilesStruct.of(process).install(file);
  }

  long map(long bytes, int prot) {
    return process.mm().mmap(bytes, prot);
  }

  long setup(int flags) {
    return in(task, () -> aio.ioSetup2(task, nr, flags, 0, sq, cq, ctxp));
  }

  long ctx() {
    return RawMemory.getLong(ctxp);
  }

  long enter(int toSubmit, int minComplete, int flags) {
    return enter(task, toSubmit, minComplete, flags);
  }

  long enter(Task caller, int toSubmit, int minComplete, int flags) {
    return in(caller, () -> aio.ioRingEnter(caller, ctx(), toSubmit, minComplete, flags));
  }

  long destroy() {
    return in(task, () -> aio.ioDestroy(task, ctx()));
  }

  /** A call. */
  interface Call {
    long call();
  }

  static long in(Task caller, Call call) {
    assertThat(caller.enterKernel()).isTrue();
    try {
      return call.call();
    } finally {
      caller.deliverSignals();
      caller.leaveKernel();
    }
  }

  /**
   * Fills the next entry with a read of one block and answers its address, to be changed before
   * enter.
   */
  long prepareRead(long offset, long data, boolean hipri) {
    int index = sqTail;
    long iocb = AioIocbRing.iocb(sq, index);
    RawMemory.zero(iocb, Iocb.SIZE);
    Iocb.aioData(iocb, data);
    Iocb.aioLioOpcode(iocb, (short) AioAbi.IOCB_CMD_PREAD);
    Iocb.aioFildes(iocb, fd);
    Iocb.aioBuf(iocb, buffers + (long) index * BLOCK);
    Iocb.aioNbytes(iocb, BLOCK);
    Iocb.aioOffset(iocb, offset);
    Iocb.aioFlags(iocb, hipri ? AioAbi.IOCB_FLAG_HIPRI : 0);
    sqTail = next(sqTail);
    AioIocbRing.tail(sq, sqTail);
    return iocb;
  }

  /** Fills the next entry with a poll, before a submission thread may take it. */
  void preparePoll(int file, long data, int events) {
    long iocb = AioIocbRing.iocb(sq, sqTail);
    RawMemory.zero(iocb, Iocb.SIZE);
    Iocb.aioData(iocb, data);
    Iocb.aioLioOpcode(iocb, (short) AioAbi.IOCB_CMD_POLL);
    Iocb.aioFildes(iocb, file);
    Iocb.aioBuf(iocb, events);
    sqTail = next(sqTail);
    AioIocbRing.tail(sq, sqTail);
  }

  /** Takes the last prepared entry back. */
  void retract() {
    sqTail = sqTail == 0 ? nr - 1 : sqTail - 1;
    AioIocbRing.tail(sq, sqTail);
  }

  /** Begins with empty rings, as a new context does. */
  void startAgain() {
    sqTail = 0;
    cqHead = 0;
  }

  int next(int index) {
    return index + 1 == nr ? 0 : index + 1;
  }

  /** An event. */
  record Event(long data, long obj, long res, long res2) {}

  /** Takes at most so many events from the CQ ring. */
  List<Event> reap(int max) {
    List<Event> events = new ArrayList<>();
    int tail = AioIoEventRing.tail(cq);
    while (cqHead != tail && events.size() < max) {
      long event = AioIoEventRing.event(cq, cqHead);
      events.add(
          new Event(
              IoEvent.data(event), IoEvent.obj(event), IoEvent.res(event), IoEvent.res2(event)));
      cqHead = next(cqHead);
    }
    AioIoEventRing.head(cq, cqHead);
    return events;
  }

  List<Event> reap() {
    return reap(Integer.MAX_VALUE);
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
