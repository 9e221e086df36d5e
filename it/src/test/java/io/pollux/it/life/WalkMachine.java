// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.life;

import io.pollux.block.BlockDevice;
import io.pollux.block.QueueLimits;
import io.pollux.block.TagSet;
import io.pollux.block.driver.RamDisk;
import io.pollux.block.fixture.HeldDisk;
import io.pollux.core.ErrnoException;
import io.pollux.core.mm.WindowSpace;
import io.pollux.core.sched.UserProcess;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FilesStruct;
import io.pollux.sample.SampleImage;
import io.pollux.syscalls.Program;
import io.pollux.testkit.TestDisk;
import io.pollux.testkit.TestKernel;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.AioIoEventRing;
import io.pollux.uapi.AioIocbRing;
import io.pollux.uapi.Errno;
import io.pollux.uapi.IoEvent;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.Nr;
import io.pollux.uapi.RawMemory;
import io.pollux.userland.PathName;
import io.pollux.userland.UserFiles;
import io.pollux.userland.UserMemory;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A kernel with one disk, which holds its requests, and a program with both rings. The program does
 * everything by hand, so that each store is a step.
 */
final class WalkMachine implements AutoCloseable {
  /** Name of the thread that plays the device. */
  static final String DEVICE = "walk device";

  /** The top of the sources. */
  static final Path ROOT = Objects.requireNonNull(Path.of("").toAbsolutePath().getParent());

  /** The modules whose places a walk names. */
  static final List<String> MODULES =
      List.of("kernel-core", "block-layer", "kernel-aio", "fs-iomap", "fs-xfs", "fs-gfs2");

  /** Entries of each ring; one of them stays free. */
  static final int ENTRIES = 4;

  static final int BLOCK = 4096;

  private static final int DATA = 100; // aio_data of the first request

  final TestKernel kernel = TestKernel.boot();
  final HeldDisk disk;
  final FilesStruct files = new FilesStruct();
  final UserProcess process = new UserProcess(new WindowSpace(), files);
  final Program program;
  private final RamDisk ram;
  private final BlockDevice bdev;
  private final int depth;
  private final UserMemory memory;
  private final UserFiles userFiles;
  private final long sq;
  private final long cq;
  private final long buffers;
  private final long ctxp;
  private @Nullable WalkRecorder recorder;
  private @Nullable File file;
  private int sqTail;
  private int cqHead;
  private int prepared;

  /**
   * Boots.
   *
   * @param fs the sample: xfs or gfs2
   * @param depth tags of the disk's interrupt-driven queue, and of its polled one
   * @param options of the mount
   */
  WalkMachine(String fs, int depth, String options) {
    this.depth = depth;
    ram = SampleImage.load(fs);
    disk = new HeldDisk(RawMemory.segment(ram.address(), ram.bytes())).letThrough();
    TagSet tags = new TagSet(1, 1, depth, false);
    kernel.addDisk(
        "held0",
        (name, dev) -> new TestDisk(disk, disk.disk(name, dev, tags, QueueLimits.of(512), false)));
    bdev = kernel.disk("held0");
    try {
      kernel.mount("mnt", "held0", options);
    } catch (ErrnoException e) {
      throw new AssertionError("the sample", e);
    }
    program = kernel.kernel().newProgram(process);
    userFiles = new UserFiles(program);
    memory = UserMemory.map(program, 4L * BLOCK + ENTRIES * (long) BLOCK);
    sq = memory.address();
    cq = sq + BLOCK;
    ctxp = cq + BLOCK;
    buffers = ctxp + BLOCK;
  }

  // Before the walk.

  /** Opens a file of the sample. */
  int open(String path, int flags) {
    int fd = userFiles.open(PathName.of(path), flags);
    file = files.fget(fd);
    return fd;
  }

  /** Opens a file that has no name. */
  int install(File opened) {
    int fd = files.install(opened);
    file = files.fget(fd);
    return fd;
  }

  BlockDevice bdev() {
    return bdev;
  }

  /** Creates a context with rings. */
  void setup(int flags) {
    for (int i = 0; i < ENTRIES; i++) { // FIXEDBUFS reads these at setup
      Iocb.aioBuf(AioIocbRing.iocb(sq, i), buffers + (long) i * BLOCK);
      Iocb.aioNbytes(AioIocbRing.iocb(sq, i), BLOCK);
    }
    int all = flags | AioAbi.IOCTX_FLAG_SCQRING;
    check("io_setup2", program.syscall(Nr.IO_SETUP2, ENTRIES, all, 0, sq, cq, ctxp));
  }

  /** Creates a context without rings. */
  void setupOld() {
    check("io_setup", program.syscall(Nr.IO_SETUP, ENTRIES, ctxp));
  }

  /** Performs a request that is not recorded, so that the next one finds everything warm. */
  void warmUp(int fd, long offset, boolean polled) {
    fill(fd, AioAbi.IOCB_CMD_PREAD, offset, BLOCK, polled);
    publish();
    call(1, 1, AioAbi.IORING_FLAG_SUBMIT | AioAbi.IORING_FLAG_GETEVENTS);
    consume();
  }

  /** Leaves as many events in the CQ ring as it has room for. */
  void fillCq(int fd, boolean polled) {
    for (int i = 1; i < ENTRIES; i++) {
      fill(fd, AioAbi.IOCB_CMD_PREAD, (long) i * BLOCK, BLOCK, polled);
    }
    publish();
    check(
        "io_ring_enter",
        call(ENTRIES - 1, ENTRIES - 1, AioAbi.IORING_FLAG_SUBMIT | AioAbi.IORING_FLAG_GETEVENTS));
  }

