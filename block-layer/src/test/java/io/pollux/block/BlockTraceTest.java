// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.fixture.BlockRig;
import io.pollux.core.fixture.TraceLog;
import io.pollux.core.trace.TraceEvent;
import io.pollux.core.trace.TracePoint;
import io.pollux.uapi.Errno;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The trace points of the block layer, with the numbers of Linux's events. */
@Timeout(60)
class BlockTraceTest extends RigTest {
  private static final int READ = BlkTypes.REQ_OP_READ;
  private static final long ID = Long.MAX_VALUE; // of no request, but not before any

  private void submitWithId(String name, int opf, long sector, int... pieces) {
    Bio bio = rig.bio(name, opf, sector, pieces);
    bio.setTraceId(ID);
    assertThat(rig.device().submitBio(task, bio)).isNotEqualTo(BlkTypes.BLK_QC_T_NONE);
  }

  private static List<Long> numbers(TraceEvent event, String... fields) {
    List<Long> numbers = new ArrayList<>();
    for (String field : fields) {
      numbers.add(event.number(field));
    }
    return numbers;
  }

  @Test
  void aBioPassesEachPointOnce() {
    try (TraceLog log = new TraceLog()) {
      submitWithId("a", READ | BlkTypes.REQ_META, 16, 8);
      assertThat(log.names()).containsExactly("block_bio_queue", "block_getrq", "block_rq_issue");
      disk.release(0);
      assertThat(log.names())
          .endsWith("block_rq_issue", "block_rq_complete", "block_bio_complete")
          .hasSize(5);
      assertThat(log.ids()).containsExactly(ID);
      for (TraceEvent event : log.events()) {
        assertThat(numbers(event, "dev", "sector", "nr_sector", "rwbs"))
            .as(event.toString())
            .containsExactly(rig.device().dev(), 16L, 8L, (long) (READ | BlkTypes.REQ_META));
      }
      TraceEvent issue = log.only(TracePoint.BLOCK_RQ_ISSUE);
      assertThat(numbers(issue, "bytes", "hctx", "tag")).containsExactly(8 * 512L, 0L, 0L);
      assertThat(issue.subject()).isInstanceOf(Request.class);
      assertThat(log.only(TracePoint.BLOCK_BIO_QUEUE).subject()).isInstanceOf(Bio.class);
      assertThat(log.only(TracePoint.BLOCK_BIO_QUEUE).task()).isSameAs(task);
    }
  }

  @Test
  void theCompletionHasTheError() {
    try (TraceLog log = new TraceLog()) {
      submit("a", READ, 0, 8);
      disk.fail(0, Errno.EIO);
      assertThat(log.only(TracePoint.BLOCK_RQ_COMPLETE).number("error")).isEqualTo(-Errno.EIO);
      assertThat(log.only(TracePoint.BLOCK_BIO_COMPLETE).number("error")).isEqualTo(-Errno.EIO);
    }
  }

  /** What no direct I/O has marked: filesystems' own blocks, and the page cache. */
  @Test
  void aBioOfNoRequestHasTheId0AlsoWhenItsObjectHadAnother() {
    try (TraceLog log = new TraceLog()) {
      submitWithId("a", READ, 0, 8);
      disk.releaseAll();
      log.clear();
      submit("b", READ, 0, 8);
      disk.releaseAll();
      assertThat(log.ids()).containsExactly(0L);
    }
  }

  @Test
  void aPlugHoldsRequestsAndIsOpenedAndFlushedOnce() {
    Plug plug = new Plug();
    plug.start(task);
    try (TraceLog log = new TraceLog()) {
      submit("a", READ, 0, 8);
      submit("b", READ, 16, 8);
      assertThat(log.names())
          .containsExactly(
              "block_bio_queue", "block_getrq", "block_plug", "block_bio_queue", "block_getrq");
      log.clear();
      plug.finish(task);
      assertThat(log.names()).containsExactly("block_unplug", "block_rq_issue", "block_rq_issue");
      assertThat(log.only(TracePoint.BLOCK_UNPLUG).number("nr_rq")).isEqualTo(2);
    }
    disk.releaseAll();
  }

  @Test
  void aMergedBioHasNoRequestOfItsOwn() {
    Plug plug = new Plug();
    plug.start(task);
    try (TraceLog log = new TraceLog()) {
      submit("a", READ, 0, 8);
      submitWithId("b", READ, 8, 4);
      plug.finish(task);
      disk.releaseAll();
      TraceEvent merge = log.only(TracePoint.BLOCK_BIO_BACKMERGE);
      assertThat(numbers(merge, "sector", "nr_sector", "tag")).containsExactly(8L, 4L, 0L);
      assertThat(merge.id()).isEqualTo(ID);
      assertThat(log.events(TracePoint.BLOCK_GETRQ)).hasSize(1);
      assertThat(log.only(TracePoint.BLOCK_RQ_ISSUE).number("nr_sector")).isEqualTo(12);
      assertThat(log.events(TracePoint.BLOCK_BIO_COMPLETE))
          .map(TraceEvent::id)
          .containsExactly(0L, ID);
    }
  }

  @Test
  void aPieceOfASplitBioBelongsToTheSameRequest() {
    use(TAGS, PLAIN.withTransfer(8, 256, 0));
    try (TraceLog log = new TraceLog()) {
      submitWithId("a", READ, 3, 20);
      disk.releaseAll();
      assertThat(log.ids()).containsExactly(ID);
      assertThat(log.events(TracePoint.BLOCK_BIO_QUEUE)).hasSize(1);
      assertThat(log.events(TracePoint.BLOCK_SPLIT))
          .map(event -> numbers(event, "sector", "new_sector"))
          .containsExactly(List.of(3L, 11L), List.of(11L, 19L));
      assertThat(log.events(TracePoint.BLOCK_RQ_ISSUE))
          .map(event -> numbers(event, "sector", "nr_sector"))
          .containsExactly(List.of(3L, 8L), List.of(11L, 8L), List.of(19L, 4L));
      assertThat(log.events(TracePoint.BLOCK_BIO_COMPLETE)).as("two pieces, the whole").hasSize(3);
    }
  }

  /** Refuses the first request once. */
  private static final class Refusing implements BlkMqOps {
    private boolean refused;

    @Override
    public void queueRqs(HwCtx hctx, Request chain) {
      if (!refused) {
        refused = true;
        hctx.handBack(chain);
      } else {
        hctx.completeAll(chain);
      }
    }

    @Override
    public int poll(HwCtx hctx) {
      return 0;
    }
  }

  @Test
  void aRequestThatIsHandedBackIsIssuedAgain() {
    RequestQueue refusing =
        new RequestQueue(
            new Refusing(),
            new TagSet(1, 1, 4, false),
            QueueLimits.of(512).withWriteCache(false, false));
    try (BlockRig other = new BlockRig(new BlockDevice("r0", 9, 1 << 16, false, refusing));
        TraceLog log = new TraceLog()) {
      other.submit("a", READ, 0, 8);
      assertThat(log.names())
          .containsExactly(
              "block_bio_queue",
              "block_getrq",
              "block_rq_issue",
              "block_rq_requeue",
              "block_rq_issue",
              "block_rq_complete",
              "block_bio_complete");
      assertThat(log.ids()).containsExactly(0L);
    }
  }
}
