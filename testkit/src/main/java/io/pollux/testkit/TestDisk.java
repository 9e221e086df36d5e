// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit;

import io.pollux.block.BlkMqOps;
import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.QueueLimits;
import io.pollux.block.RequestQueue;
import io.pollux.block.TagSet;
import io.pollux.block.driver.FaultDisk;
import io.pollux.block.driver.FaultPlan;
import io.pollux.block.driver.HostDisk;
import io.pollux.block.driver.NullDisk;
import io.pollux.block.driver.RamDisk;
import io.pollux.block.fixture.HeldDisk;
import io.pollux.sample.SampleImage;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;

/**
 * A disk of a test: a driver and its device. The kernel that it is added to closes it.
 *
 * @param driver the driver
 * @param device programs open it as /dev/NAME
 * @param resource closed with the kernel: the driver, or what it consists of
 */
public record TestDisk(Object driver, BlockDevice device, AutoCloseable resource) {
  /** The sample, loaded once for all kernels of the Java process, which cannot write to it. */
  private static final class Sample {
    static final RamDisk MEMORY = SampleImage.load();
  }

  /**
   * Creates a disk whose driver is closed with the kernel.
   *
   * @param driver the driver
   * @param device programs open it as /dev/NAME
   */
  public TestDisk(AutoCloseable driver, BlockDevice device) {
    this(driver, device, driver);
  }

  /** Creates a disk for each kernel. */
  @FunctionalInterface
  public interface Source {
    /**
     * Creates the disk.
     *
     * @param name its name in /dev
     * @param dev its device number
     */
    TestDisk open(String name, long dev);
  }

  /**
   * Creates zeroed disks in memory.
   *
   * @param bytes size of the disk
   */
  public static Source ram(long bytes) {
    return (name, dev) -> of(new RamDisk(bytes), name, dev);
  }

  /**
   * Creates disks in memory with the sample image, read-only. All of them share one copy of the
   * image, which is loaded for the first.
   */
  public static Source sample() {
    return (name, dev) -> shared(Sample.MEMORY, true).open(name, dev);
  }

  /**
   * Creates disks that transfer no data.
   *
   * @param bytes size of the disk
   */
  public static Source nothing(long bytes) {
    return (name, dev) -> {
      NullDisk disk = new NullDisk(new RamDisk(bytes));
      return new TestDisk(disk, disk.disk(name, dev, false));
    };
  }

  /**
   * Creates disks on an image file or a block device of the host.
   *
   * @param path path of the file
   * @param readOnly whether to open it read-only
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
   * Creates disks on memory of the caller, which can thus inspect it, damage it, and use it with
   * another kernel.
   *
   * @param memory a disk in memory, not closed with the kernel
   * @param readOnly whether writes are refused
   */
  public static Source shared(RamDisk memory, boolean readOnly) {
    return (name, dev) -> new TestDisk(memory, memory.disk(name, dev, readOnly), () -> {});
  }

  /**
   * Creates disks with the test's own driver.
   *
   * @param ops the driver
   * @param bytes size of the disk
   */
  public static Source driven(BlkMqOps ops, long bytes) {
    return (name, dev) -> {
      RequestQueue queue = new RequestQueue(ops, BlkTypes.SECTOR_SIZE, RequestQueue.DEFAULT_DEPTH);
      return new TestDisk(ops, new BlockDevice(name, dev, bytes, false, queue), ops::close);
    };
  }

  /**
   * Creates zeroed disks in memory whose requests the test releases one by one. {@link
   * TestKernel#driver} returns the {@link HeldDisk}. At the end of the test all held requests are
   * released.
   *
   * @param bytes size of the disk
   */
  public static Source held(long bytes) {
    return (name, dev) -> {
      HeldDisk disk = new HeldDisk(bytes);
      TagSet tags = new TagSet(1, 1, RequestQueue.DEFAULT_DEPTH, false);
      QueueLimits limits = QueueLimits.of(BlkTypes.SECTOR_SIZE);
      return new TestDisk(disk, disk.disk(name, dev, tags, limits, false));
    };
  }

  /**
   * Creates zeroed disks in memory with faults. {@link TestKernel#driver} returns the {@link
   * FaultDisk}.
   *
   * @param bytes size of the disk
   * @param plan the faults
   */
  public static Source faulty(long bytes, FaultPlan plan) {
    return (name, dev) -> of(FaultDisk.over(new RamDisk(bytes), plan), name, dev, false);
  }

  /**
   * Creates disks in memory with the sample image, read-only, with faults. Each has its own copy.
   *
   * @param plan the faults
   */
  public static Source faultySample(FaultPlan plan) {
    return (name, dev) -> of(FaultDisk.over(SampleImage.load(), plan), name, dev, true);
  }

  /**
   * Creates disks on an image file or a block device of the host, with faults.
   *
   * @param path path of the file
   * @param readOnly whether to open it read-only
   * @param plan the faults
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
