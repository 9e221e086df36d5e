// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.life;

import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileTable;
import io.pollux.iomap.fixture.ExtentFile;
import io.pollux.iomap.fixture.ExtentFileSystem;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Nr;
import java.util.List;
import java.util.Map;

/** The walks of the companion. Each records one request, or two where the first is in the way. */
enum Walks {
  POLLED_FIXED("polled-fixed"),
  POLLED_PINNED("polled-pinned"),
  INTERRUPT("interrupt"),
  LEGACY("legacy"),
  SQPOLL("sqpoll"),
  CQ_FULL("cq-full"),
  NO_TAG("no-tag"),
  UNALIGNED("unaligned"),
  ALLOCATING("allocating"),
  GFS2("gfs2");

  private static final int SUBMIT = AioAbi.IORING_FLAG_SUBMIT;
  private static final int GETEVENTS = AioAbi.IORING_FLAG_GETEVENTS;
  private static final int IOPOLL = AioAbi.IOCTX_FLAG_IOPOLL;
  private static final int PREAD = AioAbi.IOCB_CMD_PREAD;
  private static final int PWRITE = AioAbi.IOCB_CMD_PWRITE;
  private static final int BLOCK = WalkMachine.BLOCK;
  private static final int TAGS = 4;
  private static final int DIRECT = Fcntl.O_RDONLY | Fcntl.O_DIRECT;
  private static final int DIRECT_WRITE = Fcntl.O_RDWR | Fcntl.O_DIRECT;
  private static final String MAIN = "/mnt/main.dat";

  private final String title;

  Walks(String title) {
    this.title = title;
  }

  /** The name of the page and of the file with the recording. */
  String page() {
    return title;
  }

  /** Runs it, and returns its steps. */
  List<Map<String, Object>> record() {
    return switch (this) {
      case POLLED_FIXED -> polledFixed();
      case POLLED_PINNED -> polledPinned();
      case INTERRUPT -> interrupt();
      case LEGACY -> legacy();
      case SQPOLL -> sqpoll();
      case CQ_FULL -> cqFull();
      case NO_TAG -> noTag();
      case UNALIGNED -> unaligned();
      case ALLOCATING -> allocating();
      case GFS2 -> gfs2();
    };
  }

  private static List<Map<String, Object>> polledFixed() {
    return polled(IOPOLL | AioAbi.IOCTX_FLAG_FIXEDBUFS);
  }

  private static List<Map<String, Object>> polledPinned() {
    return polled(IOPOLL);
  }

  private static List<Map<String, Object>> polled(int flags) {
    try (WalkMachine machine = new WalkMachine("xfs", TAGS, "ro")) {
      int fd = machine.open(MAIN, DIRECT);
      machine.setup(flags);
      machine.warmUp(fd, 0, true);
      machine.start();
      machine.prepare(fd, PREAD, 2 * BLOCK, BLOCK, true);
      machine.push();
      machine.enter(1, 0, SUBMIT);
      machine.completeSilently(0);
      machine.enter(0, 1, GETEVENTS);
      machine.reap();
      return machine.stop();
    }
  }

  private static List<Map<String, Object>> interrupt() {
    try (WalkMachine machine = new WalkMachine("xfs", TAGS, "ro")) {
      int fd = machine.open(MAIN, DIRECT);
      machine.setup(0);
      machine.warmUp(fd, 0, false);
      machine.start();
      machine.prepare(fd, PREAD, 2 * BLOCK, BLOCK, false);
      machine.push();
      machine.enter(1, 0, SUBMIT);
      machine.complete(0);
      machine.enter(0, 1, GETEVENTS);
      machine.reap();
      return machine.stop();
    }
  }

  private static List<Map<String, Object>> legacy() {
    try (WalkMachine machine = new WalkMachine("xfs", TAGS, "ro")) {
      int fd = machine.open(MAIN, DIRECT);
      machine.setupOld();
      machine.start();
      machine.submitOld(fd, 2 * BLOCK);
      machine.complete(0);
      machine.getEventsOld();
      return machine.stop();
    }
  }

  /** The thread sleeps at first, so that nothing of it runs beside the program's steps. */
  private static List<Map<String, Object>> sqpoll() {
    try (WalkMachine machine = new WalkMachine("xfs", TAGS, "ro")) {
      int fd = machine.open(MAIN, DIRECT);
      machine.setup(IOPOLL | AioAbi.IOCTX_FLAG_FIXEDBUFS | AioAbi.IOCTX_FLAG_SQPOLL);
      machine.await(machine::sqThreadSleeps);
      machine.start();
      machine.disk.letThrough(); // the thread polls without a pause: it finds the request at once
      machine.prepare(fd, PREAD, 2 * BLOCK, BLOCK, true);
      machine.push();
      machine.note("program_check_flag", "UserRing#wakeUp", "NEED_WAKEUP is set");
      machine.callSilently(1, 0, SUBMIT);
      machine.await(machine::cqHasEvent);
      machine.await(machine::sqThreadSleeps);
      machine.note("program_sees_event", "UserRing#peek", "no system call");
      machine.reap();
      return machine.stop();
    }
  }

