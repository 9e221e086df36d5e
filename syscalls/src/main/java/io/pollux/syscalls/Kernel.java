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
import io.pollux.core.Oops;
import io.pollux.core.Options;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.mm.WindowSpace;
import io.pollux.core.ramfs.Ramfs;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.core.vfs.Dentry;
import io.pollux.core.vfs.FileTable;
import io.pollux.core.vfs.FilesStruct;
import io.pollux.core.vfs.Namei;
import io.pollux.core.vfs.SuperBlock;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;

/**
 * A kernel: disks, mounts, and programs that run on it. Several kernels may run in one Java
 * process; they share nothing.
 *
 * <p>Boot, addition of disks and close are not system calls, and only one thread at a time may
 * perform them. The root filesystem is in memory, and disks are in /dev. Filesystems are mounted on
 * any directory, and unmounted, while programs run.
 */
public final class Kernel implements AutoCloseable {
  private static final long ROOT_DEV = 1;
  private static final int PIECE = 64 << 10;

  private final FileTable files = new FileTable();
  private final Ramfs rootfs = new Ramfs(ROOT_DEV);
  private final Namei namei = new Namei(rootfs.root(), files);
  private final Mounts mounts = new Mounts(namei);
  private final List<BlockDevice> disks = new CopyOnWriteArrayList<>();
  private final List<Program> programs = new ArrayList<>(); // under its own lock
  // mounts and unmounts
  private final UserProcess kernelProcess = new UserProcess(new WindowSpace(), new FilesStruct());
  private final Aio aio = new Aio(kernelProcess, Plug::new);
  private final Flusher flusher;
  private long lastNode = 100;

  private final Providers providers;

  private Kernel(Providers providers, Duration flushInterval) {
    this.providers = providers;
    flusher = new Flusher(kernelProcess, flushInterval, this::flush);
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
    return boot(providers, Flusher.INTERVAL);
  }

