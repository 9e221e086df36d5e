// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.BlockDevice;
import io.pollux.block.bdev.BdevFileSystem;
import io.pollux.block.bdev.MountOptions;
import io.pollux.block.fixture.HeldDisk;
import io.pollux.core.ErrnoException;
import io.pollux.core.Oops;
import io.pollux.syscalls.Kernel;
import io.pollux.syscalls.Program;
import io.pollux.uapi.Errno;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A kernel with named disks and a check for leaks. Close exits all of its programs, then fails if
 * the kernel still holds something, or if the programs take longer than {@link #PATIENCE}.
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

  // the major number of block devices without their own
  private static final long FIRST_DEV = 259L << 8;

  private final Kernel kernel = Kernel.boot();
  private final Map<String, TestDisk> disks = new LinkedHashMap<>();
  private final List<Program> programs = new ArrayList<>();
  private final long oopses = Oops.count();
  private boolean mayOops;
  private boolean closed;

  private TestKernel() {}

  /** Boots a kernel without disks. */
  public static TestKernel boot() {
    return new TestKernel();
  }

  /**
   * Adds a disk.
   *
   * @param name programs open it as /dev/NAME
   * @param source creates the disk
   */
  public BlockDevice addDisk(String name, TestDisk.Source source) {
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
    mount(at, disk, MountOptions.READ_ONLY);
  }

  /**
   * Mounts a disk.
   *
   * @param at a directory in the root: "mnt" for /mnt
   * @param disk the disk's name
   * @param options the options of the mount
   * @throws ErrnoException the error of the mount; EINVAL if no filesystem is recognized
   */
  public void mount(String at, String disk, MountOptions options) throws ErrnoException {
    BlockDevice device = disk(disk);
    Optional<BdevFileSystem> type = kernel.recognise(device);
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
    Program program = kernel.newProgram();
    synchronized (programs) {
      programs.add(program);
    }
    return program;
  }

  /** Returns the kernel itself. */
  public Kernel kernel() {
    return kernel;
  }

  /**
   * Permits failures of the kernel, for a test whose driver or filesystem throws. Otherwise close
   * fails if the kernel reported an {@link Oops}.
   */
  public TestKernel mayOops() {
    mayOops = true;
    return this;
  }

  private void assertNoOops() {
    if (!mayOops) {
      assertThat(Oops.count() - oopses)
          .as("failures of the kernel itself, which stand in the output")
          .isZero();
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

  /** Exits the programs, checks that nothing is held, and shuts down the kernel and the disks. */
  @Override
  public void close() {
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
    endPrograms();
    AutoCloseable last = this::shutDown;
    try (last) { // closed even if something is held; its exception does not hide that
      assertNothingHeld();
    } catch (RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new AssertionError("the kernel did not shut down", e);
    }
    assertNoOops();
  }

  /** Exits the programs on another thread, because each exit waits for its requests in flight. */
  private void endPrograms() {
    CountDownLatch ended = new CountDownLatch(1);
    @Nullable Throwable[] failure = new Throwable[1];
    Thread closer =
        new Thread(
            () -> {
              try {
                List<Program> left;
                synchronized (programs) {
                  left = List.copyOf(programs);
                }
                left.forEach(Program::close);
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
      if (!ended.await(PATIENCE.toMillis(), TimeUnit.MILLISECONDS)) {
        AssertionError stuck =
            new AssertionError(
                "a program has not ended after " + PATIENCE.toSeconds() + " seconds");
        stuck.setStackTrace(closer.getStackTrace());
        throw stuck;
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted while the programs were ending", e);
    }
    if (failure[0] != null) {
      throw new AssertionError("a program could not be ended", failure[0]);
    }
  }

  private void shutDown() {
    Throwable first = closed(kernel, null);
    for (TestDisk disk : disks.values()) {
      first = closed(disk.driver(), first);
    }
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
