// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import static io.pollux.iomap.IomapRig.BLOCK;
import static io.pollux.iomap.IomapRig.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.BlkTypes;
import io.pollux.block.TagSet;
import io.pollux.block.fixture.HeldDisk;
import io.pollux.block.fixture.HeldDisk.Held;
import io.pollux.core.Oops;
import io.pollux.core.filemap.Filemap;
import io.pollux.core.vfs.Kiocb;
import io.pollux.iomap.IomapRig.Recorder;
import io.pollux.iomap.fixture.ExtentFile;
import io.pollux.uapi.Errno;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Direct requests at their edges: kinds of extents, ends of files, alignment and bad memory. */
@Timeout(60)
class IomapDioEdgesTest {
  private static final int MIB = 1 << 20; // as many bytes as a bio can have
  private static final int DIRECT = Kiocb.IOCB_DIRECT;
  private static final int OLD = 0x5a;

  private final IomapRig rig = new IomapRig();

  IomapDioEdgesTest() {
    rig.fill(OLD);
  }

  @AfterEach
  void close() {
    Oops.setSink(null);
    rig.close();
  }

  private ExtentFile file(long size) {
    return new ExtentFile(rig.bdev, size);
  }

  @Test
  void inlineDataIsCopiedFromItsPlace() {
    long data = rig.disk.contents().address() + 77;
    ExtentFile inode =
        file(4 * BLOCK)
            .setExtent(Iomap.Type.MAPPED, 0, 512, 8 * BLOCK)
            .setExtent(Iomap.Type.INLINE, 512, 2 * BLOCK, data);
    assertThat(rig.read(inode, BLOCK, 512)).isEqualTo(512);
    assertThat(rig.memory(0, 512)).isEqualTo(rig.onDisk(77 + 512, 512));
    assertThat(rig.read(inode, 0, BLOCK)).isEqualTo(BLOCK);
    assertThat(rig.memory(0, 512)).isEqualTo(rig.onDisk(8 * BLOCK, 512));
    assertThat(rig.memory(512, 512)).isEqualTo(rig.onDisk(77, 512));
    long absent = rig.memory + (1L << 30);
    assertThat(rig.read(inode, inode, 512, absent, 512)).isEqualTo(-Errno.EFAULT);
  }

  @Test
  void holesReadAsZeroes() {
    ExtentFile inode = file(BLOCK).setExtent(Iomap.Type.UNWRITTEN, 512, 512, 0);
    assertThat(rig.read(inode, 0, BLOCK)).isEqualTo(BLOCK);
    assertThat(rig.memory(0, BLOCK)).isEqualTo(new byte[BLOCK]);
    long absent = rig.memory + (1L << 30);
    assertThat(rig.read(inode, inode, 0, absent, 512)).isEqualTo(-Errno.EFAULT);
  }

  @Test
  void aReadAtTheEndOfTheFileTransfersNothing() {
    ExtentFile inode = file(BLOCK).setExtent(Iomap.Type.MAPPED, 0, 4 * BLOCK, 0);
    for (long pos : new long[] {BLOCK, 3 * BLOCK}) {
      assertThat(rig.read(inode, pos, 512)).isZero();
    }
    assertThat(rig.disk.done()).isEmpty();
    assertThat(rig.memory(0, 512)).containsOnly(OLD);
  }

  @Test
  void aReadMapsNothingBeyondTheEndOfTheFile() {
    ExtentFile inode = file(2 * BLOCK).mapBlocks(BLOCK, block -> block * BLOCK);
    inode.setExtent(Iomap.Type.MAPPED, 2 * BLOCK, BLOCK, 100 * BLOCK);
    Recorder ops = new Recorder(inode);
    assertThat(rig.read(inode, ops, 0, rig.memory, PAGE)).isEqualTo(2 * BLOCK);
    assertThat(ops.lengths).containsExactly((long) PAGE, (long) PAGE - BLOCK);
    assertThat(rig.disk.done()).map(Held::line).containsExactly("read 0+2", "read 2+2");
  }

