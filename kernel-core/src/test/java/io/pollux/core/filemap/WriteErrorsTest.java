// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.filemap;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.fixture.ArrayIo;
import io.pollux.core.fixture.FakeInode;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.mm.IovecIter;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileTable;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Mman;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Errors of write-back: which call returns them, and how often. */
@Timeout(60)
class WriteErrorsTest {
  private static final int PAGE = HostMemory.PAGE_SIZE;

  private final UserProcess process = new UserProcess();
  private final Task current = process.newTask();
  private final long memory = process.mm().mmap(PAGE, Mman.PROT_READ | Mman.PROT_WRITE);
  private final PageCache cache = new PageCache(16 * PAGE);
  private final ArrayIo io = new ArrayIo(64 * PAGE);
  private final Mapping mapping = new Mapping(cache, io);

  WriteErrorsTest() {
    current.enterKernel();
  }

  @AfterEach
  void close() {
    cache.drop();
    current.leaveKernel();
    process.exit();
  }

  private static File open(Mapping opened) {
    return FakeInode.open(new FileTable(), opened, Fcntl.O_RDWR);
  }

  private void write(long page) {
    IovecIter iter = new IovecIter();
    assertThat(iter.importSingleRange(process.mm(), false, memory, PAGE)).isZero();
    Kiocb iocb = new Kiocb();
    iocb.kiPos = page << HostMemory.PAGE_SHIFT;
    assertThat(Filemap.write(current, iocb, iter, mapping)).isEqualTo(PAGE);
  }

  private void failAWrite() {
    io.badWrite = 5;
    write(5);
    assertThat(mapping.writeBack(current, 0, Long.MAX_VALUE)).isEqualTo(-Errno.EIO);
    io.badWrite = -1;
  }

  private int fsync(File file) {
    return mapping.fsyncRange(current, file, 0, Long.MAX_VALUE);
  }

  @Test
  void everyFileThatWasOpenReportsAnErrorOnce() {
    File first = open(mapping);
    File second = open(mapping);
    failAWrite();
    assertThat(fsync(first)).isEqualTo(-Errno.EIO);
    assertThat(fsync(first)).isZero();
    File late = open(mapping);
    assertThat(fsync(late)).as("opened after the report").isZero();
    assertThat(fsync(second)).as("its own report").isEqualTo(-Errno.EIO);
    assertThat(fsync(second)).isZero();
    failAWrite();
    assertThat(fsync(late)).isEqualTo(-Errno.EIO);
    assertThat(fsync(first)).isEqualTo(-Errno.EIO);
    assertThat(fsync(second)).isEqualTo(-Errno.EIO);
  }

  @Test
  void anErrorThatNoFileReportedIsReportedByTheNextOneOpened() {
    failAWrite();
    File late = open(mapping);
    assertThat(fsync(late)).isEqualTo(-Errno.EIO);
    assertThat(fsync(late)).isZero();
    assertThat(fsync(open(mapping))).isZero();
  }

  @Test
  void theFileWhoseFsyncFailsReportsItOnceAndTheOthersToo() {
    File first = open(mapping);
    File second = open(mapping);
    io.badWrite = 5;
    write(5);
    assertThat(fsync(first)).isEqualTo(-Errno.EIO);
    io.badWrite = -1;
    assertThat(fsync(first)).isZero();
    assertThat(fsync(second)).isEqualTo(-Errno.EIO);
  }

  @Test
  void aCallWithoutAnOpenFileReturnsAnErrorOnceForAll() {
    File file = open(mapping);
    failAWrite();
    assertThat(mapping.isQuiet()).isFalse();
    assertThat(mapping.writeAndWaitRange(current, 0, PAGE))
        .as("direct I/O elsewhere")
        .isEqualTo(-Errno.EIO);
    assertThat(mapping.writeAndWaitRange(current, 0, PAGE)).isZero();
    assertThat(fsync(file)).as("the open file's report is its own").isEqualTo(-Errno.EIO);
    failAWrite();
    assertThat(fsync(file)).isEqualTo(-Errno.EIO);
    assertThat(mapping.writeAndWaitRange(current, 0, PAGE))
        .as("a report counts for the others")
        .isZero();
    mapping.invalidateAll();
    assertThat(mapping.isQuiet()).isTrue();
  }

  @Test
  void anErrorOutlivesThePage() {
    failAWrite();
    mapping.invalidateAll();
    assertThat(mapping.isEmpty()).isTrue();
    assertThat(mapping.isQuiet()).isFalse();
    assertThat(mapping.checkErrors()).isEqualTo(-Errno.EIO);
    assertThat(mapping.checkErrors()).isZero();
  }

  @Test
  void aTaskThatNeedsAPageKeepsTheErrorForTheFile() {
    File file = open(mapping);
    io.badWrite = 3;
    for (int page = 0; page < 32; page++) { // more than the cache has
      write(page);
    }
    io.badWrite = -1;
    assertThat(fsync(file)).isEqualTo(-Errno.EIO);
    assertThat(fsync(file)).isZero();
  }

  @Test
  void whatNoFileReportedIsTakenOnceAtTheEnd() {
    File file = open(mapping);
    assertThat(mapping.takeUnseenError()).isZero();
    failAWrite();
    assertThat(mapping.takeUnseenError()).isEqualTo(-Errno.EIO);
    assertThat(mapping.takeUnseenError()).isZero();
    assertThat(fsync(file)).isEqualTo(-Errno.EIO);
    failAWrite();
    assertThat(fsync(file)).isEqualTo(-Errno.EIO);
    assertThat(mapping.takeUnseenError()).as("reported").isZero();
  }

  @Test
  void aFullDiskIsToldApart() {
    File file = open(mapping);
    Mapping full =
        new Mapping(
            cache,
            new PageIo() {
              @Override
              public long size() {
                return PAGE;
              }

              @Override
              public int readPages(Task task, long index, long[] addresses, int count) {
                return 0;
              }

              @Override
              public int writePages(Task task, long index, long[] addresses, int count) {
                return -Errno.ENOSPC;
              }
            });
    File opened = open(full);
    for (int turn = 0; turn < 2; turn++) {
      IovecIter iter = new IovecIter();
      assertThat(iter.importSingleRange(process.mm(), false, memory, PAGE)).isZero();
      assertThat(Filemap.write(current, new Kiocb(), iter, full)).isEqualTo(PAGE);
      assertThat(full.writeBack(current, 0, Long.MAX_VALUE)).isEqualTo(-Errno.ENOSPC);
      assertThat(full.checkErrors()).isEqualTo(-Errno.ENOSPC);
      assertThat(opened.checkAndAdvanceWbErr()).isEqualTo(-Errno.ENOSPC);
    }
    assertThat(file.checkAndAdvanceWbErr()).as("another file").isZero();
  }
}
