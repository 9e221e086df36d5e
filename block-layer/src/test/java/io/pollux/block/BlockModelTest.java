// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.uapi.RawMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Timeout;

/**
 * Checks a disk against a model, for random limits, memory layouts and orders of completion. Reads
 * return what was written, no request exceeds a limit, and every bio completes once.
 */
@Timeout(120)
class BlockModelTest extends HeldDiskTest {
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
    bdev = disk.disk(new TagSet(submitQueues, 1, 1024, random.nextBoolean()), limits);
    byte[] model = disk.contents.clone();
    Plug plug = new Plug();
    for (int round = 0; round < 100; round++) {
      String what = "seed " + seed + ", round " + round;
      boolean write = random.nextBoolean();
      boolean plugged = random.nextBoolean() && plug.start(task);
      RawMemory.segment(memory, MEMORY).fill((byte) random.nextInt());
      byte[] expected = new byte[MEMORY];
      MemorySegment.copy(
          RawMemory.segment(memory, MEMORY), ValueLayout.JAVA_BYTE, 0, expected, 0, MEMORY);
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
      assertThat(ended).as(what).hasSize(bios).allMatch(line -> line.endsWith(" 0"));
      assertThat(Arrays.equals(disk.contents, model)).as(what).isTrue();
      byte[] found = RawMemory.segment(memory, MEMORY).toArray(ValueLayout.JAVA_BYTE);
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
      while (disk.held() > 0) {
        int index = random.nextInt(disk.held());
        assertWithin(disk.held(index), limits);
        disk.release(index);
      }
      found = bdev.queue().blkPoll(polledCookie, false);
    } while (found > 0 || disk.held() > 0);
  }

  private void assertWithin(Request request, QueueLimits limits) {
    String what = "seed " + seed;
    assertThat(request.bytes()).as(what).isLessThanOrEqualTo(limits.maxSectors() * 512);
    assertThat(request.segments()).as(what).isLessThanOrEqualTo(limits.maxSegments());
    if (limits.chunkSectors() != 0 && request.bytes() != 0) {
      long last = request.bio().sector() + request.bytes() / 512 - 1;
      assertThat(last / limits.chunkSectors())
          .as(what)
          .isEqualTo(request.bio().sector() / limits.chunkSectors());
    }
  }
}
