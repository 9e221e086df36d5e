// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.bdev;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.fixture.HeldDisk;
import io.pollux.core.mm.IovecIter;
import io.pollux.core.ramfs.Ramfs;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileTable;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.BlkIoctl;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Mman;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A disk changes its size, or is removed, while it is open. The results are those of Linux. */
@Timeout(60)
final class CapacityTest {
  private static final int OLD = 1 << 20;
  private static final int SMALLER = 50 * 8192 + 4096; // ends inside the range of a read
  private static final int FAR = 60 * 8192;

  private final HeldDisk disk = new HeldDisk(OLD).letThrough();
  private final BlockDevice bdev = disk.disk();
  private final FileTable table = new FileTable();
  private final BdevInode inode = new BdevInode(new Ramfs(1), 5, bdev);
  private final UserProcess process = new UserProcess();
  private final Task current = process.newTask();
  private final long memory = process.mm().mmap(OLD, Mman.PROT_READ | Mman.PROT_WRITE);
  private final File buffered = new File(table, inode, null, Fcntl.O_RDWR);
  private final File direct = new File(table, inode, null, Fcntl.O_RDWR | Fcntl.O_DIRECT);

  CapacityTest() {
    current.enterKernel();
  }

  @AfterEach
  void close() {
    buffered.fput(current);
    direct.fput(current);
    current.leaveKernel();
    process.exit();
    bdev.pageCache().drop();
    assertThat(table.nrFiles()).isZero();
    assertThat(bdev.queue().busyTags()).isZero();
    assertThat(process.mm().pinnedPages()).isZero();
    disk.close();
  }

  private long rw(File file, boolean read, long pos) {
    IovecIter iter = new IovecIter();
    assertThat(iter.importSingleRange(process.mm(), read, memory, 8192)).isZero();
    Kiocb iocb = new Kiocb();
    iocb.init(file, null);
    iocb.kiPos = pos;
    iocb.kiFlags |= (read ? 0 : Kiocb.IOCB_WRITE) | (file == direct ? Kiocb.IOCB_DIRECT : 0);
    return read
        ? file.op().readIter(current, iocb, iter)
        : file.op().writeIter(current, iocb, iter);
  }

  private void assertSize(long bytes) {
    assertThat(inode.size()).isEqualTo(bytes);
    assertThat(buffered.op().llseek(current, buffered, 0, Fcntl.SEEK_END)).isEqualTo(bytes);
    assertThat(buffered.op().ioctl(current, buffered, BlkIoctl.BLKGETSIZE64, memory)).isZero();
    assertThat(RawMemory.getLong(memory)).isEqualTo(bytes);
    assertThat(buffered.op().ioctl(current, buffered, BlkIoctl.BLKGETSIZE, memory)).isZero();
    assertThat(RawMemory.getLong(memory)).isEqualTo(bytes >> 9);
  }

  @Test
  void theInodeAndTheIoctlsFollow() {
    assertSize(OLD);
    bdev.setCapacity(SMALLER);
    assertSize(SMALLER);
    bdev.setCapacity(SMALLER + 511);
    assertSize(SMALLER);
    bdev.setCapacity(OLD);
    assertSize(OLD);
    assertThatThrownBy(() -> bdev.setCapacity(-1)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void nothingIsReadOrWrittenBeyondTheNewEnd() {
    bdev.setCapacity(SMALLER);
    for (File file : new File[] {buffered, direct}) {
      assertThat(rw(file, true, FAR)).isZero();
      assertThat(rw(file, true, 50 * 8192)).isEqualTo(4096);
      assertThat(rw(file, false, 50 * 8192)).isEqualTo(4096);
      assertThat(rw(file, false, FAR)).isEqualTo(-Errno.ENOSPC);
    }
    for (int op : new int[] {BlkTypes.REQ_OP_READ, BlkTypes.REQ_OP_WRITE}) {
      assertThat(bdev.transferAndWait(current, FAR, memory, 4096, op)).isEqualTo(-Errno.EIO);
    }
  }

  /** As on Linux: fsync succeeds, and the page is there again if the disk grows. */
  @Test
  void aDirtyPageBeyondTheNewEndIsNotWritten() {
    RawMemory.segment(memory, 8192).fill((byte) 1);
    assertThat(rw(buffered, false, FAR)).isEqualTo(8192);
    assertThat(rw(buffered, false, 50 * 8192)).isEqualTo(8192);
    bdev.setCapacity(SMALLER);
    assertThat(buffered.fsync(current, false)).isZero();
    assertThat(disk.contents().asSlice(FAR, 8192).toArray(ValueLayout.JAVA_BYTE)).containsOnly(0);
    assertThat(disk.contents().asSlice(50 * 8192, 8192).toArray(ValueLayout.JAVA_BYTE))
        .startsWith(1)
        .endsWith(0);
    bdev.setCapacity(OLD);
    RawMemory.segment(memory, 8192).fill((byte) 0);
    assertThat(rw(buffered, true, FAR)).isEqualTo(8192);
    assertThat(RawMemory.getByte(memory)).isEqualTo((byte) 1);
  }

  @Test
  void aRemovedDiskIsNotOpenedAgain() {
    assertThat(buffered.op().claim(buffered, Fcntl.O_RDWR)).isZero();
    bdev.remove();
    assertThat(buffered.op().claim(buffered, Fcntl.O_RDWR)).isEqualTo(-Errno.ENXIO);
    assertThat(rw(direct, true, 0)).isEqualTo(-Errno.EIO);
    assertThat(rw(direct, false, 0)).isEqualTo(-Errno.EIO);
    assertThat(rw(buffered, true, 0)).isEqualTo(-Errno.EIO);
    assertThat(rw(buffered, false, 0)).isEqualTo(8192);
    assertThat(buffered.fsync(current, false)).isEqualTo(-Errno.EIO);
    assertSize(OLD);
  }
}
