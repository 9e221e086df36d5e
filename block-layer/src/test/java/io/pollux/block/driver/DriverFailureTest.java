// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.Bio;
import io.pollux.block.BlkMqOps;
import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.HwCtx;
import io.pollux.block.Plug;
import io.pollux.block.QueueLimits;
import io.pollux.block.Request;
import io.pollux.block.RequestQueue;
import io.pollux.block.TagSet;
import io.pollux.block.driver.NullParameters.IrqMode;
import io.pollux.block.fixture.BlockRig;
import io.pollux.core.Oops;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * A driver that throws, in a task's call or in a thread of its own. One report is printed, requests
 * in flight fail with EIO, and later requests fail at once. No wait is unbounded.
 */
@Timeout(60)
class DriverFailureTest {
  private static final int BYTES = 1 << 20;
  private static final int READ = BlkTypes.REQ_OP_READ;
  private static final int POLLED = READ | BlkTypes.REQ_HIPRI;
  private static final TagSet TAGS = new TagSet(1, 1, 64, true);

  private final List<String> said = new CopyOnWriteArrayList<>();
  private BlockDevice bdev = device(new Forgets());
  private final BlockRig rig = new BlockRig(bdev);
  private final Task task = rig.task();
  private final long memory = rig.memory();

  @BeforeEach
  void enter() {
    Oops.setSink((sentence, thrown) -> said.add(sentence));
  }

  @AfterEach
  void nothingIsHeld() {
    Oops.setSink(null);
    assertThat(bdev.queue().busyTags()).as("tags in use").isZero();
    rig.close();
  }

  /** A driver that keeps what it gets. */
  private static class Forgets implements BlkMqOps {
    final ConcurrentLinkedQueue<Request> kept = new ConcurrentLinkedQueue<>();

    @Override
    public void queueRqs(HwCtx hctx, Request chain) {
      for (Request request = chain; request != null; request = request.next()) {
        kept.add(request);
      }
    }

    @Override
    public int poll(HwCtx hctx) {
      return 0;
    }
  }

  private static BlockDevice device(BlkMqOps driver) {
    QueueLimits limits = QueueLimits.of(512).withWriteCache(false, false);
    return new BlockDevice("bad0", 1, BYTES, false, new RequestQueue(driver, TAGS, limits));
  }

  private int submit(int number, int opf) {
    rig.use(bdev);
    return rig.submitAt("" + number, opf, number * 16L, memory + number * 4096L, 8);
  }

  private void awaitEnded(int count) throws InterruptedException {
    while (rig.ended().size() < count) {
      Thread.sleep(5); // the timeout bounds the loop
    }
  }

  private int read() {
    return bdev.transferAndWait(task, 0, memory, 4096, READ);
  }

  private void assertDead(String... sentences) {
    AtomicInteger sleeps = new AtomicInteger();
    for (int i = 0; i < 200; i++) { // more than there are tags
      task.setPlug(sleeps::getAndIncrement); // called before the task sleeps
      assertThat(read()).isEqualTo(-Errno.EIO);
      task.setPlug(null);
      int before = rig.ended().size();
      submit(1, POLLED);
      assertThat(rig.ended().subList(before, rig.ended().size())).containsExactly("1 -5");
    }
    assertThat(sleeps).as("waits for a request of a dead driver").hasValue(0);
    assertThat(said).containsExactly(sentences);
  }

  private static String sentence(String where, String what) {
    return "kernel oops in "
        + where
        + ": "
        + what
        + "; bad0 is shut down, and its requests fail with EIO";
  }

  @Test
  void queueRqsThrows() {
    bdev =
        device(
            new Forgets() {
              @Override
              public void queueRqs(HwCtx hctx, Request chain) {
                throw new AssertionError("broken");
              }
            });
    assertThat(read()).isEqualTo(-Errno.EIO);
    assertDead(sentence("the driver of bad0", "java.lang.AssertionError: broken"));
  }

