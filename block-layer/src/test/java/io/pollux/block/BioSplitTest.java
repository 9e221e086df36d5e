// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.fixture.HeldDisk.Held;
import io.pollux.core.mm.IovecIter;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Mman;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A bio over the limits is split, and completes once, when all pieces have. */
@Timeout(60)
class BioSplitTest extends RigTest {
  private void limits(int maxSectors, int maxSegments, int chunk) {
    use(TAGS, PLAIN.withTransfer(maxSectors, maxSegments, chunk));
  }

  @Test
  void atTheMostSectors() {
    limits(8, 256, 0);
    submit("a", BlkTypes.REQ_OP_READ, 3, 20);
    assertThat(disk.held()).map(Held::line).containsExactly("read 3+8", "read 11+8", "read 19+4");
    disk.releaseAll();
    assertThat(rig.ended()).containsExactly("a 0");
    assertRead(3, 20);
  }

  @Test
  void atTheMostSegments() {
    limits(256, 2, 0);
    submit("a", BlkTypes.REQ_OP_READ, 0, 1, 2, 3, 4, 5);
    assertThat(disk.held()).map(Held::line).containsExactly("read 0+3", "read 3+7", "read 10+5");
    assertThat(disk.held().get(1).segments()).isEqualTo(2);
    disk.releaseAll();
    assertThat(rig.ended()).containsExactly("a 0");
    assertRead(0, 15);
  }

  @Test
  void atTheBordersOfChunks() {
    limits(256, 256, 16);
    submit("a", BlkTypes.REQ_OP_READ, 10, 30);
    assertThat(disk.held()).map(Held::line).containsExactly("read 10+6", "read 16+16", "read 32+8");
    disk.releaseAll();
    assertRead(10, 30);
  }

  @Test
  void soThatPiecesBeginAtPhysicalBlocks() {
    use(TAGS, PLAIN.withPhysicalBlockSize(4096).withTransfer(19, 256, 0));
    submit("a", BlkTypes.REQ_OP_READ, 1, 40);
    assertThat(disk.held()).map(Held::line).containsExactly("read 1+15", "read 16+16", "read 32+9");
    disk.releaseAll();
    assertThat(rig.ended()).containsExactly("a 0");
  }

  @Test
  void insideAVecAndAcrossVecs() {
    limits(8, 256, 0);
    submit("a", BlkTypes.REQ_OP_READ, 0, 3, 12, 1, 4);
    assertThat(disk.held()).map(Held::line).containsExactly("read 0+8", "read 8+8", "read 16+4");
    assertThat(disk.held().get(1).segments()).isEqualTo(2);
    disk.releaseAll();
    assertRead(0, 20);
  }

  @Test
  void thePiecesEndInAnyOrderAndTheWholeOnceWithTheFirstError() {
    limits(8, 256, 0);
    submit("a", BlkTypes.REQ_OP_READ, 0, 32);
    disk.fail(3, Errno.EIO); // the last piece, which is the bio itself
    disk.fail(1, Errno.ENOMEM);
    disk.release(0);
    assertThat(rig.ended()).isEmpty();
    disk.release(0);
    assertThat(rig.ended()).containsExactly("a " + -Errno.EIO);
  }

  @Test
  void aPieceThatFindsNoTagEndsTheWholeWithEagainAfterThoseThatDid() {
    use(new TagSet(1, 1, 2, true), PLAIN.withTransfer(8, 256, 0));
    int cookie = submit("a", BlkTypes.REQ_OP_READ | BlkTypes.REQ_HIPRI_ASYNC, 0, 32);
    assertThat(cookie).as("two pieces are on their way").isNotEqualTo(BlkTypes.BLK_QC_T_NONE);
    assertThat(rig.ended()).as("the device may still write to its memory").isEmpty();
    disk.release(0);
    disk.release(0);
    assertThat(queue().blkPoll(cookie, false)).isEqualTo(2);
    assertThat(rig.ended()).containsExactly("a " + -Errno.EAGAIN);
    assertThat(submit("b", BlkTypes.REQ_OP_READ | BlkTypes.REQ_HIPRI_ASYNC, 0, 16)).isNotNegative();
    disk.releaseAll();
    assertThat(queue().blkPoll(cookie, false)).isEqualTo(2);
    assertThat(rig.ended()).endsWith("b 0");
  }

  @Test
  void nothingOnItsWayMeansNoCookie() {
    use(new TagSet(1, 1, 1, true), PLAIN.withTransfer(8, 256, 0));
    int cookie = submit("a", BlkTypes.REQ_OP_READ | BlkTypes.REQ_HIPRI_ASYNC, 0, 8);
    assertThat(submit("b", BlkTypes.REQ_OP_READ | BlkTypes.REQ_HIPRI_ASYNC, 0, 32))
        .isEqualTo(BlkTypes.BLK_QC_T_NONE);
    assertThat(rig.ended()).containsExactly("b " + -Errno.EAGAIN);
    disk.release(0);
    assertThat(queue().blkPoll(cookie, false)).isEqualTo(1);
  }

  @Test
  void morePiecesThanTagsWaitForTheOnesBefore() {
    use(new TagSet(1, 1, 2, true), PLAIN.withTransfer(8, 256, 0));
    disk.letThrough();
    submit("a", BlkTypes.REQ_OP_READ | BlkTypes.REQ_HIPRI, 0, 64); // polls by itself while it waits
    while (rig.ended().isEmpty()) {
      queue().blkPoll(1 << 16, false);
    }
    assertThat(rig.ended()).containsExactly("a 0");
    assertRead(0, 64);
  }

  @Test
  void thePagesAreHeldUntilTheLastPieceHasEnded() {
    limits(8, 256, 0);
    long user = rig.process().mm().mmap(64 << 10, Mman.PROT_READ | Mman.PROT_WRITE);
    IovecIter iter = new IovecIter();
    assertThat(iter.importSingleRange(rig.process().mm(), true, user, 16 << 10)).isZero();
    AtomicInteger completed = new AtomicInteger();
    Bio bio =
        Bio.alloc(
            task,
            rig.device(),
            0,
            BlkTypes.REQ_OP_READ,
            done -> {
              done.releasePages();
              done.put();
              completed.getAndIncrement();
            },
            null);
    assertThat(bio.iovIterGetPages(iter)).isZero();
    rig.device().submitBio(task, bio);
    assertThat(disk.held()).hasSize(4);
    disk.release(3);
    disk.release(0);
    disk.release(0);
    assertThat(rig.process().mm().pinnedPages()).isEqualTo(4);
    disk.release(0);
    assertThat(rig.process().mm().pinnedPages()).isZero();
    assertThat(completed).hasValue(1);
  }

  @Test
  void discardsAndZeroing() {
    use(TAGS, PLAIN.withDiscard(4096, 20, 24));
    submitRange("a", BlkTypes.REQ_OP_DISCARD, 4, 44);
    assertThat(disk.held())
        .map(Held::line)
        .as("what follows begins at the granularity")
        .containsExactly("discard 4+20", "discard 24+16", "discard 40+8");
    disk.releaseAll();
    submitRange("b", BlkTypes.REQ_OP_WRITE_ZEROES, 4, 40);
    assertThat(disk.held()).map(Held::line).containsExactly("zero 4+24", "zero 28+16");
    disk.releaseAll();
    assertThat(rig.ended()).containsExactly("a 0", "b 0");
  }
}
