// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.pollux.block.fixture.BlockRig;
import io.pollux.core.Debug;
import io.pollux.core.sched.LockOrder;
import io.pollux.uapi.Errno;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A driver completes several requests of one hardware queue together. */
@Timeout(60)
class HwCtxTest {
  private static final int READ = BlkTypes.REQ_OP_READ;
  private static final int WRITE = BlkTypes.REQ_OP_WRITE;
  private static final long MS = 1_000_000;
  private static final QueueLimits PLAIN =
      QueueLimits.of(512).withWriteCache(false, false).withDiscard(512, 64, 64);

  private final CollectingDriver driver = new CollectingDriver();
  private final List<Request> arrived = driver.arrived();
  private long nanos;
  private final BlockRig rig = new BlockRig(device(PLAIN));

  private BlockDevice device(QueueLimits limits) {
    TagSet tags = new TagSet(2, 1, 200, true);
    return new BlockDevice(
        "disk", 1, 1 << 20, false, new RequestQueue(driver, tags, limits, () -> nanos));
  }

  @AfterEach
  void end() {
    rig.close();
  }

  @Test
  void eachRequestHasItsOwnResultAndTheBiosCompleteInOrder() {
    Plug plug = new Plug();
    plug.start(rig.task());
    rig.submit("a", READ, 0, 8);
    rig.submit("b", READ, 8, 8); // merged into the request of a
    plug.finish(rig.task());
    rig.submit("c", READ, 32, 8);
    rig.submit("d", READ, 64, 8);
    arrived.get(0).setStatus(-Errno.EIO);
    arrived.get(2).setStatus(-Errno.ENOSPC);
    assertThat(driver.complete(0, 1, 2)).isEqualTo(3);
    assertThat(rig.ended())
        .containsExactly("a " + -Errno.EIO, "b " + -Errno.EIO, "c 0", "d " + -Errno.ENOSPC);
  }

  @Test
  void everyKindOfOperationIsCountedWithItsOwnSectorsAndTime() {
    rig.submit("a", READ, 0, 8);
    nanos += 10 * MS;
    rig.submit("b", READ, 32, 4);
    rig.submit("c", WRITE, 64, 2);
    Bio discard = rig.bio("d", BlkTypes.REQ_OP_DISCARD, 128);
    discard.setSize(16 * 512);
    rig.device().submitBio(rig.task(), discard);
    rig.submit("e", WRITE, 96, 1);
    nanos += 5 * MS;
    assertThat(driver.complete(0, 1, 2, 3, 4)).isEqualTo(5);
    DiskStats stats = rig.device().queue().stats();
    assertThat(stats.reads()).isEqualTo(2);
    assertThat(stats.readSectors()).isEqualTo(12);
    assertThat(stats.readMillis()).isEqualTo(20);
    assertThat(stats.writes()).isEqualTo(2);
    assertThat(stats.writeSectors()).isEqualTo(3);
    assertThat(stats.writeMillis()).isEqualTo(10);
    assertThat(stats.discards()).isEqualTo(1);
    assertThat(stats.discardSectors()).isEqualTo(16);
    assertThat(stats.discardMillis()).isEqualTo(5);
    assertThat(stats.timeInQueue()).isEqualTo(35);
    assertThat(stats.ioTicks()).as("15 ms, to a tick or two").isBetween(13L, 17L);
    assertThat(stats.inFlight()).isZero();
  }

  @Test
  void tagsOfSeveralWordsAreAllPut() {
    for (int i = 0; i < 200; i++) {
      rig.submit("bio" + i, READ, 2L * i, 1);
    }
    List<Integer> order = new ArrayList<>(IntStream.range(0, 200).boxed().toList());
    Collections.shuffle(order, new Random(7));
    assertThat(driver.complete(order.stream().mapToInt(Integer::intValue).toArray()))
        .isEqualTo(200);
    assertThat(rig.device().queue().busyTags()).isZero();
    assertThat(rig.ended())
        .containsExactlyElementsOf(order.stream().map(i -> "bio" + i + " 0").toList());
    assertThat(rig.device().queue().stats().reads()).isEqualTo(200);
  }

  /** With a write cache each request may have another step, so they complete one by one. */
  @Test
  void theWritesOfAChainHaveTheirFlushes() {
    rig.use(device(PLAIN.withWriteCache(true, false)));
    rig.submit("a", WRITE | BlkTypes.REQ_FUA, 8, 8);
    rig.submit("b", WRITE, 32, 8);
    rig.submit("c", WRITE | BlkTypes.REQ_FUA, 64, 8);
    assertThat(driver.complete(0, 1, 2)).isEqualTo(3);
    assertThat(rig.ended()).containsExactly("b 0");
    assertThat(arrived.subList(3, 5))
        .extracting(each -> each.bio().op())
        .containsExactly(BlkTypes.REQ_OP_FLUSH, BlkTypes.REQ_OP_FLUSH);
    assertThat(arrived.get(3)).isSameAs(arrived.get(0));
    assertThat(driver.complete(3, 4)).isEqualTo(2);
    assertThat(rig.ended()).containsExactly("b 0", "a 0", "c 0");
    assertThat(rig.device().queue().stats().writes()).isEqualTo(3);
  }

  @Test
  void aRequestOfAnotherQueueIsRefused() {
    rig.use(device(PLAIN));
    rig.submit("a", READ, 0, 1);
    rig.submit("b", READ | BlkTypes.REQ_HIPRI, 8, 1);
    HwCtx hctx = arrived.get(0).hctx();
    assertThatThrownBy(() -> driver.complete(0, 1))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageMatching(
            "request tag 0 of disk hctx 2 was completed as a request of disk hctx [01]");
    assertThat(rig.ended()).containsExactly("a 0"); // the one before it in the chain
    assertThatThrownBy(() -> hctx.putTags(0, 1L << 63))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("a tag of disk given back twice");
    driver.complete(1);
    assertThat(rig.ended()).containsExactly("a 0", "b 0");
    assertThat(rig.device().queue().busyTags()).isZero();
  }

  /** The end_io of a bio runs in completion context, on the thread that completes. */
  @Test
  void anEndIoMayNotSleep() {
    Assumptions.assumeTrue(Debug.ON);
    List<Throwable> thrown = new ArrayList<>();
    for (int sector : new int[] {0, 64}) {
      Bio bio =
          Bio.alloc(
              rig.task(),
              rig.device(),
              sector,
              READ,
              done -> {
                thrown.add(Objects.requireNonNull(catchThrowable(LockOrder::maySleep)));
                done.put();
              },
              null);
      assertThat(bio.addMemory(rig.memory(), 512)).isTrue();
      rig.device().submitBio(rig.task(), bio);
    }
    assertThat(driver.complete(0, 1)).isEqualTo(2);
    assertThat(thrown)
        .hasSize(2)
        .allSatisfy(
            each -> assertThat(each).hasMessageEndingWith("sleeps while it completes a request"));
    LockOrder.maySleep(); // the completion is over
  }
}
