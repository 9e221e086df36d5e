// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver.host;

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
import io.pollux.core.mm.HostMemory;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Iovec;
import io.pollux.uapi.RawMemory;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What becomes of a request with every kind of answer that the machine may give. */
@Timeout(60)
class TransfersTest {
  private static final int PAGE = HostMemory.PAGE_SIZE;

  /** A driver that keeps the last request. */
  private static final class Keeper implements BlkMqOps {
    @Nullable Request kept;

    @Override
    public void queueRqs(HwCtx hctx, Request chain) {
      kept = chain;
    }

    @Override
    public int poll(HwCtx hctx) {
      return 0;
    }
  }

  private final Keeper keeper = new Keeper();
  private final RequestQueue queue =
      new RequestQueue(
          keeper, new TagSet(1, 1, RequestQueue.DEFAULT_DEPTH, true), QueueLimits.of(512).withWriteCache(true, true));
  private final BlockDevice device = new BlockDevice("keep0", 1, 1 << 20, false, queue);
  private final Transfers transfers = new Transfers(RequestQueue.DEFAULT_DEPTH, -1, buffers);
  private final UserProcess process = new UserProcess();
  private final Task task = process.newTask();
  private final long memory = HostMemory.map(8 * PAGE);
  private final long sqe = HostMemory.map(PAGE);
  private int status = 1;

  @BeforeEach
  void enter() {
    assertThat(task.enterKernel()).isTrue();
  }

  @AfterEach
  void nothingIsLeft() {
    assertThat(transfers.busy()).isFalse();
    assertThat(queue.busyTags()).isZero();
    task.leaveKernel();
    process.exit();
    transfers.close();
    HostMemory.unmap(memory, 8 * PAGE);
    HostMemory.unmap(sqe, PAGE);
  }

  private Request start(int op, long... pages) {
    submit(8, op, pages);
    return startKept();
  }

  private void submit(long sector, int op, long... pages) {
    Bio bio =
        Bio.alloc(
            task,
            device,
            sector,
            op,
            ended -> {
              status = ended.status();
              ended.put();
            },
            null);
    for (long page : pages) {
      assertThat(bio.addMemory(page, PAGE)).isTrue();
    }
    device.submitBio(task, bio);
  }

  private Request startKept() {
    Request request = keeper.kept;
    assertThat(request).isNotNull();
    transfers.start(request);
    fill(request);
    return request;
  }

  private void fill(Request request) {
    RawMemory.zero(sqe, PAGE);
    transfers.fill(sqe, request);
  }

  private int end(Request request) {
    request.setNext(null);
    assertThat(transfers.completeAll(request)).isEqualTo(1);
    return status;
  }

  private void assertEntry(int opcode, long offset, long address, int length) {
    assertThat(RawMemory.getByte(sqe + IoUring.SQE_OPCODE)).isEqualTo((byte) opcode);
    assertThat(RawMemory.getByte(sqe + IoUring.SQE_FLAGS)).isEqualTo(IoUring.SQE_FIXED_FILE);
    assertThat(RawMemory.getLong(sqe + IoUring.SQE_OFF)).isEqualTo(offset);
    assertThat(RawMemory.getLong(sqe + IoUring.SQE_ADDR)).isEqualTo(address);
    assertThat(RawMemory.getInt(sqe + IoUring.SQE_LEN)).isEqualTo(length);
  }

  @Test
  void whatWasMovedInPartIsContinued() {
    Request request = start(BlkTypes.REQ_OP_READ, memory);
    assertEntry(IoUring.OP_READ, 4096, memory, PAGE);
    assertThat(transfers.answered(request, 512)).isFalse();
    fill(request);
    assertEntry(IoUring.OP_READ, 4096 + 512, memory + 512, PAGE - 512);
    assertThat(transfers.answered(request, PAGE - 512)).isTrue();
    assertThat(end(request)).isZero();
  }

  @Test
  void partsOfSeveralPieces() {
    Request request = start(BlkTypes.REQ_OP_WRITE, memory, memory + 2 * PAGE, memory + 4 * PAGE);
    long iovec = RawMemory.getLong(sqe + IoUring.SQE_ADDR);
    assertEntry(IoUring.OP_WRITEV, 4096, iovec, 3);
    assertThat(Iovec.iovBase(iovec + Iovec.SIZE)).isEqualTo(memory + 2 * PAGE);

    assertThat(transfers.answered(request, PAGE + 1024)).isFalse();
    fill(request);
    assertEntry(IoUring.OP_WRITEV, 4096 + PAGE + 1024, iovec, 2);
    assertThat(Iovec.iovBase(iovec)).isEqualTo(memory + 2 * PAGE + 1024);
    assertThat(Iovec.iovLen(iovec)).isEqualTo(PAGE - 1024);
    assertThat(Iovec.iovBase(iovec + Iovec.SIZE)).isEqualTo(memory + 4 * PAGE);
    assertThat(Iovec.iovLen(iovec + Iovec.SIZE)).isEqualTo(PAGE);

    assertThat(transfers.answered(request, PAGE - 1024)).isFalse();
    fill(request);
    assertEntry(IoUring.OP_WRITE, 4096 + 2 * PAGE, memory + 4 * PAGE, PAGE);
    assertThat(transfers.answered(request, PAGE)).isTrue();
    assertThat(end(request)).isZero();
  }

