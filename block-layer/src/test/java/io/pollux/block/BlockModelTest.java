// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.fixture.HeldDisk.Held;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Timeout;

/**
 * Checks a disk against a model, for random limits, memory layouts and orders of completion. Reads
 * return what was written, no request exceeds a limit, and every bio completes once.
 */
@Timeout(120)
class BlockModelTest extends RigTest {
  private static final int SECTORS = DISK_BYTES / 512;
  private final long seed = Long.getLong("pollux.seed", System.nanoTime());
  private final Random random = new Random(seed);
  private int bios;

  @RepeatedTest(20)
  void everySectorGoesWhereItBelongs() {
    System.out.println("BlockModelTest: -Dpollux.seed=" + seed);
    int chunk = random.nextBoolean() ? 0 : 8 << random.nextInt(4);
    QueueLimits limits =
        PLAIN
            .withTransfer(8 + random.nextInt(60), 1 + random.nextInt(6), chunk)
            .withWriteCache(random.nextBoolean(), random.nextBoolean());
    int submitQueues = 1 + random.nextInt(2);
    use(new TagSet(submitQueues, 1, 1024, random.nextBoolean()), limits);
    byte[] model = disk.contents().toArray(ValueLayout.JAVA_BYTE);
    Plug plug = new Plug();
    for (int round = 0; round < 100; round++) {
      String what = "seed " + seed + ", round " + round;
      boolean write = random.nextBoolean();
      boolean plugged = random.nextBoolean() && plug.start(task);
      RawMemory.segment(memory, DISK_BYTES).fill((byte) random.nextInt());
      byte[] expected = new byte[DISK_BYTES];
      MemorySegment.copy(
          RawMemory.segment(memory, DISK_BYTES), ValueLayout.JAVA_BYTE, 0, expected, 0, DISK_BYTES);
      int at = random.nextInt(16);
      for (int i = 0; i < 20 && at < SECTORS - 128; i++) { // bios of a round do not overlap
        int sectors = send(write, at);
        if (write) {
          System.arraycopy(expected, at * 512, model, at * 512, sectors * 512);
        } else {
          System.arraycopy(model, at * 512, expected, at * 512, sectors * 512);
        }
        at += sectors + (random.nextInt(3) == 0 ? 1 + random.nextInt(200) : 0);
      }
      if (plugged) {
        plug.finish(task);
      }
      completeInAnyOrder(limits, submitQueues << 16);
      assertThat(rig.ended()).as(what).hasSize(bios).allMatch(line -> line.endsWith(" 0"));
      assertThat(disk.contents().mismatch(MemorySegment.ofArray(model))).as(what).isEqualTo(-1);
      byte[] found = RawMemory.segment(memory, DISK_BYTES).toArray(ValueLayout.JAVA_BYTE);
      assertThat(Arrays.equals(found, expected)).as(what).isTrue();
    }
  }

  /** Submits one bio of some pieces. Returns its sectors. */
  private int send(boolean write, int at) {
    int[] pieces = new int[1 + random.nextInt(8)];
    for (int i = 0; i < pieces.length; i++) {
      pieces[i] = 1 + random.nextInt(16);
    }
    int opf = write ? BlkTypes.REQ_OP_WRITE : BlkTypes.REQ_OP_READ;
    if (write && random.nextInt(4) == 0) {
      opf |= BlkTypes.REQ_FUA;
    }
    if (random.nextInt(8) == 0) {
      opf |= BlkTypes.REQ_HIPRI;
    }
    submit("bio" + bios++, opf, at, pieces);
    return Arrays.stream(pieces).sum();
  }

  private void completeInAnyOrder(QueueLimits limits, int polledCookie) {
    int found;
    do {
      List<Held> held = disk.held();
      while (!held.isEmpty()) {
        int index = random.nextInt(held.size());
        assertWithin(held.get(index), limits);
        disk.release(index);
        held = disk.held();
      }
      found = queue().blkPoll(polledCookie, false);
    } while (found > 0 || !disk.held().isEmpty());
  }

  private void assertWithin(Held request, QueueLimits limits) {
    String what = "seed " + seed;
    assertThat(request.sectors()).as(what).isLessThanOrEqualTo(limits.maxSectors());
    assertThat(request.segments()).as(what).isLessThanOrEqualTo(limits.maxSegments());
    if (limits.chunkSectors() != 0 && request.sectors() != 0) {
      long last = request.sector() + request.sectors() - 1;
      assertThat(last / limits.chunkSectors())
          .as(what)
          .isEqualTo(request.sector() / limits.chunkSectors());
    }
  }
}