  @ParameterizedTest
  @CsvSource({"100, 512, 0", "0, 100, 0", "0, 512, 1"})
  void aReadThatIsNotAlignedIsEinval(long pos, long bytes, long memory) {
    ExtentFile inode = file(PAGE).setExtent(Iomap.Type.MAPPED, 0, PAGE, 0);
    assertThat(rig.read(inode, inode, pos, rig.memory + memory, bytes)).isEqualTo(-Errno.EINVAL);
    assertThat(rig.disk.done()).isEmpty();
  }

  @Test
  void theMappingSeesTheKindOfTheRequest() {
    Recorder ops = new Recorder(rig.written(4));
    ExtentFile inode = rig.written(4);
    assertThat(rig.read(inode, ops, 0, rig.memory, BLOCK)).isEqualTo(BLOCK);
    assertThat(rig.write(inode, ops, rig.sync(inode, 0, DIRECT), BLOCK)).isEqualTo(BLOCK);
    Kiocb nowait = rig.sync(inode, 0, DIRECT | Kiocb.IOCB_NOWAIT);
    assertThat(rig.write(inode, ops, nowait, BLOCK)).isEqualTo(BLOCK);
    assertThat(ops.flags)
        .containsExactly(
            IomapOps.IOMAP_DIRECT,
            IomapOps.IOMAP_DIRECT | IomapOps.IOMAP_WRITE,
            IomapOps.IOMAP_DIRECT | IomapOps.IOMAP_WRITE | IomapOps.IOMAP_NOWAIT);
  }

  @Test
  void aNowaitWriteThatWouldBlockInItsSecondExtentIsShort() {
    ExtentFile inode = rig.written(4);
    IomapOps blocks =
        (task, file, pos, length, flags, iomap) -> {
          if (pos > 0) {
            return -Errno.EAGAIN;
          }
          iomap.setMapped(false, 0, PAGE, 0, rig.bdev);
          return 0;
        };
    Kiocb nowait = rig.sync(inode, 0, DIRECT | Kiocb.IOCB_NOWAIT);
    rig.fill(0x5a);
    assertThat(rig.write(inode, blocks, nowait, 2 * PAGE)).isEqualTo(PAGE);
    assertThat(nowait.kiPos).isEqualTo(PAGE);
    assertThat(rig.onDisk(0, PAGE)).containsOnly(0x5a);
    nowait = rig.sync(inode, PAGE, DIRECT | Kiocb.IOCB_NOWAIT);
    assertThat(rig.write(inode, blocks, nowait, PAGE)).as("nothing yet").isEqualTo(-Errno.EAGAIN);
    Kiocb waits = rig.sync(inode, 0, DIRECT);
    assertThat(rig.write(inode, blocks, waits, 2 * PAGE))
        .as("an error without NOWAIT")
        .isEqualTo(-Errno.EAGAIN);
  }

  @Test
  void anExtentElsewhereIsEio() {
    List<String> said = new ArrayList<>();
    Oops.setSink((sentence, thrown) -> said.add(sentence));
    IomapOps wrong =
        (task, file, pos, length, flags, iomap) -> {
          iomap.setMapped(false, 0, pos, 0, rig.bdev);
          return 0;
        };
    assertThat(rig.read(rig.written(4), wrong, BLOCK, rig.memory, BLOCK)).isEqualTo(-Errno.EIO);
    assertThat(said).singleElement().asString().contains("does not cover byte 1024");
    assertThat(rig.disk.done()).isEmpty();
  }

  // Extents larger than a bio.

  @Test
  void aLargeExtentIsReadInSeveralBios() {
    int first = MIB + 4 * PAGE;
    ExtentFile inode =
        file(2 * MIB)
            .setExtent(Iomap.Type.MAPPED, 0, first, 64 * PAGE)
            .setExtent(Iomap.Type.MAPPED, first, 2 * MIB - first, 0);
    assertThat(rig.read(inode, 0, first + 8 * PAGE)).isEqualTo(first + 8 * PAGE);
    assertThat(rig.memory(0, first)).isEqualTo(rig.onDisk(64 * PAGE, first));
    assertThat(rig.memory(first, 8 * PAGE)).isEqualTo(rig.onDisk(0, 8 * PAGE));
    assertThat(rig.memory(first + 8 * PAGE, PAGE)).containsOnly(OLD);
  }

