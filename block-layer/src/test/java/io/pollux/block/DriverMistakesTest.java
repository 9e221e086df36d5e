// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.fixture.BlockRig;
import io.pollux.block.fixture.HeldDisk;
import io.pollux.core.Oops;
import io.pollux.uapi.Errno;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * A driver makes a mistake: its disk is shut down, each request completes once, all tags come back,
 * and one line says why. Other disks continue.
 */
@Timeout(60)
final class DriverMistakesTest {
  private static final int READ = BlkTypes.REQ_OP_READ;

  private final List<String> said = new CopyOnWriteArrayList<>();
  private final HeldDisk other = new HeldDisk(1 << 20).letThrough();
  private final BlockDevice good = other.disk();
  private final BlockRig rig = new BlockRig(good);

  DriverMistakesTest() {
    Oops.setSink((sentence, thrown) -> said.add(sentence));
  }

  @AfterEach
  void close() {
    Oops.setSink(null);
    rig.use(good);
    assertThat(good.transferAndWait(rig.task(), 0, rig.memory(), 512, READ)).isZero();
    rig.close();
    other.close();
  }

  /** A driver that keeps its requests and does something wrong with the n-th call. */
  private static final class Wrong implements BlkMqOps {
    private final List<Request> has = new ArrayList<>();
    private final int wrongCall;
    private final Consumer<Request> mistake;
    private int calls;

    Wrong(int wrongCall, Consumer<Request> mistake) {
      this.wrongCall = wrongCall;
      this.mistake = mistake;
    }

    @Override
    public void queueRqs(HwCtx hctx, Request chain) {
      has.add(chain);
      if (++calls == wrongCall) {
        mistake.accept(chain);
      }
    }

    @Override
    public int poll(HwCtx hctx) {
      return 0;
    }
  }

  private BlockDevice device(BlkMqOps driver) {
    QueueLimits limits = QueueLimits.of(512).withWriteCache(false, false);
    BlockDevice bdev =
        new BlockDevice("bad0", 1, 1 << 20, false, new RequestQueue(driver, HeldDisk.TAGS, limits));
    rig.use(bdev);
    return bdev;
  }

  private void submit(int number) {
    rig.submit("" + number, READ, number * 8L, 8);
  }

  private void awaitEnded(int count) throws InterruptedException {
    while (rig.ended().size() < count) {
      Thread.sleep(1); // the timeout bounds the loop
    }
  }

  private void assertShutDown(BlockDevice bdev, String thrown) {
    assertThat(bdev.transferAndWait(rig.task(), 0, rig.memory(), 512, READ)).isEqualTo(-Errno.EIO);
    assertThat(bdev.queue().busyTags()).isZero();
    assertThat(said)
        .containsExactly(
            "kernel oops in the driver of bad0: "
                + thrown
                + "; bad0 is shut down, and its requests fail with EIO");
  }

  @Test
  void aRequestIsCompletedTwice() throws InterruptedException {
    BlockDevice bdev =
        device(
            new Wrong(
                2,
                request -> {
                  request.complete(0);
                  request.complete(0);
                }));
    submit(0);
    submit(1);
    awaitEnded(2);
    assertThat(rig.ended()).containsExactly("1 0", "0 -5");
    assertShutDown(
        bdev,
        "java.lang.IllegalStateException: request tag 1 of bad0 hctx 0 is not in flight: its"
            + " driver completed it twice, or too late");
  }

  @Test
  void aRequestIsTwiceInAChain() throws InterruptedException {
    Wrong[] self = new Wrong[1];
    self[0] =
        new Wrong(
            2,
            request -> {
              request.setNext(self[0].has.get(0));
              self[0].has.get(0).setNext(request);
              request.hctx().completeAll(request);
            });
    BlockDevice bdev = device(self[0]);
    submit(0);
    submit(1);
    awaitEnded(2);
    assertThat(rig.ended()).containsExactly("1 0", "0 0");
    assertShutDown(
        bdev,
        "java.lang.IllegalStateException: request tag 1 of bad0 hctx 0 is not in flight: its"
            + " driver completed it twice, or too late");
  }