  /** Boots a kernel that writes its changes back at an interval. */
  static Kernel boot(Providers providers, Duration flushInterval) {
    Kernel kernel = new Kernel(providers, flushInterval);
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
      Mounts.sync(current, disk);
      for (int at = 0; at < bytes; at += PIECE) {
        int piece = Math.min(PIECE, bytes - at);
        int result =
            disk.transferAndWait(
                current, at, head + at, piece, BlkTypes.REQ_OP_READ | BlkTypes.REQ_META);
        if (result != 0) {
          throw new ErrnoException(-result, disk.name() + ": " + Errno.describe(-result));
        }
      }
      for (FileSystemType type : providers.fileSystems()) {
        if (recognises(type, RawMemory.segment(head, bytes).asReadOnly())) {
          return Optional.of(type);
        }
      }
      return Optional.empty();
    } finally {
      leave(current);
      HostMemory.unmap(head, FileSystemType.HEAD_BYTES);
    }
  }

  /** Asks a type. One that throws does not recognise the disk, so that others are asked. */
  private static boolean recognises(FileSystemType type, MemorySegment head) {
    try {
      return type.recognises(head);
    } catch (RuntimeException | Error e) {
      Oops.report(type.name() + "'s recognises", e, "the disk is not taken for its");
      return false;
    }
  }

  /**
   * Mounts a disk. A second mount of a mounted disk is EBUSY; Linux shares the first mount's
   * filesystem. As in Linux, programs may still open the disk and write to it, but not with O_EXCL.
   * A directory that is covered already is covered again, until the unmount.
   *
   * @param path an existing directory, such as mnt/a for /mnt/a; a missing one in the root is
   *     created
   * @param type the type of the filesystem
   * @param disk the disk
   * @param options ro, rw (the default), and options in the filesystem's own words, separated by
   *     commas
   * @throws ErrnoException EBUSY if the disk is in use, EIO if the filesystem threw another
   *     exception, or the error of the path, an option or the filesystem
   */
  @LinuxSource(file = "fs/namespace.c", name = "do_new_mount")
  public void mount(String path, FileSystemType type, BlockDevice disk, String options)
      throws ErrnoException {
    Options words = Options.parse(options);
    boolean readOnly = words.readOnly(false);
    inTask(
        current -> {
          mounts.mount(current, directory(current, path), type, disk, readOnly, words);
          return true;
        });
  }

  private Dentry directory(Task current, String path) throws ErrnoException {
    byte[] bytes = path.getBytes(StandardCharsets.UTF_8);
    try {
      return namei.lookup(current, null, bytes, true);
    } catch (ErrnoException e) {
      String name = path.startsWith("/") ? path.substring(1) : path;
      if (e.errno() != Errno.ENOENT || name.isEmpty() || name.contains("/")) {
        throw new ErrnoException(e.errno(), path + ": " + e.getMessage());
      }
      rootfs.mkdir(name);
      return namei.lookup(current, null, bytes, true);
    }
  }

  /**
   * Gives a directory a second absolute path, for a program that knows it by that path. A symbolic
   * link below that path leads to the directory too. There is one such path.
   *
   * @param name the second path, such as /a/b
   * @param path the directory; empty for the root
   */
  public void alias(String name, String path) {
    namei.setAlias(name.getBytes(StandardCharsets.UTF_8), path.getBytes(StandardCharsets.UTF_8));
  }

  /**
   * Unmounts the filesystem at a path.
   *
   * @param path the directory that it covers
   * @throws ErrnoException EINVAL: nothing is mounted there. EBUSY: a file of it is open, a call
   *     uses it, or a filesystem is mounted in it. Or the error of its last writes; it is unmounted
   *     then
   */
  public void umount(String path) throws ErrnoException {
    inTask(
        current -> {
          mounts.umount(current, null, path.getBytes(StandardCharsets.UTF_8), true);
          return true;
        });
  }

  /**
   * Changes the options of a mounted filesystem.
   *
   * @param path the directory that it covers
   * @param options ro, rw, or neither for no change, and options in the filesystem's own words
   * @throws ErrnoException EINVAL: nothing is mounted there, or an option. EBUSY: a file is open
   *     for writing. EACCES: the disk is read-only. Or the filesystem's error
   */
  public void remount(String path, String options) throws ErrnoException {
    Options words = Options.parse(options);
    inTask(
        current -> {
          mounts.remount(current, null, path.getBytes(StandardCharsets.UTF_8), words);
          return true;
        });
  }

  /**
   * Makes an empty filesystem on a disk, whatever it contains.
   *
   * @param type the type of the filesystem
   * @param disk the disk
   * @param options options in the filesystem's own words
   * @throws ErrnoException EBUSY if the disk is in use, EOPNOTSUPP if the type has no mkfs, EIO if
   *     it threw another exception, or its error
   */
  public void mkfs(FileSystemType type, BlockDevice disk, String options) throws ErrnoException {
    Options words = Options.parse(options);
    inTask(
        current ->
            mounts.claimed(
                current,
                type,
                disk,
                "mkfs",
                () -> {
                  type.mkfs(current, disk, words);
                  words.requireAllKnown(type.name());
                  Mounts.sync(current, disk);
                  return true;
                },
                false));
  }

  /**
   * Cross-checks the filesystem on a disk, without changing it.
   *
   * @param type the type of the filesystem
   * @param disk the disk
   * @param options options in the filesystem's own words
   * @param damage receives a sentence for each contradiction
   * @throws ErrnoException EBUSY if the disk is in use, EOPNOTSUPP if the type has no check, EIO if
   *     it threw another exception, or its error
   */
  public void check(FileSystemType type, BlockDevice disk, String options, Consumer<String> damage)
      throws ErrnoException {
    Options words = Options.parse(options);
    inTask(
        current ->
            mounts.claimed(
                current,
                type,
                disk,
                "check",
                () -> {
                  type.check(current, disk, words, damage);
                  words.requireAllKnown(type.name());
                  return true;
                },
                false));
  }

  /**
   * Work of the kernel's own, such as opening a disk.
   *
   * @param <T> its result
   */
  @FunctionalInterface
  public interface Work<T> {
    /**
     * Does the work, in process context.
     *
     * @param current the calling task
     * @return the result
     * @throws ErrnoException its error
     */
    T run(Task current) throws ErrnoException;
  }

  /**
   * Runs work in a task of the kernel's own, bound to the calling thread.
   *
   * @param work the work
   * @param <T> its result
   * @return the result
   * @throws ErrnoException the error of the work
   */
  public <T> T inTask(Work<T> work) throws ErrnoException {
    Task current = enter();
    try {
      return work.run(current);
    } catch (RuntimeException | Error e) {
      current.abandonCall();
      throw e;
    } finally {
      leave(current);
    }
  }

  /** Writes all dirty data to the disks. Errors are kept for fsync. From process context. */
  @LinuxSource(
      file = "fs/sync.c",
      name = {"sync_inodes_one_sb", "iterate_bdevs"})
  void syncAll(Task current) {
    for (SuperBlock sb : mounts.superBlocks()) {
      sb.syncIfMounted(current);
    }
    for (BlockDevice disk : disks) {
      disk.mapping().writeBack(current, 0, Long.MAX_VALUE);
    }
  }

  private void flush(Task current) {
    for (SuperBlock sb : mounts.superBlocks()) {
      sb.flush(current);
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

  Mounts mounts() {
    return mounts;
  }

  Providers providers() {
    return providers;
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
    teardown.run(flusher::close);
    Task current = enter();
    mounts.unmountAll(current, teardown);
    for (BlockDevice disk : disks) {
      teardown.run(() -> Mounts.sync(current, disk));
      teardown.run(disk.pageCache()::drop);
    }
    teardown.run(() -> rootfs.unmount(current));
    leave(current);
    teardown.run(kernelProcess::exit);
  }
}