  @Test
  void aFaultBehindTheFirstBioFailsTheRequest() {
    ExtentFile inode = file(2 * MIB).setExtent(Iomap.Type.MAPPED, 0, 2 * MIB, 64 * PAGE);
    assertThat(rig.process.mm().munmap(rig.memory + MIB, MIB)).isZero();
    Recorder ops = new Recorder(inode);
    assertThat(rig.read(inode, ops, 0, rig.memory, MIB + PAGE)).isEqualTo(-Errno.EFAULT);
    assertThat(ops.lengths).containsExactly((long) MIB + PAGE, (long) PAGE);
    assertThat(rig.read(inode, inode, 0, rig.memory + MIB, PAGE)).isEqualTo(-Errno.EFAULT);
    assertThat(rig.read(inode, 0, PAGE)).as("the next request").isEqualTo(PAGE);
  }

  @Test
  void anErrorOfTheFirstBioStopsTheRequest() {
    ExtentFile inode = file(2 * MIB).setExtent(Iomap.Type.MAPPED, 0, 2 * MIB, 64 * PAGE);
    rig.disk.failEach(BlkTypes.REQ_OP_READ);
    assertThat(rig.read(inode, 0, MIB + PAGE)).isEqualTo(-Errno.EIO);
    rig.disk.failNone();
  }

  // Pages and direct requests.

  @Test
  void aDirtyPageBehindTheRangeDoesNotBlock() {
    ExtentFile inode = rig.written(12);
    Kiocb dirty = rig.sync(inode, PAGE, 0);
    assertThat(
            Filemap.write(rig.current, dirty, rig.iter(false, rig.memory, PAGE), inode.mapping()))
        .isEqualTo(PAGE);
    for (long pos : new long[] {0, 2 * PAGE}) {
      Kiocb nowait = rig.sync(inode, pos, DIRECT | Kiocb.IOCB_NOWAIT);
      assertThat(rig.write(inode, inode, nowait, PAGE)).as("at " + pos).isEqualTo(PAGE);
    }
    Kiocb nowait = rig.sync(inode, PAGE, DIRECT | Kiocb.IOCB_NOWAIT);
    assertThat(rig.write(inode, inode, nowait, BLOCK)).isEqualTo(-Errno.EAGAIN);
  }

  @Test
  void aWriteDropsThePagesOfItsRangeBeforeItsBios() {
    ExtentFile inode = rig.written(12);
    assertThat(rig.buffered(rig.current, inode, 0, 3 * PAGE)).isEqualTo(3 * PAGE);
    rig.disk.holdAgain();
    Kiocb iocb = rig.async(inode, PAGE, DIRECT);
    assertThat(rig.write(inode, inode, iocb, PAGE)).isEqualTo(-Kiocb.EIOCBQUEUED);
    boolean cached = inode.mapping().rangeHasPage(PAGE, 2 * PAGE - 1);
    rig.disk.letThrough();
    assertThat(cached).isFalse();
    assertThat(inode.mapping().rangeHasPage(0, PAGE - 1)).isTrue();
    assertThat(inode.mapping().rangeHasPage(2 * PAGE, 3 * PAGE - 1)).isTrue();
    assertThat(rig.completed).containsExactly((long) PAGE);
  }

  @Test
  void aWriteDropsPagesThatAreReadMeanwhile() throws Exception {
    ExtentFile inode = rig.written(12);
    rig.disk.holdAgain();
    Kiocb iocb = rig.async(inode, PAGE, DIRECT);
    int blocks = PAGE / BLOCK;
    assertThat(rig.write(inode, inode, iocb, PAGE)).isEqualTo(-Kiocb.EIOCBQUEUED);
    assertThat(rig.disk.held()).hasSize(blocks);
    var reader = rig.onOtherThread(task -> rig.buffered(task, inode, 0, 3 * PAGE));
    rig.disk.awaitHeld(blocks + 1);
    while (!reader.isDone()) { // the reader's bios come after the writer's
      if (rig.disk.held().size() > blocks) {
        rig.disk.release(blocks);
      }
      Thread.onSpinWait();
    }
    assertThat(reader.get()).isEqualTo(3 * PAGE);
    assertThat(inode.mapping().rangeHasPage(PAGE, 2 * PAGE - 1)).as("the old data").isTrue();
    rig.disk.letThrough();
    assertThat(rig.completed).containsExactly((long) PAGE);
    assertThat(inode.mapping().rangeHasPage(PAGE, 2 * PAGE - 1)).isFalse();
    assertThat(inode.mapping().rangeHasPage(0, PAGE - 1)).isTrue();
    assertThat(inode.mapping().rangeHasPage(2 * PAGE, 3 * PAGE - 1)).isTrue();
  }

