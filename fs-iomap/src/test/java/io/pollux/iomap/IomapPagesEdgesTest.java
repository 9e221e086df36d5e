// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import static io.pollux.iomap.IomapRig.BLOCK;
import static io.pollux.iomap.IomapRig.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.fixture.HeldDisk;
import io.pollux.core.Oops;
import io.pollux.core.mm.Slab;
import io.pollux.iomap.IomapRig.Recorder;
import io.pollux.iomap.fixture.ExtentFile;
import io.pollux.uapi.Errno;
import io.pollux.uapi.RawMemory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Transfers of pages that are not adjacent in memory and hold old data. */
@Timeout(60)
class IomapPagesEdgesTest {
  private static final byte OLD = 0x5a;

  private final IomapRig rig = new IomapRig();

  IomapPagesEdgesTest() {
    rig.fill(OLD);
  }

  @AfterEach
  void close() {
    Oops.setSink(null);
    rig.close();
  }

  private static IomapPages pages(ExtentFile inode, IomapOps ops) {
    return new IomapPages(inode, ops, null);
  }

  /** Addresses of pages, by their number in the memory. */
  private long[] at(int... numbers) {
    return Arrays.stream(numbers).mapToLong(number -> rig.memory + (long) number * PAGE).toArray();
  }

  private static byte[] old(int count) {
    byte[] bytes = new byte[count];
    Arrays.fill(bytes, OLD);
    return bytes;
  }

  @Test
  void holesAndUnwrittenBlocksReadAsZeroes() {
    ExtentFile inode =
        new ExtentFile(rig.bdev, PAGE).setExtent(Iomap.Type.UNWRITTEN, BLOCK, BLOCK, 0);
    assertThat(pages(inode, inode).readPages(rig.current, 0, at(3), 1)).isZero();
    assertThat(rig.memory(3 * PAGE, PAGE)).isEqualTo(new byte[PAGE]);
    assertThat(rig.memory(4 * PAGE, PAGE)).isEqualTo(old(PAGE));
  }

  @Test
  void theRangeBeyondTheEndOfTheFileReadsAsZeroes() {
    ExtentFile inode = new ExtentFile(rig.bdev, PAGE + 700);
    inode.setExtent(Iomap.Type.MAPPED, 0, 2 * PAGE, 0); // the device has data beyond the end
    assertThat(pages(inode, inode).readPages(rig.current, 0, at(5, 2), 2)).isZero();
    assertThat(rig.memory(5 * PAGE, PAGE)).isEqualTo(rig.onDisk(0, PAGE));
    assertThat(rig.memory(2 * PAGE, 700)).isEqualTo(rig.onDisk(PAGE, 700));
    assertThat(rig.memory(2 * PAGE + 700, PAGE - 700)).isEqualTo(new byte[PAGE - 700]);
    assertThat(rig.memory(3 * PAGE, PAGE)).as("the page after").isEqualTo(old(PAGE));
  }

  @Test
  void wholePagesHaveNoRangeBeyondTheEnd() {
    ExtentFile inode = new ExtentFile(rig.bdev, 2 * PAGE);
    inode.setExtent(Iomap.Type.MAPPED, 0, 2 * PAGE, 8 * PAGE);
    assertThat(pages(inode, inode).readPages(rig.current, 0, at(1, 0), 2)).isZero();
    assertThat(rig.memory(PAGE, PAGE)).isEqualTo(rig.onDisk(8 * PAGE, PAGE));
    assertThat(rig.memory(0, PAGE)).isEqualTo(rig.onDisk(9 * PAGE, PAGE));
  }

