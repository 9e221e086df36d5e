// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.block.Bio;
import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.Plug;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.uapi.RawMemory;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * A RAM disk with a copy engine: the thread's copies, the poller's copies, and the contents
 * afterwards.
 */
@Timeout(120)
class CopyEngineTest {
  private static final int BLOCK = 4096;
  private static final int BLOCKS = 256;
  private static final long BYTES = (long) BLOCKS * BLOCK;
  private static final int SECTORS = BLOCK / BlkTypes.SECTOR_SIZE;
  private static final int READ = BlkTypes.REQ_OP_READ | BlkTypes.REQ_HIPRI;
  private static final int WRITE = BlkTypes.REQ_OP_WRITE | BlkTypes.REQ_HIPRI;

  private final UserProcess process = new UserProcess();
  private final Task task = process.newTask();
  private final long memory = HostMemory.map(BYTES);
  private final AtomicInteger ended = new AtomicInteger();
  private final RamDisk disk = new RamDisk(BYTES).withCopyEngine();
  private final BlockDevice device = disk.disk("ram0", 1, false);

  @BeforeEach
  void fillTheDisk() {
    assertThat(task.enterKernel()).isTrue();
    for (int block = 0; block < BLOCKS; block++) {
      RawMemory.putLong(disk.address() + (long) block * BLOCK, block + 1);
    }
  }

  @AfterEach
  void leave() {
    assertThat(device.queue().busyTags()).isZero();
    disk.close();
    assertThat(copyThreads()).as("closed").isZero();
    task.leaveKernel();
    process.exit();
    HostMemory.unmap(memory, BYTES);
  }

