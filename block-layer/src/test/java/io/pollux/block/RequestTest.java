// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.fixture.BlockRig;
import io.pollux.uapi.Errno;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A request as its driver sees it: its bios, and the steps of a write with flushes. */
@Timeout(60)
class RequestTest {
  private static final int READ = BlkTypes.REQ_OP_READ;
  private static final int WRITE = BlkTypes.REQ_OP_WRITE;
  private static final int DURABLE = WRITE | BlkTypes.REQ_FUA | BlkTypes.REQ_PREFLUSH;

  private final CollectingDriver driver = new CollectingDriver();
  private final BlockRig rig = new BlockRig(device());

  private BlockDevice device() {
    QueueLimits limits = QueueLimits.of(512).withWriteCache(true, false);
    TagSet tags = new TagSet(1, 1, 8, true);
    return new BlockDevice("disk", 1, 1 << 20, false, new RequestQueue(driver, tags, limits));
  }

  @AfterEach
  void close() {
    rig.close();
  }

  /** Completes the request that arrived last. Returns its operation. */
  private int completeLast(int result) {
    Request request = driver.arrived().getLast();
    int op = request.bio().op();
    request.complete(result);
    return op;
  }

  @Test
  void aRequestHasTheSumsOfItsBios() {
    Plug plug = new Plug();
    plug.start(rig.task());
    rig.submit("a", READ, 0, 1, 2);
    rig.submit("b", READ, 3, 5);
    plug.finish(rig.task());
    Request request = driver.arrived().get(0);
    assertThat(request.bytes()).isEqualTo(8 * 512);
    assertThat(request.segments()).isEqualTo(3);
    assertThat(request.driverData()).isZero();
    request.setDriverData(77);
    assertThat(request.driverData()).isEqualTo(77);
    assertThat(request.isInFlight()).isTrue();
    request.complete(0);
    assertThat(request.isInFlight()).isFalse();
    assertThat(rig.ended()).containsExactly("a 0", "b 0");
  }

  @Test
  void aDurableWriteIsOneRequestInThreeSteps() {
    rig.submit("a", DURABLE, 8, 8);
    Request request = driver.arrived().get(0);
    assertThat(request.bytes()).isZero();
    assertThat(completeLast(0)).isEqualTo(BlkTypes.REQ_OP_FLUSH);
    assertThat(driver.arrived()).containsExactly(request, request);
    assertThat(request.bytes()).isEqualTo(8 * 512);
    assertThat(request.bio().sector()).isEqualTo(8);
    assertThat(request.bio().opf()).as("the flushes are steps of their own").isEqualTo(WRITE);
    assertThat(request.isInFlight()).isTrue();
    assertThat(completeLast(0)).isEqualTo(BlkTypes.REQ_OP_WRITE);
    assertThat(driver.arrived()).containsExactly(request, request, request);
    assertThat(rig.ended()).isEmpty();
    assertThat(completeLast(0)).isEqualTo(BlkTypes.REQ_OP_FLUSH);
    assertThat(driver.arrived()).hasSize(3);
    assertThat(rig.ended()).containsExactly("a 0");
  }

  @Test
  void anErrorOfAnyStepEndsTheSequence() {
    for (int step = 1; step <= 3; step++) {
      driver.arrived().clear();
      rig.submit("a", DURABLE, 8, 8);
      for (int before = 1; before < step; before++) {
        completeLast(0);
      }
      completeLast(-Errno.EIO);
      assertThat(driver.arrived()).hasSize(step);
      assertThat(rig.takeEnded()).containsExactly("a " + -Errno.EIO);
      assertThat(rig.device().queue().busyTags()).isZero();
    }
    assertThat(rig.device().queue().stats().writeSectors())
        .as("a write that failed before its data is counted too")
        .isEqualTo(24);
  }
}
