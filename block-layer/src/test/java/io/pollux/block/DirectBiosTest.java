// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.bdev.BdevInode;
import io.pollux.block.fixture.RecordingDriver;
import io.pollux.core.mm.AddressSpace;
import io.pollux.core.mm.BvecIter;
import io.pollux.core.mm.IovIter;
import io.pollux.core.mm.IovecIter;
import io.pollux.core.mm.UserPages;
import io.pollux.core.ramfs.Ramfs;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileTable;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Mman;
import io.pollux.uapi.Patch;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The bios of direct I/O on a block device, as its driver gets them. */
@Timeout(60)
class DirectBiosTest {
  private static final int BYTES = 4 << 20;

  private final RecordingDriver driver = new RecordingDriver();
  private final BlockDevice disk = driver.disk("disk0", BYTES);
  private final FileTable files = new FileTable();
  private final UserProcess process = new UserProcess();
  private final Task task = process.newTask();
  private final AddressSpace mm = process.mm();
  private final long memory = mm.mmap(BYTES, Mman.PROT_READ | Mman.PROT_WRITE);
  private final File file =
      new File(files, new BdevInode(new Ramfs(1), 2, disk), null, Fcntl.O_RDWR | Fcntl.O_DIRECT);
  private final Kiocb iocb = new Kiocb();
  private final List<Long> results = new ArrayList<>();
  private @Nullable Object publishedAtCompletion;

  @BeforeEach
  void enter() {
    assertThat(task.enterKernel()).isTrue();
  }

  @AfterEach
  void nothingIsHeld() {
    file.fput();
    task.leaveKernel();
    assertThat(mm.pinnedPages()).isZero();
    assertThat(disk.queue().busyTags()).isZero();
    process.exit();
  }

  private IovIter user(long bytes) {
    IovecIter iter = new IovecIter();
    assertThat(iter.importSingleRange(mm, true, memory, bytes)).isZero();
    return iter;
  }

  private long read(IovIter iter, int flags) {
    iocb.init(
        file,
        (done, result, result2) -> {
          publishedAtCompletion = done.pollQueue();
          results.add(result);
        });
    iocb.kiFlags |= flags;
    iocb.kiPos = 0;
    return file.op().readIter(task, iocb, iter);
  }

  @Patch({21, 23})
  @Test
  void completionLeavesThePagesOfAFixedBufferAlone() {
    UserPages pages = Objects.requireNonNull(mm.pin(memory, 8192, true));
    BvecIter iter = new BvecIter();
    iter.init(true, memory, 8192);
    assertThat(read(iter, Kiocb.IOCB_HIPRI)).isEqualTo(-Kiocb.EIOCBQUEUED);
    assertThat(driver.holdPages()).containsExactly(true);
    assertThat(file.op().iopoll(iocb, true)).isEqualTo(1);
    assertThat(results).containsExactly(8192L);
    assertThat(mm.pinnedPages()).as("the holder's").isEqualTo(2);
    pages.unpin(memory, 8192);
  }

  @Patch(21)
  @Test
  void completionPutsUserPages() {
    assertThat(read(user(8192), Kiocb.IOCB_HIPRI)).isEqualTo(-Kiocb.EIOCBQUEUED);
    assertThat(driver.holdPages()).containsExactly(false);
    assertThat(mm.pinnedPages()).isEqualTo(2);
    assertThat(file.op().iopoll(iocb, true)).isEqualTo(1);
    assertThat(mm.pinnedPages()).isZero();
  }

  @Patch(4)
  @Test
  void aPolledRequestOfSeveralBiosReachesTheDriverInOneCall() {
    assertThat(read(user(BYTES), Kiocb.IOCB_HIPRI)).isEqualTo(-Kiocb.EIOCBQUEUED);
    assertThat(driver.bios()).hasSize(4);
    assertThat(driver.calls()).hasSize(1);
    while (results.isEmpty()) {
      assertThat(file.op().iopoll(iocb, true)).isPositive();
    }
    assertThat(results).containsExactly((long) BYTES);
  }

  @Patch(5)
  @Test
  void theQueueIsPublishedAfterTheReferenceIsHandedOver() {
    driver.completingAtOnce();
    assertThat(read(user(4096), Kiocb.IOCB_HIPRI)).isEqualTo(-Kiocb.EIOCBQUEUED);
    assertThat(results).containsExactly(4096L);
    assertThat(publishedAtCompletion).isNull();
    assertThat(iocb.pollQueue()).isSameAs(disk.queue());
  }

  @Patch(3)
  @Test
  void iopollPollsTheQueueThatTheKiocbNames() {
    RecordingDriver otherDriver = new RecordingDriver();
    BlockDevice other = otherDriver.disk("disk1", BYTES);
    Bio bio =
        Bio.alloc(task, other, 0, BlkTypes.REQ_OP_READ | BlkTypes.REQ_HIPRI_ASYNC, Bio::put, null);
    assertThat(bio.addMemory(memory, 512)).isTrue();
    int cookie = other.submitBio(task, bio);
    iocb.init(file, (done, result, result2) -> {});
    iocb.publishPoll(other.queue(), cookie);
    assertThat(file.op().iopoll(iocb, true)).isEqualTo(1);
  }

  @Test
  void theDriverGetsThePriorityOfTheRequest() {
    driver.completingAtOnce();
    iocb.init(file, null);
    iocb.kiIoprio = 2 << 13 | 3;
    iocb.kiPos = 0;
    assertThat(file.op().readIter(task, iocb, user(4096))).isEqualTo(4096);
    assertThat(driver.priorities()).containsExactly(2 << 13 | 3);
  }
}
