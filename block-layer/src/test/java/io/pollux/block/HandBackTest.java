// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.block.fixture.BlockRig;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What a driver has no resources for is queued, and run again in order. */
@Timeout(60)
final class HandBackTest {
  private static final TagSet TAGS = new TagSet(1, 1, 64, false);
  private static final int READ = BlkTypes.REQ_OP_READ;
  private static final int POLLED = BlkTypes.REQ_OP_READ | BlkTypes.REQ_HIPRI_ASYNC;

  private final Shallow driver = new Shallow();
  private final BlockDevice bdev =
      new BlockDevice("shallow0", 1, 1 << 20, false, new RequestQueue(driver, TAGS, limits()));
  private final BlockRig rig = new BlockRig(bdev);

  private static QueueLimits limits() {
    return QueueLimits.of(512).withWriteCache(false, false);
  }

  @AfterEach
  void close() {
    rig.close(); // checks that all tags are free
  }

  /** A driver with room for a few requests. */
  private static final class Shallow implements BlkMqOps {
    private final Deque<Request> taken = new ArrayDeque<>(); // under this object's lock
    private final List<Long> order = new ArrayList<>(); // first sectors
    private int room = 2;
    private int calls;
    private boolean atOnce;

    @Override
    public void queueRqs(HwCtx hctx, Request chain) {
      synchronized (this) {
        calls++;
      }
      Request request = chain;
      while (request != null) {
        Request following = request.next();
        if (!take(request)) {
          hctx.handBack(request);
          return;
        }
        if (atOnce) {
          completeFirst();
        }
        request = following;
      }
    }

    private synchronized boolean take(Request request) {
      if (taken.size() >= room) {
        return false;
      }
      request.setNext(null);
      taken.add(request);
      order.add(request.bio().sector());
      return true;
    }

    private synchronized @Nullable Request remove() {
      return taken.poll();
    }

    boolean completeFirst() {
      Request request = remove();
      if (request != null) {
        request.complete(0);
      }
      return request != null;
    }

    synchronized void setRoom(int requests) {
      room = requests;
    }

    synchronized int calls() {
      return calls;
    }

    synchronized List<Long> order() {
      return List.copyOf(order);
    }

    @Override
    public int poll(HwCtx hctx) {
      return completeFirst() ? 1 : 0;
    }
  }

  private static List<Long> sectors(int count) {
    return IntStream.range(0, count).mapToObj(i -> i * 8L).toList();
  }

  private int submit(int number, int opf) {
    return rig.submit("" + number, opf, number * 8L, 8);
  }

  @Test
  void aRequestHandedBackIsRunAgainWhenAnotherCompletes() {
    for (int i = 0; i < 5; i++) {
      submit(i, READ);
    }
    assertThat(driver.order()).containsExactlyElementsOf(sectors(2));
    assertThat(bdev.queue().describe())
        .filteredOn(line -> line.contains("not with the driver"))
        .hasSize(3);
    driver.completeFirst();
    assertThat(driver.order()).containsExactlyElementsOf(sectors(3));
    while (rig.ended().size() < 5) {
      driver.completeFirst();
    }
    assertThat(driver.order()).containsExactlyElementsOf(sectors(5));
    assertThat(rig.ended()).containsExactly("0 0", "1 0", "2 0", "3 0", "4 0");
  }

  @Test
  void aBatchIsHandedBackFromItsMiddleOnInOrder() {
    Plug plug = new Plug();
    plug.start(rig.task());
    for (int i = 0; i < 6; i++) {
      submit(i, READ);
    }
    plug.finish(rig.task());
    submit(6, READ); // behind them
    while (rig.ended().size() < 7) {
      driver.completeFirst();
    }
    assertThat(driver.order()).containsExactlyElementsOf(sectors(7));
  }

  @Test
  void requestsAreRunAgainIfNothingIsInFlight() throws InterruptedException {
    driver.setRoom(0);
    submit(0, READ);
    submit(1, READ);
    assertThat(driver.order()).isEmpty();
    driver.setRoom(2);
    while (driver.order().size() < 2) {
      Thread.sleep(1); // the timeout bounds the loop
    }
    assertThat(driver.order()).containsExactlyElementsOf(sectors(2));
    driver.completeFirst();
    driver.completeFirst();
  }