  @Test
  void anotherDisksRequestIsCompleted() throws InterruptedException {
    other.holdAgain();
    rig.submit("good", READ, 0, 8);
    BlockDevice bdev = device(new Wrong(1, request -> good.queue().hctx(0).completeAll(request)));
    submit(0);
    awaitEnded(1);
    assertThat(rig.ended()).containsExactly("0 -5");
    assertShutDown(
        bdev,
        "java.lang.IllegalStateException: request tag 0 of bad0 hctx 0 was completed as a request"
            + " of held0 hctx 0");
    other.letThrough();
    assertThat(rig.ended()).contains("good 0");
  }

  @Test
  void aRequestIsHandedBackTwice() {
    BlockDevice bdev =
        device(
            new Wrong(
                1,
                request -> {
                  request.hctx().handBack(request);
                  request.hctx().handBack(request);
                }));
    submit(0);
    assertThat(rig.ended()).containsExactly("0 -5");
    assertShutDown(
        bdev,
        "java.lang.IllegalStateException: request tag 0 of bad0 hctx 0 is not in flight: its"
            + " driver completed it twice, or too late");
  }

  @Test
  void aCircleIsHandedBack() throws InterruptedException {
    BlockDevice bdev =
        device(
            new Wrong(
                1,
                request -> {
                  request.setNext(request);
                  request.hctx().handBack(request);
                }));
    submit(0);
    awaitEnded(1);
    assertThat(rig.ended()).containsExactly("0 -5");
    assertShutDown(bdev, "java.lang.IllegalStateException: a chain of bad0 that is a circle");
  }

  /**
   * The driver is called in completion context here: its mistake does not concern the completer.
   */
  @Test
  void aDriverThrowsWhenItGetsARequestAgain() throws InterruptedException {
    Wrong[] self = new Wrong[1];
    self[0] =
        new Wrong(
            2,
            request -> {
              throw new AssertionError("broken");
            });
    BlkMqOps driver =
        new BlkMqOps() {
          private boolean full;

          @Override
          public void queueRqs(HwCtx hctx, Request chain) {
            if (full) {
              full = false;
              hctx.handBack(chain);
            } else {
              self[0].queueRqs(hctx, chain);
              full = true;
            }
          }

          @Override
          public int poll(HwCtx hctx) {
            return 0;
          }
        };
    BlockDevice bdev = device(driver);
    submit(0);
    submit(1); // handed back, and run again
    awaitEnded(2);
    assertThat(rig.ended()).containsExactly("0 -5", "1 -5");
    assertShutDown(bdev, "java.lang.AssertionError: broken");
  }

  @Test
  void isIdleThrows() throws InterruptedException {
    BlkMqOps driver =
        new BlkMqOps() {
          @Override
          public void queueRqs(HwCtx hctx, Request chain) {
            throw new AssertionError("broken");
          }

          @Override
          public int poll(HwCtx hctx) {
            throw new AssertionError("broken");
          }

          @Override
          public boolean isIdle() {
            throw new AssertionError("broken");
          }
        };
    BlockDevice bdev = device(driver);
    int cookie = rig.submit("0", READ | BlkTypes.REQ_HIPRI, 0, 8);
    assertThat(bdev.queue().blkPoll(cookie, false)).isZero();
    awaitEnded(1);
    assertThat(rig.ended()).containsExactly("0 -5");
    assertShutDown(bdev, "java.lang.AssertionError: broken");
  }

  /** The lower disk is shut down; the disk above gets an error for what it sent there. */
  @Test
  void aLowerDriverThrows() throws InterruptedException {
    BlockDevice lower =
        device(
            new Wrong(
                1,
                request -> {
                  throw new AssertionError("broken");
                }));
    BlkMqOps upper =
        new BlkMqOps() {
          @Override
          public void queueRqs(HwCtx hctx, Request chain) {
            Bio bio = chain.bio();
            Bio.cloneFast(chain, bio, 0, bio.size(), bio.sector() == 0 ? lower : good, 0);
            chain.submitClones();
          }

          @Override
          public int poll(HwCtx hctx) {
            return 0;
          }
        };
    rig.use(new BlockDevice("upper", 1, 1 << 20, false, new RequestQueue(upper, 512, 8)));
    submit(0);
    submit(1);
    awaitEnded(2);
    assertThat(rig.ended()).containsExactly("1 0", "0 -5");
    assertThat(rig.device().queue().busyTags()).isZero();
    assertShutDown(lower, "java.lang.AssertionError: broken");
  }
}
