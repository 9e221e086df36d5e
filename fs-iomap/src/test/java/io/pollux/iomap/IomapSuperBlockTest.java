// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import static io.pollux.iomap.IomapRig.PAGE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.block.BlkTypes;
import io.pollux.block.fixture.HeldDisk;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.Errno;
import io.pollux.uapi.StatMode;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Inodes that are dirty, synced, evicted and unmounted. */
@Timeout(60)
class IomapSuperBlockTest {
  private final IomapRig rig = new IomapRig();
  private final Fs fs = new Fs();
  private final Simple one = new Simple(1);
  private final Simple two = new Simple(2);

  /** A filesystem that records what is called. */
  private final class Fs extends IomapSuperBlock {
    final List<Simple> files = new CopyOnWriteArrayList<>();
    final List<String> calls = new ArrayList<>();
    int error;
    Runnable whileWriting = () -> {};

    Fs() {
      super(rig.current, rig.bdev, false, PAGE);
    }

    @Override
    protected List<Simple> inodes() {
      return files;
    }

    @Override
    public int writeInode(Task current, Inode inode, boolean wait) {
      calls.add("write " + inode.ino());
      whileWriting.run();
      return -error;
    }

    @Override
    protected void freeInode(IomapInode inode) {
      calls.add("free " + inode.ino());
      assertThat(inode.mapping().isEmpty()).isTrue();
      files.remove(inode);
    }

    @Override
    public void close() {
      calls.add("close");
    }

    @Override
    public Inode root() {
      throw new IllegalStateException("no directory");
    }

    @Override
    protected void statfs(Task current, long statfs) {}
  }

  /** A file whose block is the block of the device with its inode number. */
  private final class Simple extends IomapInode {
    private int names = 1;

    Simple(int ino) {
      super(fs, rig.bdev, ino, StatMode.S_IFREG | 0644);
      fs.files.add(this);
    }

    @Override
    public int iomapBegin(Task current, Inode file, long pos, long length, int flags, Iomap iomap) {
      iomap.setMapped(false, 0, PAGE, ino() * PAGE, rig.bdev);
      return 0;
    }

    @Override
    protected long blocks() {
      return PAGE / 512;
    }

    @Override
    protected long maxBytes() {
      return PAGE;
    }

    @Override
    protected int nlink() {
      return names;
    }
  }

  @AfterEach
  void close() {
    rig.close();
  }

  private void write(Simple inode) {
    File file = rig.open(inode);
    Kiocb iocb = new Kiocb();
    iocb.init(file, null);
    iocb.kiFlags = Kiocb.IOCB_WRITE;
    assertThat(inode.writeIter(rig.current, iocb, rig.iter(false, rig.memory, PAGE)))
        .isEqualTo(PAGE);
    file.fput(rig.current);
  }

  private int fsync(Simple inode) {
    File file = rig.open(inode);
    int result = inode.fsync(rig.current, file, 0, Long.MAX_VALUE, false);
    file.fput(rig.current);
    return result;
  }

  /** The writes and flushes that the disk has done since the last call, in order. */
  private List<Integer> done() {
    return rig.disk.takeDone().stream().map(HeldDisk.Held::op).toList();
  }

  @Test
  void anFsyncWritesThePagesThenTheInodeIfItIsDirtyThenFlushes() {
    write(one);
    assertThat(one.isDirty()).isTrue();
    done();
    fs.whileWriting =
        () -> assertThat(done()).as("the page").containsExactly(BlkTypes.REQ_OP_WRITE);
    assertThat(fsync(one)).isZero();
    assertThat(fs.calls).containsExactly("write 1");
    assertThat(one.isDirty()).isFalse();
    assertThat(done()).containsExactly(BlkTypes.REQ_OP_FLUSH);
    assertThat(fsync(one)).isZero();
    assertThat(fs.calls).as("a clean inode").containsExactly("write 1");
    assertThat(done()).containsExactly(BlkTypes.REQ_OP_FLUSH);
  }

  @Test
  void aChangeDuringAWriteKeepsTheInodeDirty() {
    one.updateTime();
    fs.whileWriting = one::updateCtime;
    assertThat(one.syncMetadata(rig.current)).isZero();
    assertThat(one.isDirty()).isTrue();
    fs.whileWriting = () -> assertThat(one.isDirty()).as("until it is written").isTrue();
    assertThat(one.syncMetadata(rig.current)).isZero();
    assertThat(one.isDirty()).isFalse();
  }

  @Test
  void aFailedWriteKeepsTheInodeDirty() {
    write(one);
    fs.error = Errno.ENOSPC;
    assertThat(fsync(one)).isEqualTo(-Errno.ENOSPC);
    assertThat(fsync(one)).isEqualTo(-Errno.ENOSPC);
    fs.error = 0;
    assertThat(fsync(one)).isZero();
    rig.disk.failEach(BlkTypes.REQ_OP_FLUSH);
    assertThat(fsync(one)).isEqualTo(-Errno.EIO);
    rig.disk.failNone();
  }

