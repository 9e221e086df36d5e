// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import static io.pollux.iomap.IomapRig.BLOCK;
import static io.pollux.iomap.IomapRig.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.BlkTypes;
import io.pollux.core.Oops;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.Kiocb;
import io.pollux.iomap.fixture.ExtentFile;
import io.pollux.iomap.fixture.ExtentFile.Allocation;
import io.pollux.uapi.Errno;
import io.pollux.uapi.RawMemory;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Write-back of pages over extents of each kind, and the calls of the filesystem around it. */
@Timeout(60)
class IomapWritebackTest {
  private static final long DISK = 64 * PAGE;

  private final IomapRig rig = new IomapRig();
  private final ExtentFile extents = new ExtentFile(rig.fs, 8 * PAGE);
  private final List<String> calls = new ArrayList<>();

  IomapWritebackTest() {
    rig.fill(0x33);
  }

  @AfterEach
  void close() {
    Oops.setSink(null);
    rig.close();
  }

  /** Records the ends of write-back. */
  private final class Recording implements IomapWritebackOps {
    int endError;

    @Override
    public int mapBlocks(Task current, Inode inode, long pos, long length, Iomap iomap) {
      return extents.mapBlocks(current, inode, pos, length, iomap);
    }

    @Override
    public int endIoend(
        Task current, Inode inode, long pos, long length, boolean unwritten, int error) {
      calls.add((unwritten ? "unwritten " : "mapped ") + pos + "+" + length + " " + error);
      return endError;
    }
  }

  private final Recording recording = new Recording();

  private int writePages(int index, int count) {
    long[] addresses = new long[count];
    for (int i = 0; i < count; i++) {
      addresses[i] = rig.memory + (long) i * PAGE;
    }
    return new IomapPages(extents, extents, recording)
        .writePages(rig.current, index, addresses, count);
  }

  @Test
  void neighbouringExtentsOfOneKindAreOneIoend() {
    extents.setExtent(Iomap.Type.UNWRITTEN, 0, PAGE, DISK);
    extents.setExtent(Iomap.Type.UNWRITTEN, PAGE, PAGE, DISK + 8 * PAGE);
    extents.setExtent(Iomap.Type.MAPPED, 2 * PAGE, PAGE, DISK + 2 * PAGE);
    assertThat(writePages(0, 3)).isZero();
    assertThat(calls)
        .containsExactly(
            "unwritten 0+" + 2 * PAGE + " 0", "mapped " + 2 * PAGE + "+" + PAGE + " 0");
  }

  @Test
  void aBlockOfZeroesBesideDataOverAnUnwrittenExtentStaysUnwritten() {
    extents.setExtent(Iomap.Type.MAPPED, 0, BLOCK, DISK);
    extents.setExtent(Iomap.Type.UNWRITTEN, BLOCK, PAGE - BLOCK, DISK + BLOCK);
    RawMemory.zero(rig.memory + BLOCK, BLOCK);
    assertThat(writePages(0, 1)).isZero();
    assertThat(calls).containsExactly("mapped 0+1024 0", "unwritten 2048+2048 0");
  }

  @Test
  void theEndOfAFailedWriteBackGetsTheError() {
    extents.setExtent(Iomap.Type.UNWRITTEN, 0, 2 * PAGE, DISK);
    rig.disk.failEach(BlkTypes.REQ_OP_WRITE);
    assertThat(writePages(0, 2)).isEqualTo(-Errno.EIO);
    rig.disk.failNone();
    assertThat(calls).containsExactly("unwritten 0+" + 2 * PAGE + " " + -Errno.EIO);
  }

  @Test
  void anExtentThatCanNotBeMappedFailsAfterTheIoendBeforeIt() {
    extents.setExtent(Iomap.Type.UNWRITTEN, 0, PAGE, DISK);
    assertThat(writePages(0, 2)).as("data over a hole").isEqualTo(-Errno.EIO);
    assertThat(calls).hasSize(1);
    assertThat(rig.onDisk(DISK, PAGE)).as("the bios of the ioend completed").containsOnly(0x33);
  }

  @Test
  void theErrorOfTheEndFailsTheWriteBack() {
    extents.setExtent(Iomap.Type.UNWRITTEN, 0, PAGE, DISK);
    recording.endError = -Errno.ENOSPC;
    assertThat(writePages(0, 1)).isEqualTo(-Errno.ENOSPC);
  }

  @Test
  void mapBlocksThatThrowsFailsTheWriteBackWithEioAndIsNamed() {
    List<String> said = new ArrayList<>();
    Oops.setSink((sentence, thrown) -> said.add(sentence));
    IomapWritebackOps broken =
        (current, inode, pos, length, iomap) -> {
          throw new IllegalStateException("broken");
        };
    IomapPages pages = new IomapPages(extents, extents, broken);
    assertThat(pages.writePages(rig.current, 0, new long[] {rig.memory}, 1)).isEqualTo(-Errno.EIO);
    assertThat(said).singleElement().asString().contains("broken").contains("EIO");
  }

  @Test
  void aDelayedExtentIsAllocatedWhenItsPagesAreWrittenBack() {
    ExtentFile file = new ExtentFile(rig.fs, 0).allocate(Allocation.DELAYED, DISK);
    var iocb = rig.sync(file, 0, Kiocb.IOCB_WRITE);
    assertThat(file.fop().writeIter(rig.current, iocb, rig.iter(false, rig.memory, PAGE)))
        .isEqualTo(PAGE);
    assertThat(file.typeAt(0)).isEqualTo(Iomap.Type.DELALLOC);
    assertThat(rig.disk.count(BlkTypes.REQ_OP_WRITE)).isZero();
    assertThat(file.mapping().writeBack(rig.current, 0, Long.MAX_VALUE)).isZero();
    assertThat(file.typeAt(0)).isEqualTo(Iomap.Type.MAPPED);
    assertThat(rig.onDisk(DISK, PAGE)).containsOnly(0x33);
  }

  /**
   * A direct reader waits for write-back, which converts the extent before the page is clean. So it
   * never reads zeroes where data was written.
   */
  @Test
  void directIoWaitsUntilWriteBackHasConvertedTheExtent()
      throws InterruptedException, ExecutionException, TimeoutException {
    ExtentFile file = new ExtentFile(rig.fs, 2 * PAGE).allocate(Allocation.UNWRITTEN, DISK);
    var iocb = rig.sync(file, 0, Kiocb.IOCB_WRITE);
    assertThat(file.fop().writeIter(rig.current, iocb, rig.iter(false, rig.memory, PAGE)))
        .isEqualTo(PAGE);
    rig.disk.holdAgain();
    CompletableFuture<Integer> writer =
        rig.onOtherThread(task -> file.mapping().writeBack(task, 0, Long.MAX_VALUE));
    CompletableFuture<Long> reader =
        rig.onOtherThread(
            task ->
                IomapDio.rw(
                    task,
                    file,
                    rig.sync(file, 0, Kiocb.IOCB_DIRECT),
                    rig.iter(true, rig.memory + 16 * PAGE, PAGE),
                    file,
                    null));
    Thread.sleep(50);
    assertThat(reader).as("the page is being written back").isNotDone();
    rig.disk.letThrough();
    assertThat(writer.get(30, TimeUnit.SECONDS)).isZero();
    assertThat(reader.get(30, TimeUnit.SECONDS)).isEqualTo(PAGE);
    assertThat(rig.memory(16 * PAGE, PAGE)).containsOnly(0x33);
  }
}
