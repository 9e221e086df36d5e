// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.BlockDevice;
import io.pollux.block.driver.RamDisk;
import io.pollux.core.mm.Slab;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.core.vfs.FiemapExtentInfo;
import io.pollux.iomap.fixture.ExtentFile;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fiemap;
import io.pollux.uapi.Mman;
import io.pollux.uapi.RawMemory;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Reports of a file with a list of extents: a hole, data, unwritten blocks and the range after
 * them.
 */
@Timeout(60)
final class IomapFiemapTest {
  private static final long BLOCK = 4096;
  private static final long MOST = 100;

  private final RamDisk disk = new RamDisk(1 << 20);
  private final BlockDevice bdev = disk.disk("ram", 0x100, false);
  private final UserProcess process = new UserProcess();
  private final Task current = process.newTask();
  private final long memory = process.mm().mmap(BLOCK, Mman.PROT_READ | Mman.PROT_WRITE);

  IomapFiemapTest() {
    current.enterKernel();
  }

  @AfterEach
  void close() {
    current.leaveKernel();
    process.exit();
    bdev.pageCache().drop();
    disk.close();
  }

  /** A reported extent. */
  private record Extent(long logical, long physical, long length, int flags) {}

  /** Maps a position. Returns 0 or a negative errno. */
  private interface Mapper {
    int map(long pos, Iomap iomap);
  }

  /** A hole, two blocks of data, an unwritten block, one block that is shared; nothing behind. */
  private final ExtentFile fiveBlocks =
      new ExtentFile(bdev, 5 * BLOCK)
          .setExtent(Iomap.Type.MAPPED, BLOCK, 2 * BLOCK, 10 * BLOCK)
          .setExtent(Iomap.Type.UNWRITTEN, 3 * BLOCK, BLOCK, 12 * BLOCK)
          .setExtent(
              new ExtentFile.Extent(
                  Iomap.Type.MAPPED,
                  4 * BLOCK,
                  BLOCK,
                  20 * BLOCK,
                  Iomap.IOMAP_F_SHARED | Iomap.IOMAP_F_MERGED));

  private int map(long pos, Iomap iomap) {
    return fiveBlocks.iomapBegin(current, fiveBlocks, pos, 1, IomapOps.IOMAP_REPORT, iomap);
  }

  private int fiemap(FiemapExtentInfo info, Mapper mapper, long start, long length) {
    IomapOps ops =
        (task, inode, pos, bytes, flags, iomap) -> {
          assertThat(flags).isEqualTo(IomapOps.IOMAP_REPORT);
          return mapper.map(pos, iomap);
        };
    return IomapFiemap.fiemap(current, fiveBlocks, info, start, length, ops, (int) BLOCK, MOST);
  }

  private FiemapExtentInfo room(int extents) {
    return new FiemapExtentInfo(0, memory, extents);
  }

  private List<Extent> reported(FiemapExtentInfo info) {
    List<Extent> found = new ArrayList<>();
    for (long at = memory;
        at < memory + info.mapped() * Fiemap.EXTENT_SIZE;
        at += Fiemap.EXTENT_SIZE) {
      found.add(
          new Extent(
              RawMemory.getLong(at, Fiemap.FE_LOGICAL),
              RawMemory.getLong(at, Fiemap.FE_PHYSICAL),
              RawMemory.getLong(at, Fiemap.FE_LENGTH),
              RawMemory.getInt(at, Fiemap.FE_FLAGS)));
    }
    return found;
  }

  private static final Extent DATA = new Extent(BLOCK, 10 * BLOCK, 2 * BLOCK, 0);
  private static final Extent UNWRITTEN =
      new Extent(3 * BLOCK, 12 * BLOCK, BLOCK, Fiemap.FIEMAP_EXTENT_UNWRITTEN);
  private static final Extent SHARED =
      new Extent(
          4 * BLOCK,
          20 * BLOCK,
          BLOCK,
          Fiemap.FIEMAP_EXTENT_SHARED | Fiemap.FIEMAP_EXTENT_MERGED | Fiemap.FIEMAP_EXTENT_LAST);

