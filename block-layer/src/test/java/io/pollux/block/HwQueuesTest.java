// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.fixture.HeldDisk.Held;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.uapi.Errno;
import java.util.Collections;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Which hardware queue a bio goes to, and its result when all tags are in use. */
@Timeout(60)
class HwQueuesTest extends RigTest {
  private static final int READ = BlkTypes.REQ_OP_READ;

  @Test
  void aTaskHasOneQueueOfEachKind() {
    use(new TagSet(3, 2, 64, true), PLAIN);
    for (int i = 0; i < 10; i++) {
      submit("a", READ, 2L * i, 1);
      submit("b", READ | BlkTypes.REQ_HIPRI, 2L * i, 1);
    }
    Set<Integer> seen = disk.held().stream().map(Held::queue).collect(Collectors.toSet());
    assertThat(seen).hasSize(2);
    assertThat(disk.held()).allMatch(held -> held.polled() == held.queue() >= 3);
    assertThat(disk.held().stream().filter(Held::polled)).hasSize(10);
    int cookie = Collections.max(seen) << 16;
    disk.releaseAll();
    assertThat(queue().blkPoll(cookie, false)).isEqualTo(10);
  }

  @Test
  void tasksAreSpreadOverTheQueues() throws InterruptedException {
    use(new TagSet(2, 1, 64, true), PLAIN);
    for (int i = 0; i < 40; i++) {
      Thread thread = new Thread(this::submitOne);
      thread.start();
      thread.join();
    }
    Set<Integer> seen = disk.held().stream().map(Held::queue).collect(Collectors.toSet());
    assertThat(seen).containsExactlyInAnyOrder(0, 1);
    disk.releaseAll();
  }

  private void submitOne() {
    UserProcess other = new UserProcess();
    Task current = other.newTask();
    assertThat(current.enterKernel()).isTrue();
    Bio bio = Bio.alloc(current, rig.device(), 0, READ, Bio::put, null);
    assertThat(bio.addMemory(memory, 512)).isTrue();
    rig.device().submitBio(current, bio);
    current.leaveKernel();
    other.exit();
  }

  @Test
  void withoutPolledQueuesNothingIsPolled() {
    use(new TagSet(1, 0, 1, true), PLAIN);
    int cookie = submit("a", READ | BlkTypes.REQ_HIPRI_ASYNC, 0, 1);
    assertThat(disk.held().getFirst().has(BlkTypes.REQ_HIPRI)).isFalse();
    assertThat(disk.held().getFirst().has(BlkTypes.REQ_NOWAIT)).isTrue();
    assertThat(queue().canPoll(cookie)).isFalse();
    assertThat(queue().blkPoll(cookie, true)).isZero();
    submit("b", READ | BlkTypes.REQ_HIPRI_ASYNC, 0, 1);
    assertThat(rig.ended()).as("still it may not sleep").containsExactly("b " + -Errno.EAGAIN);
    disk.release(0);
    assertThat(rig.ended()).endsWith("a 0");
  }

  @Test
  void noFreeTagIsEagainForABioThatMustNotSleep() {
    use(new TagSet(1, 1, 1, true), PLAIN);
    int cookie = submit("a", READ | BlkTypes.REQ_HIPRI, 0, 1);
    submit("b", READ | BlkTypes.REQ_HIPRI_ASYNC, 8, 1);
    submit("c", READ, 0, 1);
    submit("d", READ | BlkTypes.REQ_NOWAIT, 8, 1);
    assertThat(rig.ended()).containsExactly("b " + -Errno.EAGAIN, "d " + -Errno.EAGAIN);
    disk.releaseAll();
    assertThat(queue().blkPoll(cookie, true)).isEqualTo(1);
    assertThat(rig.ended()).contains("a 0", "c 0");
  }

