// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.fixture.HeldDisk.Held;
import io.pollux.block.fixture.RecordingDriver;
import io.pollux.core.mm.HostMemory;
import io.pollux.uapi.Errno;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A synchronous transfer of many pieces: few bios, and one result. */
@Timeout(60)
class BioBatchTest extends RigTest {
  private static final int PAGE = HostMemory.PAGE_SIZE;
  private static final long GIB = 1L << 30;

  /** Contiguous pieces share a bio, even for a driver that takes one bio per request. */
  @Test
  void contiguousPiecesShareABio() {
    use(new TagSet(1, 0, 8, false), PLAIN);
    disk.letThrough();
    BioBatch batch = BioBatch.get(task, rig.device(), BlkTypes.REQ_OP_READ);
    for (int page : new int[] {2, 3, 4, 7, 8, 1}) {
      batch.add(task, (long) page * PAGE, memory + 2L * page * PAGE, PAGE);
    }
    assertThat(batch.await(task)).isZero();
    assertThat(disk.done()).map(Held::line).containsExactly("read 16+24", "read 56+16", "read 8+8");
    assertThat(disk.done()).map(Held::segments).containsExactly(3, 2, 1);
  }

  @Test
  void theFirstErrorIsTheResultAndTheNextBatchHasNone() {
    use(new TagSet(1, 0, 8, false), PLAIN);
    disk.letThrough();
    BioBatch batch = BioBatch.get(task, rig.device(), BlkTypes.REQ_OP_READ);
    batch.add(task, DISK_BYTES, memory, PAGE);
    batch.add(task, 0, memory, PAGE);
    assertThat(batch.await(task)).isEqualTo(-Errno.EIO);
    BioBatch next = BioBatch.get(task, rig.device(), BlkTypes.REQ_OP_READ);
    next.add(task, 0, memory, PAGE);
    assertThat(next.await(task)).isZero();
    assertThat(BioBatch.get(task, rig.device(), BlkTypes.REQ_OP_READ).await(task)).isZero();
  }

  @Test
  void theBiosOfABatchReachTheDriverInOneCall() {
    RecordingDriver driver = new RecordingDriver().completingAtOnce();
    BlockDevice recorded = driver.disk("recorded", DISK_BYTES);
    BioBatch batch = BioBatch.get(task, recorded, BlkTypes.REQ_OP_READ);
    for (int page : new int[] {2, 4, 6}) {
      batch.add(task, (long) page * PAGE, memory, PAGE);
    }
    assertThat(driver.calls()).isEmpty();
    assertThat(batch.await(task)).isZero();
    assertThat(driver.calls()).containsExactly(3);
    assertThat(task.plug()).isNull();
  }

  /** A driver of a large disk that completes discards at once. */
  private static final class Discards implements BlkMqOps {
    private final List<String> seen = new ArrayList<>();
    private int result;

    @Override
    public void queueRqs(HwCtx hctx, Request chain) {
      @Nullable Request following = chain;
      while (following != null) {
        Request request = following;
        following = request.next();
        seen.add(request.bio().sector() + "+" + (request.bytes() >> BlkTypes.SECTOR_SHIFT));
        request.complete(result);
      }
    }

    @Override
    public int poll(HwCtx hctx) {
      return 0;
    }
  }

  @Test
  void aRangeOverAGibibyteIsSeveralBios() {
    Discards driver = new Discards();
    QueueLimits limits = PLAIN.withDiscard(0, Integer.MAX_VALUE >> 9, 0);
    RequestQueue queue = new RequestQueue(driver, TAGS, limits);
    BlockDevice large = new BlockDevice("large", 1, 8 * GIB, false, queue);
    assertThat(large.discardAndWait(task, 1024, 2 * GIB + 4096)).isZero();
    assertThat(driver.seen).containsExactly("2+2097152", "2097154+2097152", "4194306+8");
    driver.seen.clear();
    driver.result = -Errno.EIO;
    assertThat(large.discardAndWait(task, 0, 512)).isEqualTo(-Errno.EIO);
    assertThat(large.discardAndWait(task, 8 * GIB, 512)).isEqualTo(-Errno.EIO);
    assertThat(driver.seen).containsExactly("0+1");
  }
}