  private static long copyThreads() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(t -> t.getName().equals("ram-copy"))
        .count();
  }

  private long page(int number) {
    return memory + (long) number * BLOCK;
  }

  /** Sends a bio of some pages of memory, from one on. */
  private int submit(Task current, BlockDevice to, int block, int opf, int page, int pages) {
    Bio bio = Bio.alloc(current, to, (long) block * SECTORS, opf, this::end, null);
    for (int i = 0; i < pages; i++) {
      assertThat(bio.addMemory(page(page + i), BLOCK)).isTrue();
    }
    return to.submitBio(current, bio);
  }

  private void end(Bio bio) {
    assertThat(bio.status()).isZero();
    bio.put();
    ended.getAndIncrement();
  }

  /** Submits a batch that reads every other block, each to its own page. Returns a cookie. */
  private int readEveryOther(int requests) {
    Plug plug = new Plug();
    assertThat(plug.start(task)).isTrue();
    int cookie = 0;
    for (int i = 0; i < requests; i++) {
      cookie = submit(task, device, 2 * i, READ, i, 1); // neighbours would be merged
    }
    plug.finish(task);
    return cookie;
  }

  private void pollUntil(BlockDevice on, int cookie, int all) {
    while (ended.get() < all) {
      on.queue().blkPoll(cookie, true);
      goOn();
    }
  }

  private void awaitMoved(int page, int block) {
    while (RawMemory.getIntAcquire(page(page)) != block + 1) {
      Thread.onSpinWait();
      goOn();
    }
  }

  /** What never comes is the timeout's, which interrupts. */
  private static void goOn() {
    assertThat(Thread.currentThread().isInterrupted()).as("too late").isFalse();
  }

  @Test
  void aBatchIsMovedWithoutAPollAndCompletesWithOne() {
    int cookie = readEveryOther(8);
    for (int i = 0; i < 8; i++) {
      awaitMoved(i, 2 * i);
    }
    assertThat(ended).hasValue(0);
    pollUntil(device, cookie, 8);
    assertThat(device.queue().stats().reads()).isEqualTo(8);
  }

  @Test
  void itIsWokenUpByABatch() throws InterruptedException {
    for (int round = 1; round <= 20; round++) {
      Thread.sleep(2); // it stays awake for a tenth of that
      int cookie = readEveryOther(3);
      awaitMoved(2, 4);
      pollUntil(device, cookie, 3 * round);
      RawMemory.zero(memory, 3 * BLOCK);
    }
  }

  @Test
  void aCopyWithoutRoomIsLeftToThePoller() {
    int cookie = readEveryOther(40);
    awaitMoved(CopyEngine.ROOM - 1, 2 * (CopyEngine.ROOM - 1));
    for (int i = CopyEngine.ROOM; i < 40; i++) {
      assertThat(RawMemory.getLong(page(i))).as("page " + i).isZero();
    }
    assertThat(device.queue().blkPoll(cookie, false))
        .as("of those that were moved")
        .isBetween(1, CopyEngine.ROOM);
    submit(task, device, 200, READ, 200, 1);
    awaitMoved(CopyEngine.ROOM, 2 * CopyEngine.ROOM); // before what came later
    pollUntil(device, cookie, 41);
    for (int i = 0; i < 40; i++) {
      assertThat(RawMemory.getLong(page(i))).as("page " + i).isEqualTo(2 * i + 1);
    }
  }

  @Test
  void aRequestAloneIsLeftToThePoller() {
    for (int i = 0; i < 100; i++) {
      int cookie = submit(task, device, i, READ, i, 1);
      assertThat(device.queue().blkPoll(cookie, false))
          .as("without waiting for another thread")
          .isEqualTo(1);
      assertThat(RawMemory.getLong(page(i))).isEqualTo(i + 1);
    }
  }

  @Test
  void whatHasNoPollerIsDoneAtOnce() {
    Plug plug = new Plug();
    assertThat(plug.start(task)).isTrue();
    for (int i = 0; i < 8; i++) {
      submit(task, device, 2 * i, BlkTypes.REQ_OP_READ, i, 1);
    }
    plug.finish(task);
    assertThat(ended).hasValue(8);
  }

  @Test
  void aBatchOfAllKindsEndsWhole() {
    Plug plug = new Plug();
    assertThat(plug.start(task)).isTrue();
    RawMemory.putLong(page(0), 77);
    int cookie = submit(task, device, 0, WRITE, 0, 1);
    submit(task, device, 10, READ, 1, 3); // of three pieces
    submit(task, device, 20, READ, 4, 1);
    submit(task, device, 21, READ, 5, 1); // merged with the one before
    submit(task, device, 30, READ, 6, 1);
    plug.finish(task);
    pollUntil(device, cookie, 5);
    assertThat(RawMemory.getLong(disk.address())).isEqualTo(77);
    int[] blocks = {10, 11, 12, 20, 21, 30};
    for (int i = 0; i < blocks.length; i++) {
      assertThat(RawMemory.getLong(page(1 + i))).as("block " + blocks[i]).isEqualTo(blocks[i] + 1);
    }
  }

  /** It would wait forever if room went to what comes later. */
  @Test
  void whatIsNotOfOnePieceIsNotOvertakenForLong() {
    readEveryOther(8);
    int piecemeal = submit(task, device, 200, READ, 200, 2);
    int batches = 1;
    while (RawMemory.getLong(page(201)) == 0) {
      assertThat(batches).isLessThan(100);
      readEveryOther(8);
      batches++;
      awaitMoved(0, 0);
      device.queue().blkPoll(piecemeal, false);
    }
    pollUntil(device, piecemeal, 8 * batches + 1);
  }

  @Test
  void noFaultsAreForIt() {
    assertThatThrownBy(() -> FaultDisk.over(disk, FaultPlan.parse("seed=1")))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void anotherDeviceOfTheSameDiskGoesWithoutIt() {
    int cookie = readEveryOther(8);
    pollUntil(device, cookie, 8);
    BlockDevice second = disk.disk("ram1", 2, false);
    Plug plug = new Plug();
    assertThat(plug.start(task)).isTrue();
    int other = 0;
    for (int i = 0; i < 8; i++) {
      other = submit(task, second, 100 + 2 * i, READ, i, 1);
    }
    plug.finish(task);
    assertThat(second.queue().blkPoll(other, false)).as("all that waits").isEqualTo(8);
    assertThat(ended).hasValue(16);
    assertThat(RawMemory.getLong(page(7))).isEqualTo(115);
  }

  /** Threads submit and poll concurrently, each with its own blocks and a model of them. */
  @Test
  void manyThreadsFindWhatTheyWrote() throws Exception {
    long seed = Long.getLong("pollux.seed", System.nanoTime());
    System.out.println("CopyEngineTest: -Dpollux.seed=" + seed);
    SplittableRandom random = new SplittableRandom(seed);
    ExecutorService threads = Executors.newFixedThreadPool(4);
    try {
      Future<?>[] all = new Future<?>[4];
      for (int i = 0; i < all.length; i++) {
        all[i] = threads.submit(writer(i * (BLOCKS / 4), random.split()));
      }
      for (Future<?> each : all) {
        each.get();
      }
    } finally {
      threads.shutdownNow(); // and interrupts what waits for what never comes
    }
  }

  private Callable<Void> writer(int first, SplittableRandom random) {
    return () -> {
      Task mine = process.newTask();
      assertThat(mine.enterKernel()).isTrue();
      long[] model = new long[BLOCKS / 4];
      for (int block = 0; block < model.length; block++) {
        model[block] = first + block + 1L;
      }
      for (int round = 0; round < 500; round++) {
        batch(mine, first, model, random);
      }
      mine.leaveKernel();
      return null;
    };
  }

  /**
   * Some blocks read and some written, none of them twice; then what was read is held against the
   * model.
   */
  private void batch(Task mine, int first, long[] model, SplittableRandom random) {
    AtomicInteger done = new AtomicInteger();
    Plug plug = new Plug();
    assertThat(plug.start(mine)).isTrue();
    boolean[] sent = new boolean[model.length];
    int bios = 0;
    int cookie = 0;
    for (int block = random.nextInt(8); block < model.length; block += 1 + random.nextInt(6)) {
      boolean write = random.nextBoolean();
      RawMemory.putLong(page(first + block), write ? random.nextLong() : 0);
      if (write) {
        model[block] = RawMemory.getLong(page(first + block));
      }
      Bio bio =
          Bio.alloc(
              mine,
              device,
              (long) (first + block) * SECTORS,
              write ? WRITE : READ,
              ended -> done(ended, done),
              null);
      assertThat(bio.addMemory(page(first + block), BLOCK)).isTrue();
      cookie = device.submitBio(mine, bio);
      sent[block] = true;
      bios++;
    }
    plug.finish(mine);
    while (done.get() < bios) {
      device.queue().blkPoll(cookie, true);
      goOn();
    }
    for (int block = 0; block < model.length; block++) {
      if (sent[block]) {
        assertThat(RawMemory.getLong(page(first + block)))
            .as("block " + (first + block))
            .isEqualTo(model[block]);
      }
    }
  }

  private static void done(Bio bio, AtomicInteger done) {
    assertThat(bio.status()).isZero();
    bio.put();
    done.getAndIncrement();
  }
}
