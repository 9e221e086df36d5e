// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.BlkTypes;
import io.pollux.core.fixture.TraceLog;
import io.pollux.core.trace.TraceEvent;
import io.pollux.core.trace.TracePoint;
import io.pollux.core.vfs.Kiocb;
import io.pollux.iomap.fixture.ExtentFile;
import io.pollux.uapi.Errno;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The trace points of direct I/O. Its bios and their requests have the identity of the kiocb. */
@Timeout(60)
class DioTraceTest {
  private static final int BLOCK = IomapRig.BLOCK;

  private final IomapRig rig = new IomapRig();

  @AfterEach
  void close() {
    rig.close();
  }

  private long read(ExtentFile inode, Kiocb iocb, long bytes) {
    iocb.newTraceId();
    return IomapDio.rw(rig.current, inode, iocb, rig.iter(true, rig.memory, bytes), inode, null);
  }

  @Test
  void aDirectReadBeginsAndCompletes() {
    ExtentFile inode = rig.written(4);
    try (TraceLog log = new TraceLog()) {
      Kiocb iocb = rig.async(inode, BLOCK, Kiocb.IOCB_DIRECT);
      assertThat(read(inode, iocb, BLOCK)).isEqualTo(-Kiocb.EIOCBQUEUED);
      assertThat(rig.completed).containsExactly((long) BLOCK);
      assertThat(log.names())
          .containsExactly(
              "iomap_dio_rw_begin",
              "block_bio_queue",
              "block_getrq",
              "block_plug",
              "block_unplug",
              "block_rq_issue",
              "block_rq_complete",
              "block_bio_complete",
              "iomap_dio_complete");
      assertThat(log.ids()).hasSize(1).doesNotContain(0L);
      TraceEvent begin = log.only(TracePoint.IOMAP_DIO_RW_BEGIN);
      assertThat(begin.subject()).isSameAs(iocb);
      assertThat(begin.number("ino")).isEqualTo(inode.ino());
      assertThat(begin.number("isize")).isEqualTo(4 * BLOCK);
      assertThat(begin.number("pos")).isEqualTo(BLOCK);
      assertThat(begin.number("count")).isEqualTo(BLOCK);
      assertThat(begin.number("ki_flags")).isEqualTo(Kiocb.IOCB_DIRECT);
      assertThat(begin.number("aio")).isEqualTo(1);
      TraceEvent end = log.only(TracePoint.IOMAP_DIO_COMPLETE);
      assertThat(end.number("ret")).isEqualTo(BLOCK);
      assertThat(end.number("error")).isZero();
      assertThat(end.number("pos")).as("after it").isEqualTo(2 * BLOCK);
      assertThat(log.only(TracePoint.BLOCK_RQ_ISSUE).number("sector")).isEqualTo(BLOCK / 512);
    }
  }

  @Test
  void aPolledReadCompletesInsideThePoll() {
    ExtentFile inode = rig.written(1);
    rig.disk.holdAgain();
    try (TraceLog log = new TraceLog()) {
      Kiocb iocb = rig.async(inode, 0, Kiocb.IOCB_DIRECT | Kiocb.IOCB_HIPRI);
      assertThat(read(inode, iocb, BLOCK)).isEqualTo(-Kiocb.EIOCBQUEUED);
      rig.disk.releaseAll();
      assertThat(log.events(TracePoint.BLOCK_RQ_COMPLETE)).isEmpty();
      assertThat(IomapDio.iopoll(iocb, true)).isEqualTo(1);
      assertThat(log.names())
          .endsWith("block_rq_complete", "block_bio_complete", "iomap_dio_complete");
      assertThat(log.ids()).hasSize(1).doesNotContain(0L);
      assertThat(log.only(TracePoint.BLOCK_RQ_ISSUE).number("hctx")).as("polled").isEqualTo(1);
    }
  }

  @Test
  void theBiosOfTwoExtentsBelongToOneRequest() {
    ExtentFile inode =
        new ExtentFile(rig.fs, 2 * BLOCK).mapBlocks(BLOCK, block -> (7 - 2 * block) * BLOCK);
    try (TraceLog log = new TraceLog()) {
      assertThat(read(inode, rig.async(inode, 0, Kiocb.IOCB_DIRECT), 2 * BLOCK))
          .isEqualTo(-Kiocb.EIOCBQUEUED);
      assertThat(log.events(TracePoint.BLOCK_BIO_QUEUE))
          .map(event -> event.number("sector"))
          .containsExactly(14L, 10L);
      assertThat(log.ids()).hasSize(1).doesNotContain(0L);
      assertThat(log.only(TracePoint.IOMAP_DIO_COMPLETE).number("ret")).isEqualTo(2 * BLOCK);
    }
  }

  @Test
  void aFailedReadHasItsError() {
    ExtentFile inode = rig.written(1);
    rig.disk.failEach(BlkTypes.REQ_OP_READ);
    try (TraceLog log = new TraceLog()) {
      Kiocb iocb = rig.sync(inode, 0, Kiocb.IOCB_DIRECT);
      assertThat(read(inode, iocb, BLOCK)).isEqualTo(-Errno.EIO);
      TraceEvent end = log.only(TracePoint.IOMAP_DIO_COMPLETE);
      assertThat(end.number("ret")).isEqualTo(-Errno.EIO);
      assertThat(end.number("error")).isEqualTo(-Errno.EIO);
      assertThat(end.number("aio")).isZero();
    }
  }
}
