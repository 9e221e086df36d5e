// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import static io.pollux.iomap.IomapRig.BLOCK;
import static io.pollux.iomap.IomapRig.PAGE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.block.BlkTypes;
import io.pollux.core.mm.Slab;
import io.pollux.core.ramfs.Ramfs;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.core.vfs.FileOperations;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.Kiocb;
import io.pollux.iomap.IomapRig.Recorder;
import io.pollux.iomap.fixture.ExtentFile;
import io.pollux.uapi.Errno;
import io.pollux.uapi.StatMode;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Writes in place: the fallback to pages, the range that is made durable, and privileges. */
@Timeout(60)
class IomapOverwriteEdgesTest {
  private static final int DSYNC = Kiocb.IOCB_DSYNC;

  private final IomapRig rig = new IomapRig();
  private final ExtentFile inode = rig.written(16);

  IomapOverwriteEdgesTest() {
    rig.fill(0x33);
  }

  @AfterEach
  void close() {
    rig.close();
  }

  private final class Fs extends IomapOverwrite {
    Fs(IomapOps ops) {
      super(ops, rig.bdev, BLOCK, rig.process);
    }

    @Override
    protected int fileModified(Task task, Inode file, Kiocb iocb) {
      return 0;
    }
  }

  private long write(IomapOverwrite fs, Kiocb iocb, long bytes) {
    iocb.kiFlags |= Kiocb.IOCB_WRITE;
    return fs.writeIter(rig.current, iocb, rig.iter(false, rig.memory, bytes));
  }

  private long write(IomapOverwrite fs, long pos, long bytes, int flags) {
    return write(fs, rig.sync(inode, pos, flags), bytes);
  }

  // A filesystem that refuses direct writes with ENOTBLK, as GFS2 for stuffed files.

  private Fs pagesOnly() {
    return new Fs(
        (task, file, pos, length, flags, iomap) ->
            (flags & IomapOps.IOMAP_DIRECT) != 0
                ? -Errno.ENOTBLK
                : inode.iomapBegin(task, file, pos, length, flags, iomap));
  }

  @Test
  void aDirectWriteThatFallsBackIsOnTheDiskAndNotInPages() {
    assertThat(rig.buffered(rig.current, inode, 0, 4 * PAGE)).isEqualTo(4 * PAGE);
    Kiocb iocb = rig.sync(inode, PAGE, Kiocb.IOCB_DIRECT);
    assertThat(write(pagesOnly(), iocb, PAGE)).isEqualTo(PAGE);
    assertThat(iocb.kiPos).isEqualTo(2 * PAGE);
    assertThat(iocb.kiFlags).isEqualTo(Kiocb.IOCB_WRITE);
    assertThat(rig.onDisk(PAGE, PAGE)).containsOnly(0x33);
    assertThat(inode.mapping().rangeHasPage(PAGE, 2 * PAGE - 1)).isFalse();
    assertThat(inode.mapping().rangeHasPage(0, PAGE - 1)).as("the page before").isTrue();
    assertThat(inode.mapping().rangeHasPage(2 * PAGE, 3 * PAGE - 1)).as("the page after").isTrue();
  }

  @Test
  void aFallbackWritesBackItsOwnRangeOnly() {
    Fs fs = pagesOnly();
    assertThat(write(fs, 0, 10, 0)).isEqualTo(10);
    assertThat(write(fs, 2 * PAGE, 10, 0)).isEqualTo(10);
    assertThat(write(fs, PAGE, PAGE, Kiocb.IOCB_DIRECT)).isEqualTo(PAGE);
    assertThat(inode.mapping().nrDirty()).isEqualTo(2);
  }

  @Test
  void aFallbackReturnsTheErrorOfItsWrite() {
    Fs fs = pagesOnly();
    inode.setExtent(Iomap.Type.UNWRITTEN, 0, BLOCK, 0);
    assertThat(write(fs, 0, BLOCK, Kiocb.IOCB_DIRECT)).isEqualTo(-Errno.EOPNOTSUPP);
    rig.disk.failEach(BlkTypes.REQ_OP_WRITE);
    assertThat(write(fs, PAGE, PAGE, Kiocb.IOCB_DIRECT)).isEqualTo(-Errno.EIO);
    rig.disk.failNone();
  }

  @Test
  void aDurableWriteWritesBackItsOwnRangeOnly() {
    Fs fs = new Fs(inode);
    assertThat(write(fs, 0, 10, 0)).isEqualTo(10);
    assertThat(write(fs, 2 * PAGE, 10, 0)).isEqualTo(10);
    assertThat(inode.mapping().nrDirty()).isEqualTo(2);
    assertThat(write(fs, PAGE, PAGE, DSYNC)).isEqualTo(PAGE);
    assertThat(inode.mapping().nrDirty()).isEqualTo(2);
    assertThat(rig.onDisk(PAGE, PAGE)).containsOnly(0x33);
    assertThat(rig.disk.flushes()).isEqualTo(1);
  }

