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
import io.pollux.block.fixture.BlockRig;
import io.pollux.block.fixture.HeldDisk;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.sched.Task;
import io.pollux.uapi.RawMemory;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A stacked disk written with the public API alone: a mirror, over disks of several kinds. */
@Timeout(60)
final class StackedDiskTest {
  private static final int READ = BlkTypes.REQ_OP_READ;
  private static final int WRITE = BlkTypes.REQ_OP_WRITE;
  private static final int LOWER_BYTES = 1 << 20;
  private static final QueueLimits LIMITS =
      QueueLimits.of(512).withWriteCache(true, true).withDiscard(512, 1 << 20, 1 << 20);

  private final List<AutoCloseable> open = new ArrayList<>();

  @AfterEach
  void close() throws Exception {
    for (int i = open.size() - 1; i >= 0; i--) {
      open.get(i).close();
    }
  }

  private HeldDisk held() {
    HeldDisk disk = new HeldDisk(LOWER_BYTES);
    open.add(disk);
    return disk;
  }

  private static BlockDevice lower(HeldDisk disk, int number, int depth) {
    return disk.disk("held" + number, number, new TagSet(1, 1, depth, false), LIMITS, false);
  }

  private static BlockDevice mirror(int depth, BlockDevice... disks) {
    return new MirrorDisk(List.of(disks), depth).disk("mirror0", 100);
  }

  private BlockRig rig(BlockDevice device) {
    BlockRig rig = new BlockRig(device);
    open.add(rig);
    return rig;
  }

  private static List<String> lines(HeldDisk disk) {
    return disk.held().stream().map(HeldDisk.Held::line).toList();
  }

  private static List<String> done(HeldDisk disk) {
    return disk.done().stream().map(HeldDisk.Held::line).toList();
  }

  @Test
  void aWriteGoesToEachDiskAndAReadToOne() {
    HeldDisk a = held();
    HeldDisk b = held();
    BlockRig rig = rig(mirror(64, lower(a, 0, 64), lower(b, 1, 64)));
    rig.submit("w", WRITE | BlkTypes.REQ_FUA, 8, 16);
    rig.submit("r", READ, 16, 8);
    assertThat(lines(a)).containsExactly("write 8+8 fua", "write 16+8 fua");
    assertThat(lines(b)).containsExactly("write 8+8 fua", "write 16+8 fua", "read 16+8");
    a.releaseAll();
    assertThat(rig.ended()).isEmpty();
    b.releaseAll();
    assertThat(rig.ended()).containsExactly("w 0", "r 0");
  }

  @Test
  void aRequestFailsWithTheFirstErrorOnceAllPartsAreOver() {
    HeldDisk a = held();
    HeldDisk b = held();
    BlockRig rig = rig(mirror(64, lower(a, 0, 64), lower(b, 1, 64)));
    rig.submit("flush", BlkTypes.REQ_OP_FLUSH, 0);
    a.fail(0, 28);
    assertThat(rig.ended()).isEmpty();
    b.fail(0, 5);
    assertThat(rig.ended()).containsExactly("flush -28");
  }

  @Test
  void aDiscardOrAFlushGoesToEveryDisk() {
    HeldDisk a = held();
    HeldDisk b = held();
    BlockRig rig = rig(mirror(64, lower(a, 0, 64), lower(b, 1, 64)));
    Task task = rig.task();
    a.letThrough();
    b.letThrough();
    assertThat(rig.device().discardAndWait(task, 8 * 512, 64 * 512)).isZero();
    assertThat(rig.device().zeroAndWait(task, 0, 512, 0)).isZero();
    assertThat(rig.device().flushAndWait(task)).isZero();
    assertThat(done(a)).containsExactly("discard 8+64", "zero 0+1", "flush 0+0");
    assertThat(done(b)).containsExactly("discard 8+64", "zero 0+1", "flush 0+0");
  }