  @Test
  void queueRqsThrowsInTheMiddleOfABatch() throws InterruptedException {
    bdev =
        device(
            new Forgets() {
              @Override
              public void queueRqs(HwCtx hctx, Request chain) {
                Request following = chain.next();
                chain.complete(0);
                if (following != null) {
                  throw new IllegalStateException("broken");
                }
              }
            });
    Plug plug = new Plug();
    assertThat(plug.start(task)).isTrue();
    for (int i = 0; i < 5; i++) {
      submit(i, READ);
    }
    plug.finish(task);
    awaitEnded(5);
    assertThat(rig.ended()).containsExactlyInAnyOrder("0 0", "1 -5", "2 -5", "3 -5", "4 -5");
    assertDead(sentence("the driver of bad0", "java.lang.IllegalStateException: broken"));
  }

  @Test
  void whatTheDriverHadBeforeItThrewEndsToo() throws InterruptedException {
    bdev =
        device(
            new Forgets() {
              @Override
              public void queueRqs(HwCtx hctx, Request chain) {
                super.queueRqs(hctx, chain);
                if (kept.size() == 3) {
                  throw new AssertionError("broken");
                }
              }
            });
    for (int i = 0; i < 3; i++) {
      submit(i, READ);
    }
    awaitEnded(3);
    assertThat(rig.ended()).containsExactlyInAnyOrder("0 -5", "1 -5", "2 -5");
    assertDead(sentence("the driver of bad0", "java.lang.AssertionError: broken"));
  }

  @Test
  void whatTheDriverStillCompletesAfterItThrewEndsAsItSays() throws InterruptedException {
    Forgets driver =
        new Forgets() {
          @Override
          public int poll(HwCtx hctx) {
            throw new AssertionError("broken");
          }
        };
    bdev = device(driver);
    submit(0, READ);
    int cookie = submit(1, POLLED);
    assertThat(bdev.queue().blkPoll(cookie, false)).isZero();
    driver.kept.remove().complete(0); // by a thread of the driver's
    assertThat(rig.ended()).containsExactly("0 0");
    while (rig.ended().size() < 2) {
      bdev.queue().blkPoll(cookie, true);
    }
    assertThat(rig.ended()).containsExactly("0 0", "1 -5");
    assertDead(sentence("the driver of bad0", "java.lang.AssertionError: broken"));
  }

  /**
   * A plug holds requests from before and after the failure. Each fails once, when the plug is
   * flushed.
   */
  @Test
  void whatAPlugHoldsFailsWhenThePlugIsFlushed() throws InterruptedException {
    Forgets driver = new Forgets();
    bdev = device(driver);
    for (int i = 0; i < 3; i++) {
      submit(i, READ);
    }
    Plug plug = new Plug();
    assertThat(plug.start(task)).isTrue();
    submit(3, READ);
    task.setPlug(null);
    submit(4, READ); // the driver's, with the highest tag: the last to be canceled
    task.setPlug(plug);
    driver.kept.remove().complete(0);
    driver.kept.remove().complete(0);
    bdev.queue().shutDown("a test", new AssertionError("broken"));
    submit(5, READ); // the tags of 0 and 1
    submit(6, READ);
    awaitEnded(4);
    assertThat(rig.ended()).containsExactly("0 0", "1 0", "2 -5", "4 -5");
    plug.finish(task);
    assertThat(rig.ended().subList(4, rig.ended().size())).containsExactly("3 -5", "5 -5", "6 -5");
    assertThat(bdev.queue().busyTags()).isZero();
    assertDead(sentence("a test", "java.lang.AssertionError: broken"));
  }

  /**
   * Requests fail only once isIdle returns true: the hardware then no longer accesses their memory.
   */
  @Test
  void nothingEndsWhileTheDriverIsBusy() throws InterruptedException {
    AtomicInteger looks = new AtomicInteger();
    CountDownLatch done = new CountDownLatch(1);
    bdev =
        device(
            new Forgets() {
              @Override
              public void queueRqs(HwCtx hctx, Request chain) {
                throw new AssertionError("broken");
              }

              @Override
              public boolean isIdle() {
                looks.getAndIncrement();
                return done.getCount() == 0;
              }
            });
    submit(0, READ);
    while (looks.get() < 20) {
      Thread.sleep(5);
    }
    assertThat(rig.ended()).isEmpty();
    done.countDown();
    awaitEnded(1);
    assertDead(sentence("the driver of bad0", "java.lang.AssertionError: broken"));
  }