  @Test
  void aWriteAtTheEndOfTheFileDoesNotNeedTheLock() {
    Fs fs = new Fs(inode);
    inode.iRwsem.downRead(rig.current);
    assertThat(write(fs, inode.size(), 1, Kiocb.IOCB_NOWAIT)).isEqualTo(-Errno.EOPNOTSUPP);
    assertThat(write(fs, inode.size() - 1, 1, Kiocb.IOCB_NOWAIT)).isEqualTo(-Errno.EAGAIN);
    inode.iRwsem.upRead();
  }

  @Test
  void theMappingIsAskedForTheRestOfABufferedWrite() {
    Recorder ops = new Recorder(inode);
    Fs fs = new Fs(ops);
    long bytes = 2 * BLOCK + 7;
    assertThat(fs.inPlace(rig.current, inode, rig.sync(inode, 5, 0), bytes)).isEqualTo(bytes);
    assertThat(ops.lengths).containsExactly(bytes, bytes - BLOCK + 5, bytes - 2 * BLOCK + 5);
    assertThat(ops.flags).containsOnly(IomapOps.IOMAP_WRITE);
    ops.flags.clear();
    Kiocb nowait = rig.sync(inode, 0, Kiocb.IOCB_NOWAIT);
    assertThat(fs.inPlace(rig.current, inode, nowait, 2 * BLOCK)).isEqualTo(2 * BLOCK);
    assertThat(ops.flags).containsOnly(IomapOps.IOMAP_WRITE | IomapOps.IOMAP_NOWAIT);
  }

  @Test
  void anExtentElsewhereStopsABufferedWriteAndReleasesTheLock() {
    Fs fs =
        new Fs(
            (task, file, pos, length, flags, iomap) -> {
              iomap.setMapped(false, 0, pos, 0, rig.bdev);
              return 0;
            });
    assertThatThrownBy(() -> write(fs, BLOCK, BLOCK, 0))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("does not cover byte 1024");
    assertThat(inode.iRwsem.isLocked()).isFalse();
    assertThat(inode.mapping().nrDirty()).isZero();
  }

  @Test
  void aBufferedWriteReusesTheExtentOfTheOneBefore() {
    Iomap warm = Iomap.SLAB.alloc(rig.current);
    Slab.free(warm);
    assertThat(write(new Fs(inode), 0, PAGE, 0)).isEqualTo(PAGE);
    assertThat(Iomap.SLAB.alloc(rig.current)).isSameAs(warm);
  }

  /** The worker's flush takes 200 ms, so that unmount has to wait. */
  @Test
  void unmountWaitsUntilQueuedWritesAreDurable() {
    Fs fs = new Fs(inode);
    rig.disk.beforeNext(
        BlkTypes.REQ_OP_FLUSH,
        () -> {
          try {
            Thread.sleep(200);
          } catch (InterruptedException e) {
            throw new AssertionError(e);
          }
        });
    Kiocb iocb = rig.async(inode, 0, Kiocb.IOCB_DIRECT | DSYNC);
    assertThat(write(fs, iocb, BLOCK)).isEqualTo(-Kiocb.EIOCBQUEUED);
    fs.drain();
    assertThat(rig.completed).containsExactly((long) BLOCK);
  }

  /** The mode's bits are S_ISUID, S_ISGID and group execute. */
  @ParameterizedTest
  @CsvSource({
    "04600, true",
    "02610, true",
    "06710, true",
    "02600, false",
    "0610, false",
    "0777, false",
  })
  void aWriteByAnUnprivilegedProcessRemovesSetIdBits(String mode, boolean loses) {
    Inode file = new Plain(StatMode.S_IFREG | Integer.parseInt(mode, 8));
    assertThat(IomapOverwrite.losesPrivileges(rig.current, file)).as("root").isFalse();
    UserProcess plain = new UserProcess();
    plain.dropPrivileges();
    assertThat(IomapOverwrite.losesPrivileges(plain.newTask(), file)).isEqualTo(loses);
    plain.exit();
  }

  /** An empty file with a mode. */
  private static final class Plain extends Inode {
    Plain(int mode) {
      super(new Ramfs(1), 7, mode);
    }

    @Override
    public long size() {
      return 0;
    }

    @Override
    public FileOperations fop() {
      return new FileOperations() {};
    }

    @Override
    protected void getattr(Task current, long stat) {}
  }
}