  @Test
  void whatIsWrittenIsRead() {
    for (int opf : new int[] {0, BlkTypes.REQ_HIPRI}) {
      List<BlockDevice> disks = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        RamDisk ram = new RamDisk(LOWER_BYTES);
        open.add(ram);
        disks.add(ram.disk("ram" + i, i, false));
      }
      writeAndRead(mirror(64, disks.toArray(new BlockDevice[0])), opf);
    }
  }

  @Test
  void aMirrorOfMirrorsWorksPolledAndNot() {
    for (int opf : new int[] {0, BlkTypes.REQ_HIPRI}) {
      List<BlockDevice> level = new ArrayList<>();
      for (int i = 0; i < 16; i++) {
        RamDisk ram = new RamDisk(LOWER_BYTES);
        open.add(ram);
        level.add(ram.disk("ram" + i, i, false));
      }
      for (int dev = 200; level.size() > 1; dev += 100) {
        List<BlockDevice> above = new ArrayList<>();
        for (int i = 0; i < level.size(); i += 2) {
          MirrorDisk both = new MirrorDisk(level.subList(i, i + 2), 40);
          above.add(both.disk("mirror" + dev + "-" + i, dev + i));
        }
        level = above;
      }
      writeAndRead(level.get(0), opf);
    }
  }

  private void writeAndRead(BlockDevice device, int flags) {
    BlockRig rig = rig(device);
    SplittableRandom random = new SplittableRandom(device.bytes() + flags);
    for (long at = 0; at < device.bytes(); at += 8) {
      RawMemory.putLong(rig.memory() + at, random.nextLong());
    }
    int most = 256 * 512;
    for (long at = 0; at < device.bytes(); at += most) {
      int bytes = (int) Math.min(most, device.bytes() - at);
      transfer(rig, WRITE | flags, at, rig.memory() + at, bytes);
    }
    long copy = HostMemory.map(device.bytes());
    for (long at = 0; at < device.bytes(); at += most) {
      int bytes = (int) Math.min(most, device.bytes() - at);
      transfer(rig, READ | flags, at, copy + at, bytes);
    }
    assertThat(
            RawMemory.segment(copy, device.bytes())
                .mismatch(RawMemory.segment(rig.memory(), device.bytes())))
        .isEqualTo(-1);
    HostMemory.unmap(copy, device.bytes());
  }

  private static void transfer(BlockRig rig, int opf, long at, long address, int bytes) {
    int cookie = rig.submitAt("t", opf, at >> 9, address, bytes >> 9);
    while (rig.ended().isEmpty()) {
      rig.device().queue().blkPoll(cookie, true);
    }
    assertThat(rig.takeEnded()).containsExactly("t 0");
  }

  /** 3,200 polled requests over disks with four requests each: not one fails with EAGAIN. */
  @Test
  void aDeepPolledQueueOverShallowDisksNeverSeesEagain() {
    List<BlockDevice> disks = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      NullDisk disk =
          new NullDisk(new RamDisk(LOWER_BYTES), NullParameters.DEFAULT.withQueues(1, 1, 4));
      open.add(disk);
      disks.add(disk.disk("null" + i, i, false));
    }
    BlockRig rig = rig(new MirrorDisk(disks, 4096).disk("mirror0", 100));
    Task task = rig.task();
    AtomicInteger good = new AtomicInteger();
    AtomicInteger bad = new AtomicInteger();
    int cookie = BlkTypes.BLK_QC_T_NONE;
    Plug plug = new Plug();
    plug.start(task);
    for (int i = 0; i < 3_200; i++) {
      Bio bio =
          Bio.alloc(
              task,
              rig.device(),
              i % 64 * 8L,
              READ | BlkTypes.REQ_HIPRI_ASYNC,
              done -> {
                (done.status() == 0 ? good : bad).getAndIncrement();
                done.put();
              },
              null);
      bio.addMemory(rig.memory(), 4096);
      cookie = rig.device().submitBio(task, bio);
    }
    plug.finish(task);
    while (good.get() + bad.get() < 3_200) {
      rig.device().queue().blkPoll(cookie, true);
    }
    assertThat(bad).hasValue(0);
    assertThat(disks).allMatch(disk -> disk.queue().busyTags() == 0);
  }

  /** The lower driver is called as deep in the stack under 24 levels as under 2. */
  @Test
  void theStackDoesNotGrowWithTheLevels() {
    assertThat(depthUnder(24)).isEqualTo(depthUnder(2));
  }

  private long depthUnder(int levels) {
    AtomicInteger depth = new AtomicInteger();
    HeldDisk disk = held();
    BlkMqOps measures =
        new BlkMqOps() {
          @Override
          public void queueRqs(HwCtx hctx, Request chain) {
            depth.set(Thread.currentThread().getStackTrace().length);
            disk.queueRqs(hctx, chain);
          }

          @Override
          public int poll(HwCtx hctx) {
            return disk.poll(hctx);
          }
        };
    RequestQueue queue = new RequestQueue(measures, HeldDisk.TAGS, LIMITS);
    BlockDevice device = new BlockDevice("bottom", 1, LOWER_BYTES, false, queue);
    for (int i = 0; i < levels; i++) {
      device = mirror(4, device);
    }
    BlockRig rig = rig(device);
    for (int i = 0; i < 2; i++) { // a queue is known as stacked from its first request on
      rig.submit("x", READ, 0, 8);
      disk.releaseAll();
      assertThat(rig.takeEnded()).containsExactly("x 0");
    }
    return depth.get();
  }

  @Test
  void aDeepQueueOverShallowDisksWorksWithInterrupts() {
    HeldDisk a = held();
    HeldDisk b = held();
    BlockRig rig = rig(mirror(64, lower(a, 0, 2), lower(b, 1, 2)));
    for (int i = 0; i < 40; i++) {
      rig.submit("" + i, WRITE, i * 16L, 16);
    }
    rig.submit("flush", BlkTypes.REQ_OP_FLUSH, 0);
    while (rig.ended().size() < 41) {
      a.releaseAll();
      b.releaseAll();
    }
    assertThat(rig.ended()).hasSize(41).allMatch(each -> each.endsWith(" 0"));
    assertThat(rig.ended().get(40)).isEqualTo("flush 0");
  }

  /** Part of a flush is with the disks, and part handed back, when the stripe is shut down. */
  @Test
  void aShutDownLeavesNoPartOfARequestBehind() {
    HeldDisk a = held();
    HeldDisk b = held();
    BlockDevice second = lower(b, 1, 1);
    BlockRig rig = rig(mirror(64, lower(a, 0, 1), second));
    rig.submit("b", READ, 16, 8);
    rig.submit("flush", BlkTypes.REQ_OP_FLUSH, 0);
    assertThat(lines(a)).containsExactly("flush 0+0");
    assertThat(lines(b)).containsExactly("read 16+8");
    rig.device().queue().shutDown("a test", new AssertionError("broken"));
    assertThat(rig.ended()).as("its memory is the disks'").isEmpty();
    a.releaseAll();
    assertThat(rig.ended()).containsExactly("flush -5");
    b.releaseAll();
    assertThat(rig.ended()).containsExactly("flush -5", "b 0");
    assertThat(second.queue().busyTags()).isZero();
  }

  /** The removed driver is not called again, and nothing else polls the disk below. */
  @Test
  void aPolledPartOfARemovedDiskCompletesWhenItIsPolled() throws InterruptedException {
    HeldDisk a = held();
    HeldDisk b = held();
    BlockDevice inner = mirror(64, lower(a, 0, 64), lower(b, 1, 64));
    BlockDevice outer = new MirrorDisk(List.of(inner, inner), 64).disk("outer0", 101);
    BlockRig rig = rig(outer);
    rig.submit("r", READ | BlkTypes.REQ_HIPRI, 0, 8);
    assertThat(a.held()).hasSize(1);
    outer.remove();
    Thread.sleep(200); // many ticks: the driver is not called any more
    assertThat(rig.ended()).as("the disk has its memory").isEmpty();
    a.releaseAll();
    assertThat(rig.ended()).as("not polled yet").isEmpty();
    assertThat(outer.queue().pollAll()).isPositive();
    assertThat(rig.ended()).containsExactly("r 0");
    assertThat(inner.queue().busyTags() + outer.queue().busyTags()).isZero();
  }

  @Test
  void theRemovalOfALowerDiskFailsWhatNeedsIt() throws InterruptedException {
    HeldDisk a = held();
    HeldDisk b = held();
    BlockDevice second = lower(b, 1, 2);
    BlockRig rig = rig(mirror(64, lower(a, 0, 64), second));
    for (int i = 0; i < 8; i++) {
      rig.submit("" + i, READ, i * 16L, 8); // half of them on each disk, two of those handed back
    }
    second.remove();
    a.letThrough();
    while (rig.ended().size() < 8) {
      Thread.sleep(1); // the timeout bounds the loop
    }
    assertThat(rig.takeEnded())
        .containsExactlyInAnyOrder("0 0", "1 -5", "2 0", "3 -5", "4 0", "5 -5", "6 0", "7 -5");
    rig.submit("first", WRITE, 0, 8);
    rig.submit("second", READ | BlkTypes.REQ_HIPRI, 16, 8);
    rig.submit("flush", BlkTypes.REQ_OP_FLUSH, 0);
    assertThat(rig.takeEnded()).containsExactly("first -5", "second -5", "flush -5");
    assertThat(second.queue().busyTags()).isZero();
  }
}