  private static void check(String call, long result) {
    if (result < 0) {
      throw new AssertionError(call + " returned " + Errno.name((int) -result));
    }
  }

  /** Starts to record. The disk holds its requests from now on. */
  void start() {
    disk.holdAgain();
    recorder =
        new WalkRecorder(
            new WalkState(process.mm(), bdev.queue(), depth, Objects.requireNonNull(file)));
  }

  /** Stops recording. */
  List<Map<String, Object>> stop() {
    WalkRecorder recorded = recorder();
    recorded.close();
    recorder = null;
    disk.letThrough();
    return recorded.steps();
  }

  private WalkRecorder recorder() {
    return Objects.requireNonNull(recorder);
  }

  // The program's steps.

  /** Fills the next entry of the SQ ring. */
  void prepare(int fd, int opcode, long offset, int bytes, boolean polled) {
    int data = fill(fd, opcode, offset, bytes, polled);
    recorder().program("program_fill", "UserRing#prepare", "data " + data);
  }

  private int fill(int fd, int opcode, long offset, int bytes, boolean polled) {
    long iocb = AioIocbRing.iocb(sq, sqTail);
    int data = DATA + prepared++;
    Iocb.aioData(iocb, data);
    Iocb.aioLioOpcode(iocb, (short) opcode);
    Iocb.aioFildes(iocb, fd);
    Iocb.aioOffset(iocb, offset);
    Iocb.aioNbytes(iocb, bytes);
    Iocb.aioFlags(iocb, polled ? AioAbi.IOCB_FLAG_HIPRI : 0);
    sqTail = next(sqTail);
    return data;
  }

  /** Stores the tail of the SQ ring. */
  void push() {
    publish();
    recorder().program("program_tail", "UserRing#publish", "tail " + sqTail);
  }

  private void publish() {
    AioIocbRing.tail(sq, sqTail);
  }

  /** Calls io_ring_enter. */
  long enter(int toSubmit, int minComplete, int flags) {
    long result = call(toSubmit, minComplete, flags);
    returned("io_ring_enter", result);
    return result;
  }

  /** Calls io_ring_enter. Its return is no step, because other threads run beside it. */
  void callSilently(int toSubmit, int minComplete, int flags) {
    check("io_ring_enter", call(toSubmit, minComplete, flags));
  }

  private long call(int toSubmit, int minComplete, int flags) {
    return program.syscall(Nr.IO_RING_ENTER, RawMemory.getLong(ctxp), toSubmit, minComplete, flags);
  }

  private void returned(String call, long result) {
    recorder()
        .program(
            "return",
            "Program#syscall",
            call + " returns " + (result < 0 ? "-" + Errno.name((int) -result) : result));
  }

  /** Calls io_submit with one read of a context without rings. */
  void submitOld(int fd, long offset) {
    long iocb = sq;
    Iocb.aioData(iocb, DATA);
    Iocb.aioLioOpcode(iocb, (short) AioAbi.IOCB_CMD_PREAD);
    Iocb.aioFildes(iocb, fd);
    Iocb.aioBuf(iocb, buffers);
    Iocb.aioNbytes(iocb, BLOCK);
    Iocb.aioOffset(iocb, offset);
    RawMemory.putLong(cq, iocb);
    recorder().program("program_fill", "Iocb", "data " + DATA);
    returned("io_submit", program.syscall(Nr.IO_SUBMIT, RawMemory.getLong(ctxp), 1, cq));
  }

  /** Calls io_getevents for one event. */
  void getEventsOld() {
    returned(
        "io_getevents",
        program.syscall(Nr.IO_GETEVENTS, RawMemory.getLong(ctxp), 1, 1, cq + IoEvent.SIZE, 0, 0));
  }

  /** Reads the next event of the CQ ring and stores the head. */
  void reap() {
    long event = AioIoEventRing.event(cq, cqHead);
    String facts = "data " + IoEvent.data(event) + ", res " + IoEvent.res(event);
    consume();
    recorder().program("program_reap", "UserRing#consume", facts);
  }

  private void consume() {
    cqHead = next(cqHead);
    AioIoEventRing.head(cq, cqHead);
  }

  /** Completes a held request as the device does, on a thread of its own. */
  void complete(int index) {
    Thread device = new Thread(() -> disk.release(index), DEVICE);
    device.start();
    try {
      device.join();
    } catch (InterruptedException e) {
      throw new AssertionError("interrupted", e);
    }
  }

  /** Completes a held polled request. The kernel sees it at its next poll. */
  void completeSilently(int index) {
    complete(index);
    recorder().program("device_done", "HeldDisk#release", "");
  }

  /** Notes something else that the program sees. */
  void note(String point, String place, String facts) {
    recorder().program(point, place, facts);
  }

  /** Waits for a change that another thread makes. */
  void await(BooleanSupplier condition) {
    for (int turn = 0; turn < 30_000 && !condition.getAsBoolean(); turn++) {
      try {
        Thread.sleep(1);
      } catch (InterruptedException e) {
        throw new AssertionError("interrupted", e);
      }
    }
    if (!condition.getAsBoolean()) {
      throw new AssertionError("it did not come");
    }
  }

  boolean sqThreadSleeps() {
    return (AioIocbRing.sqFlags(sq) & AioAbi.IORING_SQ_NEED_WAKEUP) != 0;
  }

  boolean cqHasEvent() {
    return AioIoEventRing.tail(cq) != cqHead;
  }

  private static int next(int index) {
    return index + 1 == ENTRIES ? 0 : index + 1;
  }

  @Override
  public void close() {
    if (recorder != null) {
      recorder.close();
    }
    disk.letThrough();
    if (file != null) {
      file.fput();
    }
    program.close();
    kernel.close();
    ram.close();
  }
}
