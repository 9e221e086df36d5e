// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import static io.pollux.iomap.IomapRig.PAGE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.Iattr;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.Kiocb;
import io.pollux.core.vfs.Timespec64;
import io.pollux.iomap.fixture.ExtentFileSystem;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.StatMode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The file operations for a filesystem that adds only a mapping. Blocks are at their positions. */
@Timeout(60)
class IomapInodeTest {
  private static final int BLOCKS = 16;
  private static final long MOST = BLOCKS * PAGE - 100;
  private static final long NO_CUT = -1;

  private final IomapRig rig = new IomapRig();
  private final ExtentFileSystem fs =
      new ExtentFileSystem(rig.bdev, PAGE).withWorkQueue(rig.current);
  private final Simple inode = new Simple();

  /** A file whose block n is block n of the device, once it is allocated. */
  private final class Simple extends IomapInode {
    private final char[] state = new char[BLOCKS]; // 0, u for unwritten, or w
    private long most = MOST;
    private Runnable whileConverting = () -> {};
    private Runnable whileCutting = () -> {};
    private long lastCut = NO_CUT;

    Simple() {
      super(fs, rig.bdev, 7, StatMode.S_IFREG | 0644);
      Arrays.fill(state, '0');
    }

    @Override
    public int iomapBegin(Task current, Inode file, long pos, long length, int flags, Iomap iomap) {
      int i = (int) (pos / PAGE);
      if ((flags & IOMAP_WRITE) != 0 && state[i] == '0') {
        state[i] = 'u';
      }
      if (state[i] == '0') {
        iomap.setHole((long) i * PAGE, PAGE);
      } else {
        iomap.setMapped(state[i] == 'u', (long) i * PAGE, PAGE, (long) i * PAGE, rig.bdev);
      }
      return 0;
    }

    @Override
    protected int convert(long from, long to) {
      whileConverting.run();
      for (int i = (int) (from / PAGE); i < (to + PAGE - 1) / PAGE; i++) {
        state[i] = 'w';
      }
      return 0;
    }

    @Override
    protected long blocks() {
      return 3;
    }

    @Override
    protected void cut(long from) {
      lastCut = from;
      whileCutting.run();
      Arrays.fill(state, (int) Math.min(from / PAGE, BLOCKS), BLOCKS, '0');
    }

    @Override
    protected long maxBytes() {
      return most;
    }

    void mode(int mode) {
      setMode(mode);
    }
  }

  @AfterEach
  void close() {
    rig.close();
  }

  private long write(long pos, long bytes, int flags) {
    Kiocb iocb = rig.sync(inode, pos, Kiocb.IOCB_WRITE | flags);
    return inode.writeIter(rig.current, iocb, rig.iter(false, rig.memory, bytes));
  }

