// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.fixture.HeldDisk.Held;
import io.pollux.uapi.Errno;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A plug holds requests, merges contiguous bios, and passes each queue its own requests. */
@Timeout(60)
class PlugMergeTest extends RigTest {
  private static final int READ = BlkTypes.REQ_OP_READ;
  private final Plug plug = new Plug();

  @Test
  void aBioThatGoesOnWhereTheLastOneEndsIsMerged() {
    assertThat(plug.start(task)).isTrue();
    int cookie = submit("a", READ, 0, 8);
    assertThat(submit("b", READ, 8, 4)).isEqualTo(cookie);
    assertThat(submit("c", READ, 12, 1)).isEqualTo(cookie);
    assertThat(disk.held()).as("held back").isEmpty();
    plug.finish(task);
    assertThat(disk.held()).map(Held::line).containsExactly("read 0+13");
    assertThat(disk.held().get(0).segments()).isEqualTo(3);
    disk.release(0);
    assertThat(rig.ended()).containsExactly("a 0", "b 0", "c 0");
    assertRead(0, 13);
    assertThat(queue().stats().reads()).isEqualTo(1);
    assertThat(queue().stats().readMerges()).isEqualTo(2);
    assertThat(queue().stats().readSectors()).isEqualTo(13);
  }

  @Test
  void anErrorOfTheRequestIsAnErrorOfEachBio() {
    plug.start(task);
    submit("a", READ, 0, 8);
    submit("b", READ, 8, 8);
    plug.finish(task);
    disk.fail(0, Errno.EIO);
    assertThat(rig.ended()).containsExactly("a " + -Errno.EIO, "b " + -Errno.EIO);
  }

  @Test
  void nothingElseIsMerged() {
    plug.start(task);
    submit("a", READ, 0, 8);
    submit("not the end", READ, 9, 8);
    submit("another operation", BlkTypes.REQ_OP_WRITE, 17, 8);
    submit("other flags", BlkTypes.REQ_OP_WRITE | BlkTypes.REQ_META, 25, 8);
    submit("another queue", BlkTypes.REQ_OP_WRITE | BlkTypes.REQ_META | BlkTypes.REQ_HIPRI, 33, 8);
    submit("in front", BlkTypes.REQ_OP_WRITE | BlkTypes.REQ_META, 17, 8);
    plug.finish(task);
    assertThat(disk.held()).hasSize(6);
    disk.releaseAll();
    assertThat(queue().blkPoll(1 << 16, false)).isEqualTo(1);
    assertThat(queue().stats().readMerges() + queue().stats().writeMerges()).isZero();
  }

  @Test
  void mergingStopsAtTheLimits() {
    use(TAGS, PLAIN.withTransfer(16, 3, 64));
    plug.start(task);
    submit("a", READ, 0, 8);
    submit("b", READ, 8, 8);
    submit("too long", READ, 16, 1);
    submit("c", READ, 17, 1);
    submit("d", READ, 18, 1);
    submit("too many segments", READ, 19, 1);
    submit("e", READ, 60, 4);
    submit("another chunk", READ, 64, 4);
    plug.finish(task);
    assertThat(disk.held())
        .map(Held::line)
        .containsExactly("read 0+16", "read 16+3", "read 19+1", "read 60+4", "read 64+4");
    disk.releaseAll();
    assertThat(rig.ended()).hasSize(8);
  }

  @Test
  void aDriverThatTakesOneBioARequestGetsThemSo() {
    use(new TagSet(1, 1, 64, false), PLAIN);
    plug.start(task);
    submit("a", READ, 0, 8);
    submit("b", READ, 8, 8);
    plug.finish(task);
    assertThat(disk.held()).hasSize(2);
    disk.releaseAll();
  }

  @Test
  void aPieceOfASplitBioMayBeMergedToo() {
    use(TAGS, PLAIN.withTransfer(16, 256, 0));
    plug.start(task);
    submit("a", READ, 0, 20);
    submit("b", READ, 20, 4);
    plug.finish(task);
    assertThat(disk.held()).map(Held::line).containsExactly("read 0+16", "read 16+8");
    disk.releaseAll();
    assertThat(rig.ended()).containsExactly("a 0", "b 0");
    assertRead(0, 24);
  }