  @Test
  void noFreeTagIsEagainInsideAPlugToo() {
    use(new TagSet(1, 1, 1, true), PLAIN);
    Plug plug = new Plug();
    plug.start(task);
    submit("a", READ, 0, 1);
    assertThat(submit("b", READ | BlkTypes.REQ_NOWAIT, 8, 1)).isEqualTo(BlkTypes.BLK_QC_T_NONE);
    assertThat(rig.ended()).containsExactly("b " + -Errno.EAGAIN);
    assertThat(disk.held()).as("the plug still holds a").isEmpty();
    plug.finish(task);
    disk.release(0);
    assertThat(rig.ended()).endsWith("a 0");
  }

  @Test
  void noTagFreeIsAWaitForAnOrdinaryBio() throws InterruptedException {
    use(new TagSet(1, 1, 1, true), PLAIN);
    submit("a", READ, 0, 1);
    AtomicInteger sent = new AtomicInteger();
    Thread other =
        new Thread(
            () -> {
              submitOne();
              sent.set(1);
            });
    other.start();
    while (other.getState() != Thread.State.WAITING) {
      Thread.sleep(1);
    }
    assertThat(sent.get()).isZero();
    disk.release(0);
    other.join();
    assertThat(sent.get()).isEqualTo(1);
    disk.releaseAll();
  }

  /** The plug of the waiting task may hold requests whose completion frees a tag. */
  @Test
  void aWaitForATagFlushesThePlug() throws InterruptedException {
    use(new TagSet(1, 1, 1, true), PLAIN);
    submit("a", READ, 0, 1);
    AtomicInteger flushed = new AtomicInteger();
    Thread other =
        new Thread(
            () -> {
              UserProcess process = new UserProcess();
              Task current = process.newTask();
              assertThat(current.enterKernel()).isTrue();
              Plug plug = new Plug();
              plug.start(current);
              plug.setCallback(flushed::getAndIncrement);
              Bio bio = Bio.alloc(current, rig.device(), 0, READ, Bio::put, null);
              assertThat(bio.addMemory(memory, 512)).isTrue();
              rig.device().submitBio(current, bio);
              plug.finish(current);
              current.leaveKernel();
              process.exit();
            });
    other.start();
    while (other.getState() != Thread.State.WAITING) {
      Thread.sleep(1);
    }
    assertThat(flushed).hasValue(1);
    disk.release(0);
    other.join();
    disk.releaseAll();
  }

  @Test
  void aPolledBioThatWaitsForATagPollsForItself() {
    use(new TagSet(1, 1, 1, true), PLAIN);
    disk.letThrough();
    submit("a", READ | BlkTypes.REQ_HIPRI, 0, 1);
    int cookie = submit("b", READ | BlkTypes.REQ_HIPRI, 8, 1);
    assertThat(rig.ended()).containsExactly("a 0");
    assertThat(queue().blkPoll(cookie, true)).isEqualTo(1);
    assertThat(rig.ended()).endsWith("b 0");
  }

  /** Tags are kept in words of 64. A search starts at the word of the last one found. */
  @Test
  void theOnlyFreeTagIsFoundInEveryWord() {
    int depth = 130;
    use(new TagSet(1, 1, depth, true), PLAIN);
    for (int i = 0; i < depth; i++) {
      submit("a", READ, 0, 1);
    }
    assertThat(disk.held()).map(Held::tag).doesNotHaveDuplicates().hasSize(depth);
    assertThat(queue().busyTags()).isEqualTo(depth);
    assertThat(queue().describe()).hasSize(1 + depth).last().asString().contains(" tag 129 ");
    Plug plug = new Plug();
    for (int tag : new int[] {0, 129, 63, 64, 127, 128, 1, 129, 0}) {
      for (boolean plugged : new boolean[] {false, true}) {
        disk.release(disk.held().stream().map(Held::tag).toList().indexOf(tag));
        assertThat(queue().busyTags()).isEqualTo(depth - 1);
        assertThat(queue().describe()).noneMatch(line -> line.contains(" tag " + tag + " "));
        if (plugged) {
          plug.start(task);
        }
        submit("b", READ | BlkTypes.REQ_NOWAIT, 0, 1);
        if (plugged) {
          plug.finish(task);
        }
        assertThat(disk.held().getLast().tag()).isEqualTo(tag);
      }
    }
    submit("c", READ | BlkTypes.REQ_NOWAIT, 0, 1);
    assertThat(rig.ended()).endsWith("c " + -Errno.EAGAIN);
    disk.releaseAll();
    assertThat(queue().busyTags()).isZero();
  }

