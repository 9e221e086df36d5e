// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit;

import io.pollux.block.BlkTypes;
import io.pollux.block.DiskStats;
import io.pollux.block.driver.FaultDisk;
import io.pollux.block.driver.RamDisk;
import io.pollux.block.fixture.HeldDisk;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.HexFormat;
import org.assertj.core.api.AbstractAssert;

/**
 * Assertions on a test disk: its contents and its statistics.
 *
 * <p>The contents of a disk in memory, a faulty disk (with its cache) or a held disk are read
 * directly, without the driver. Other disks are read through the driver, which counts in their
 * statistics.
 */
public final class DiskAssert extends AbstractAssert<DiskAssert, TestDisk> {
  private static final int SECTOR = BlkTypes.SECTOR_SIZE;
  private static final int MOST_BYTES = 64 << 10;

  private DiskAssert(TestDisk disk) {
    super(disk, DiskAssert.class);
  }

  /**
   * Starts assertions on a disk.
   *
   * @param disk from {@link TestKernel#testDisk}
   */
  public static DiskAssert assertThatDisk(TestDisk disk) {
    return new DiskAssert(disk);
  }

  /**
   * Asserts bytes on the disk.
   *
   * @param sector first sector
   * @param expected the bytes, at most 64 KiB
   */
  public DiskAssert hasAtSector(long sector, byte[] expected) {
    byte[] found =
        Arrays.copyOf(read(sector, (expected.length + SECTOR - 1) / SECTOR), expected.length);
    int at = Arrays.mismatch(found, expected);
    if (at >= 0) {
      int end = Math.min(expected.length, at + 16);
      failWithMessage(
          "expected %s in sector %d from its byte %d on, but there is %s",
          HexFormat.of().formatHex(expected, at, end),
          sector + at / SECTOR,
          at % SECTOR,
          HexFormat.of().formatHex(found, at, end));
    }
    return this;
  }

  /**
   * Asserts that all bytes of some sectors have a value.
   *
   * @param sector first sector
   * @param sectors number of sectors, at most 128
   * @param value the byte
   */
  public DiskAssert isFilledWith(long sector, int sectors, int value) {
    byte[] expected = new byte[sectors * SECTOR];
    Arrays.fill(expected, (byte) value);
    return hasAtSector(sector, expected);
  }

  private byte[] read(long sector, int sectors) {
    int bytes = sectors * SECTOR;
    long at = sector * SECTOR;
    if (sector < 0 || bytes > MOST_BYTES || at > actual.device().bytes() - bytes) {
      throw new IllegalArgumentException(
          sectors + " sectors from " + sector + " of " + actual.device().name());
    }
    long buffer = HostMemory.map(MOST_BYTES);
    try {
      int status =
          switch (actual.driver()) {
            case RamDisk ram -> copy(RawMemory.segment(ram.address() + at, bytes), buffer);
            case HeldDisk held -> copy(held.contents().asSlice(at, bytes), buffer);
            case FaultDisk fault -> fault.peek(at, buffer, bytes);
            default -> ask(at, buffer, bytes);
          };
      if (status != 0) {
        failWithMessage(
            "reading %d sectors from %d failed: %s", sectors, sector, CallAssert.show(status));
      }
      byte[] found = new byte[bytes];
      MemorySegment.copy(
          RawMemory.segment(buffer, bytes), ValueLayout.JAVA_BYTE, 0, found, 0, bytes);
      return found;
    } finally {
      HostMemory.unmap(buffer, MOST_BYTES);
    }
  }

  private static int copy(MemorySegment from, long buffer) {
    RawMemory.segment(buffer, from.byteSize()).copyFrom(from);
    return 0;
  }

  private int ask(long at, long buffer, int bytes) {
    int block = actual.device().queue().logicalBlockSize();
    if (((at | bytes) & (block - 1)) != 0) {
      throw new IllegalArgumentException(
          actual.device().name() + " has blocks of " + block + " bytes");
    }
    UserProcess process = new UserProcess();
    Task task = process.newTask();
    if (!task.enterKernel()) {
      throw new AssertionError("a new task can't enter the kernel");
    }
    try {
      return actual.device().transferAndWait(task, at, buffer, bytes, BlkTypes.REQ_OP_READ);
    } finally {
      task.leaveKernel();
      process.exit();
    }
  }

  /**
   * Asserts the number of completed reads, as in /proc/diskstats.
   *
   * @param count requests, after merging and splitting
   */
  public DiskAssert hasDoneReads(long count) {
    return counted("reads", stats().reads(), count);
  }

  /**
   * Asserts the number of completed writes, as in /proc/diskstats. Zeroing counts as a write; a
   * flush does not.
   *
   * @param count requests, after merging and splitting
   */
  public DiskAssert hasDoneWrites(long count) {
    return counted("writes", stats().writes(), count);
  }

  /**
   * Asserts the number of completed discards, as in /proc/diskstats.
   *
   * @param count requests, after merging and splitting
   */
  public DiskAssert hasDoneDiscards(long count) {
    return counted("discards", stats().discards(), count);
  }

  /** Asserts that no tag is in use. */
  public DiskAssert hasNothingInFlight() {
    return counted("requests in flight", actual.device().queue().busyTags(), 0);
  }

  /**
   * Asserts that all written data is durable. Works for a {@link HeldDisk}, and for a {@link
   * FaultDisk} with a volatile cache.
   */
  public DiskAssert wasFlushed() {
    return counted("writes that were not flushed", unflushed(), 0);
  }

  /** Asserts that some written data is not durable: the opposite of {@link #wasFlushed}. */
  public DiskAssert wasNotFlushed() {
    if (unflushed() == 0) {
      failWithMessage(
          "expected %s to have writes that were not flushed, but it has none",
          actual.device().name());
    }
    return this;
  }

  private long unflushed() {
    if (actual.driver() instanceof HeldDisk held) {
      return held.unflushedWrites();
    }
    if (actual.driver() instanceof FaultDisk fault && fault.plan().volatileCache()) {
      return fault.unflushedWrites();
    }
    throw new IllegalArgumentException(actual.device().name() + " does not tell what was flushed");
  }

  private DiskStats stats() {
    return actual.device().queue().stats();
  }

  private DiskAssert counted(String what, long found, long expected) {
    if (found != expected) {
      failWithMessage(
          "expected %s to have %s: %d, but they are %d",
          actual.device().name(), what, expected, found);
    }
    return this;
  }
}
