// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.Oops;
import io.pollux.core.mm.IovecIter;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.core.sched.WorkQueue;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileTable;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Mman;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A filesystem that throws in the end of a direct write: the request completes with EIO, and nothing is kept. */
@Timeout(60)
class IomapDioEndTest {
  private static final int BLOCK = 1024;
  private static final int BYTES = 4 * BLOCK;

  private final TestDisk disk = new TestDisk(1 << 20);
  private final UserProcess process = new UserProcess();
  private final Task current = process.newTask();
  private final WorkQueue doneWq = new WorkQueue(process, "done", 1);
  private final long memory = process.mm().mmap(1 << 16, Mman.PROT_READ | Mman.PROT_WRITE);
  private final ExtentFile inode = new ExtentFile(disk.bdev, BLOCK, BYTES);
  private final List<String> said = new CopyOnWriteArrayList<>();
  private final List<Long> completed = new CopyOnWriteArrayList<>();

  IomapDioEndTest() {
    current.enterKernel();
    Arrays.fill(inode.types, Iomap.Type.MAPPED);
    Arrays.setAll(inode.places, i -> (long) i * 2 * BLOCK); // a bio for each
    Oops.setSink((sentence, thrown) -> said.add(sentence));
  }

  @AfterEach
  void nothingIsLeft() {
    Oops.setSink(null);
    assertThat(said)
        .containsExactly("kernel oops in the end of a direct request: java.lang.AssertionError: broken; the request fails with EIO");
    assertThat(current.plug()).isNull();
    assertThat(inode.dioCount()).isZero();
    assertThat(process.mm().pinnedPages()).isZero();
    assertThat(disk.bdev.queue().busyTags()).isZero();
    current.leaveKernel();
    process.exit();
    disk.close();
  }

  private long write(boolean sync, int flags) {
    Kiocb iocb = new Kiocb();
    iocb.init(
        new File(new FileTable(), inode, null, Fcntl.O_RDWR), sync ? null : (request, res, res2) -> completed.add(res));
    iocb.kiFlags = Kiocb.IOCB_DIRECT | Kiocb.IOCB_WRITE | flags;
    IovecIter iter = new IovecIter();
    assertThat(iter.importSingleRange(process.mm(), false, memory, BYTES)).isZero();
    return IomapDio.write(current, inode, iocb, iter, breaksLater(), doneWq);
  }

  /** Breaks the file when the last of its blocks is mapped, behind the use of the mapping at the start. */
  private IomapOps breaksLater() {
    return (task, file, pos, length, flags, iomap) -> {
      inode.broken = pos == BYTES - BLOCK;
      return inode.iomapBegin(task, file, pos, length, flags, iomap);
    };
  }

  @ParameterizedTest
  @ValueSource(ints = {0, Kiocb.IOCB_HIPRI, Kiocb.IOCB_DSYNC})
  void aSynchronousWriteIsEio(int flags) {
    assertThat(write(true, flags)).isEqualTo(-Errno.EIO);
  }

  @Test
  void anAsynchronousWriteIsEio() {
    disk.hold = true;
    assertThat(write(false, 0)).isEqualTo(-Kiocb.EIOCBQUEUED);
    disk.release();
    assertThat(completed).containsExactly((long) -Errno.EIO);
  }

  @Test
  void aDurableWriteThatAWorkerEndsIsEio() throws InterruptedException {
    assertThat(write(false, Kiocb.IOCB_DSYNC)).isEqualTo(-Kiocb.EIOCBQUEUED);
    long since = System.nanoTime();
    while (completed.isEmpty() && System.nanoTime() - since < 10_000_000_000L) {
      Thread.sleep(1);
    }
    assertThat(completed).containsExactly((long) -Errno.EIO);
  }
}
