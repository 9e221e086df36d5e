// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit;

import io.pollux.block.BlkMqOps;
import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.RequestQueue;
import io.pollux.block.driver.FaultDisk;
import io.pollux.block.driver.FaultPlan;
import io.pollux.block.driver.HostDisk;
import io.pollux.block.driver.NullDisk;
import io.pollux.block.driver.RamDisk;
import io.pollux.sample.SampleImage;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;

/**
 * A disk of a test: the driver and the device that it drives. The kernel it is given to closes both.
 *
 * @param driver what is closed with the kernel
 * @param device what programs open as /dev/NAME
 */
public record TestDisk(AutoCloseable driver, BlockDevice device) {
  /** How a disk comes to be, anew for each kernel. */
  @FunctionalInterface
  public interface Source {
    /**
     * Makes the disk.
     *
     * @param name what it is called under /dev
     * @param dev its device number
     * @return the disk
     */
    TestDisk open(String name, long dev);
  }

  /**
   * A disk in memory, full of zeroes.
   *
   * @param bytes its size
   * @return how to make it
   */
  public static Source ram(long bytes) {
    return (name, dev) -> of(new RamDisk(bytes), name, dev);
  }

  /**
   * A disk in memory with the sample image on it, read-only.
   *
   * @return how to make it
   */
  public static Source sample() {
    return (name, dev) -> {
      RamDisk disk = SampleImage.load();
      return new TestDisk(disk, disk.disk(name, dev, true));
    };
  }

  /**
   * A disk that moves no data.
   *
   * @param bytes its size
   * @return how to make it
   */
  public static Source nothing(long bytes) {
    return (name, dev) -> {
      NullDisk disk = new NullDisk(new RamDisk(bytes));
      return new TestDisk(disk, disk.disk(name, dev, false));
    };
  }

  /**
   * An image file or a block device of the machine.
   *
   * @param path where it is
   * @param readOnly whether it is opened for reading only
   * @return how to make it
   */
  public static Source image(Path path, boolean readOnly) {
    return (name, dev) -> {
      try {
        HostDisk disk = HostDisk.open(path, readOnly);
        return new TestDisk(disk, disk.disk(name, dev, readOnly));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    };
  }

  /**
   * Memory that somebody else has and keeps, so that a test can look at it, spoil it, and use it for the next kernel.
   *
   * @param memory a disk in memory, not closed with the kernel
   * @param readOnly whether the kernel may write to it
   * @return how to make it
   */
  public static Source shared(RamDisk memory, boolean readOnly) {
    return (name, dev) -> new TestDisk(() -> {}, memory.disk(name, dev, readOnly));
  }

  /**
   * A disk with a driver of the test's own.
   *
   * @param ops the driver
   * @param bytes size of the disk
   * @return how to make it
   */
  public static Source driven(BlkMqOps ops, long bytes) {
    return (name, dev) -> {
      RequestQueue queue = new RequestQueue(ops, BlkTypes.SECTOR_SIZE, RequestQueue.DEFAULT_DEPTH);
      return new TestDisk(ops::close, new BlockDevice(name, dev, bytes, false, queue));
    };
  }

  /**
   * A disk in memory, full of zeroes, whose requests the test releases one by one: {@link TestKernel#driver} answers the
   * {@link HeldDisk}.
   *
   * @param bytes its size
   * @return how to make it
   */
  public static Source held(long bytes) {
    return (name, dev) -> {
      HeldDisk disk = new HeldDisk(bytes);
      RequestQueue queue = new RequestQueue(disk, BlkTypes.SECTOR_SIZE, RequestQueue.DEFAULT_DEPTH);
      return new TestDisk(disk, new BlockDevice(name, dev, bytes, false, queue));
    };
  }

  /**
   * A disk in memory, full of zeroes, with faults: {@link TestKernel#driver} answers the {@link FaultDisk}.
   *
   * @param bytes its size
   * @param plan what goes wrong
   * @return how to make it
   */
  public static Source faulty(long bytes, FaultPlan plan) {
    return (name, dev) -> of(FaultDisk.over(new RamDisk(bytes), plan), name, dev, false);
  }

  /**
   * A disk in memory with the sample image on it, read-only, with faults.
   *
   * @param plan what goes wrong
   * @return how to make it
   */
  public static Source faultySample(FaultPlan plan) {
    return (name, dev) -> of(FaultDisk.over(SampleImage.load(), plan), name, dev, true);
  }

  /**
   * An image file or a block device of the machine, with faults.
   *
   * @param path where it is
   * @param readOnly whether it is opened for reading only
   * @param plan what goes wrong
   * @return how to make it
   */
  public static Source faultyImage(Path path, boolean readOnly, FaultPlan plan) {
    return (name, dev) -> {
      try {
        return of(FaultDisk.over(HostDisk.open(path, readOnly), plan), name, dev, readOnly);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    };
  }

  private static TestDisk of(FaultDisk disk, String name, long dev, boolean readOnly) {
    return new TestDisk(disk, disk.disk(name, dev, readOnly));
  }

  private static TestDisk of(RamDisk disk, String name, long dev) {
    return new TestDisk(disk, disk.disk(name, dev, false));
  }
}