  @Test
  void aTaskAboutToSleepFlushesItsPlug() {
    plug.start(task);
    submit("a", READ, 0, 8);
    task.aboutToSleep();
    assertThat(disk.held()).hasSize(1);
    submit("b", READ, 8, 8);
    plug.finish(task);
    assertThat(disk.held()).as("not merged into a request that the driver has").hasSize(2);
    disk.releaseAll();
  }

  @Test
  void atThirtyTwoRequestsItLetsGo() {
    plug.start(task);
    for (int i = 0; i < 31; i++) {
      submit("a", READ, 2L * i, 1);
    }
    assertThat(disk.held()).isEmpty();
    submit("a", READ, 100, 1);
    assertThat(disk.held()).hasSize(32);
    plug.finish(task);
    disk.releaseAll();
  }

  @Test
  void tagsThatWereTakenAheadComeBack() {
    for (int round = 1; round <= 6; round++) {
      plug.start(task);
      for (int i = 0; i < 24 / round; i++) {
        submit("a", READ, 2L * i, 1);
      }
      plug.finish(task);
      assertThat(queue().busyTags()).as("round " + round).isEqualTo(24 / round);
      disk.releaseAll();
      assertThat(queue().busyTags()).isZero();
    }
  }

  @Test
  void manyQueuesInOnePlugEachGetTheirOwn() {
    BlockDevice[] disks = new BlockDevice[40];
    for (int i = 0; i < disks.length; i++) {
      disks[i] = disk.disk(TAGS, PLAIN);
    }
    plug.start(task);
    for (int i = 0; i < 80; i++) {
      rig.use(disks[i % disks.length]);
      submit("a", READ, 2L * i, 1);
    }
    plug.finish(task);
    assertThat(disk.held()).hasSize(80);
    disk.releaseAll();
    assertThat(rig.ended()).hasSize(80);
    for (BlockDevice each : disks) {
      assertThat(each.queue().busyTags()).isZero();
      assertThat(each.queue().stats().reads()).isEqualTo(2);
    }
  }

  @Test
  void contiguousWritesAreMergedOnAPolledQueueToo() {
    plug.start(task);
    int cookie = submit("a", BlkTypes.REQ_OP_WRITE | BlkTypes.REQ_HIPRI, 0, 8);
    assertThat(cookie >> 16).isEqualTo(1);
    assertThat(submit("b", BlkTypes.REQ_OP_WRITE | BlkTypes.REQ_HIPRI, 8, 4)).isEqualTo(cookie);
    plug.finish(task);
    assertThat(disk.held()).map(Held::line).containsExactly("write 0+12");
    disk.release(0);
    assertThat(queue().blkPoll(cookie, false)).isEqualTo(1);
    assertThat(queue().stats().writeMerges()).isEqualTo(1);
  }

  /** Two queues whose numbers are 16 apart share a list: the second one flushes the first. */
  @Test
  void theListsOfAPlugCountTheirRequestsTogether() {
    BlockDevice[] disks = new BlockDevice[17];
    for (int i = 0; i < disks.length; i++) {
      disks[i] = disk.disk(TAGS, PLAIN);
    }
    plug.start(task);
    for (int i = 0; i < 10; i++) {
      rig.use(disks[0]);
      submit("a", READ, 4L * i, 1);
    }
    rig.use(disks[1]);
    submit("b", READ, 100, 1);
    assertThat(disk.held()).as("each queue has its own list").isEmpty();
    rig.use(disks[16]);
    submit("c", READ, 200, 1);
    assertThat(disk.held()).as("the requests of the first queue").hasSize(10);
    for (int i = 3; i < 32; i++) {
      submit("c", READ, 200 + 2L * i, 1);
    }
    assertThat(disk.held()).as("31 requests are held").hasSize(10);
    submit("c", READ, 300, 1);
    assertThat(disk.held()).hasSize(10 + 32);
    plug.finish(task);
    disk.releaseAll();
  }
}
