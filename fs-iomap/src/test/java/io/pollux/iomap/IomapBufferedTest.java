// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import static io.pollux.iomap.IomapRig.BLOCK;
import static io.pollux.iomap.IomapRig.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.BlkTypes;
import io.pollux.core.vfs.Kiocb;
import io.pollux.iomap.fixture.ExtentFile;
import io.pollux.iomap.fixture.ExtentFile.Allocation;
import io.pollux.iomap.fixture.ExtentFileSystem;
import io.pollux.uapi.Errno;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Writes through the page cache that allocate, their write-back, and zeroes. */
@Timeout(value = 2, unit = TimeUnit.MINUTES)
class IomapBufferedTest {
  private static final long DISK = 64 * PAGE;
  private static final List<Allocation> KINDS =
      List.of(Allocation.UNWRITTEN, Allocation.NEW, Allocation.DELAYED);

  private final IomapRig rig = new IomapRig();

  IomapBufferedTest() {
    rig.fill(0x5a);
  }

  @AfterEach
  void close() {
    rig.close();
  }

  private ExtentFile file(int blockSize, long size, Allocation kind) {
    return new ExtentFile(new ExtentFileSystem(rig.bdev, blockSize), size).allocate(kind, DISK);
  }

  private long write(ExtentFile file, long pos, long bytes, int flags) {
    Kiocb iocb = rig.sync(file, pos, Kiocb.IOCB_WRITE | flags);
    return file.fop().writeIter(rig.current, iocb, rig.iter(false, rig.memory, bytes));
  }

  private byte[] read(ExtentFile file, long pos, int bytes) {
    assertThat(rig.buffered(rig.current, file, pos, bytes)).isEqualTo(bytes);
    return rig.memory(IomapRig.MEMORY_BYTES - bytes, bytes);
  }

  private int fsync(ExtentFile file) {
    return rig.open(file).fsync(rig.current, false);
  }

  @ParameterizedTest
  @EnumSource(
      value = Allocation.class,
      names = {"UNWRITTEN", "NEW", "DELAYED"})
  void aWriteToAHoleReadsBackBetweenZeroesBeforeAndAfterWriteBack(Allocation kind) {
    ExtentFile file = file(PAGE, 4 * PAGE, kind);
    assertThat(write(file, PAGE + 100, 50, 0)).isEqualTo(50);
    for (int turn = 0; turn < 2; turn++) {
      byte[] page = read(file, PAGE, PAGE);
      assertThat(Arrays.copyOf(page, 100)).containsOnly(0);
      assertThat(Arrays.copyOfRange(page, 100, 150)).containsOnly(0x5a);
      assertThat(Arrays.copyOfRange(page, 150, PAGE)).containsOnly(0);
      assertThat(fsync(file)).isZero();
      file.mapping().invalidateAll();
    }
    assertThat(file.typeAt(PAGE)).isEqualTo(Iomap.Type.MAPPED);
    assertThat(rig.onDisk(file.placeAt(PAGE), 100)).containsOnly(0);
    assertThat(rig.onDisk(file.placeAt(PAGE) + 150, PAGE - 150)).containsOnly(0);
  }

  @Test
  void aWriteBeyondTheEndExtendsTheFile() {
    ExtentFile file = file(BLOCK, 10, Allocation.NEW);
    assertThat(write(file, PAGE + 5, 3 * PAGE, 0)).isEqualTo(3 * PAGE);
    assertThat(file.size()).isEqualTo(4 * PAGE + 5);
    assertThat(read(file, PAGE, 5)).containsOnly(0);
    assertThat(read(file, PAGE + 5, 3 * PAGE)).containsOnly(0x5a);
  }

  @Test
  void writeBackWritesZeroesBehindTheEndOfTheFileUpToTheEndOfTheBlock() {
    ExtentFile file = file(PAGE, 0, Allocation.NEW);
    assertThat(write(file, 0, 700, 0)).isEqualTo(700);
    assertThat(fsync(file)).isZero();
    assertThat(rig.onDisk(DISK, 700)).containsOnly(0x5a);
    assertThat(rig.onDisk(DISK + 700, PAGE - 700)).containsOnly(0);
  }

  @Test
  void anUnwrittenExtentIsReadAsZeroesUntilItsPagesAreWrittenBack() {
    ExtentFile file = file(PAGE, 2 * PAGE, Allocation.UNWRITTEN);
    assertThat(write(file, 0, PAGE, 0)).isEqualTo(PAGE);
    assertThat(file.typeAt(0)).isEqualTo(Iomap.Type.UNWRITTEN);
    assertThat(fsync(file)).isZero();
    assertThat(file.typeAt(0)).isEqualTo(Iomap.Type.MAPPED);
    assertThat(rig.onDisk(DISK, PAGE)).containsOnly(0x5a);
  }

