// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.BlockDevice;
import io.pollux.block.Plug;
import io.pollux.block.fixture.HeldDisk;
import io.pollux.core.Oops;
import io.pollux.core.mm.IovecIter;
import io.pollux.core.mm.UserPages;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileTable;
import io.pollux.core.vfs.Kiocb;
import io.pollux.iomap.fixture.ExtentFile;
import io.pollux.iomap.fixture.ExtentFileSystem;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Mman;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A filesystem that throws in the mapping or the end of a direct request: EIO, one sentence, and
 * nothing is kept.
 */
@Timeout(60)
class IomapDioOopsTest {
  private static final int BLOCK = 1024;
  private static final int BYTES = 4 * BLOCK;

  private final HeldDisk disk = new HeldDisk(1 << 20).letThrough();
  private final BlockDevice bdev = disk.disk();
  private final UserProcess process = new UserProcess();
  private final Task current = process.newTask();
  private final long memory = process.mm().mmap(1 << 16, Mman.PROT_READ | Mman.PROT_WRITE);
  private final ExtentFile inode = // a bio for each block
      new ExtentFile(new ExtentFileSystem(bdev, BLOCK).withWorkQueue(current), BYTES)
          .mapBlocks(BLOCK, block -> block * 2 * BLOCK);
  private final List<String> said = new CopyOnWriteArrayList<>();
  private final List<Long> completed = new CopyOnWriteArrayList<>();
  private String reason = "broken";
  private String where = "the mapping of a file";

  IomapDioOopsTest() {
    current.enterKernel();
    Oops.setSink((sentence, thrown) -> said.add(sentence));
  }

  @AfterEach
  void nothingIsLeft() {
    Oops.setSink(null);
    assertThat(said)
        .containsExactly(
            "kernel oops in "
                + where
                + ": java.lang.AssertionError: "
                + reason
                + "; the request fails with EIO");
    assertThat(current.plug()).isNull();
    assertThat(inode.dioCount()).isZero();
    assertThat(process.mm().pinnedPages()).isZero();
    assertThat(bdev.queue().busyTags()).isZero();
    current.leaveKernel();
    process.exit();
    disk.close();
  }

  private Kiocb request(boolean sync, int flags) {
    Kiocb iocb = new Kiocb();
    iocb.init(
        new File(new FileTable(), inode, null, Fcntl.O_RDWR),
        sync ? null : (request, res, res2) -> completed.add(res));
    iocb.kiFlags = Kiocb.IOCB_DIRECT | flags;
    return iocb;
  }

  private IovecIter memory(boolean read) {
    IovecIter iter = new IovecIter();
    assertThat(iter.importSingleRange(process.mm(), read, memory, BYTES)).isZero();
    return iter;
  }

  // The mapping throws while bios of the request are in flight.

  private long read(boolean sync, int flags) {
    inode.throwInBegin(2 * BLOCK);
    return IomapDio.rw(current, inode, request(sync, flags), memory(true), inode, null);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, Kiocb.IOCB_HIPRI})
  void aSynchronousReadIsEio(int flags) {
    assertThat(read(true, flags)).isEqualTo(-Errno.EIO);
  }

  @Test
  void anAsynchronousReadCompletesAfterItsBios() {
    disk.holdAgain();
    assertThat(read(false, 0)).isEqualTo(-Kiocb.EIOCBQUEUED);
    assertThat(completed).isEmpty();
    disk.letThrough();
    assertThat(completed).containsExactly((long) -Errno.EIO);
  }

  // The end throws. The file breaks when its last block is mapped, after the start of the request
  // has used the mapping.

  private long write(boolean sync, int flags) {
    where = "the end of a direct request";
    inode.throwInMappingAfter(BYTES - BLOCK);
    return IomapDio.rw(
        current, inode, request(sync, Kiocb.IOCB_WRITE | flags), memory(false), inode, null);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, Kiocb.IOCB_HIPRI, Kiocb.IOCB_DSYNC})
  void aSynchronousWriteIsEio(int flags) {
    assertThat(write(true, flags)).isEqualTo(-Errno.EIO);
  }

  @Test
  void anAsynchronousWriteIsEio() {
    disk.holdAgain();
    assertThat(write(false, 0)).isEqualTo(-Kiocb.EIOCBQUEUED);
    disk.letThrough();
    assertThat(completed).containsExactly((long) -Errno.EIO);
  }

  @Test
  void aDurableWriteThatAWorkerCompletesIsEio() throws InterruptedException {
    assertThat(write(false, Kiocb.IOCB_DSYNC)).isEqualTo(-Kiocb.EIOCBQUEUED);
    long since = System.nanoTime();
    while (completed.isEmpty() && System.nanoTime() - since < 10_000_000_000L) {
      Thread.sleep(1);
    }
    assertThat(completed).containsExactly((long) -Errno.EIO);
  }

  /** The task's own plug is not the request's. */
  @Test
  void theSubmittersPlugStays() {
    Plug plug = new Plug();
    assertThat(plug.start(current)).isTrue();
    assertThat(write(true, 0)).isEqualTo(-Errno.EIO);
    assertThat(current.plug()).isSameAs(plug);
    plug.finish(current);
  }

  /** Pages that are unpinned once too often make the release of the bio's pages throw. */
  @Test
  void pagesThatCannotBeReleasedFailTheRequest() {
    where = "the end of a direct request";
    disk.holdAgain();
    inode.setExtent(Iomap.Type.MAPPED, 0, BLOCK, 0);
    IovecIter iter = new IovecIter();
    assertThat(iter.importSingleRange(process.mm(), true, memory, BLOCK)).isZero();
    assertThat(IomapDio.rw(current, inode, request(false, 0), iter, inode, null))
        .isEqualTo(-Kiocb.EIOCBQUEUED);
    UserPages pages = Objects.requireNonNull(process.mm().pin(memory, BLOCK, true));
    pages.unpin(memory, BLOCK);
    pages.unpin(memory, BLOCK);
    reason = "unpinned more often than pinned";
    disk.letThrough();
    assertThat(completed).containsExactly((long) -Errno.EIO);
    pages = Objects.requireNonNull(process.mm().pin(memory, BLOCK, true)); // corrects the count
    assertThat(pages).isNotNull();
  }
}
