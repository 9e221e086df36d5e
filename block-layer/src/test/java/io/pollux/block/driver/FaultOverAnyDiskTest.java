// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.QueueLimits;
import io.pollux.block.TagSet;
import io.pollux.block.bdev.OpenedDisk;
import io.pollux.block.fixture.BlockRig;
import io.pollux.block.fixture.HeldDisk;
import io.pollux.uapi.Errno;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A fault disk over a disk of another type of driver: its requests are clones. */
@Timeout(60)
final class FaultOverAnyDiskTest {
  private static final int READ = BlkTypes.REQ_OP_READ;
  private static final int WRITE = BlkTypes.REQ_OP_WRITE;

  private final HeldDisk held = new HeldDisk(1 << 20);
  private final BlockDevice lower =
      held.disk(new TagSet(1, 1, 2, false), QueueLimits.of(512).withWriteCache(true, true));
  private final FaultPlan plan = FaultPlan.parse("error-at=3,cut-after-writes=2");
  private boolean closed;
  private final LinearDisk linear =
      new LinearDisk(
          new OpenedDisk() {
            @Override
            public BlockDevice device() {
              return lower;
            }

            @Override
            public void close() {
              closed = true;
            }
          });
  private final FaultDisk fault =
      FaultDisk.over(
          linear, lower.bytes(), new TagSet(1, 1, 64, false), lower.queue().limits(), plan);
  private final BlockDevice device = fault.disk("fault0", 1, false);
  private final BlockRig rig = new BlockRig(device);

  @AfterEach
  void close() {
    rig.close();
    fault.close();
    assertThat(closed).isTrue();
    assertThat(lower.queue().busyTags()).isZero();
    held.close();
  }

  private List<String> lines() {
    return held.held().stream().map(HeldDisk.Held::line).toList();
  }

  @Test
  void requestsArePassedAsTheyAre() {
    rig.submit("w", WRITE | BlkTypes.REQ_FUA, 8, 2, 3);
    rig.submit("f", BlkTypes.REQ_OP_FLUSH, 0);
    assertThat(lines()).containsExactly("write 8+5 fua", "flush 0+0");
    held.fail(1, Errno.ENOSPC);
    held.releaseAll();
    assertThat(rig.ended()).containsExactly("f -28", "w 0");
  }

  @Test
  void aPolledRequestCompletesInThePollOfTheDiskAbove() {
    int cookie = rig.submit("p", READ | BlkTypes.REQ_HIPRI, 8, 8);
    assertThat(device.queue().blkPoll(cookie, true)).as("passed, and not complete").isZero();
    held.releaseAll();
    assertThat(rig.ended()).isEmpty();
    assertThat(device.queue().blkPoll(cookie, true)).isEqualTo(1);
    assertThat(rig.ended()).containsExactly("p 0");
  }

  /** The third request fails. If a request counted twice, another request would fail. */
  @Test
  void aRequestThatTheLowerDiskHadNoRoomForCountsOnce() {
    rig.use(lower);
    rig.submit("other", READ, 0, 8);
    rig.submit("another", READ, 8, 8);
    rig.use(device);
    rig.submit("first", READ, 16, 8);
    rig.submit("second", READ, 24, 8);
    assertThat(lines()).containsExactly("read 0+8", "read 8+8");
    held.release(0);
    held.release(0);
    assertThat(rig.takeEnded()).containsExactly("other 0", "another 0");
    while (held.held().size() < 2) {
      Thread.onSpinWait(); // the clock passes them again
    }
    assertThat(lines()).containsExactly("read 16+8", "read 24+8");
    rig.submit("third", READ, 32, 8);
    assertThat(rig.takeEnded()).containsExactly("third -5");
    assertThat(fault.requests()).isEqualTo(3);
    held.releaseAll();
    assertThat(rig.takeEnded()).containsExactly("first 0", "second 0");
  }

  @Test
  void thePowerGoesAfterAWrite() {
    held.letThrough();
    rig.submit("a", WRITE, 0, 8);
    rig.submit("b", WRITE, 8, 8);
    rig.submit("c", READ, 0, 8);
    fault.powerOn();
    rig.submit("d", READ, 0, 8);
    assertThat(rig.ended()).containsExactly("a 0", "b 0", "c -5", "d 0");
  }
}
