// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import io.pollux.aio.Aio;
import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.Plug;
import io.pollux.block.bdev.BdevInode;
import io.pollux.block.bdev.FileSystemType;
import io.pollux.block.bdev.Providers;
import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.mm.WindowSpace;
import io.pollux.core.ramfs.Ramfs;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.core.vfs.FileTable;
import io.pollux.core.vfs.FilesStruct;
import io.pollux.core.vfs.Namei;
import io.pollux.core.vfs.SuperBlock;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.RawMemory;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * A kernel: disks, mounts, and programs that run on it. Several kernels may run in one Java
 * process; they share nothing.
 *
 * <p>Boot, addition of disks, mount and close are not system calls, and only one thread at a time
 * may perform them. The root filesystem is in memory: disks are in /dev, and filesystems are
 * mounted on directories of the root.
 */
public final class Kernel implements AutoCloseable {
  private static final long ROOT_DEV = 1;
  private static final int PIECE = 64 << 10;

  private final FileTable files = new FileTable();
  private final Ramfs rootfs = new Ramfs(ROOT_DEV);
  private final Namei namei = new Namei(rootfs.root(), files);
  private final Map<String, SuperBlock> mounts = Collections.synchronizedMap(new LinkedHashMap<>());
  private final List<BlockDevice> disks = new CopyOnWriteArrayList<>();
  private final List<Program> programs = new ArrayList<>(); // under its own lock
  // mounts and unmounts
  private final UserProcess kernelProcess = new UserProcess(new WindowSpace(), new FilesStruct());
  private final Aio aio = new Aio(kernelProcess, Plug::new);
  private long lastNode = 100;

  private final Providers providers;

  private Kernel(Providers providers) {
    this.providers = providers;
  }

  /**
   * Boots a kernel with an empty /dev and the filesystems of this build.
   *
   * @return a running kernel; the caller closes it
   */
  public static Kernel boot() {
    return boot(Providers.builtIn());
  }

  /**
   * Boots a kernel with an empty /dev.
   *
   * @param providers the filesystems that it knows
   * @return a running kernel; the caller closes it
   */
  public static Kernel boot(Providers providers) {
    Kernel kernel = new Kernel(providers);
    kernel.rootfs.mkdir("dev");
    return kernel;
  }

  /**
   * Adds a disk, which programs open as /dev/NAME. The caller owns the driver and closes it after
   * the kernel.
   *
   * @param disk the disk
   * @throws IllegalArgumentException if the kernel has a disk of that name
   */
  public void addDisk(BlockDevice disk) {
    for (BlockDevice other : disks) {
      if (other.name().equals(disk.name())) {
        throw new IllegalArgumentException(
            "the kernel has a disk " + disk.name() + " already; give each disk its own name");
      }
    }
    disks.add(disk);
    rootfs.mkdir("dev").attach(disk.name(), new BdevInode(rootfs, ++lastNode, disk));
  }

  /**
   * Recognizes the filesystem on a disk by its superblock.
   *
   * @param disk the disk
   * @return its type, empty if this kernel does not support it
   * @throws ErrnoException if the disk cannot be read
   */
  public Optional<FileSystemType> recognise(BlockDevice disk) throws ErrnoException {
    int bytes = (int) Math.min(FileSystemType.HEAD_BYTES, disk.bytes());
    if (bytes == 0) {
      return Optional.empty();
    }
    Task current = enter();
    long head = HostMemory.map(FileSystemType.HEAD_BYTES);
    if (head == 0) {
      leave(current);
      throw new ErrnoException(Errno.ENOMEM);
    }
    try {
      syncDisk(current, disk);
      for (int at = 0; at < bytes; at += PIECE) {
        int piece = Math.min(PIECE, bytes - at);
        int result =
            disk.transferAndWait(
                current, at, head + at, piece, BlkTypes.REQ_OP_READ | BlkTypes.REQ_META);
        if (result != 0) {
          throw new ErrnoException(-result, disk.name() + ": " + Errno.describe(-result));
        }
      }
      return providers.fileSystems().stream()
          .filter(type -> type.recognises(RawMemory.segment(head, bytes)))
          .findFirst();
    } finally {
      leave(current);
      HostMemory.unmap(head, FileSystemType.HEAD_BYTES);
    }
  }

  /**
   * Mounts a disk. A second mount of a mounted disk is EBUSY; Linux shares the first mount's
   * filesystem. As in Linux, programs may still open the disk and write to it, but not with O_EXCL.
   *
   * @param at name of the directory in the root, created if missing: "mnt" for /mnt
   * @param type the type of the filesystem
   * @param disk the disk
   * @param options ro, rw (the default), and options in the filesystem's own words, separated by
   *     commas
   * @throws ErrnoException EBUSY if the disk or the directory is in use, or the filesystem's error
   */
  @LinuxSource(file = "fs/super.c", name = "mount_bdev")
  public void mount(String at, FileSystemType type, BlockDevice disk, String options)
      throws ErrnoException {
    if (mounts.containsKey(at)) {
      throw new ErrnoException(Errno.EBUSY, "/" + at + " has a filesystem mounted on it");
    }
    Task current = enter();
    boolean claimed = disk.claim(this);
    boolean done = false;
    try {
      if (!claimed) {
        throw new ErrnoException(Errno.EBUSY, disk.name() + ": is mounted, or open with O_EXCL");
      }
      syncDisk(current, disk);
      Options words = Options.parse(options);
      boolean readOnly = words.readOnly(false);
      SuperBlock mounted = type.mount(current, disk, readOnly, words);
      mounts.put(at, mounted);
      rootfs.top().attach(at, mounted.root());
      done = true;
    } finally {
      if (claimed && !done) {
        disk.unclaim(this);
      }
      leave(current);
    }
  }

