// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.BlockDevice;
import io.pollux.block.bdev.FileSystemType;
import io.pollux.block.fixture.HeldDisk;
import io.pollux.core.ErrnoException;
import io.pollux.core.Oops;
import io.pollux.core.mm.ReservedMemory;
import io.pollux.core.mm.WindowSpace;
import io.pollux.core.sched.UserProcess;
import io.pollux.core.vfs.FilesStruct;
import io.pollux.syscalls.Kernel;
import io.pollux.syscalls.Program;
import io.pollux.uapi.Errno;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A kernel with named disks and a check for leaks. Close exits all of its programs, then fails if
 * the kernel still holds something. If the exits take longer than {@link #PATIENCE}, close kills
 * the programs, and fails with a dump of the kernel.
 *
 * <p>Only one thread at a time may use it. Each program may belong to another thread.
 */
public final class TestKernel implements AutoCloseable {
  static {
    DebugSwitch.turnOn();
  }

  /**
   * How long the programs may take to exit. The exit of a program interrupts its waits inside the
   * kernel.
   */
  public static final Duration PATIENCE = Duration.ofSeconds(30);

  /**
   * How much memory a program can map in bytes, if the test does not choose it: 256 MiB. The host
   * reserves address space for it.
   */
  public static final long WINDOW_BYTES = 256 << 20;

  /** How long {@link #rescue} waits after each of its steps. */
  private static final Duration AFTER_KILL = Duration.ofSeconds(1);

  private static final Duration AFTER_SHUTDOWN = Duration.ofSeconds(3);
  private static final Duration AFTER_LOSS = Duration.ofSeconds(10);

  /** Maximum number of failures of the kernel that are kept. */
  private static final int MAX_REPORTS = 8;

  // the major number of block devices without their own
  private static final long FIRST_DEV = 259L << 8;

  private final Kernel kernel = Kernel.boot();
  private final Map<String, TestDisk> disks = new LinkedHashMap<>();
  private final List<Program> programs = new ArrayList<>();
  // the memory of programs that have exited, so that a late access finds zeroes; under its lock
  private final List<ReservedMemory> windows = new ArrayList<>();
  private final List<Report> reports = new ArrayList<>(); // under its lock
  private final Oops.Sink listener = this::report;
  private final long windowBytes;
  private final @Nullable TestRun bootedBy = TestRun.current(); // the test whose thread booted it
  private BooleanSupplier windowsInUse = () -> false;
  private volatile boolean mayOops;
  private boolean closed;
  private boolean windowsFreed; // under the lock of windows

  /** A failure of the kernel. */
  private record Report(String sentence, @Nullable Throwable thrown) {}

  private TestKernel(long windowBytes) {
    this.windowBytes = windowBytes;
    Oops.addListener(listener);
  }

  /** Boots a kernel without disks, whose programs can map {@link #WINDOW_BYTES}. */
  public static TestKernel boot() {
    return boot(WINDOW_BYTES);
  }

  /**
   * Boots a kernel without disks.
   *
   * @param windowBytes how much memory a program can map in bytes, a positive multiple of 2 MiB
   */
  public static TestKernel boot(long windowBytes) {
    return new TestKernel(windowBytes);
  }

  /**
   * Adds a disk.
   *
   * @param name programs open it as /dev/NAME
   * @param source creates the disk
   * @throws IllegalArgumentException if the kernel has a disk of that name
   */
  public BlockDevice addDisk(String name, TestDisk.Source source) {
    if (disks.containsKey(name)) { // before the disk is made, and the first one forgotten
      throw new IllegalArgumentException(
          "the kernel has a disk " + name + " already; give each disk its own name");
    }
    TestDisk disk = source.open(name, FIRST_DEV + disks.size());
    disks.put(name, disk);
    kernel.addDisk(disk.device());
    return disk.device();
  }

  /**
   * Returns the device of a disk.
   *
   * @param name the disk's name
   */
  public BlockDevice disk(String name) {
    return testDisk(name).device();
  }

  /**
   * Returns the driver of a disk.
   *
   * @param name the disk's name
   * @param type class of the driver
   * @param <D> class of the driver
   */
  public <D> D driver(String name, Class<D> type) {
    return type.cast(testDisk(name).driver());
  }

  /**
   * Returns a disk with its driver, for {@link DiskAssert}.
   *
   * @param name the disk's name
   */
  public TestDisk testDisk(String name) {
    TestDisk disk = disks.get(name);
    assertThat(disk).as("disk " + name).isNotNull();
    return disk;
  }

  /**
   * Mounts a disk read-only.
   *
   * @param at a directory in the root: "mnt" for /mnt
   * @param disk the disk's name
   * @throws ErrnoException the error of the mount; EINVAL if no filesystem is recognized
   */
  public void mount(String at, String disk) throws ErrnoException {
    mount(at, disk, "ro");
  }

  /**
   * Mounts a disk.
   *
   * @param at a directory in the root: "mnt" for /mnt
   * @param disk the disk's name
   * @param options the options of the mount, such as "ro,norecovery"
   * @throws ErrnoException the error of the mount; EINVAL if no filesystem is recognized
   */
  public void mount(String at, String disk, String options) throws ErrnoException {
    BlockDevice device = disk(disk);
    Optional<FileSystemType> type = kernel.recognise(device);
    if (type.isEmpty()) {
      throw new ErrnoException(Errno.EINVAL, disk + ": no filesystem recognised");
    }
    kernel.mount(at, type.get(), device, options);
  }

  /**
   * Starts a program. It exits with the kernel at the latest.
   *
   * @return the program, which belongs to the thread that makes its first call
   */
  public Program newProgram() {
    WindowSpace memory = new WindowSpace(windowBytes, this::keep);
    Program program = kernel.newProgram(new UserProcess(memory, new FilesStruct()));
    synchronized (programs) {
      programs.add(program);
    }
    return program;
  }

  /** Keeps the memory of a program that has exited until the end of the test. */
  private void keep(ReservedMemory window) {
    synchronized (windows) {
      if (!windowsFreed) {
        windows.add(window);
        return;
      }
    }
    window.close();
  }

  /**
   * Sets a condition under which the memory of the programs stays after close, as zeroes. An access
   * by a thread that a test has left would end the Java process otherwise.
   */
  void keepWindowsIf(BooleanSupplier condition) {
    windowsInUse = condition;
  }

  /** Returns the disks by name, in the order of their addition. */
  Map<String, TestDisk> testDisks() {
    return Collections.unmodifiableMap(disks);
  }

  /** Returns all programs, with those that have exited. */
  List<Program> programs() {
    synchronized (programs) {
      return List.copyOf(programs);
    }
  }

  /** Returns the kernel itself. */
  public Kernel kernel() {
    return kernel;
  }

  /**
   * Permits failures of the kernel, for a test whose driver or filesystem throws. Otherwise close
   * fails if the kernel reported an {@link Oops}. A report names no kernel. This kernel ignores a
   * report by the thread of another test. A report by a thread of a driver or a worker reaches all
   * kernels of the Java process.
   */
  public TestKernel mayOops() {
    mayOops = true;
    return this;
  }

  /** Records a failure, unless the thread of another test reports it. */
  private void report(String sentence, @Nullable Throwable thrown) {
    TestRun test = TestRun.current();
    if (test != null && test != bootedBy && test.kernel() != this) {
      return;
    }
    synchronized (reports) {
      if (reports.size() < MAX_REPORTS) {
        reports.add(new Report(sentence, thrown));
      }
    }
  }

  /**
   * Returns the first failure of the kernel since the last call, with later ones suppressed; null
   * if there is none, or failures are permitted. An AssertionError of a driver is returned itself.
   */
  @Nullable Throwable takeFailure() {
    List<Report> taken;
    synchronized (reports) {
      taken = List.copyOf(reports);
      reports.clear();
    }
    if (mayOops || taken.isEmpty()) {
      return null;
    }
    Report first = taken.getFirst();
    Throwable cause = first.thrown();
    Throwable failure =
        cause instanceof AssertionError ? cause : new AssertionError(first.sentence(), cause);
    for (Report later : taken.subList(1, taken.size())) {
      if (later.thrown() != cause) {
        failure.addSuppressed(new AssertionError(later.sentence(), later.thrown()));
      }
    }
    return failure;
  }

  private void assertNoOops() {
    switch (takeFailure()) {
      case null -> {}
      case AssertionError e -> throw e;
      case Throwable e -> throw new AssertionError("the kernel reported a failure", e);
    }
  }

  /**
   * Checks that nothing is held now, for a test that has closed all its files and destroyed all its
   * contexts.
   */
  public void assertNothingHeld() {
    List<String> held = new ArrayList<>(kernel.held());
    synchronized (programs) {
      for (int i = 0; i < programs.size(); i++) {
        long pinned = programs.get(i).pinnedPages();
        if (pinned != 0) {
          held.add("pages pinned in program " + i + ": " + pinned);
        }
      }
    }
    assertThat(held).as("what the kernel still holds").isEmpty();
  }

  /** A wait with a limit. */
  @FunctionalInterface
  interface Wait {
    /** Waits for at most some nanoseconds. Returns whether the condition holds. */
    boolean await(long nanos) throws InterruptedException;
  }

  /**
   * Makes a stuck thread return from the kernel, in steps, until it does. First it kills the
   * programs and interrupts the thread, and held requests fail with EIO. Then it shuts the disks
   * down, so that all requests fail with EIO. At last, teardowns of aio contexts abandon requests
   * without progress. If a part of a step throws, it is reported, and the other parts run.
   *
   * @param stuck the thread
   * @param returned waits until the thread has returned
   * @return whether it has
   */
  boolean rescue(Thread stuck, Wait returned) {
    mayOops = true; // failures are a consequence now
    boolean interrupted = false;
    try {
      for (Program program : programs()) {
        attempt(program::kill);
      }
      attempt(stuck::interrupt);
      for (TestDisk disk : disks.values()) {
        if (disk.driver() instanceof HeldDisk held) {
          attempt(() -> held.failThrough(Errno.EIO));
        }
      }
      if (returned.await(AFTER_KILL.toNanos())) {
        return true;
      }
      if (!KernelDump.anyInKernel()) {
        return returned.await(AFTER_KILL.toNanos());
      }
      AssertionError why = new AssertionError("a call did not return within its limit");
      for (TestDisk disk : disks.values()) {
        attempt(() -> disk.device().queue().shutDown("a test", why));
      }
      if (returned.await(AFTER_SHUTDOWN.toNanos())) {
        return true;
      }
      Oops.loseRequest();
      return returned.await(AFTER_LOSS.toNanos());
    } catch (InterruptedException e) {
      interrupted = true;
      return false;
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private static void attempt(Runnable step) {
    Oops.contain("the rescue of a stuck test", step);
  }

  /** Exits the programs, checks that nothing is held, and shuts down the kernel and the disks. */
  @Override
  public void close() {
    close(PATIENCE.toMillis());
  }

  /** Closes as {@link #close()}, and waits at most some milliseconds for the programs. */
  void close(long patienceMillis) {
    if (closed) {
      return;
    }
    closed = true;
    for (TestDisk disk : disks.values()) {
      if (disk.driver() instanceof HeldDisk held) {
        held.letThrough(); // a program's exit waits for its requests in flight
      }
    }
    // If the programs do not exit, the kernel and the disks stay open, because a thread still uses
    // them.
    endPrograms(patienceMillis);
    AutoCloseable last = this::shutDown;
    try (last) { // closed even if something is held; its exception does not hide that
      assertNothingHeld();
    } catch (AssertionError e) {
      throw firstOf(takeFailure(), e);
    } catch (RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new AssertionError("the kernel did not shut down", e);
    }
    assertNoOops();
  }

  /** Exits the programs on another thread, because each exit waits for its requests in flight. */
  private void endPrograms(long patienceMillis) {
    CountDownLatch ended = new CountDownLatch(1);
    @Nullable Throwable[] failure = new Throwable[1];
    Thread closer =
        new Thread(
            () -> {
              try {
                programs().forEach(Program::close);
              } catch (Throwable e) {
                failure[0] = e;
              } finally {
                ended.countDown();
              }
            },
            "end-of-programs");
    closer.setDaemon(true);
    closer.start();
    try {
      if (!ended.await(patienceMillis, TimeUnit.MILLISECONDS)) {
        throw stuck(closer, ended, patienceMillis);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted while the programs were ending", e);
    }
    if (failure[0] != null) {
      throw firstOf(takeFailure(), new AssertionError("a program could not be ended", failure[0]));
    }
  }

  /** Dumps an exit that does not return, and forces it. Shuts down if the exit then returns. */
  private AssertionError stuck(Thread closer, CountDownLatch ended, long patienceMillis) {
    StackTraceElement[] stack = closer.getStackTrace();
    String dump = KernelDump.of(this);
    Throwable oops = takeFailure(); // before the rescue, which permits failures
    boolean returned = rescue(closer, nanos -> ended.await(nanos, TimeUnit.NANOSECONDS));
    AssertionError stuck =
        new AssertionError(
            "a program has not ended after "
                + patienceMillis
                + " ms"
                + (returned ? "; the requests of its disks failed with EIO\n" : "\n")
                + dump);
    stuck.setStackTrace(stack);
    if (returned) {
      try {
        shutDown();
      } catch (AssertionError e) {
        stuck.addSuppressed(e);
      }
    }
    return firstOf(oops, stuck);
  }

  /** Returns a failure of the kernel with what followed from it, or only the latter. */
  private static AssertionError firstOf(@Nullable Throwable oops, AssertionError consequence) {
    if (!(oops instanceof AssertionError first) || first == consequence) {
      return consequence;
    }
    first.addSuppressed(consequence);
    return first;
  }

  private void shutDown() {
    Throwable first = closed(kernel, null);
    for (TestDisk disk : disks.values()) {
      first = closed(disk.resource(), first);
    }
    List<ReservedMemory> free;
    synchronized (windows) {
      windowsFreed = true;
      free = windowsInUse.getAsBoolean() ? List.of() : List.copyOf(windows);
      windows.clear();
    }
    free.forEach(ReservedMemory::close);
    Oops.removeListener(listener);
    if (first != null) {
      throw new AssertionError("the kernel did not shut down", first);
    }
  }

  /** Closes one resource. Returns the first failure, with later ones suppressed. */
  private static @Nullable Throwable closed(AutoCloseable one, @Nullable Throwable first) {
    try {
      one.close();
    } catch (Throwable e) {
      if (first == null) {
        return e;
      }
      first.addSuppressed(e);
    }
    return first;
  }
}