  private static List<Map<String, Object>> cqFull() {
    try (WalkMachine machine = new WalkMachine("xfs", TAGS, "ro")) {
      int fd = machine.open(MAIN, DIRECT);
      machine.setup(IOPOLL | AioAbi.IOCTX_FLAG_FIXEDBUFS);
      machine.fillCq(fd, true);
      machine.start();
      machine.prepare(fd, PREAD, 2 * BLOCK, BLOCK, true);
      machine.push();
      machine.enter(1, 0, SUBMIT);
      machine.completeSilently(0);
      machine.enter(0, 1, GETEVENTS);
      machine.reap();
      machine.enter(0, 1, GETEVENTS);
      machine.reap();
      return machine.stop();
    }
  }

  private static List<Map<String, Object>> noTag() {
    try (WalkMachine machine = new WalkMachine("xfs", 1, "ro")) {
      int fd = machine.open(MAIN, DIRECT);
      machine.setup(IOPOLL | AioAbi.IOCTX_FLAG_FIXEDBUFS);
      machine.warmUp(fd, 0, true);
      machine.start();
      machine.prepare(fd, PREAD, 2 * BLOCK, BLOCK, true);
      machine.prepare(fd, PREAD, 8 * BLOCK, BLOCK, true);
      machine.push();
      machine.enter(1, 0, SUBMIT);
      machine.enter(1, 0, SUBMIT);
      machine.completeSilently(0);
      machine.enter(0, 1, GETEVENTS);
      machine.reap();
      machine.enter(1, 0, SUBMIT);
      return machine.stop();
    }
  }

  private static List<Map<String, Object>> unaligned() {
    try (WalkMachine machine = new WalkMachine("xfs", TAGS, "rw")) {
      int fd = machine.open(MAIN, DIRECT_WRITE);
      machine.setup(IOPOLL | AioAbi.IOCTX_FLAG_FIXEDBUFS);
      machine.warmUp(fd, 0, true);
      machine.start();
      machine.prepare(fd, PWRITE, 2 * BLOCK + 512, 512, true);
      machine.push();
      machine.enter(1, 0, SUBMIT);
      machine.completeSilently(0);
      machine.enter(0, 1, GETEVENTS);
      machine.reap();
      return machine.stop();
    }
  }

  /** On a file with a list of extents: the two filesystems of this kernel do not allocate yet. */
  private static List<Map<String, Object>> allocating() {
    UserProcess kernel = new UserProcess();
    Task worker = kernel.newTask();
    try (WalkMachine machine = new WalkMachine("xfs", TAGS, "ro")) {
      ExtentFileSystem fs = new ExtentFileSystem(machine.bdev(), BLOCK).withWorkQueue(worker);
      ExtentFile inode =
          new ExtentFile(fs, 4L * BLOCK).allocate(ExtentFile.Allocation.UNWRITTEN, 0);
      int fd =
          machine.install(new File(new FileTable(), inode, null, Fcntl.O_RDWR | Fcntl.O_DIRECT));
      machine.setup(AioAbi.IOCTX_FLAG_FIXEDBUFS);
      machine.start();
      machine.prepare(fd, PWRITE, BLOCK, BLOCK, false);
      machine.push();
      machine.note("extent", "ExtentFile#typeAt", "block 1 is " + inode.typeAt(BLOCK));
      machine.enter(1, 0, SUBMIT);
      machine.note("extent", "ExtentFile#typeAt", "block 1 is " + inode.typeAt(BLOCK));
      machine.complete(0);
      machine.await(machine::cqHasEvent);
      fs.drain();
      machine.note("extent", "ExtentFile#typeAt", "block 1 is " + inode.typeAt(BLOCK));
      machine.reap();
      List<Map<String, Object>> steps = machine.stop();
      machine.program.syscall(Nr.CLOSE, fd);
      return steps;
    } finally {
      kernel.exit();
    }
  }

  private static List<Map<String, Object>> gfs2() {
    try (WalkMachine machine = new WalkMachine("gfs2", TAGS, "ro")) {
      int fd = machine.open(MAIN, DIRECT);
      machine.setup(IOPOLL | AioAbi.IOCTX_FLAG_FIXEDBUFS);
      machine.start();
      machine.prepare(fd, PREAD, 2 * BLOCK, BLOCK, true);
      machine.push();
      machine.disk.letThrough(); // blocks of the tree, which are read on the way
      machine.enter(1, 0, SUBMIT);
      machine.enter(0, 1, GETEVENTS);
      machine.reap();
      return machine.stop();
    }
  }
}
