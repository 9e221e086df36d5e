// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.bdev.BdevInode;
import io.pollux.block.driver.RamDisk;
import io.pollux.block.fixture.HeldDisk;
import io.pollux.core.mm.IovecIter;
import io.pollux.core.ramfs.Ramfs;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileTable;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Mman;
import io.pollux.uapi.Patch;
import io.pollux.uapi.RawMemory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Direct I/O on a block device, with and without polling, by kiocbs as aio would make them. */
@Timeout(60)
class BdevPollTest {
  private static final long BYTES = 4 << 20;
  private static final long NOT_DONE = Long.MIN_VALUE;

  private final RamDisk ram = new RamDisk(BYTES);
  private final BlockDevice disk = ram.disk("ram0", 1, false);
  private final FileTable files = new FileTable();
  private final UserProcess process = new UserProcess();
  private final Task task = process.newTask();
  private final long memory = process.mm().mmap(BYTES, Mman.PROT_READ | Mman.PROT_WRITE);
  private final IovecIter iter = new IovecIter();
  private final File file =
      new File(files, new BdevInode(new Ramfs(1), 2, disk), null, Fcntl.O_RDWR | Fcntl.O_DIRECT);
  private final Kiocb iocb = new Kiocb();
  private long result = NOT_DONE;

  @BeforeEach
  void enter() {
    assertThat(task.enterKernel()).isTrue();
    for (long at = 0; at < BYTES; at += 512) {
      RawMemory.putLong(ram.address() + at, at);
    }
  }

  @AfterEach
  void nothingIsHeld() {
    file.fput();
    task.leaveKernel();
    assertThat(process.mm().pinnedPages()).isZero();
    assertThat(disk.queue().busyTags()).isZero();
    assertThat(files.nrFiles()).isZero();
    process.exit();
    ram.close();
  }

  private long read(int flags, boolean sync, long bytes, long pos) {
    assertThat(iter.importSingleRange(process.mm(), true, memory, bytes)).isZero();
    iocb.init(file, sync ? null : (done, ret, ret2) -> result = ret);
    iocb.kiFlags |= flags;
    iocb.kiPos = pos;
    return file.op().readIter(task, iocb, iter);
  }

  @Patch({1, 3, 4, 23})
  @Test
  void aPolledRequestCompletesWhenPolledAndNotBefore() {
    assertThat(read(Kiocb.IOCB_HIPRI, false, 4096, 8192)).isEqualTo(-Kiocb.EIOCBQUEUED);
    assertThat(result).isEqualTo(NOT_DONE);
    assertThat(file.op().iopoll(iocb, true)).isEqualTo(1);
    assertThat(result).isEqualTo(4096);
    assertThat(RawMemory.getLong(memory)).isEqualTo(8192);
    assertThat(file.op().iopoll(iocb, false)).as("nothing is left").isZero();
  }

  @Patch({3, 4})
  @Test
  void aLongRequestIsAChainOfBiosThatCompletesOnce() {
    assertThat(read(Kiocb.IOCB_HIPRI, false, BYTES, 0)).isEqualTo(-Kiocb.EIOCBQUEUED);
    assertThat(disk.queue().busyTags()).isEqualTo(4);
    assertThat(file.op().iopoll(iocb, true)).isEqualTo(4);
    assertThat(result).isEqualTo(BYTES);
    assertThat(RawMemory.getLong(memory + BYTES - 512)).isEqualTo(BYTES - 512);
  }

  @Test
  void synchronousReadsPolledAndNot() {
    for (int flags : new int[] {0, Kiocb.IOCB_HIPRI}) {
      assertThat(read(flags, true, 1 << 20, 512)).isEqualTo(1 << 20);
      assertThat(RawMemory.getLong(memory)).isEqualTo(512);
    }
  }

  @Test
  void theEndOfTheDeviceCutsAndEndsReads() {
    assertThat(read(0, true, 8192, BYTES - 512)).isEqualTo(512);
    assertThat(read(0, true, 8192, BYTES)).isZero();
    assertThat(read(0, true, 8192, BYTES + 512)).isZero();
  }

  @Test
  void whatIsNotAlignedIsInvalid() {
    assertThat(read(0, true, 512, 100)).isEqualTo(-Errno.EINVAL);
    assertThat(read(0, true, 100, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(iter.importSingleRange(process.mm(), true, memory + 4, 512)).isZero();
    iocb.init(file, null);
    iocb.kiPos = 0;
    assertThat(file.op().readIter(task, iocb, iter)).isEqualTo(-Errno.EINVAL);
  }

  @Test
  void whatCannotBePolledCompletesByItself() {
    HeldDisk held = new HeldDisk(BYTES);
    for (int pollQueues = 0; pollQueues < 2; pollQueues++) {
      BlockDevice device = held.disk(new TagSet(1, pollQueues, 8, false), QueueLimits.of(512));
      File opened =
          new File(
              files, new BdevInode(new Ramfs(1), 2, device), null, Fcntl.O_RDONLY | Fcntl.O_DIRECT);
      result = NOT_DONE;
      assertThat(iter.importSingleRange(process.mm(), true, memory, 4096)).isZero();
      iocb.init(opened, (done, ret, ret2) -> result = ret);
      iocb.kiFlags |= Kiocb.IOCB_HIPRI;
      iocb.kiPos = 0;
      assertThat(opened.op().readIter(task, iocb, iter)).isEqualTo(-Kiocb.EIOCBQUEUED);
      assertThat(opened.op().needsPolling(iocb)).isEqualTo(pollQueues == 1);
      assertThat(opened.op().iopoll(iocb, true)).isZero();
      held.release(0);
      assertThat(result).isEqualTo(pollQueues == 1 ? NOT_DONE : 4096);
      assertThat(opened.op().iopoll(iocb, true)).isEqualTo(pollQueues);
      assertThat(result).isEqualTo(4096);
      opened.fput();
    }
    held.close();
  }

  @Patch(2)
  @Test
  void aPollerNeverSleepsForARequest() {
    HeldDisk held = new HeldDisk(BYTES);
    BlockDevice small = held.disk(new TagSet(1, 1, 1, false), QueueLimits.of(512));
    Bio first =
        Bio.alloc(task, small, 0, BlkTypes.REQ_OP_READ | BlkTypes.REQ_HIPRI_ASYNC, bio -> {}, null);
    Bio second =
        Bio.alloc(
            task,
            small,
            0,
            BlkTypes.REQ_OP_READ | BlkTypes.REQ_HIPRI_ASYNC,
            bio -> result = bio.status(),
            null);
    assertThat(small.submitBio(task, first)).isNotEqualTo(BlkTypes.BLK_QC_T_NONE);
    assertThat(small.submitBio(task, second)).isEqualTo(BlkTypes.BLK_QC_T_NONE);
    assertThat(result).isEqualTo(-Errno.EAGAIN);
    held.releaseAll();
    assertThat(small.queue().pollAll()).isEqualTo(1);
    held.close();
  }
}