  /**
   * Writes back what programs wrote to the disk as a file. The filesystem then reads it from the
   * disk.
   */
  private static void syncDisk(Task current, BlockDevice disk) throws ErrnoException {
    int result = disk.sync(current);
    if (result != 0) {
      throw new ErrnoException(
          -result, disk.name() + ": what was written to it can't be written back");
    }
  }

  /** Writes all dirty data to the disks. Errors are kept for fsync. From process context. */
  @LinuxSource(
      file = "fs/sync.c",
      name = {"sync_inodes_one_sb", "iterate_bdevs"})
  void syncAll(Task current) {
    List<SuperBlock> mounted;
    synchronized (mounts) {
      mounted = List.copyOf(mounts.values());
    }
    for (SuperBlock sb : mounted) {
      sb.sync(current);
    }
    for (BlockDevice disk : disks) {
      disk.mapping().writeBack(current, 0, Long.MAX_VALUE);
    }
  }

  /** Creates a kernel task bound to the calling thread. The caller releases it by leave. */
  private Task enter() {
    Task task = kernelProcess.newTask();
    if (!task.enterKernel()) {
      throw new IllegalStateException("the kernel is closed");
    }
    return task;
  }

  private void leave(Task task) {
    task.leaveKernel();
    kernelProcess.releaseTask(task);
  }

  /**
   * Starts a program: a process with one thread, bound to the Java thread that makes its first
   * call.
   *
   * @return the program; the caller closes it
   */
  public Program newProgram() {
    return newProgram(new UserProcess(new WindowSpace(), new FilesStruct()));
  }

  /**
   * Starts a program with memory and descriptors of another kind, such as a C program.
   *
   * @param process a new process; it exits with the program
   * @return the program; the caller closes it
   */
  public Program newProgram(UserProcess process) {
    Program program = new Program(this, process, process.newTask());
    synchronized (programs) {
      programs.add(program);
    }
    return program;
  }

  void ended(Program program) {
    synchronized (programs) {
      programs.remove(program);
    }
  }

  FileTable fileTable() {
    return files;
  }

  Namei namei() {
    return namei;
  }

  Aio aio() {
    return aio;
  }

  /**
   * Describes what is still held: nothing after all programs have exited, unless there is a leak.
   *
   * @return a sentence for each kind of resource held
   */
  public List<String> held() {
    List<String> held = new ArrayList<>();
    if (files.nrFiles() != 0) {
      held.add("open files: " + files.nrFiles());
    }
    if (aio.aioNr() != 0) {
      held.add("requests reserved by aio contexts: " + aio.aioNr());
    }
    if (kernelProcess.nrThreads() != 0) {
      held.add("tasks of the kernel's own: " + kernelProcess.nrThreads());
    }
    for (BlockDevice disk : disks) {
      if (disk.queue().busyTags() != 0) {
        held.add("tags of " + disk.name() + " in use: " + disk.queue().busyTags());
      }
    }
    return held;
  }

  /**
   * Lists tasks, aio contexts, open files and requests in flight, for a dump. With {@link
   * io.pollux.core.Debug#ON} it lists each open file with the thread that opened it, and each
   * request of an aio context. From any thread; takes no lock that is held across a sleep.
   *
   * @return lines for the tasks and aio contexts of each program, the open files, and the requests
   *     of each disk; empty if none exists
   */
  public List<String> describe() {
    List<Program> running;
    synchronized (programs) {
      running = List.copyOf(programs);
    }
    List<String> lines = new ArrayList<>();
    for (Program program : running) {
      lines.addAll(program.describe());
    }
    lines.addAll(files.describe());
    for (BlockDevice disk : disks) {
      lines.addAll(disk.queue().describe());
    }
    return lines;
  }

  /**
   * Shuts down: kills the remaining programs, unmounts all filesystems, and writes back dirty
   * pages. Every step runs, even if another fails.
   *
   * @throws ErrnoException the first failure of a write-back, with later ones suppressed
   */
  @Override
  public void close() throws ErrnoException {
    Teardown teardown = new Teardown();
    List<Program> left;
    synchronized (programs) {
      left = List.copyOf(programs);
    }
    left.forEach(program -> teardown.run(program::close));
    if (!kernelProcess.exiting()) {
      shutDown(teardown);
    }
    teardown.finish();
  }

  private void shutDown(Teardown teardown) {
    Task current = enter();
    for (SuperBlock mounted : mounts.values()) {
      teardown.run(() -> mounted.unmount(current));
    }
    mounts.clear();
    for (BlockDevice disk : disks) {
      disk.unclaim(this);
      teardown.run(() -> syncDisk(current, disk));
      teardown.run(disk.pageCache()::drop);
    }
    teardown.run(() -> rootfs.unmount(current));
    leave(current);
    teardown.run(kernelProcess::exit);
  }
}
