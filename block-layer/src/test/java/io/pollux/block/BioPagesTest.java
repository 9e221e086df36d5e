// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.driver.RamDisk;
import io.pollux.core.mm.AddressSpace;
import io.pollux.core.mm.BvecIter;
import io.pollux.core.mm.DmaMapping;
import io.pollux.core.mm.IovecIter;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Mman;
import io.pollux.uapi.Patch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/**
 * How a bio comes to its pages: user memory is pinned and held, a fixed buffer's pages are taken as
 * they are.
 */
class BioPagesTest {
  private final RamDisk ram = new RamDisk(1 << 20);
  private final BlockDevice disk = ram.disk("ram0", 1, false);
  private final UserProcess process = new UserProcess();
  private final Task task = process.newTask();
  private final AddressSpace mm = process.mm();
  private final long memory = mm.mmap(4 << 20, Mman.PROT_READ | Mman.PROT_WRITE);
  private final Bio bio = newBio();

  private Bio newBio() {
    assertThat(task.enterKernel()).isTrue();
    return Bio.alloc(task, disk, 0, BlkTypes.REQ_OP_READ, done -> {}, null);
  }

  @AfterEach
  void nothingIsPinned() {
    bio.releasePages();
    assertThat(mm.pinnedPages()).isZero();
    bio.put();
    task.leaveKernel();
    process.exit();
    ram.close();
  }

  @Patch(21)
  @Test
  void userPagesAreHeldUntilReleased() {
    IovecIter iter = new IovecIter();
    assertThat(iter.importSingleRange(mm, true, memory + 512, 8192)).isZero();
    assertThat(bio.iovIterGetPages(iter)).isZero();
    assertThat(bio.size()).isEqualTo(8192);
    assertThat(iter.count()).isZero();
    assertThat(mm.pinnedPages()).as("pages touched").isEqualTo(3);
    bio.releasePages();
    assertThat(mm.pinnedPages()).isZero();
  }

  @Patch(22)
  @Test
  void theFixedBuffersPagesAreNotPinnedAgain() {
    BvecIter iter = new BvecIter();
    iter.init(true, memory, 8192);
    assertThat(bio.iovIterGetPages(iter)).isZero();
    assertThat(bio.size()).isEqualTo(8192);
    assertThat(bio.vecs()).isEqualTo(1);
    assertThat(mm.pinnedPages()).isZero();
  }

  @Test
  void theBioKnowsTheMapping() {
    DmaMapping mapping = new DmaMapping(new long[] {memory}, new long[] {8192});
    BvecIter fixed = new BvecIter();
    fixed.init(true, memory, 8192, mapping);
    assertThat(bio.iovIterGetPages(fixed)).isZero();
    assertThat(bio.mapping()).isSameAs(mapping);
    Bio piece = bio.split(task, 4096);
    assertThat(piece.mapping()).isSameAs(mapping);
    piece.endio(0);
    bio.endio(0);
    Bio other = Bio.alloc(task, disk, 0, BlkTypes.REQ_OP_READ, done -> {}, null);
    assertThat(other).as("the slab gives back what it got last").isSameAs(piece);
    assertThat(other.mapping()).isNull();
    fixed.init(true, memory, 8192);
    assertThat(other.iovIterGetPages(fixed)).isZero();
    assertThat(other.mapping()).isNull();
    other.put();
  }

  @Patch({21, 22})
  @Test
  void aBioTakes256PagesAndLeavesTheRest() {
    IovecIter user = new IovecIter();
    assertThat(user.importSingleRange(mm, true, memory + 512, 2 << 20)).isZero();
    assertThat(bio.iovIterGetPages(user)).isZero();
    assertThat(bio.size()).isEqualTo(256 * 4096 - 512);
    assertThat(user.count()).isEqualTo((2 << 20) - bio.size());
    Bio other = Bio.alloc(task, disk, 0, BlkTypes.REQ_OP_READ, done -> {}, null);
    BvecIter fixed = new BvecIter();
    fixed.init(true, memory, 2 << 20);
    assertThat(other.iovIterGetPages(fixed)).isZero();
    assertThat(other.size()).isEqualTo(1 << 20);
    other.put();
  }

  @Patch(21)
  @Test
  void aBadPageLeavesNothingPinned() {
    IovecIter iter = new IovecIter();
    assertThat(iter.importSingleRange(mm, true, memory + (4 << 20) - 4096, 8192)).isZero();
    assertThat(bio.iovIterGetPages(iter)).isEqualTo(-Errno.EFAULT);
    assertThat(mm.pinnedPages()).isZero();
  }

  @Patch(21)
  @Test
  void aReadNeedsMemoryThatCanBeWritten() {
    long readOnly = mm.mmap(4096, Mman.PROT_READ);
    IovecIter iter = new IovecIter();
    assertThat(iter.importSingleRange(mm, true, readOnly, 512)).isZero();
    assertThat(bio.iovIterGetPages(iter)).isEqualTo(-Errno.EFAULT);
    assertThat(iter.importSingleRange(mm, false, readOnly, 512)).isZero();
    assertThat(bio.iovIterGetPages(iter)).as("a write only reads it").isZero();
  }
}