  @Test
  void aFailedWriteBackLeavesTheExtentUnwrittenAndIsReportedByFsync() {
    ExtentFile file = file(PAGE, 2 * PAGE, Allocation.UNWRITTEN);
    assertThat(write(file, 0, PAGE, 0)).isEqualTo(PAGE);
    rig.disk.failEach(BlkTypes.REQ_OP_WRITE);
    assertThat(fsync(file)).isEqualTo(-Errno.EIO);
    rig.disk.failNone();
    assertThat(file.typeAt(0)).isEqualTo(Iomap.Type.UNWRITTEN);
  }

  @Test
  void aMappingThatFailsAtWriteBackIsReportedByFsync() {
    ExtentFile file = file(PAGE, 2 * PAGE, Allocation.DELAYED);
    assertThat(write(file, 0, PAGE, 0)).isEqualTo(PAGE);
    file.failWith(Errno.ENOSPC);
    assertThat(fsync(file)).isEqualTo(-Errno.ENOSPC);
    file.failWith(0);
    assertThat(fsync(file)).as("reported once").isZero();
  }

  @Test
  void nowaitAllocatesNothingThatItWouldHaveToReadAround() {
    ExtentFile file = file(PAGE, 2 * PAGE, Allocation.NEW);
    file.setExtent(Iomap.Type.MAPPED, 0, PAGE, 0);
    file.refuseNowait(true);
    assertThat(write(file, 0, 10, Kiocb.IOCB_NOWAIT)).isEqualTo(-Errno.EAGAIN);
    file.refuseNowait(false);
    assertThat(write(file, 0, 10, Kiocb.IOCB_NOWAIT)).as("to be read").isEqualTo(-Errno.EAGAIN);
    assertThat(write(file, 0, PAGE, Kiocb.IOCB_NOWAIT)).isEqualTo(PAGE);
    assertThat(file.mapping().nrDirty()).isEqualTo(1);
  }

  @Test
  void blocksLargerThanAPageAreNotAllocatedThroughTheCache() {
    ExtentFile file = file(4 * PAGE, 8 * PAGE, Allocation.UNWRITTEN);
    file.setExtent(Iomap.Type.MAPPED, 4 * PAGE, 4 * PAGE, 0);
    assertThat(write(file, 0, 10, 0)).isEqualTo(-Errno.EOPNOTSUPP);
    assertThat(write(file, 4 * PAGE, 10, 0)).isEqualTo(10);
  }

  /** The mapping is of the time before write-back converted the extent and the page was dropped. */
  @Test
  void aPageThatWasConvertedSinceItsExtentWasMappedIsRead() {
    ExtentFile file = file(PAGE, 4 * PAGE, Allocation.UNWRITTEN);
    assertThat(write(file, 2000, 100, 0)).isEqualTo(100);
    IomapOps late =
        (task, inode, pos, length, flags, iomap) -> {
          int result = file.iomapBegin(task, inode, pos, length, flags, iomap);
          assertThat(file.mapping().writeBack(task, 0, Long.MAX_VALUE)).isZero();
          file.mapping().invalidateAll();
          return result;
        };
    Kiocb iocb = rig.sync(file, 0, Kiocb.IOCB_WRITE);
    assertThat(
            IomapBuffered.write(rig.current, file, iocb, rig.iter(false, rig.memory, 1000), late))
        .isEqualTo(1000);
    assertThat(read(file, 2000, 100)).as("written before").containsOnly(0x5a);
  }

  // Zeroes.

  @Test
  void zeroRangeClearsMappedBytesAndLeavesHoles() {
    ExtentFile file = file(BLOCK, 8 * PAGE, Allocation.NEW);
    file.setExtent(Iomap.Type.MAPPED, 0, 2 * PAGE, 0);
    byte[] before = rig.onDisk(0, 2 * PAGE);
    assertThat(IomapBuffered.zeroRange(rig.current, file, 300, 3 * PAGE, file)).isZero();
    assertThat(fsync(file)).isZero();
    Arrays.fill(before, 300, 2 * PAGE, (byte) 0);
    assertThat(rig.onDisk(0, 2 * PAGE)).isEqualTo(before);
    assertThat(file.typeAt(2 * PAGE)).as("after the extent").isEqualTo(Iomap.Type.HOLE);
  }

  @Test
  void zeroRangeClearsDirtyPagesOverAnUnwrittenExtent() {
    ExtentFile file = file(PAGE, 4 * PAGE, Allocation.UNWRITTEN);
    assertThat(write(file, 0, 3 * PAGE, 0)).isEqualTo(3 * PAGE);
    assertThat(IomapBuffered.zeroRange(rig.current, file, 10, 2 * PAGE, file)).isZero();
    assertThat(read(file, 0, 10)).containsOnly(0x5a);
    assertThat(read(file, 10, 2 * PAGE)).containsOnly(0);
    assertThat(read(file, 10 + 2 * PAGE, PAGE - 10)).containsOnly(0x5a);
  }

