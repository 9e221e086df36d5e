// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.fixture.HeldDisk.Held;
import io.pollux.uapi.Errno;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Writes that have to be durable, on devices with a write cache, without one, with FUA and without.
 */
@Timeout(60)
class FlushSequenceTest extends RigTest {
  private static final int FUA = BlkTypes.REQ_OP_WRITE | BlkTypes.REQ_FUA;
  private static final int PREFLUSH = BlkTypes.REQ_OP_WRITE | BlkTypes.REQ_PREFLUSH;

  private void cache(boolean cache, boolean fua) {
    use(TAGS, PLAIN.withWriteCache(cache, fua));
  }

  private void step(String expected) {
    assertThat(rig.ended()).isEmpty();
    assertThat(disk.held()).map(Held::line).containsExactly(expected);
    assertThat(queue().busyTags()).as("the tag is kept").isEqualTo(1);
    disk.release(0);
  }

  @Test
  void withoutFuaAFlushFollows() {
    cache(true, false);
    submit("a", FUA, 8, 8);
    step("write 8+8");
    step("flush 0+0");
    assertThat(rig.ended()).containsExactly("a 0");
  }

  @Test
  void withFuaTheDeviceDoesIt() {
    cache(true, true);
    submit("a", FUA, 8, 8);
    step("write 8+8 fua");
    assertThat(rig.ended()).containsExactly("a 0");
  }

  @Test
  void withoutACacheThereIsNothingToDo() {
    cache(false, false);
    submit("a", FUA | BlkTypes.REQ_PREFLUSH, 8, 8);
    step("write 8+8");
    assertThat(submit("b", BlkTypes.REQ_OP_FLUSH, 0)).isEqualTo(BlkTypes.BLK_QC_T_NONE);
    assertThat(submit("c", PREFLUSH, 0)).isEqualTo(BlkTypes.BLK_QC_T_NONE);
    assertThat(rig.ended()).containsExactly("a 0", "b 0", "c 0");
  }

  @Test
  void aPreflushComesFirst() {
    cache(true, true);
    submit("a", FUA | BlkTypes.REQ_PREFLUSH, 8, 8);
    step("flush 0+0");
    step("write 8+8 fua");
    assertThat(rig.ended()).containsExactly("a 0");
  }

  @Test
  void allThreeSteps() {
    cache(true, false);
    submit("a", FUA | BlkTypes.REQ_PREFLUSH, 8, 8);
    step("flush 0+0");
    step("write 8+8");
    step("flush 0+0");
    assertThat(rig.ended()).containsExactly("a 0");
    assertThat(queue().stats().writes()).as("flushes are not counted").isEqualTo(1);
    assertThat(queue().stats().writeSectors()).isEqualTo(8);
  }

  @Test
  void anEmptyWriteWithPreflushIsAFlush() {
    cache(true, false);
    submit("a", PREFLUSH, 0);
    step("flush 0+0");
    assertThat(rig.ended()).containsExactly("a 0");
    assertThat(queue().stats().writes()).isZero();
  }

  @Test
  void anErrorEndsTheSequence() {
    cache(true, false);
    submit("preflush", FUA | BlkTypes.REQ_PREFLUSH, 8, 8);
    disk.fail(0, Errno.EIO);
    submit("data", FUA, 8, 8);
    disk.fail(0, Errno.ENOSPC);
    submit("postflush", FUA, 8, 8);
    disk.release(0);
    disk.fail(0, Errno.EIO);
    assertThat(rig.ended())
        .containsExactly(
            "preflush " + -Errno.EIO, "data " + -Errno.ENOSPC, "postflush " + -Errno.EIO);
  }

  @Test
  void polledItIsPolledForAtEachStep() {
    cache(true, false);
    int cookie = submit("a", FUA | BlkTypes.REQ_HIPRI_ASYNC, 8, 8);
    disk.release(0);
    assertThat(queue().blkPoll(cookie, false)).isEqualTo(1);
    assertThat(rig.ended()).isEmpty();
    assertThat(disk.held()).map(Held::line).containsExactly("flush 0+0");
    disk.release(0);
    assertThat(queue().blkPoll(cookie, false)).isEqualTo(1);
    assertThat(rig.ended()).containsExactly("a 0");
  }

  @Test
  void eachPieceOfASplitWriteIsDurableOnItsOwn() {
    use(TAGS, PLAIN.withWriteCache(true, false).withTransfer(8, 256, 0));
    disk.letThrough();
    submit("a", FUA, 0, 20);
    assertThat(rig.ended()).containsExactly("a 0");
  }

  @Test
  void durableWritesAreNotMerged() {
    cache(true, false);
    Plug plug = new Plug();
    plug.start(task);
    submit("a", FUA, 0, 8);
    submit("b", BlkTypes.REQ_OP_WRITE, 8, 8);
    submit("c", FUA, 16, 8);
    plug.finish(task);
    assertThat(disk.held()).hasSize(3);
    disk.releaseAll();
    assertThat(rig.ended()).containsExactlyInAnyOrder("a 0", "b 0", "c 0");
  }

  @Test
  void anEmptyWriteWithoutPreflushCompletesAtOnce() {
    cache(true, true);
    assertThat(submit("a", FUA, 0)).isEqualTo(BlkTypes.BLK_QC_T_NONE);
    assertThat(rig.ended()).containsExactly("a 0");
  }

  @Test
  void aPlainWriteHasOneStep() {
    cache(true, false);
    submit("a", BlkTypes.REQ_OP_WRITE, 8, 8);
    step("write 8+8");
    assertThat(rig.ended()).containsExactly("a 0");
  }
}
