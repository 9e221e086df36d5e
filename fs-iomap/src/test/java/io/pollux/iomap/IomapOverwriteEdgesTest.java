// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import static io.pollux.iomap.IomapRig.BLOCK;
import static io.pollux.iomap.IomapRig.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.BlkTypes;
import io.pollux.core.vfs.Kiocb;
import io.pollux.iomap.IomapRig.Recorder;
import io.pollux.iomap.fixture.ExtentFile;
import io.pollux.uapi.Errno;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

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

  private long write(long pos, long bytes, int flags) {
    return write(rig.sync(inode, pos, flags), bytes);
  }

  private long write(Kiocb iocb, long bytes) {
    iocb.kiFlags |= Kiocb.IOCB_WRITE;
    return inode.fop().writeIter(rig.current, iocb, rig.iter(false, rig.memory, bytes));
  }

  @Test
  void aDurableWriteWritesBackItsOwnRangeOnly() {
    assertThat(write(0, 10, 0)).isEqualTo(10);
    assertThat(write(2 * PAGE, 10, 0)).isEqualTo(10);
    assertThat(inode.mapping().nrDirty()).isEqualTo(2);
    assertThat(write(PAGE, PAGE, DSYNC)).isEqualTo(PAGE);
    assertThat(inode.mapping().nrDirty()).isEqualTo(2);
    assertThat(rig.onDisk(PAGE, PAGE)).containsOnly(0x33);
    assertThat(rig.disk.flushes()).isEqualTo(1);
  }

  @Test
  void aWriteAtTheEndOfTheFileDoesNotNeedTheLock() {
    inode.iRwsem.downRead(rig.current);
    assertThat(write(inode.size(), 1, Kiocb.IOCB_NOWAIT)).isEqualTo(-Errno.EOPNOTSUPP);
    assertThat(write(inode.size() - 1, 1, Kiocb.IOCB_NOWAIT)).isEqualTo(-Errno.EAGAIN);
    inode.iRwsem.upRead();
  }

  @Test
  void theMappingIsAskedForTheRestOfABufferedWrite() {
    Recorder ops = new Recorder(inode);
    long bytes = 2 * BLOCK + 7;
    assertThat(buffered(ops, rig.sync(inode, 5, 0), bytes)).isEqualTo(bytes);
    assertThat(ops.lengths).startsWith(bytes);
    assertThat(ops.lengths).contains(bytes - BLOCK + 5, bytes - 2 * BLOCK + 5);
    assertThat(ops.flags).containsOnly(IomapOps.IOMAP_WRITE);
    ops.flags.clear();
    Kiocb nowait = rig.sync(inode, 0, Kiocb.IOCB_NOWAIT);
    assertThat(buffered(ops, nowait, 2 * BLOCK)).isEqualTo(2 * BLOCK);
    assertThat(ops.flags).containsOnly(IomapOps.IOMAP_WRITE | IomapOps.IOMAP_NOWAIT);
  }

  private long buffered(IomapOps ops, Kiocb iocb, long bytes) {
    return IomapBuffered.write(rig.current, inode, iocb, rig.iter(false, rig.memory, bytes), ops);
  }

  @Test
  void anExtentElsewhereFailsABufferedWrite() {
    IomapOps elsewhere =
        (task, file, pos, length, flags, iomap) -> {
          iomap.setMapped(false, 0, pos, 0, rig.bdev);
          return 0;
        };
    assertThat(buffered(elsewhere, rig.sync(inode, BLOCK, 0), BLOCK)).isEqualTo(-Errno.EIO);
    assertThat(inode.mapping().nrDirty()).isZero();
  }

  /** The worker's flush takes 200 ms, so that unmount has to wait. */
  @Test
  void unmountWaitsUntilQueuedWritesAreDurable() {
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
    assertThat(write(iocb, BLOCK)).isEqualTo(-Kiocb.EIOCBQUEUED);
    rig.fs.drain();
    assertThat(rig.completed).containsExactly((long) BLOCK);
  }
}
