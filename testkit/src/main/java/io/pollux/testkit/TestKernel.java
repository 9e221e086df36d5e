// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.BlockDevice;
import io.pollux.block.bdev.BdevFileSystem;
import io.pollux.block.bdev.MountOptions;
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
 * A kernel with disks that have names, whose books are looked at when it is closed: then every program that it gave is ended,
 * nothing may be held any more, and it may not take longer than {@link #PATIENCE}.
 *
 * <p>For one thread at a time, except for the programs, each of which may be another thread's.
 */
public final class TestKernel implements AutoCloseable {
  /** How long the programs have to end. Each wait inside the kernel ends when the program does. */
  public static final Duration PATIENCE = Duration.ofSeconds(30);

  private static final long FIRST_DEV = 259L << 8; // the major number of disks without one

  private final Kernel kernel = Kernel.boot();
  private final Map<String, TestDisk> disks = new LinkedHashMap<>();
  private final List<Program> programs = new ArrayList<>();
  private final long oopses = Oops.count();
  private boolean mayOops;
  private boolean closed;

  private TestKernel() {}

  /**
   * Boots a kernel without disks.
   *
   * @return the kernel
   */
  public static TestKernel boot() {
    return new TestKernel();
  }

  /**
   * Adds a disk.
   *
   * @param name what programs open as /dev/NAME
   * @param source how to make it
   * @return the device
   */
  public BlockDevice addDisk(String name, TestDisk.Source source) {
    TestDisk disk = source.open(name, FIRST_DEV + disks.size());
    disks.put(name, disk);
    kernel.addDisk(disk.device());
    return disk.device();
  }

  /**
   * A disk that was added.
   *
   * @param name its name
   * @return the device
   */
  public BlockDevice disk(String name) {
    return testDisk(name).device();
  }

  /**
   * The driver of a disk that was added.
   *
   * @param name the disk's name
   * @param type what the driver is
   * @param <D> what the driver is
   * @return the driver
   */
  public <D> D driver(String name, Class<D> type) {
    return type.cast(testDisk(name).driver());
  }

  /**
   * A disk that was added, with its driver.
   *
   * @param name its name
   * @return the disk, for {@link DiskAssert}
   */
  public TestDisk testDisk(String name) {
    TestDisk disk = disks.get(name);
    assertThat(disk).as("disk " + name).isNotNull();
    return disk;
  }

  /**
   * Mounts what is on a disk, read-only.
   *
   * @param at a directory below the root: "mnt" for /mnt
   * @param disk the disk's name
   * @throws ErrnoException if it can't be mounted; EINVAL if there is nothing on it that this kernel knows
   */
  public void mount(String at, String disk) throws ErrnoException {
    mount(at, disk, MountOptions.READ_ONLY);
  }

  /**
   * Mounts what is on a disk.
   *
   * @param at a directory below the root: "mnt" for /mnt
   * @param disk the disk's name
   * @param options how
   * @throws ErrnoException if it can't be mounted; EINVAL if there is nothing on it that this kernel knows
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
   * Starts a program, which ends with the kernel if it has not ended before.
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

  /**
   * The kernel itself.
   *
   * @return as booted
   */
  public Kernel kernel() {
    return kernel;
  }

  /**
   * Permits failures of the kernel, for a test whose driver or filesystem throws. Without this, close fails if the kernel
   * reported an {@link Oops}.
   *
   * @return this
   */
  public TestKernel mayOops() {
    mayOops = true;
    return this;
  }

  private void assertNoOops() {
    if (!mayOops) {
      assertThat(Oops.count() - oopses).as("failures of the kernel itself, which stand in the output").isZero();
    }
  }

  /** Checks that nothing is held already now: for tests that have closed all they opened and destroyed all their contexts. */
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

  /** Ends the programs, checks that nothing is held, and shuts the kernel and the disks down. */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    for (TestDisk disk : disks.values()) {
      if (disk.driver() instanceof HeldDisk held) {
        held.letThrough(); // a program that ends waits for what it has in flight
      }
    }
    // If the programs don't end, kernel and disks are left as they are: somebody still works with them.
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

  /** Ends the programs on another thread, since the end of a program waits for all that it has in flight. */
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
        AssertionError stuck = new AssertionError("a program has not ended after " + PATIENCE.toSeconds() + " seconds");
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