  @Test
  void partsOfMergedBios() {
    Plug plug = new Plug();
    assertThat(plug.start(task)).isTrue();
    submit(8, BlkTypes.REQ_OP_READ, memory, memory + 2 * PAGE);
    submit(24, BlkTypes.REQ_OP_READ, memory + 4 * PAGE);
    plug.finish(task);
    Request request = startKept();
    assertThat(request.bytes()).isEqualTo(3 * PAGE);
    long iovec = RawMemory.getLong(sqe + IoUring.SQE_ADDR);
    assertEntry(IoUring.OP_READV, 4096, iovec, 3);
    assertThat(Iovec.iovBase(iovec + 2 * Iovec.SIZE)).isEqualTo(memory + 4 * PAGE);

    assertThat(transfers.answered(request, PAGE + 512)).isFalse();
    fill(request);
    assertEntry(IoUring.OP_READV, 4096 + PAGE + 512, iovec, 2);
    assertThat(Iovec.iovBase(iovec)).isEqualTo(memory + 2 * PAGE + 512);
    assertThat(Iovec.iovLen(iovec)).isEqualTo(PAGE - 512);
    assertThat(Iovec.iovBase(iovec + Iovec.SIZE)).isEqualTo(memory + 4 * PAGE);

    assertThat(transfers.answered(request, PAGE)).isFalse(); // into the second bio
    fill(request);
    assertEntry(IoUring.OP_READ, 4096 + 2 * PAGE + 512, memory + 4 * PAGE + 512, PAGE - 512);
    assertThat(transfers.answered(request, PAGE - 512)).isTrue();
    assertThat(end(request)).isZero();
  }

  @Test
  void aDurableWriteSaysSo() {
    Request request = start(BlkTypes.REQ_OP_WRITE | BlkTypes.REQ_FUA, memory);
    assertEntry(IoUring.OP_WRITE, 4096, memory, PAGE);
    assertThat(RawMemory.getInt(sqe + IoUring.SQE_OP_FLAGS)).isEqualTo(IoUring.RWF_DSYNC);
    assertThat(transfers.answered(request, PAGE)).isTrue();
    assertThat(end(request)).isZero();
    request = start(BlkTypes.REQ_OP_WRITE, memory);
    assertThat(RawMemory.getInt(sqe + IoUring.SQE_OP_FLAGS)).isZero();
    assertThat(transfers.answered(request, PAGE)).isTrue();
    assertThat(end(request)).isZero();
  }

  @ParameterizedTest
  @CsvSource({"0", "700", "4097"})
  void theEndInsideTheDiskAndWhatCannotBe(int moved) {
    Request request = start(BlkTypes.REQ_OP_READ, memory);
    assertThat(transfers.answered(request, moved)).isTrue();
    assertThat(end(request)).isEqualTo(-Errno.EIO);
  }

  @ParameterizedTest
  @CsvSource({"28,28", "122,28", "5,5", "9,5", "14,5", "22,5", "27,5", "30,5", "12,12", "61,61", "95,95", "110,110", "4095,5"})
  void errorsOfTheMachine(int errno, int expected) {
    Request request = start(BlkTypes.REQ_OP_WRITE, memory);
    assertThat(transfers.answered(request, -errno)).isTrue();
    assertThat(end(request)).isEqualTo(-expected);
  }

  @ParameterizedTest
  @CsvSource({"4", "11", "125"})
  void interruptionsAreTriedAgainButNotForever(int errno) {
    Request request = start(BlkTypes.REQ_OP_FLUSH);
    assertThat(RawMemory.getByte(sqe + IoUring.SQE_OPCODE)).isEqualTo(IoUring.OP_FSYNC);
    int attempts = 1;
    while (!transfers.answered(request, -errno)) {
      attempts++;
      assertThat(attempts).isLessThan(100);
    }
    assertThat(attempts).isGreaterThan(2);
    assertThat(end(request)).isEqualTo(-Errno.EIO);
  }
}