  @Test
  void anExtentThatBeginsInsideAPageCrossesToTheNextPage() {
    ExtentFile inode = new ExtentFile(rig.bdev, 2 * PAGE);
    inode.setExtent(Iomap.Type.MAPPED, BLOCK, 2 * PAGE - 2 * BLOCK, 16 * PAGE);
    assertThat(pages(inode, inode).readPages(rig.current, 0, at(9, 4), 2)).isZero();
    byte[] first = rig.memory(9 * PAGE, PAGE);
    byte[] second = rig.memory(4 * PAGE, PAGE);
    assertThat(Arrays.copyOf(first, BLOCK)).isEqualTo(new byte[BLOCK]);
    assertThat(Arrays.copyOfRange(first, BLOCK, PAGE))
        .isEqualTo(rig.onDisk(16 * PAGE, PAGE - BLOCK));
    assertThat(Arrays.copyOf(second, PAGE - BLOCK))
        .isEqualTo(rig.onDisk(17 * PAGE - BLOCK, PAGE - BLOCK));
    assertThat(Arrays.copyOfRange(second, PAGE - BLOCK, PAGE)).isEqualTo(new byte[BLOCK]);
    assertThat(rig.memory(10 * PAGE, PAGE)).as("the page after").isEqualTo(old(PAGE));
  }

  @Test
  void writeBackSkipsZeroesOverHolesAndWritesInsideExtents() {
    ExtentFile inode = new ExtentFile(rig.bdev, 2 * PAGE);
    inode.setExtent(Iomap.Type.MAPPED, BLOCK, PAGE, 32 * PAGE);
    byte[] before = rig.onDisk(0, 40 * PAGE);
    RawMemory.zero(at(6)[0], BLOCK);
    RawMemory.zero(at(2)[0] + BLOCK, PAGE - BLOCK);
    assertThat(pages(inode, inode).writePages(rig.current, 0, at(6, 2), 2)).isZero();
    System.arraycopy(old(PAGE), 0, before, 32 * PAGE, PAGE);
    assertThat(rig.onDisk(0, 40 * PAGE)).isEqualTo(before);
  }

  @Test
  void dataOverAHoleFailsTheWriteBack() {
    ExtentFile inode = new ExtentFile(rig.bdev, 2 * PAGE);
    inode.setExtent(Iomap.Type.MAPPED, 0, PAGE, 32 * PAGE);
    assertThat(pages(inode, inode).writePages(rig.current, 0, at(6, 2), 2)).isEqualTo(-Errno.EIO);
  }

  @Test
  void dataOverAnUnwrittenExtentFailsTheWriteBackOfAFileThatCannotConvertIt() {
    ExtentFile inode = new ExtentFile(rig.bdev, PAGE);
    inode.setExtent(Iomap.Type.UNWRITTEN, 0, PAGE, 32 * PAGE);
    assertThat(pages(inode, inode).writePages(rig.current, 0, at(6), 1)).isEqualTo(-Errno.EIO);
  }

  @Test
  void aSecondPageOfARunIsWrittenFromItsPlaceInTheExtent() {
    ExtentFile inode = new ExtentFile(rig.bdev, 4 * PAGE);
    inode.setExtent(Iomap.Type.MAPPED, PAGE, 3 * PAGE, 32 * PAGE);
    byte[] before = rig.onDisk(0, 40 * PAGE);
    assertThat(pages(inode, inode).writePages(rig.current, 2, at(6), 1)).isZero();
    System.arraycopy(old(PAGE), 0, before, 33 * PAGE, PAGE);
    assertThat(rig.onDisk(0, 40 * PAGE)).isEqualTo(before);
  }

  @Test
  void theMappingIsAskedForTheRestOfTheRun() {
    ExtentFile inode =
        new ExtentFile(rig.bdev, 2 * PAGE - 100).mapBlocks(PAGE, page -> page * PAGE);
    Recorder ops = new Recorder(inode);
    assertThat(pages(inode, ops).readPages(rig.current, 0, at(1, 0), 2)).isZero();
    assertThat(ops.lengths).containsExactly(2L * PAGE - 100, (long) PAGE - 100);
  }

  // A file with data on two devices, as XFS with a realtime device.