  @Test
  void aTaskThatWaitsForATagGoesOn() throws InterruptedException {
    bdev =
        device(
            new Forgets() {
              @Override
              public void queueRqs(HwCtx hctx, Request chain) {
                super.queueRqs(hctx, chain);
                if (kept.size() == TAGS.depth()) {
                  throw new AssertionError("broken");
                }
              }
            });
    for (int i = 0; i < TAGS.depth(); i++) {
      submit(i, READ);
    }
    assertThat(read()).isEqualTo(-Errno.EIO); // there was no tag free
    awaitEnded(TAGS.depth());
    assertDead(sentence("the driver of bad0", "java.lang.AssertionError: broken"));
  }

  /**
   * Completes some requests itself, and passes them on all the same: the disk below sees requests
   * that are over.
   */
  private static final class PassesTwice implements BlkMqOps {
    private final BlkMqOps below;
    private final int wrongOne;
    private int seen;

    PassesTwice(BlkMqOps below, int wrongOne) {
      this.below = below;
      this.wrongOne = wrongOne;
    }

    @Override
    public void queueRqs(HwCtx hctx, Request chain) {
      if (++seen == wrongOne) {
        chain.complete(0);
      }
      below.queueRqs(hctx, chain);
    }

    @Override
    public int poll(HwCtx hctx) {
      return below.poll(hctx);
    }
  }

  @Test
  void theInterruptThreadOfANullDiskFails() throws InterruptedException {
    NullParameters timer = NullParameters.DEFAULT.withIrqmode(IrqMode.TIMER, 20_000_000);
    try (NullDisk below = new NullDisk(new RamDisk(BYTES), timer)) {
      bdev = device(new PassesTwice(below, 4));
      for (int i = 0; i < 4; i++) {
        submit(i, READ);
      }
      awaitEnded(4);
      assertThat(rig.ended()).first().isEqualTo("3 0");
      assertThat(rig.ended().subList(1, 4)).allMatch(each -> each.matches("[012] (0|-5)"));
      said.replaceAll(line -> line.replaceAll("tag \\d+", "tag N"));
      assertDead(
          sentence(
              "nullb-irq",
              "java.lang.IllegalStateException: request tag N of bad0 hctx 0 is not in flight: its"
                  + " driver completed it twice, or too late"));
    }
  }

  @Test
  void theThreadOfAFaultDiskFails() throws InterruptedException {
    FaultPlan late = FaultPlan.parse("delay-ns=20000000");
    Forgets below =
        new Forgets() {
          @Override
          public void queueRqs(HwCtx hctx, Request chain) {
            throw new AssertionError("broken");
          }
        };
    QueueLimits limits = QueueLimits.of(512).withWriteCache(false, false);
    try (FaultDisk faulty = FaultDisk.over(below, BYTES, TAGS, limits, late)) {
      bdev = faulty.disk("bad0", 1, false);
      submit(0, READ);
      awaitEnded(1);
      assertThat(rig.ended()).containsExactly("0 -5");
      assertDead(sentence("fault-irq", "java.lang.AssertionError: broken"));
    }
  }

  /** Requests that the disk's own thread will complete do not fail before it does. */
  @Test
  void whatIsHeldForLongerThanTheGraceEndsOnce() throws InterruptedException {
    FaultPlan late = FaultPlan.parse("delay-ns=1500000000");
    try (FaultDisk faulty = FaultDisk.over(new RamDisk(BYTES), late)) {
      bdev = faulty.disk("bad0", 1, false);
      submit(0, READ);
      bdev.queue().shutDown("a test", new AssertionError("broken"));
      awaitEnded(1);
      assertThat(rig.ended()).containsExactly("0 0");
      assertDead(sentence("a test", "java.lang.AssertionError: broken"));
    }
  }

  @Test
  void aDiskThreadTellsWhatItsSourceThrows() throws InterruptedException {
    CountDownLatch told = new CountDownLatch(1);
    List<Throwable> thrown = new CopyOnWriteArrayList<>();
    DiskThread.Source source =
        () -> {
          throw new AssertionError("broken");
        };
    try (DiskThread thread =
        new DiskThread(
            "test-irq",
            source,
            e -> {
              thrown.add(e);
              told.countDown();
            })) {
      told.await();
      thread.wake(); // the thread has exited
      assertThat(thrown).hasSize(1).first().isInstanceOf(AssertionError.class);
    }
  }

