// SPDX-License-Identifier: GPL-2.0-only
package example.stripe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.QueueLimits;
import io.pollux.block.TagSet;
import io.pollux.block.bdev.DiskParameters;
import io.pollux.block.bdev.OpenedDisk;
import io.pollux.block.fixture.BlockRig;
import io.pollux.block.fixture.HeldDisk;
import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Where the parts of a request go, and what the type refuses. */
@Timeout(60)
final class StripeDiskTest {
  private static final int WRITE = BlkTypes.REQ_OP_WRITE;
  private static final QueueLimits LIMITS =
      QueueLimits.of(512).withWriteCache(true, true).withDiscard(512, 1 << 20, 1 << 20);

  private final List<HeldDisk> held = new ArrayList<>();
  private final UserProcess process = new UserProcess();
  private final Task current = process.newTask();
  private int closed;

  @AfterEach
  void exit() {
    process.exit();
    held.forEach(HeldDisk::close);
  }

  private OpenedDisk lower() {
    HeldDisk disk = new HeldDisk(1 << 20);
    held.add(disk);
    String name = "held" + held.size();
    BlockDevice device = disk.disk(name, held.size(), new TagSet(1, 1, 64, false), LIMITS, false);
    return new OpenedDisk() {
      @Override
      public BlockDevice device() {
        return device;
      }

      @Override
      public void close() {
        closed++;
      }
    };
  }

  private OpenedDisk open(String options, OpenedDisk... lower) throws ErrnoException {
    DiskParameters parameters =
        new DiskParameters(
            "stripe0", 0x100, false, OptionalLong.empty(), Options.parse(options), List.of(lower));
    return new StripeType().open(current, parameters);
  }

  private List<String> lines(int disk) {
    return held.get(disk).held().stream().map(HeldDisk.Held::line).toList();
  }

  @Test
  void chunksGoToTheDisksInTurn() throws ErrnoException {
    OpenedDisk stripe = open("chunk=8k", lower(), lower());
    try (BlockRig rig = new BlockRig(stripe.device())) {
      rig.submit("x", WRITE | BlkTypes.REQ_FUA, 8, 32); // chunks 0, 1 and 2
      assertThat(lines(0)).containsExactly("write 8+8 fua", "write 16+8 fua");
      assertThat(lines(1)).containsExactly("write 0+16 fua");
      held.get(0).releaseAll();
      assertThat(rig.ended()).isEmpty();
      held.get(1).releaseAll();
      assertThat(rig.ended()).containsExactly("x 0");
    }
    stripe.close();
    assertThat(closed).isEqualTo(2);
  }

  @Test
  void aFlushGoesToEveryDiskAndADiscardToItsParts() throws ErrnoException {
    OpenedDisk stripe = open("chunk=8k", lower(), lower());
    try (BlockRig rig = new BlockRig(stripe.device())) {
      rig.submit("flush", BlkTypes.REQ_OP_FLUSH, 0);
      held.get(0).fail(0, 28);
      assertThat(rig.ended()).isEmpty();
      held.get(1).release(0);
      assertThat(rig.takeEnded()).containsExactly("flush -28");
      held.forEach(HeldDisk::letThrough);
      assertThat(rig.device().discardAndWait(rig.task(), 8 * 512, 64 * 512)).isZero();
      assertThat(rig.device().zeroAndWait(rig.task(), 0, 512, 0)).isZero();
    }
    List<String> first = held.get(0).done().stream().map(HeldDisk.Held::line).toList();
    assertThat(first).endsWith("discard 8+32", "zero 0+1");
    List<String> second = held.get(1).done().stream().map(HeldDisk.Held::line).toList();
    assertThat(second).endsWith("discard 0+32");
  }

  @Test
  void theSizeIsWholeChunksOfTheSmallestDisk() throws ErrnoException {
    OpenedDisk small = lower();
    small.device().setCapacity(100_000);
    assertThat(open("chunk=16k", lower(), small).device().bytes()).isEqualTo(2 * 6 * (16 << 10));
    assertThat(new StripeType().lowerBytes(1 << 20, 3) * 3).isGreaterThanOrEqualTo(1 << 20);
  }

  private void assertRefused(String option, String sentence) throws ErrnoException {
    Options options = Options.parse(option);
    assertThatThrownBy(() -> new StripeType().checkOptions(options, 2)).hasMessage(sentence);
    assertThatThrownBy(() -> open(option, lower())).hasMessage(sentence);
    assertThat(closed).as("by the caller").isZero();
  }

  @Test
  void aBadParameterIsRefusedByName() throws ErrnoException {
    assertRefused("chunk=12k", "option chunk: 12288 is not a power of two");
    assertRefused("chunk=512", "option chunk: 512 is out of range, from 4096 to 1048576");
    assertRefused("chunk=5000", "option chunk: 5000 is not a power of two");
    assertRefused("depth=8", "stripe has no option 'depth'; it has only chunk");
  }

  @Test
  void aStripeHasLowerDisks() {
    assertThatThrownBy(() -> open(""))
        .hasMessage("a disk of type stripe has from 1 to 64 lower disks, not 0");
  }
}
