// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit.suite;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.driver.FaultDisk;
import io.pollux.block.driver.FaultPlan;
import io.pollux.block.driver.RamDisk;
import io.pollux.core.ErrnoException;
import io.pollux.syscalls.Program;
import io.pollux.testkit.TestDisk;
import io.pollux.testkit.TestKernel;
import java.util.ArrayList;
import java.util.List;

/** A kernel with the filesystem on a disk in memory, which may fail. */
final class DiskMachine implements Machine {
  private static final String DISK = "suite0";
  private static final String AT = "mnt";

  private final TestKernel kernel;
  private final SuiteFileSystem fileSystem;
  private final RamDisk memory;
  private final FaultDisk disk;
  private final Program program;

  private DiskMachine(
      TestKernel kernel, SuiteFileSystem fileSystem, RamDisk memory, FaultPlan plan, boolean own) {
    this.kernel = kernel;
    this.fileSystem = fileSystem;
    this.memory = memory;
    disk = FaultDisk.over(memory, plan);
    AutoCloseable closed = own ? disk : () -> {}; // closes the memory too
    kernel.addDisk(DISK, (name, dev) -> new TestDisk(disk, disk.disk(name, dev, !own), closed));
    program = kernel.newProgram();
  }

  /** Makes the filesystem on a disk without faults, and mounts it. */
  static DiskMachine start(TestKernel kernel, SuiteFileSystem fileSystem) throws ErrnoException {
    return start(kernel, fileSystem, FaultPlan.NONE);
  }

  /** Makes the filesystem on a disk with faults, and mounts it. */
  static DiskMachine start(TestKernel kernel, SuiteFileSystem fileSystem, FaultPlan plan)
      throws ErrnoException {
    DiskMachine machine = new DiskMachine(kernel, fileSystem, fileSystem.newDisk(), plan, true);
    if (fileSystem.isMade()) {
      kernel.kernel().mkfs(fileSystem.type(), kernel.disk(DISK), fileSystem.mkfsOptions());
    }
    machine.mount(false);
    return machine;
  }

  /**
   * Starts a kernel with a disk, without mounting it.
   *
   * @param kernel the kernel, which closes the disk
   * @param fileSystem its filesystem
   * @param memory the disk
   */
  static DiskMachine over(TestKernel kernel, SuiteFileSystem fileSystem, RamDisk memory) {
    return new DiskMachine(kernel, fileSystem, memory, FaultPlan.NONE, true);
  }

  /** Starts a kernel with a read-only disk that the caller closes, without mounting it. */
  static DiskMachine readOnly(TestKernel kernel, SuiteFileSystem fileSystem, RamDisk memory) {
    return new DiskMachine(kernel, fileSystem, memory, FaultPlan.NONE, false);
  }

  void mount(boolean readOnly) throws ErrnoException {
    mount(fileSystem.mountOptions(readOnly));
  }

  void mount(String options) throws ErrnoException {
    kernel.kernel().mount(AT, fileSystem.type(), kernel.disk(DISK), options);
  }

  void umount() throws ErrnoException {
    kernel.kernel().umount(AT);
  }

  /** Lists what the filesystem's own check finds. The filesystem is not mounted. */
  List<String> check() throws ErrnoException {
    List<String> damage = new ArrayList<>();
    kernel.kernel().check(fileSystem.type(), kernel.disk(DISK), "", damage::add);
    return damage;
  }

  TestKernel kernel() {
    return kernel;
  }

  /** Returns the contents of the disk, without what is only in its cache. */
  RamDisk memory() {
    return memory;
  }

  /** Returns the number of writes that the disk has completed. */
  long writes() {
    return kernel.disk(DISK).queue().stats().writes();
  }

  FaultDisk disk() {
    return disk;
  }

  Program program() {
    return program;
  }

  @Override
  public long syscall(int nr, long... arguments) {
    return RootMachine.syscall(program, nr, arguments);
  }

  @Override
  public String directory() {
    return "/" + AT;
  }

  @Override
  public void remount(boolean readOnly) throws ErrnoException {
    umount();
    if (fileSystem.has(Feature.CHECK)) {
      assertThat(check()).as("damage found by check").isEmpty();
    }
    mount(readOnly);
  }

  @Override
  public void close() {
    // the kernel of the test ends the program, unmounts, and closes the disk
  }
}
