// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.bdev;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.QueueLimits;
import io.pollux.block.TagSet;
import io.pollux.block.fixture.HeldDisk;
import io.pollux.core.fixture.TraceLog;
import io.pollux.core.mm.IovecIter;
import io.pollux.core.ramfs.Ramfs;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.core.trace.TraceEvent;
import io.pollux.core.trace.TracePoint;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileTable;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Mman;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The trace points of direct I/O on a block device. Its bios have the identity of the kiocb. */
@Timeout(60)
class BlkdevTraceTest {
  private static final int BYTES = 4 << 20;
  private static final int BLOCK = 4096;

  private final HeldDisk disk = new HeldDisk(BYTES).letThrough();
  private final BlockDevice bdev =
      disk.disk(new TagSet(1, 1, 8, false), QueueLimits.of(512).withWriteCache(false, false));
  private final UserProcess process = new UserProcess();
  private final Task current = process.newTask();
  private final long memory = process.mm().mmap(BYTES, Mman.PROT_READ | Mman.PROT_WRITE);
  private final File file =
      new File(
          new FileTable(),
          new BdevInode(new Ramfs(1), 5, bdev),
          null,
          Fcntl.O_RDWR | Fcntl.O_DIRECT);
  private final Kiocb iocb = new Kiocb();
  private final List<Long> results = new ArrayList<>();

  @BeforeEach
  void enter() {
    assertThat(current.enterKernel()).isTrue();
  }

  @AfterEach
  void close() {
    file.fput(current);
    current.leaveKernel();
    process.exit();
    disk.close();
  }

  private long read(long pos, int bytes, int flags, boolean sync) {
    IovecIter iter = new IovecIter();
    assertThat(iter.importSingleRange(process.mm(), true, memory, bytes)).isZero();
    iocb.init(file, sync ? null : (done, result, result2) -> results.add(result));
    iocb.kiFlags |= flags;
    iocb.kiPos = pos;
    iocb.newTraceId();
    return file.op().readIter(current, iocb, iter);
  }

  @Test
  void aDirectReadBeginsAndCompletes() {
    try (TraceLog log = new TraceLog()) {
      assertThat(read(BLOCK, BLOCK, 0, false)).isEqualTo(-Kiocb.EIOCBQUEUED);
      assertThat(results).containsExactly((long) BLOCK);
      assertThat(log.names()).startsWith("blkdev_dio_begin", "block_bio_queue");
      assertThat(log.names()).endsWith("block_bio_complete", "blkdev_dio_complete");
      assertThat(log.ids()).hasSize(1).doesNotContain(0L);
      TraceEvent begin = log.only(TracePoint.BLKDEV_DIO_BEGIN);
      assertThat(begin.subject()).isSameAs(iocb);
      assertThat(begin.task()).isSameAs(current);
      assertThat(begin.number("dev")).isEqualTo(bdev.dev());
      assertThat(begin.number("pos")).isEqualTo(BLOCK);
      assertThat(begin.number("count")).isEqualTo(BLOCK);
      assertThat(begin.number("ki_flags")).isEqualTo(Kiocb.IOCB_DIRECT);
      assertThat(begin.number("aio")).isEqualTo(1);
      TraceEvent end = log.only(TracePoint.BLKDEV_DIO_COMPLETE);
      assertThat(end.subject()).isSameAs(iocb);
      assertThat(end.number("dev")).isEqualTo(bdev.dev());
      assertThat(end.number("pos")).as("after it").isEqualTo(2 * BLOCK);
      assertThat(end.number("error")).isZero();
      assertThat(end.number("ret")).isEqualTo(BLOCK);
    }
  }

  @Test
  void aPolledReadCompletesInsideThePoll() {
    disk.holdAgain();
    try (TraceLog log = new TraceLog()) {
      assertThat(read(0, BLOCK, Kiocb.IOCB_HIPRI, false)).isEqualTo(-Kiocb.EIOCBQUEUED);
      disk.releaseAll();
      assertThat(log.events(TracePoint.BLKDEV_DIO_COMPLETE)).isEmpty();
      assertThat(file.op().iopoll(iocb, true)).isEqualTo(1);
      assertThat(log.names())
          .endsWith("block_rq_complete", "block_bio_complete", "blkdev_dio_complete");
      assertThat(log.ids()).hasSize(1).doesNotContain(0L);
    }
  }

  @Test
  void aRequestOfSeveralBiosBeginsAndCompletesOnce() {
    try (TraceLog log = new TraceLog()) {
      assertThat(read(0, BYTES, 0, false)).isEqualTo(-Kiocb.EIOCBQUEUED);
      assertThat(log.events(TracePoint.BLOCK_BIO_QUEUE)).hasSize(4);
      assertThat(log.ids()).hasSize(1).doesNotContain(0L);
      assertThat(log.only(TracePoint.BLKDEV_DIO_BEGIN).number("count")).isEqualTo(BYTES);
      assertThat(log.only(TracePoint.BLKDEV_DIO_COMPLETE).number("ret")).isEqualTo(BYTES);
    }
  }

  @Test
  void aFailedReadHasItsError() {
    disk.failEach(BlkTypes.REQ_OP_READ);
    try (TraceLog log = new TraceLog()) {
      assertThat(read(BLOCK, BLOCK, 0, true)).isEqualTo(-Errno.EIO);
      TraceEvent end = log.only(TracePoint.BLKDEV_DIO_COMPLETE);
      assertThat(end.number("aio")).isZero();
      assertThat(end.number("error")).isEqualTo(-Errno.EIO);
      assertThat(end.number("ret")).isEqualTo(-Errno.EIO);
      assertThat(end.number("pos")).as("unchanged").isEqualTo(BLOCK);
    }
  }

  @Test
  void anUnalignedReadHasNoEvent() {
    try (TraceLog log = new TraceLog()) {
      assertThat(read(1, BLOCK, 0, true)).isEqualTo(-Errno.EINVAL);
      assertThat(log.events()).isEmpty();
    }
  }
}
