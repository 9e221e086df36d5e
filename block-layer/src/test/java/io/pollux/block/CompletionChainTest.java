// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.block.fixture.BlockRig;
import io.pollux.uapi.Errno;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A driver completes several requests of one hardware queue together. */
@Timeout(60)
class CompletionChainTest implements BlkMqOps {
  private static final int READ = BlkTypes.REQ_OP_READ;
  private static final int WRITE = BlkTypes.REQ_OP_WRITE;
  private static final long MS = 1_000_000;
  private static final QueueLimits PLAIN =
      QueueLimits.of(512).withWriteCache(false, false).withDiscard(512, 64, 64);

  private final List<Request> arrived = new ArrayList<>();
  private long nanos;
  private final BlockRig rig = new BlockRig(device(PLAIN));

  private BlockDevice device(QueueLimits limits) {
    TagSet tags = new TagSet(2, 1, 200, true);
    return new BlockDevice(
        "disk", 1, 1 << 20, false, new RequestQueue(this, tags, limits, () -> nanos));
  }

  @Override
  public void queueRqs(HwCtx hctx, Request chain) {
    @Nullable Request following = chain;
    while (following != null) {
      Request request = following;
      following = request.next();
      request.setNext(null);
      arrived.add(request);
    }
  }

  @Override
  public int poll(HwCtx hctx) {
    return 0;
  }

  @AfterEach
  void end() {
    rig.close();
  }

  /** Completes requests, in an order of their numbers of arrival. Returns how many. */
  private int complete(int... order) {
    for (int i = 0; i < order.length - 1; i++) {
      arrived.get(order[i]).setNext(arrived.get(order[i + 1]));
    }
    Request first = arrived.get(order[0]);
    return first.hctx().completeAll(first);
  }

  @Test
  void eachRequestHasItsOwnResultAndTheBiosCompleteInOrder() {
    Plug plug = new Plug();
    plug.start(rig.task());
    rig.submit("a", READ, 0, 8);
    rig.submit("b", READ, 8, 8); // one request with a
    plug.finish(rig.task());
    rig.submit("c", READ, 32, 8);
    rig.submit("d", READ, 64, 8);
    arrived.get(0).setStatus(-Errno.EIO);
    arrived.get(2).setStatus(-Errno.ENOSPC);
    assertThat(complete(0, 1, 2)).isEqualTo(3);
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
    assertThat(complete(0, 1, 2, 3, 4)).isEqualTo(5);
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
    assertThat(complete(order.stream().mapToInt(Integer::intValue).toArray())).isEqualTo(200);
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
    assertThat(complete(0, 1, 2)).isEqualTo(3);
    assertThat(rig.ended()).containsExactly("b 0");
    assertThat(arrived.subList(3, 5))
        .extracting(each -> each.bio().op())
        .containsExactly(BlkTypes.REQ_OP_FLUSH, BlkTypes.REQ_OP_FLUSH);
    assertThat(arrived.get(3)).isSameAs(arrived.get(0));
    assertThat(complete(3, 4)).isEqualTo(2);
    assertThat(rig.ended()).containsExactly("b 0", "a 0", "c 0");
    assertThat(rig.device().queue().stats().writes()).isEqualTo(3);
  }

  @Test
  void aRequestOfAnotherQueueIsAnAssertion() {
    rig.use(device(PLAIN)); // its tags are wrong after this
    rig.submit("a", READ, 0, 1);
    rig.submit("b", READ | BlkTypes.REQ_HIPRI, 8, 1);
    HwCtx hctx = arrived.get(0).hctx();
    assertThatThrownBy(() -> complete(0, 1))
        .isInstanceOf(AssertionError.class)
        .hasMessage("a request of another queue");
    assertThatThrownBy(() -> hctx.putTags(0, 1L << 63))
        .isInstanceOf(AssertionError.class)
        .hasMessage("a tag given back twice");
    rig.use(device(PLAIN));
  }

  /** A driver may keep a number in a request, and reads the request's size and parts. */
  @Test
  void aRequestHasTheSumsOfItsBios() {
    Plug plug = new Plug();
    plug.start(rig.task());
    rig.submit("a", READ, 0, 1, 2);
    rig.submit("b", READ, 3, 5);
    plug.finish(rig.task());
    Request request = arrived.get(0);
    assertThat(request.bytes()).isEqualTo(8 * 512);
    assertThat(request.segments()).isEqualTo(3);
    assertThat(request.driverData()).isZero();
    request.setDriverData(77);
    assertThat(request.driverData()).isEqualTo(77);
    assertThat(request.isInFlight()).isTrue();
    request.complete(0);
    assertThat(request.isInFlight()).isFalse();
  }
}
