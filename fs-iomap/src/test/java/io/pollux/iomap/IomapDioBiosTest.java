// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.Bio;
import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.fixture.RecordingDriver;
import io.pollux.core.mm.AddressSpace;
import io.pollux.core.mm.BvecIter;
import io.pollux.core.mm.IovIter;
import io.pollux.core.mm.IovecIter;
import io.pollux.core.mm.UserPages;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileTable;
import io.pollux.core.vfs.Kiocb;
import io.pollux.iomap.fixture.ExtentFile;
import io.pollux.uapi.Errno;
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

/** The bios of direct I/O on a file, as the driver gets them. */
@Timeout(60)
class IomapDioBiosTest {
  private static final int BLOCK = 4096;
  private static final int DISK_BYTES = 64 << 10;

  private final RecordingDriver driver = new RecordingDriver().completingAtOnce();
  private final BlockDevice disk = driver.disk("disk0", DISK_BYTES);
  private final UserProcess process = new UserProcess();
  private final Task task = process.newTask();
  private final AddressSpace mm = process.mm();
  private final long memory = mm.mmap(DISK_BYTES, Mman.PROT_READ | Mman.PROT_WRITE);
  private final FileTable files = new FileTable();
  private final List<Long> results = new ArrayList<>();
  private @Nullable Object publishedAtCompletion;

  @BeforeEach
  void enter() {
    assertThat(task.enterKernel()).isTrue();
  }

  @AfterEach
  void nothingIsHeld() {
    task.leaveKernel();
    assertThat(mm.pinnedPages()).isZero();
    assertThat(disk.queue().busyTags()).isZero();
    process.exit();
  }

  private IovIter user() {
    IovecIter iter = new IovecIter();
    assertThat(iter.importSingleRange(mm, true, memory, BLOCK)).isZero();
    return iter;
  }

  /** Reads a block that lies at a place of the disk. */
  private Kiocb read(IovIter iter, long place) {
    ExtentFile inode = new ExtentFile(disk, DISK_BYTES).mapBlocks(BLOCK, block -> place);
    Kiocb iocb = new Kiocb();
    iocb.init(
        new File(files, inode, null, Fcntl.O_RDONLY | Fcntl.O_DIRECT),
        (done, result, result2) -> {
          publishedAtCompletion = done.pollQueue();
          results.add(result);
        });
    iocb.kiFlags |= Kiocb.IOCB_HIPRI;
    iocb.kiIoprio = 2 << 13 | 3;
    iocb.kiPos = 0;
    assertThat(IomapDio.rw(task, inode, iocb, iter, inode, null)).isEqualTo(-Kiocb.EIOCBQUEUED);
    return iocb;
  }

  @Patch({21, 23})
  @Test
  void completionLeavesThePagesOfAFixedBufferAlone() {
    UserPages pages = Objects.requireNonNull(mm.pin(memory, BLOCK, true));
    BvecIter iter = new BvecIter();
    iter.init(true, memory, BLOCK);
    read(iter, 0);
    assertThat(results).containsExactly((long) BLOCK);
    assertThat(driver.holdPages()).containsExactly(true);
    assertThat(mm.pinnedPages()).as("the holder's").isEqualTo(1);
    pages.unpin(memory, BLOCK);
  }

  @Patch(21)
  @Test
  void completionPutsUserPages() {
    read(user(), 0);
    assertThat(results).containsExactly((long) BLOCK);
    assertThat(driver.holdPages()).containsExactly(false);
    assertThat(driver.priorities()).containsExactly(2 << 13 | 3);
  }

  /** A bio beyond the end of the disk completes inside its submission. */
  @Patch(5)
  @Test
  void theQueueIsPublishedAfterTheReferenceIsHandedOver() {
    Kiocb iocb = read(user(), DISK_BYTES);
    assertThat(results).containsExactly((long) -Errno.EIO);
    assertThat(publishedAtCompletion).isNull();
    assertThat(iocb.pollQueue()).isSameAs(disk.queue());
  }

  @Test
  void theFirstBioIsPartOfTheRequest() {
    read(user(), 0);
    Bio bio = Bio.alloc(task, disk, 0, BlkTypes.REQ_OP_READ, Bio::put, null);
    assertThat(driver.bios()).as("a bio of the request's own").doesNotContain(bio);
    read(user(), 0);
    assertThat(driver.bios().get(1)).isSameAs(driver.bios().get(0));
    bio.put();
  }
}