  @Test
  void aSecondFsyncWaitsForTheWriteOfTheFirst() throws Exception {
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch end = new CountDownLatch(1);
    one.updateTime();
    fs.whileWriting =
        () -> {
          begun.countDown();
          try {
            assertThat(end.await(30, TimeUnit.SECONDS)).isTrue();
          } catch (InterruptedException e) {
            throw new AssertionError(e);
          }
          fs.calls.add("end");
        };
    CompletableFuture<Integer> first = rig.onOtherThread(one::syncMetadata);
    assertThat(begun.await(30, TimeUnit.SECONDS)).isTrue();
    CompletableFuture<Integer> second =
        rig.onOtherThread(
            task -> {
              int result = one.syncMetadata(task);
              fs.calls.add("second");
              return result;
            });
    assertThat(second).isNotDone();
    end.countDown();
    assertThat(first.get(30, TimeUnit.SECONDS)).isZero();
    assertThat(second.get(30, TimeUnit.SECONDS)).isZero();
    assertThat(fs.calls).containsExactly("write 1", "end", "second");
  }

  @Test
  void aSyncWritesEveryFileAndReturnsTheFirstError() {
    write(one);
    write(two);
    done();
    fs.error = Errno.ENOSPC;
    assertThat(fs.sync(rig.current)).isEqualTo(-Errno.ENOSPC);
    assertThat(fs.calls).containsExactly("write 1", "write 2");
    assertThat(done())
        .containsExactly(BlkTypes.REQ_OP_WRITE, BlkTypes.REQ_OP_WRITE, BlkTypes.REQ_OP_FLUSH);
    fs.error = 0;
    assertThat(fs.sync(rig.current)).isZero();
    assertThat(fs.sync(rig.current)).isZero();
    assertThat(fs.calls).hasSize(4);
  }

  @Test
  void aFileWithoutNameIsFreedByItsLastUser() {
    write(one);
    one.ihold();
    one.names = 0;
    assertThat(fs.sync(rig.current)).as("it is in use").isZero();
    assertThat(fs.files).contains(one);
    one.iput(rig.current);
    assertThat(fs.calls).containsExactly("write 1", "free 1");
    assertThat(fs.files).containsExactly(two);
  }

  @Test
  void aFileWhoseLastUserMayNotSleepIsFreedByTheNextSync() {
    write(one);
    one.ihold();
    one.names = 0;
    one.iput(null);
    assertThat(fs.calls).isEmpty();
    assertThat(fs.sync(rig.current)).isZero();
    assertThat(fs.calls).as("it is not written").containsExactly("free 1");
  }

  @Test
  void aFileThatIsRemovedDuringASyncIsFreedByIt() {
    one.updateTime();
    one.ihold();
    fs.whileWriting =
        () -> {
          one.names = 0;
          one.iput(rig.current);
          fs.calls.add("put");
        };
    assertThat(fs.sync(rig.current)).isZero();
    assertThat(fs.calls).containsExactly("write 1", "put", "free 1");
  }

  @Test
  void anUnmountWritesEverythingAndDropsThePages() throws ErrnoException {
    write(one);
    fs.unmount(rig.current);
    assertThat(fs.calls).containsExactly("write 1", "close");
    assertThat(one.mapping().isEmpty()).isTrue();
  }

  @Test
  void aSyncThatThrowsKeepsNoReference() {
    write(one);
    fs.whileWriting =
        () -> {
          throw new IllegalStateException("a mistake");
        };
    assertThatThrownBy(() -> fs.sync(rig.current)).hasMessage("a mistake");
    fs.whileWriting = () -> {};
    one.ihold();
    one.names = 0;
    one.iput(rig.current);
    assertThat(fs.calls).as("it was the last reference").contains("free 1");
  }

  @Test
  void anUnmountThatThrowsCloses() {
    write(one);
    fs.whileWriting =
        () -> {
          throw new IllegalStateException("a mistake");
        };
    assertThatThrownBy(() -> fs.unmount(rig.current)).hasMessage("a mistake");
    assertThat(fs.calls).containsExactly("write 1", "close");
    assertThat(one.mapping().isEmpty()).isTrue();
  }

  @Test
  void aSyncOfInodesWritesNoPagesAndFreesRemovedFiles() {
    write(one);
    write(two);
    two.ihold();
    two.names = 0;
    two.iput(null);
    done();
    assertThat(fs.syncInodes(rig.current)).isZero();
    assertThat(fs.calls).containsExactly("write 1", "free 2");
    assertThat(done()).isEmpty();
    assertThat(one.mapping().isEmpty()).isFalse();
  }

  @Test
  void anUnmountThatFailsClosesAndNamesTheDevice() {
    write(one);
    fs.error = Errno.ENOSPC;
    assertThatThrownBy(() -> fs.unmount(rig.current))
        .isInstanceOfSatisfying(
            ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ENOSPC))
        .hasMessage(rig.bdev.name() + ": " + Errno.describe(Errno.ENOSPC));
    assertThat(fs.calls).containsExactly("write 1", "close");
    assertThat(one.mapping().isEmpty()).isTrue();
  }
}