  private byte[] read(long pos, int bytes) {
    Kiocb iocb = rig.sync(inode, pos, 0);
    long to = rig.memory + IomapRig.MEMORY_BYTES - bytes;
    assertThat(inode.readIter(rig.current, iocb, rig.iter(true, to, bytes))).isEqualTo(bytes);
    return IomapRig.bytes(to, bytes);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, Kiocb.IOCB_DIRECT, Kiocb.IOCB_DIRECT | Kiocb.IOCB_HIPRI})
  void aWriteBehindTheEndLeavesZeroesBetween(int flags) {
    rig.fill(0x5a);
    assertThat(write(512, 512, flags)).isEqualTo(512);
    assertThat(write(2 * PAGE + 1024, 512, flags)).isEqualTo(512);
    assertThat(inode.size()).isEqualTo(2 * PAGE + 1536);
    byte[] expected = new byte[(int) inode.size()];
    Arrays.fill(expected, 512, 1024, (byte) 0x5a);
    Arrays.fill(expected, 2 * PAGE + 1024, expected.length, (byte) 0x5a);
    assertThat(read(0, expected.length)).isEqualTo(expected);
    assertThat(inode.isDirty()).isTrue();
  }

  @Test
  void aDirectWriteThatExtendsTheFileCompletesBeforeItsSubmissionReturns() throws Exception {
    assertThat(write(0, PAGE, 0)).isEqualTo(PAGE);
    assertThat(inode.mapping().writeAndWaitRange(rig.current, 0, PAGE)).isZero();
    rig.disk.holdAgain();
    Kiocb inside = rig.async(inode, 0, Kiocb.IOCB_WRITE | Kiocb.IOCB_DIRECT);
    assertThat(inode.writeIter(rig.current, inside, rig.iter(false, rig.memory, PAGE)))
        .isEqualTo(-Kiocb.EIOCBQUEUED);
    assertThat(rig.completed).as("a write inside the file is in flight").isEmpty();
    rig.disk.letThrough();
    assertThat(rig.completed).hasSize(1);

    rig.disk.holdAgain();
    Kiocb behind = rig.async(inode, PAGE, Kiocb.IOCB_WRITE | Kiocb.IOCB_DIRECT);
    var writer =
        rig.onOtherThread(task -> inode.writeIter(task, behind, rig.iter(false, rig.memory, PAGE)));
    rig.disk.awaitHeld(1);
    for (int i = 0; i < 100; i++) { // a writer that does not wait releases the lock soon
      assertThat(inode.iRwsem.downRead(rig.current, true)).as("the lock is free").isFalse();
      Thread.sleep(1);
    }
    rig.disk.letThrough();
    assertThat(writer.get(30, TimeUnit.SECONDS)).isEqualTo(-Kiocb.EIOCBQUEUED);
    assertThat(rig.completed).hasSize(2);
  }

  @Test
  void anAppendGoesToTheEnd() {
    rig.fill(1);
    assertThat(write(0, 700, 0)).isEqualTo(700);
    assertThat(write(0, 700, Kiocb.IOCB_APPEND)).isEqualTo(700);
    assertThat(inode.size()).isEqualTo(1400);
  }

  @Test
  void theLargestSizeCutsAWrite() throws ErrnoException {
    assertThat(write(MOST - 10, 20, 0)).isEqualTo(10);
    assertThat(write(MOST, 1, 0)).isEqualTo(-Errno.EFBIG);
    assertThatThrownBy(() -> inode.setattr(rig.current, Iattr.ofSize(MOST + 1)))
        .isInstanceOfSatisfying(
            ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EFBIG));
    inode.setattr(rig.current, Iattr.ofSize(MOST));
  }

  @Test
  void aFileThatWasCutReadsAsZeroesWhereItGrowsAgain() throws ErrnoException {
    rig.fill(0x5a);
    assertThat(write(0, 3 * PAGE, 0)).isEqualTo(3 * PAGE);
    assertThat(inode.mapping().writeBack(rig.current, 0, Long.MAX_VALUE)).isZero();
    inode.setattr(rig.current, Iattr.ofSize(PAGE + 100));
    assertThat(inode.size()).isEqualTo(PAGE + 100);
    assertThat(inode.state[2]).as("a block behind the end").isEqualTo('0');
    inode.setattr(rig.current, Iattr.ofSize(3 * PAGE));
    byte[] expected = new byte[3 * PAGE];
    Arrays.fill(expected, 0, PAGE + 100, (byte) 0x5a);
    assertThat(read(0, 3 * PAGE)).isEqualTo(expected);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, Kiocb.IOCB_DIRECT})
  void aWriteDropsTheSetUserIdBit(int flags) {
    assertThat(write(0, PAGE, 0)).isEqualTo(PAGE);
    inode.mode(StatMode.S_IFREG | StatMode.S_ISUID | 0755);
    assertThat(write(0, PAGE, flags)).isEqualTo(PAGE);
    assertThat(inode.mode()).as("root keeps it").isEqualTo(StatMode.S_IFREG | 04755);
    rig.current.process().dropPrivileges();
    assertThat(write(0, PAGE, flags)).isEqualTo(PAGE);
    assertThat(inode.mode()).isEqualTo(StatMode.S_IFREG | 0755);
  }

  @Test
  void theLossOfTheSetUserIdBitIsRecordedInAnyMillisecond() {
    assertThat(write(0, PAGE, 0)).isEqualTo(PAGE);
    rig.current.process().dropPrivileges();
    for (int i = 0; i < 50; i++) {
      inode.mode(StatMode.S_IFREG | StatMode.S_ISUID | 0755);
      assertThat(inode.syncMetadata(rig.current)).isZero();
      assertThat(write(0, PAGE, Kiocb.IOCB_DIRECT)).isEqualTo(PAGE);
      assertThat(inode.isDirty()).isTrue();
    }
  }

  @Test
  void anOverwriteInTheSameMillisecondLeavesTheInodeClean() {
    assertThat(write(0, PAGE, 0)).isEqualTo(PAGE);
    assertThat(inode.mapping().writeBack(rig.current, 0, Long.MAX_VALUE)).isZero();
    boolean clean = false;
    for (int i = 0; i < 10_000 && !clean; i++) {
      inode.updateTime();
      assertThat(inode.syncMetadata(rig.current)).isZero();
      long before = inode.mtimeMillis();
      assertThat(write(0, PAGE, Kiocb.IOCB_DIRECT)).isEqualTo(PAGE);
      clean = inode.mtimeMillis() == before;
      assertThat(inode.isDirty()).as("write %d", i).isEqualTo(!clean);
    }
    assertThat(clean).as("a write in the millisecond of the one before").isTrue();
  }

  @Test
  void anOverwriteAfterATimeWasSetSetsItAgain() throws ErrnoException {
    assertThat(write(0, PAGE, 0)).isEqualTo(PAGE);
    Timespec64 time = new Timespec64(5, 0);
    int bits = Iattr.ATTR_MTIME | Iattr.ATTR_MTIME_SET;
    for (int i = 0; i < 50; i++) { // many in one millisecond
      inode.setattr(rig.current, Iattr.ofTimes(bits, time, time));
      assertThat(inode.mtimeMillis()).isEqualTo(5000);
      assertThat(write(0, PAGE, Kiocb.IOCB_DIRECT)).isEqualTo(PAGE);
      assertThat(inode.mtimeMillis()).isGreaterThan(5000);
    }
  }

  @Test
  void blocksThatAreBeingConvertedMakeTheInodeDirty() {
    boolean[] seen = new boolean[1];
    assertThat(write(0, 2 * PAGE, 0)).isEqualTo(2 * PAGE);
    assertThat(inode.syncMetadata(rig.current)).isZero();
    assertThat(inode.isDirty()).isFalse();
    inode.whileConverting = () -> seen[0] = inode.isDirty();
    assertThat(inode.mapping().writeBack(rig.current, 0, Long.MAX_VALUE)).isZero();
    assertThat(seen[0]).as("while they are converted").isTrue();
    assertThat(inode.isDirty()).isTrue();
    assertThat(inode.syncMetadata(rig.current)).isZero();
    assertThat(inode.isDirty()).isFalse();
  }

  @Test
  void theInodeIsNotWrittenBetweenASmallerSizeAndTheCutOfItsBlocks() throws Exception {
    assertThat(write(0, 2 * PAGE, 0)).isEqualTo(2 * PAGE);
    List<CompletableFuture<Integer>> writers = new ArrayList<>();
    inode.whileCutting =
        () -> {
          writers.add(rig.onOtherThread(inode::syncMetadata));
          assertThatThrownBy(() -> writers.getFirst().get(100, TimeUnit.MILLISECONDS))
              .as("the write of the inode waits")
              .isInstanceOf(TimeoutException.class);
        };
    inode.setattr(rig.current, Iattr.ofSize(PAGE));
    assertThat(writers.getFirst().get(30, TimeUnit.SECONDS)).isZero();
  }

  @Test
  void aFileOfTheLargestSizeKeepsItsBlocks() throws ErrnoException {
    assertThat(write(0, PAGE, 0)).isEqualTo(PAGE);
    inode.most = Long.MAX_VALUE;
    inode.setattr(rig.current, Iattr.ofSize(Long.MAX_VALUE));
    assertThat(inode.lastCut).isEqualTo(Long.MAX_VALUE);
    assertThat(inode.state[0]).as("the first block").isNotEqualTo('0');
  }

  @Test
  void attributesAreKept() throws ErrnoException {
    inode.setattr(rig.current, Iattr.ofOwner(3, 4));
    inode.setattr(rig.current, Iattr.ofMode(StatMode.S_IFREG | 0600));
    Timespec64 time = new Timespec64(-5, 123_456_789);
    int bits = Iattr.ATTR_MTIME | Iattr.ATTR_MTIME_SET;
    inode.setattr(rig.current, Iattr.ofTimes(bits, time, time));
    assertThat(inode.uid()).isEqualTo(3);
    assertThat(inode.gid()).isEqualTo(4);
    assertThat(inode.mode()).isEqualTo(StatMode.S_IFREG | 0600);
    assertThat(inode.mtimeMillis()).isEqualTo(-4877);
    inode.updateTime();
    assertThat(inode.mtimeMillis()).isPositive();
  }

  @Test
  void aRequestThatMayNotBlockDoesNotWaitForTheLock() throws Exception {
    assertThat(write(0, PAGE, 0)).isEqualTo(PAGE);
    CountDownLatch held = new CountDownLatch(1);
    CountDownLatch end = new CountDownLatch(1);
    CompletableFuture<Boolean> holder =
        rig.onOtherThread(
            task -> {
              inode.iRwsem.downWrite(task);
              held.countDown();
              try {
                return end.await(30, TimeUnit.SECONDS);
              } catch (InterruptedException e) {
                throw new AssertionError(e);
              } finally {
                inode.iRwsem.upWrite();
              }
            });
    assertThat(held.await(30, TimeUnit.SECONDS)).isTrue();
    int nowait = Kiocb.IOCB_NOWAIT;
    assertThat(write(0, PAGE, nowait)).isEqualTo(-Errno.EAGAIN);
    assertThat(write(0, PAGE, nowait | Kiocb.IOCB_DIRECT)).isEqualTo(-Errno.EAGAIN);
    Kiocb iocb = rig.sync(inode, 0, nowait);
    assertThat(inode.readIter(rig.current, iocb, rig.iter(true, rig.memory, PAGE)))
        .isEqualTo(-Errno.EAGAIN);
    end.countDown();
    assertThat(holder.get(30, TimeUnit.SECONDS)).isTrue();
  }

  @Test
  void seeksFindDataAndHoles() {
    assertThat(write(2 * PAGE, PAGE, Kiocb.IOCB_DIRECT)).isEqualTo(PAGE);
    assertThat(write(6 * PAGE, 1, 0)).isEqualTo(1);
    File file = rig.open(inode);
    assertThat(inode.llseek(rig.current, file, 5, Fcntl.SEEK_DATA)).isEqualTo(2 * PAGE);
    assertThat(inode.llseek(rig.current, file, 2 * PAGE, Fcntl.SEEK_HOLE)).isEqualTo(3 * PAGE);
    assertThat(inode.llseek(rig.current, file, 3 * PAGE, Fcntl.SEEK_DATA)).isEqualTo(6 * PAGE);
    assertThat(inode.llseek(rig.current, file, 7 * PAGE, Fcntl.SEEK_DATA)).isEqualTo(-Errno.ENXIO);
    assertThat(inode.llseek(rig.current, file, -1, Fcntl.SEEK_END)).isEqualTo(6 * PAGE);
    file.fput(rig.current);
  }
}
