// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import static io.pollux.iomap.IomapRig.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.BlkTypes;
import io.pollux.block.QueueLimits;
import io.pollux.block.fixture.HeldDisk;
import io.pollux.core.vfs.Kiocb;
import io.pollux.iomap.fixture.ExtentFile;
import io.pollux.iomap.fixture.ExtentFile.Allocation;
import io.pollux.iomap.fixture.ExtentFileSystem;
import io.pollux.uapi.Errno;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What a direct write of a part of a block leaves in the rest of it, and how it becomes durable.
 */
@Timeout(60)
class IomapDioZeroTest {
  private static final long DISK = 64 * PAGE;
  private static final int DIRECT = Kiocb.IOCB_DIRECT | Kiocb.IOCB_WRITE;

  private final IomapRig rig = new IomapRig();

  IomapDioZeroTest() {
    rig.fill(0x5a);
  }

  @AfterEach
  void close() {
    rig.close();
  }

  private ExtentFile file(int blockSize, long size) {
    return new ExtentFile(new ExtentFileSystem(rig.bdev, blockSize), size);
  }

  private long write(ExtentFile file, long pos, long bytes, int flags) {
    return file.fop()
        .writeIter(
            rig.current, rig.sync(file, pos, DIRECT | flags), rig.iter(false, rig.memory, bytes));
  }

  @ParameterizedTest
  @EnumSource(
      value = Allocation.class,
      names = {"UNWRITTEN", "NEW"})
  void theRestOfNewBlocksIsZero(Allocation kind) {
    ExtentFile file = file(PAGE, 16 * PAGE).allocate(kind, DISK);
    assertThat(write(file, 1024, PAGE, 0)).isEqualTo(PAGE);
    assertThat(rig.onDisk(DISK, 1024)).as("before the write").containsOnly(0);
    assertThat(rig.onDisk(DISK + 1024, PAGE)).containsOnly(0x5a);
    assertThat(rig.onDisk(DISK + 1024 + PAGE, PAGE - 1024)).as("after it").containsOnly(0);
    assertThat(file.typeAt(0)).isEqualTo(Iomap.Type.MAPPED);
  }

  @Test
  void theRestOfALargeBlockIsZero() {
    ExtentFile file = file(64 << 10, 16 * PAGE).allocate(Allocation.UNWRITTEN, DISK);
    assertThat(write(file, 512, 512, Kiocb.IOCB_HIPRI)).isEqualTo(512);
    assertThat(rig.onDisk(DISK, 512)).containsOnly(0);
    assertThat(rig.onDisk(DISK + 512, 512)).containsOnly(0x5a);
    assertThat(rig.onDisk(DISK + 1024, (64 << 10) - 1024)).containsOnly(0);
  }

  @Test
  void wholeBlocksNeedNoZeroes() {
    ExtentFile file = file(1024, 16 * PAGE).allocate(Allocation.NEW, DISK);
    assertThat(write(file, 2048, 4096, 0)).isEqualTo(4096);
    assertThat(rig.disk.count(BlkTypes.REQ_OP_WRITE)).isEqualTo(1);
  }

  @Test
  void aWriteAtTheEndOfTheFileClearsTheRestOfTheLastBlock() {
    ExtentFile file = file(PAGE, 2048).allocate(Allocation.NEW, DISK);
    file.setExtent(Iomap.Type.MAPPED, 0, PAGE, 0);
    assertThat(write(file, 2048, 512, 0)).isEqualTo(512);
    assertThat(file.size()).isEqualTo(2560);
    assertThat(rig.onDisk(2048, 512)).containsOnly(0x5a);
    assertThat(rig.onDisk(2560, PAGE - 2560)).as("after the end of the file").containsOnly(0);
  }

  @Test
  void aWriteInsideAMappedBlockLeavesTheRest() {
    ExtentFile file = file(PAGE, 2 * PAGE);
    file.setExtent(Iomap.Type.MAPPED, 0, 2 * PAGE, 0);
    byte[] before = rig.onDisk(0, PAGE);
    assertThat(write(file, 512, 512, 0)).isEqualTo(512);
    System.arraycopy(rig.onDisk(512, 512), 0, before, 512, 512);
    assertThat(rig.onDisk(0, PAGE)).isEqualTo(before);
    assertThat(rig.disk.count(BlkTypes.REQ_OP_WRITE)).isEqualTo(1);
  }

  /** A bio holds 256 pages; the user's memory ends after the first bio. */
  @Test
  void aWriteToTheEndThatEndsEarlyLeavesTheDataBehindIt() {
    int first = 256 * PAGE - 512;
    ExtentFile file = file(PAGE, first + 2 * PAGE + 512);
    file.setExtent(Iomap.Type.MAPPED, 0, first + 4 * PAGE + 512, 0);
    byte[] before = rig.onDisk(first, PAGE);
    long from = rig.memory + IomapRig.MEMORY_BYTES - first;
    Kiocb iocb = rig.sync(file, 0, DIRECT);
    assertThat(file.fop().writeIter(rig.current, iocb, rig.iter(false, from, file.size())))
        .isEqualTo(-Errno.EFAULT);
    assertThat(rig.onDisk(0, first)).containsOnly(0x5a);
    assertThat(rig.onDisk(first, PAGE)).isEqualTo(before);
  }

  /** A bio holds 256 pages; the user's memory ends after the first bio. */
  @Test
  void aWriteToNewBlocksThatEndsEarlyClearsTheRestOfTheLastOne() {
    int first = 256 * PAGE - 512;
    ExtentFile file = file(PAGE, 0).allocate(Allocation.NEW, 0);
    long from = rig.memory + IomapRig.MEMORY_BYTES - first;
    Kiocb iocb = rig.sync(file, 0, DIRECT);
    assertThat(
            file.fop().writeIter(rig.current, iocb, rig.iter(false, from, first + 2L * PAGE + 512)))
        .isEqualTo(-Errno.EFAULT);
    assertThat(rig.onDisk(0, first)).containsOnly(0x5a);
    assertThat(rig.onDisk(first, 512)).as("the rest of the block").containsOnly(0);
  }

  // Durable writes.

  /** An overwrite in a device with FUA needs no flush; one that allocates does. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aDurableOverwriteUsesFuaWhereTheDeviceHasIt(boolean fua) {
    try (HeldDisk disk = new HeldDisk(256 * PAGE).letThrough()) {
      var device = disk.disk(HeldDisk.TAGS, QueueLimits.of(512).withWriteCache(true, fua));
      ExtentFile file = new ExtentFile(new ExtentFileSystem(device, PAGE), 4 * PAGE);
      file.allocate(Allocation.UNWRITTEN, DISK).setExtent(Iomap.Type.MAPPED, 0, PAGE, 0);
      assertThat(write(file, 0, PAGE, Kiocb.IOCB_DSYNC)).isEqualTo(PAGE);
      assertThat(disk.flushes()).as("after an overwrite").isEqualTo(fua ? 0 : 1);
      assertThat(write(file, PAGE, PAGE, Kiocb.IOCB_DSYNC)).isEqualTo(PAGE);
      assertThat(disk.flushes()).as("after an allocation").isEqualTo(fua ? 1 : 2);
      assertThat(write(file, 0, PAGE, Kiocb.IOCB_DSYNC | Kiocb.IOCB_SYNC)).isEqualTo(PAGE);
      assertThat(disk.flushes()).as("after O_SYNC").isEqualTo(fua ? 2 : 3);
      device.pageCache().drop();
    }
  }
}