  @Test
  void everyExtentIsReportedAndTheLastIsMarked() {
    FiemapExtentInfo info = room(10);
    assertThat(fiemap(info, this::map, 0, Long.MAX_VALUE)).isZero();
    assertThat(reported(info)).containsExactly(DATA, UNWRITTEN, SHARED);
  }

  @Test
  void anExtentIsCutToTheBlocksOfTheRange() {
    FiemapExtentInfo info = room(10);
    assertThat(fiemap(info, this::map, 2 * BLOCK + 1, BLOCK)).isZero();
    assertThat(reported(info))
        .containsExactly(
            new Extent(2 * BLOCK, 11 * BLOCK, BLOCK, 0),
            new Extent(
                3 * BLOCK,
                12 * BLOCK,
                BLOCK,
                Fiemap.FIEMAP_EXTENT_UNWRITTEN | Fiemap.FIEMAP_EXTENT_LAST));
  }

  @Test
  void theLastIsNotMarkedWhereThereIsNoRoomForMore() {
    FiemapExtentInfo info = room(2);
    assertThat(fiemap(info, this::map, 0, Long.MAX_VALUE)).isZero();
    assertThat(reported(info)).containsExactly(DATA, UNWRITTEN);
  }

  @Test
  void withoutRoomExtentsAreCounted() {
    FiemapExtentInfo info = room(0);
    assertThat(fiemap(info, this::map, 0, Long.MAX_VALUE)).isZero();
    assertThat(info.mapped()).isEqualTo(3);
  }

  @Test
  void inlineDataIsNotAlignedAndNotCut() {
    FiemapExtentInfo info = room(2);
    Mapper stuffed =
        (pos, iomap) -> {
          iomap.setInline(0, 300, 70_232);
          return pos >= 300 ? -Errno.ENOENT : 0;
        };
    assertThat(fiemap(info, stuffed, 5, Long.MAX_VALUE - 5)).as("ENOENT ends it").isZero();
    int flags =
        Fiemap.FIEMAP_EXTENT_DATA_INLINE
            | Fiemap.FIEMAP_EXTENT_NOT_ALIGNED
            | Fiemap.FIEMAP_EXTENT_LAST;
    assertThat(reported(info)).containsExactly(new Extent(0, 70_232, 300, flags));
  }

  @Test
  void flagsThatAreNotSupportedComeBack() {
    FiemapExtentInfo info = new FiemapExtentInfo(~0, memory, 1);
    assertThat(fiemap(info, this::map, 0, BLOCK)).isEqualTo(-Errno.EBADR);
    assertThat(info.flags()).isEqualTo(~Fiemap.FIEMAP_FLAG_SYNC);
    assertThat(info.mapped()).isZero();
  }

  @Test
  void memoryThatIsNotThereIsAFault() {
    FiemapExtentInfo info = new FiemapExtentInfo(0, memory + BLOCK - Fiemap.EXTENT_SIZE, 3);
    assertThat(fiemap(info, this::map, 0, Long.MAX_VALUE)).isEqualTo(-Errno.EFAULT);
    assertThat(info.mapped()).isEqualTo(1);
  }

  @Test
  void errorsOfTheMappingComeThrough() {
    Mapper damaged = (pos, iomap) -> pos < 3 * BLOCK ? map(pos, iomap) : -Errno.EUCLEAN;
    assertThat(fiemap(room(3), damaged, 0, Long.MAX_VALUE)).isEqualTo(-Errno.EUCLEAN);
  }

  @Test
  void aMappingThatGoesInCirclesIsAnError() {
    Mapper stays =
        (pos, iomap) -> {
          iomap.setMapped(false, 0, BLOCK, 0, bdev);
          return 0;
        };
    assertThat(fiemap(room(0), stays, 0, Long.MAX_VALUE)).isEqualTo(-Errno.EIO);
    Mapper endless =
        (pos, iomap) -> {
          iomap.setMapped(false, pos, 1, 0, bdev);
          return 0;
        };
    assertThat(fiemap(room(0), endless, 0, Long.MAX_VALUE)).isEqualTo(-Errno.EIO);
  }