  /** A plug takes tags ahead, but at most a quarter of the free ones: other tasks need them. */
  @Test
  void aPlugTakesAtMostAQuarterOfTheFreeTags() {
    use(new TagSet(1, 1, 16, false), PLAIN);
    Plug plug = new Plug();
    plug.start(task);
    for (int i = 0; i < 10; i++) {
      submit("a", READ, 2L * i, 1);
    }
    plug.finish(task);
    disk.releaseAll();
    plug.start(task);
    submit("b", READ, 0, 1);
    assertThat(queue().busyTags()).isEqualTo(4);
    assertThat(queue().describe())
        .filteredOn(line -> line.endsWith(": without a bio"))
        .as("tags for later requests")
        .hasSize(3);
    plug.finish(task);
    assertThat(queue().busyTags()).isEqualTo(1);
    disk.releaseAll();
  }

  @Test
  void onlyAPollThatMaySpinRetries() {
    int cookie = submit("a", READ | BlkTypes.REQ_HIPRI, 0, 1);
    assertThat(queue().blkPoll(cookie, false)).isZero();
    assertThat(disk.polls()).isEqualTo(1);
    assertThat(queue().blkPoll(cookie, true)).as("the spin is bounded").isZero();
    assertThat(disk.polls()).isGreaterThan(2);
    disk.release(0);
    assertThat(queue().pollAll()).isEqualTo(1);
    assertThat(queue().pollAll()).isZero();
  }

  @Test
  void anErrorOfThePollIsReturnedAndNotCounted() {
    BlkMqOps broken =
        new BlkMqOps() {
          @Override
          public void queueRqs(HwCtx hctx, Request chain) {
            disk.queueRqs(hctx, chain);
          }

          @Override
          public int poll(HwCtx hctx) {
            return hctx.index() == 1 ? -Errno.EIO : 3;
          }
        };
    RequestQueue queue = new RequestQueue(broken, new TagSet(1, 2, 8, false), PLAIN);
    assertThat(queue.blkPoll(1 << 16, true)).isEqualTo(-Errno.EIO);
    assertThat(queue.blkPoll(2 << 16, true)).isEqualTo(3);
    assertThat(queue.blkPoll(0, true)).as("not a polled queue").isZero();
    assertThat(queue.blkPoll(BlkTypes.BLK_QC_T_NONE, true)).isZero();
    assertThat(queue.pollAll()).isEqualTo(3);
  }

  @Test
  void everyTagIsGivenOutOnceUnderManyThreads() throws InterruptedException {
    use(new TagSet(2, 1, 96, true), PLAIN);
    disk.letThrough();
    Thread[] threads = new Thread[4];
    AtomicInteger done = new AtomicInteger();
    for (int i = 0; i < threads.length; i++) {
      threads[i] = new Thread(() -> submitMany(done));
      threads[i].start();
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(done.get()).isEqualTo(4 * 20_000);
    assertThat(queue().stats().reads()).isEqualTo(4 * 20_000);
  }

  private void submitMany(AtomicInteger done) {
    UserProcess other = new UserProcess();
    Task current = other.newTask();
    assertThat(current.enterKernel()).isTrue();
    Plug plug = new Plug();
    BioEndIo end =
        bio -> {
          assertThat(bio.status()).isZero();
          bio.put();
          done.getAndIncrement();
        };
    for (int i = 0; i < 20_000; i++) {
      if (i % 8 == 0) {
        plug.start(current);
      }
      rig.device()
          .submitBio(current, Bio.alloc(current, rig.device(), 2L * (i % 8), READ, end, null));
      if (i % 8 == 7) {
        plug.finish(current);
      }
    }
    current.leaveKernel();
    other.exit();
  }
}