  /**
   * A failing end_io does not concern the driver: the disk and the other bios of the batch
   * continue.
   */
  @Test
  void anEndIoThatThrowsIsItsOwnersMatter() throws InterruptedException {
    NullParameters softirq = NullParameters.DEFAULT.withIrqmode(IrqMode.SOFTIRQ, 0);
    try (NullDisk disk = new NullDisk(new RamDisk(BYTES), softirq)) {
      bdev = disk.disk("null0", 1, false);
      Plug plug = new Plug();
      assertThat(plug.start(task)).isTrue();
      submit(0, READ);
      Bio bad =
          Bio.alloc(
              task,
              bdev,
              1000,
              READ,
              done -> {
                throw new IllegalStateException("broken");
              },
              null);
      assertThat(bad.addMemory(memory, 512)).isTrue();
      bdev.submitBio(task, bad);
      submit(2, READ);
      plug.finish(task);
      awaitEnded(2);
      assertThat(rig.ended()).containsExactlyInAnyOrder("0 0", "2 0");
      assertThat(read()).isZero();
      assertThat(said)
          .containsExactly(
              "kernel oops in the end_io of a bio: java.lang.IllegalStateException: broken; "
                  + "its request is lost, and the end of its context gives up on it");
    }
  }

  /**
   * Many tasks with plugged, polled and other requests while the driver fails: every request
   * completes once.
   */
  @Test
  void everyRequestCompletesOnceIfTheDriverFails() throws InterruptedException {
    for (int round = 0; round < 5; round++) {
      AtomicInteger queued = new AtomicInteger();
      int failsAt = 500 + round;
      BlkMqOps driver =
          new Forgets() {
            @Override
            public void queueRqs(HwCtx hctx, Request chain) {
              if (queued.incrementAndGet() >= failsAt) {
                throw new AssertionError("broken");
              }
              if (hctx.polled()) {
                hctx.waiting().add(chain);
              } else {
                hctx.completeAll(chain);
              }
            }

            @Override
            public int poll(HwCtx hctx) {
              Request chain = hctx.waiting().takeAll();
              return chain == null ? 0 : hctx.completeAll(chain);
            }
          };
      said.clear();
      bdev = device(driver);
      AtomicInteger sent = new AtomicInteger();
      AtomicInteger over = new AtomicInteger();
      List<Thread> threads = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        threads.add(Thread.ofPlatform().start(() -> submitUntilItFails(sent, over)));
      }
      for (Thread thread : threads) {
        thread.join();
      }
      assertThat(over).as("ended, of " + sent).hasValue(sent.get());
      assertThat(bdev.queue().busyTags()).isZero();
      assertThat(said)
          .containsExactly(sentence("the driver of bad0", "java.lang.AssertionError: broken"));
    }
  }

  private void submitUntilItFails(AtomicInteger sent, AtomicInteger over) {
    Task mine = rig.process().newTask();
    assertThat(mine.enterKernel()).isTrue();
    AtomicInteger failed = new AtomicInteger();
    while (failed.get() == 0) {
      AtomicInteger left = new AtomicInteger(6);
      Plug plug = new Plug();
      plug.start(mine);
      int cookie = BlkTypes.BLK_QC_T_NONE;
      for (int i = 0; i < 6; i++) {
        Bio bio =
            Bio.alloc(
                mine,
                bdev,
                i * 16L,
                i % 2 == 0 ? READ : POLLED,
                done -> {
                  if (done.status() != 0) {
                    failed.getAndIncrement();
                  }
                  done.put();
                  over.getAndIncrement();
                  left.getAndDecrement();
                },
                null);
        bio.addMemory(memory, 512);
        sent.getAndIncrement();
        int got = bdev.submitBio(mine, bio);
        cookie = i % 2 == 1 && got != BlkTypes.BLK_QC_T_NONE ? got : cookie;
      }
      plug.finish(mine);
      while (left.get() > 0) {
        bdev.queue().blkPoll(cookie, true);
        Thread.onSpinWait();
      }
    }
    mine.leaveKernel();
    rig.process().releaseTask(mine);
  }
}