  // Polling, and the reasons for EAGAIN.

  @Test
  void aRequestThatEndsInAHoleCanBePolled() {
    ExtentFile inode = file(2 * BLOCK).setExtent(Iomap.Type.MAPPED, 0, BLOCK, 0);
    Kiocb iocb = rig.async(inode, 0, DIRECT | Kiocb.IOCB_HIPRI);
    assertThat(
            IomapDio.rw(
                rig.current, inode, iocb, rig.iter(true, rig.memory, 2 * BLOCK), inode, null))
        .isEqualTo(-Kiocb.EIOCBQUEUED);
    assertThat(iocb.pollQueue()).isSameAs(rig.bdev.queue());
    assertThat(IomapDio.iopoll(iocb, true)).isEqualTo(1);
    assertThat(rig.completed).containsExactly(2L * BLOCK);
    assertThat(rig.memory(BLOCK, BLOCK)).isEqualTo(new byte[BLOCK]);
  }

  @Test
  void onlyARequestOnAPolledQueueNeedsPolling() {
    ExtentFile inode = rig.written(4);
    Kiocb iocb = rig.async(inode, 0, DIRECT | Kiocb.IOCB_HIPRI);
    assertThat(IomapDio.needsPolling(iocb)).as("not published yet").isTrue();
    assertThat(IomapDio.iopoll(iocb, false)).as("not published yet").isZero();
    assertThat(rig.write(inode, inode, iocb, BLOCK)).isEqualTo(-Kiocb.EIOCBQUEUED);
    assertThat(IomapDio.needsPolling(iocb)).isTrue();
    assertThat(IomapDio.iopoll(iocb, true)).isEqualTo(1);
    try (IomapRig interrupts = new IomapRig(new TagSet(1, 0, 64, false))) {
      ExtentFile other = interrupts.written(4);
      Kiocb woken = interrupts.async(other, 0, DIRECT | Kiocb.IOCB_HIPRI);
      interrupts.disk.holdAgain();
      assertThat(interrupts.write(other, other, woken, BLOCK)).isEqualTo(-Kiocb.EIOCBQUEUED);
      assertThat(IomapDio.needsPolling(woken)).isFalse();
      interrupts.disk.letThrough();
      assertThat(interrupts.completed).containsExactly((long) BLOCK);
    }
  }

  @Test
  void onlyEagainForLackOfATagIsMarked() {
    try (IomapRig small = new IomapRig(new TagSet(1, 1, 1, false))) {
      int flags = DIRECT | Kiocb.IOCB_HIPRI;
      ExtentFile inode = small.written(4);
      HeldDisk disk = small.disk;
      disk.holdAgain();
      Kiocb first = small.async(inode, 0, flags);
      Kiocb second = small.async(inode, 0, flags);
      assertThat(small.write(inode, inode, first, BLOCK)).isEqualTo(-Kiocb.EIOCBQUEUED);
      assertThat(small.write(inode, inode, second, BLOCK)).isEqualTo(-Kiocb.EIOCBQUEUED);
      assertThat(small.completed).containsExactly((long) -Errno.EAGAIN);
      assertThat(second.kiFlags).isEqualTo(flags | Kiocb.IOCB_WRITE | Kiocb.IOCB_NO_TAG);
      disk.fail(0, Errno.EAGAIN);
      assertThat(IomapDio.iopoll(first, true)).isEqualTo(1);
      assertThat(small.completed).hasSize(2).containsOnly((long) -Errno.EAGAIN);
      assertThat(first.kiFlags).as("the driver's").isEqualTo(flags | Kiocb.IOCB_WRITE);
    }
  }
}