  @Test
  void anExtentMayReachToTheLastPosition() {
    Mapper whole =
        (pos, iomap) -> {
          iomap.setMapped(false, 0, Long.MAX_VALUE, 0, bdev);
          return 0;
        };
    FiemapExtentInfo info = room(1);
    assertThat(fiemap(info, whole, Long.MAX_VALUE - 1, 1)).isZero();
    long start = Long.MAX_VALUE - BLOCK + 1;
    assertThat(reported(info))
        .containsExactly(
            new Extent(start, start, Long.MAX_VALUE - start, Fiemap.FIEMAP_EXTENT_LAST));
  }

  @Test
  void theLastExtentIsCutToTheEndOfTheRange() {
    FiemapExtentInfo info = room(10);
    assertThat(fiemap(info, this::map, BLOCK, 1)).isZero();
    assertThat(reported(info))
        .containsExactly(new Extent(BLOCK, 10 * BLOCK, BLOCK, Fiemap.FIEMAP_EXTENT_LAST));
  }

  @Test
  void aRangeMayEndAtTheLastBlockThatIsWhole() {
    Mapper whole =
        (pos, iomap) -> {
          iomap.setMapped(false, 0, Long.MAX_VALUE, 0, bdev);
          return 0;
        };
    FiemapExtentInfo info = room(1);
    long end = Long.MAX_VALUE - BLOCK + 1;
    assertThat(fiemap(info, whole, end - BLOCK, BLOCK)).isZero();
    assertThat(reported(info))
        .containsExactly(new Extent(end - BLOCK, end - BLOCK, BLOCK, Fiemap.FIEMAP_EXTENT_LAST));
  }

  @Test
  void theMappingIsAskedForTheRestOfTheRange() {
    IomapRig.Recorder ops = new IomapRig.Recorder(fiveBlocks);
    long length = 3 * BLOCK;
    assertThat(
            IomapFiemap.fiemap(current, fiveBlocks, room(3), BLOCK, length, ops, (int) BLOCK, MOST))
        .isZero();
    assertThat(ops.lengths).containsExactly(length, BLOCK);
  }

  @Test
  void anExtentThatEndsAtThePositionIsAnErrorAtOnce() {
    List<Long> asked = new ArrayList<>();
    Mapper stays =
        (pos, iomap) -> {
          asked.add(pos);
          iomap.setMapped(false, 0, BLOCK, 0, bdev);
          return 0;
        };
    assertThat(fiemap(room(0), stays, 0, Long.MAX_VALUE)).isEqualTo(-Errno.EIO);
    assertThat(asked).containsExactly(0L, BLOCK);
  }

  @Test
  void moreExtentsThanTheLimitAreAnError() {
    for (long most = 3; most <= 5; most++) {
      int result =
          IomapFiemap.fiemap(
              current, fiveBlocks, room(9), 0, 5 * BLOCK, fiveBlocks, (int) BLOCK, most);
      assertThat(result)
          .as("a hole and three extents, limit " + most)
          .isEqualTo(most < 4 ? -Errno.EIO : 0);
    }
  }

  @Test
  void aFaultOfTheLastReportIsReturned() {
    long unmapped = memory + (1L << 30);
    FiemapExtentInfo info = new FiemapExtentInfo(0, unmapped, 1);
    assertThat(fiemap(info, this::map, 4 * BLOCK, BLOCK)).isEqualTo(-Errno.EFAULT);
  }

  @Test
  void aReportReusesTheExtentOfTheOneBefore() {
    Iomap warm = Iomap.SLAB.alloc(current);
    Slab.free(warm);
    assertThat(fiemap(room(0), this::map, 0, Long.MAX_VALUE)).isZero();
    assertThat(Iomap.SLAB.alloc(current)).isSameAs(warm);
  }
}