  @Test
  void zeroRangeClearsWhatIsWrittenBackWhileItLooks() {
    ExtentFile file = file(PAGE, 4 * PAGE, Allocation.UNWRITTEN);
    assertThat(write(file, 0, 3 * PAGE, 0)).isEqualTo(3 * PAGE);
    IomapOps late =
        (task, inode, pos, length, flags, iomap) -> {
          int result = file.iomapBegin(task, inode, pos, length, flags, iomap);
          assertThat(file.mapping().writeBack(task, 0, Long.MAX_VALUE)).isZero();
          file.mapping().invalidateAll();
          return result;
        };
    assertThat(IomapBuffered.zeroRange(rig.current, file, 10, 2 * PAGE, late)).isZero();
    assertThat(read(file, 0, 10)).containsOnly(0x5a);
    assertThat(read(file, 10, 2 * PAGE)).containsOnly(0);
    assertThat(read(file, 10 + 2 * PAGE, PAGE - 10)).containsOnly(0x5a);
  }

  @Test
  void truncatePageClearsTheRestOfTheBlockOnly() {
    ExtentFile file = file(BLOCK, 4 * PAGE, Allocation.NEW);
    file.setExtent(Iomap.Type.MAPPED, 0, 4 * PAGE, 0);
    byte[] before = rig.onDisk(0, PAGE);
    assertThat(IomapBuffered.truncatePage(rig.current, file, 100, file)).isZero();
    assertThat(IomapBuffered.truncatePage(rig.current, file, 2 * BLOCK, file)).isZero();
    assertThat(fsync(file)).isZero();
    Arrays.fill(before, 100, BLOCK, (byte) 0);
    assertThat(rig.onDisk(0, PAGE)).isEqualTo(before);
  }

  // A model: the file is an array.

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 6})
  void randomWritesReadBackAsFromAnArray(int n) {
    long seed = Long.getLong("pollux.seed", System.nanoTime()) + n;
    System.out.println("IomapBufferedTest: -Dpollux.seed=" + (seed - n));
    Random random = new Random(seed);
    int blockSize = n % 2 == 0 ? PAGE : BLOCK;
    Allocation kind = KINDS.get(n % KINDS.size());
    ExtentFile file = file(blockSize, 0, kind);
    byte[] model = new byte[100 * PAGE];
    int size = 0;
    for (int turn = 0; turn < 800; turn++) {
      String what = "seed " + (seed - n) + ", turn " + turn;
      boolean direct = random.nextInt(3) == 0;
      int unit = direct ? 512 : 1;
      int pos = random.nextInt(40 * PAGE) / unit * unit;
      int bytes = unit + random.nextInt(6 * PAGE) / unit * unit;
      switch (random.nextInt(8)) {
        case 0, 1, 2, 3 -> {
          byte[] data = new byte[bytes];
          random.nextBytes(data);
          rig.store(data);
          assertThat(write(file, pos, bytes, direct ? Kiocb.IOCB_DIRECT : 0))
              .as(what)
              .isEqualTo(bytes);
          System.arraycopy(data, 0, model, pos, bytes);
          size = Math.max(size, pos + bytes);
          assertThat(file.size()).as(what).isEqualTo(size);
        }
        case 4 -> {
          int end = Math.min(pos + bytes, size);
          if (pos < end) {
            assertThat(IomapBuffered.zeroRange(rig.current, file, pos, end - pos, file))
                .as(what)
                .isZero();
            Arrays.fill(model, pos, end, (byte) 0);
          }
        }
        case 5 -> {
          assertThat(fsync(file)).as(what).isZero();
          file.mapping().invalidateAll();
        }
        default -> {
          int end = Math.min(pos + bytes, size);
          if (pos < end) {
            byte[] found = direct ? readDirect(file, pos, end - pos) : read(file, pos, end - pos);
            assertThat(found).as(what).isEqualTo(Arrays.copyOfRange(model, pos, end));
          }
        }
      }
    }
    assertThat(fsync(file)).isZero();
    file.mapping().invalidateAll();
    assertThat(read(file, 0, size)).as("seed " + (seed - n)).isEqualTo(Arrays.copyOf(model, size));
  }

  private byte[] readDirect(ExtentFile file, int pos, int bytes) {
    int whole = (bytes + 511) & -512;
    Kiocb iocb = rig.sync(file, pos, Kiocb.IOCB_DIRECT);
    assertThat(file.fop().readIter(rig.current, iocb, rig.iter(true, rig.memory, whole)))
        .isEqualTo(Math.min(whole, file.size() - pos));
    return rig.memory(0, bytes);
  }
}