  @Test
  void aPollRunsPolledRequestsAgain() {
    int cookie = BlkTypes.BLK_QC_T_NONE;
    for (int i = 0; i < 20; i++) {
      cookie = submit(i, POLLED);
    }
    for (int polls = 0; polls < 1000 && rig.ended().size() < 20; polls++) {
      bdev.queue().blkPoll(cookie, false);
    }
    assertThat(rig.ended()).hasSize(20).allMatch(each -> each.endsWith(" 0"));
    assertThat(driver.order()).containsExactlyElementsOf(sectors(20));
  }

  /** A completion inside the run of a queue repeats the run; it does not nest in it. */
  @Test
  void aDriverThatCompletesAtOnceIsNotCalledFromItsOwnCompletions() {
    driver.setRoom(0);
    Plug plug = new Plug();
    plug.start(rig.task());
    for (int i = 0; i < 30; i++) {
      submit(i, READ);
    }
    plug.finish(rig.task());
    driver.atOnce = true;
    driver.setRoom(1);
    submit(30, READ);
    bdev.queue().poll(arrivedAt(0));
    while (rig.ended().size() < 31) {
      Thread.onSpinWait();
    }
    assertThat(driver.order()).containsExactlyElementsOf(sectors(31));
  }

  private HwCtx arrivedAt(int index) {
    return bdev.queue().hctx(index);
  }

  @Test
  void aDriverThatTakesEverythingIsCalledOncePerBatch() {
    driver.setRoom(64);
    Plug plug = new Plug();
    plug.start(rig.task());
    for (int i = 0; i < 6; i++) {
      submit(i, READ);
    }
    plug.finish(rig.task());
    assertThat(driver.calls()).isEqualTo(1);
    while (driver.completeFirst()) {
      assertThat(driver.calls()).isEqualTo(1);
    }
  }

  @Test
  void aQueueThatIsShutDownFailsWhatWasHandedBack() {
    for (int i = 0; i < 5; i++) {
      submit(i, READ);
    }
    bdev.queue().shutDown("a test", new AssertionError("broken"));
    assertThat(rig.ended()).containsExactly("2 -5", "3 -5", "4 -5");
    while (driver.completeFirst()) {
      // what the driver had completes
    }
    assertThat(rig.ended()).endsWith("0 0", "1 0");
    assertThat(bdev.transferAndWait(rig.task(), 0, rig.memory(), 512, READ)).isEqualTo(-Errno.EIO);
  }

  @Test
  void aRequestThatIsNotTheDriversCannotBeHandedBack() {
    submit(0, READ);
    Request request = driver.remove();
    assertThat(request).isNotNull();
    request.complete(0);
    assertThatThrownBy(() -> request.hctx().handBack(request))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("is not in flight");
    submit(1, POLLED);
    Request polled = driver.remove();
    assertThat(polled).isNotNull();
    assertThatThrownBy(() -> request.hctx().handBack(polled))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("was completed as a request of shallow0 hctx 0");
    polled.complete(0);
  }

  /** Several tasks, a completing thread, and room for two: nothing is lost, nothing hangs. */
  @Test
  void everyRequestOfManyTasksCompletesOnce() throws InterruptedException {
    int each = 5_000;
    AtomicInteger over = new AtomicInteger();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      threads.add(Thread.ofPlatform().start(() -> submitMany(each, over)));
    }
    while (over.get() < 3 * each) {
      driver.completeFirst();
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(bdev.queue().busyTags()).isZero();
    assertThat(driver.order()).hasSize(3 * each);
  }

  private void submitMany(int count, AtomicInteger over) {
    Task mine = rig.process().newTask();
    assertThat(mine.enterKernel()).isTrue();
    for (int i = 0; i < count; i++) {
      Bio bio =
          Bio.alloc(
              mine,
              bdev,
              i % 100 * 8L,
              READ,
              done -> {
                done.put();
                over.getAndIncrement();
              },
              null);
      bio.addMemory(rig.memory(), 512);
      bdev.submitBio(mine, bio);
    }
    mine.leaveKernel();
    rig.process().releaseTask(mine);
  }
}