  /** Maps page 0 to the rig's device, and the pages after it to another one. */
  private IomapOps twoDevices(BlockDevice other) {
    return (task, inode, pos, length, flags, iomap) -> {
      BlockDevice device = pos < PAGE ? rig.bdev : other;
      long from = pos < PAGE ? 0 : PAGE;
      iomap.setMapped(false, from, PAGE, 0, device);
      return 0;
    };
  }

  @Test
  void pagesOnTwoDevicesAreRead() {
    try (HeldDisk second = new HeldDisk(1 << 16).letThrough()) {
      second.contents().fill((byte) 3);
      ExtentFile inode = new ExtentFile(rig.bdev, 2 * PAGE);
      IomapPages both = pages(inode, twoDevices(second.disk()));
      assertThat(both.readPages(rig.current, 0, at(1, 0), 2)).isZero();
      assertThat(rig.memory(PAGE, PAGE)).isEqualTo(rig.onDisk(0, PAGE));
      assertThat(rig.memory(0, PAGE)).containsOnly(3);
    }
  }

  @Test
  void anErrorOfTheFirstDeviceEndsTheTransfer() {
    try (HeldDisk second = new HeldDisk(1 << 16).letThrough()) {
      ExtentFile inode = new ExtentFile(rig.bdev, 2 * PAGE);
      IomapPages both = pages(inode, twoDevices(second.disk()));
      rig.disk.failEach(BlkTypes.REQ_OP_READ);
      assertThat(both.readPages(rig.current, 0, at(1, 0), 2)).isEqualTo(-Errno.EIO);
      rig.disk.failEach(BlkTypes.REQ_OP_WRITE);
      assertThat(both.writePages(rig.current, 0, at(1, 0), 2)).isEqualTo(-Errno.EIO);
      assertThat(second.done()).isEmpty();
    }
  }

  // A mapping that throws or is wrong. Bios in flight use the pages.

  private void assertFailsAfterItsBios(IomapOps wrong, String thrown) {
    List<String> said = new ArrayList<>();
    Oops.setSink((sentence, cause) -> said.add(sentence));
    ExtentFile inode = new ExtentFile(rig.bdev, 3 * PAGE);
    inode.mapBlocks(PAGE, page -> page * 2 * PAGE);
    IomapOps ops =
        (task, file, pos, length, flags, iomap) ->
            (pos < 2 * PAGE ? inode : wrong).iomapBegin(task, file, pos, length, flags, iomap);
    assertThat(pages(inode, ops).readPages(rig.current, 0, at(1, 0, 2), 3)).isEqualTo(-Errno.EIO);
    assertThat(rig.disk.count(BlkTypes.REQ_OP_READ)).as("bios that the read awaited").isEqualTo(2);
    assertThat(rig.bdev.queue().busyTags()).isZero();
    assertThat(rig.current.plug()).isNull();
    assertThat(said)
        .singleElement()
        .asString()
        .startsWith("kernel oops in the mapping of a file: " + thrown)
        .endsWith("; the request fails with EIO");
  }

  @Test
  void aMappingThatThrowsFailsTheReadAfterItsBios() {
    assertFailsAfterItsBios(
        (task, file, pos, length, flags, iomap) -> {
          throw new AssertionError("broken");
        },
        "java.lang.AssertionError: broken");
  }

  @Test
  void anExtentElsewhereFailsTheReadAfterItsBios() {
    assertFailsAfterItsBios(
        (task, file, pos, length, flags, iomap) -> {
          iomap.setHole(0, pos);
          return 0;
        },
        "java.lang.IllegalStateException: iomapBegin returned an extent that does not cover byte "
            + 2 * PAGE);
  }

  @Test
  void aTransferReusesTheObjectsOfTheOneBefore() {
    ExtentFile inode = new ExtentFile(rig.bdev, PAGE).mapBlocks(PAGE, page -> 0);
    Iomap warm = Iomap.SLAB.alloc(rig.current);
    Slab.free(warm);
    assertThat(pages(inode, inode).readPages(rig.current, 0, at(0), 1)).isZero();
    assertThat(Iomap.SLAB.alloc(rig.current)).isSameAs(warm);
  }
}
