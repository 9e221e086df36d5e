// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

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
import io.pollux.core.mm.BvecIter;
import io.pollux.core.mm.DmaMapping;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Iovec;
import io.pollux.uapi.RawMemory;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The result of a request for every kind of host result. */
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

  /** The host's table: its entries, and the number of entries that it sets before it refuses. */
  private static final class Table implements BufferTable.Machine {
    final long[] addresses = new long[BufferTable.ENTRIES];
    final long[] bytes = new long[BufferTable.ENTRIES];
    int room = Integer.MAX_VALUE;
    int calls;

    @Override
    public int update(int first, MemorySegment iovecs, int count) {
      calls++;
      for (int i = 0; i < count; i++) {
        long iovec = iovecs.address() + i * Iovec.SIZE;
        if (Iovec.iovBase(iovec) != 0 && --room < 0) {
          return i == 0 ? -Errno.ENOMEM : i;
        }
        addresses[first + i] = Iovec.iovBase(iovec);
        bytes[first + i] = Iovec.iovLen(iovec);
      }
      return count;
    }

    int used() {
      return (int) Arrays.stream(addresses).filter(address -> address != 0).count();
    }
  }

  private final Keeper keeper = new Keeper();
  private final RequestQueue queue =
      new RequestQueue(
          keeper,
          new TagSet(1, 1, RequestQueue.DEFAULT_DEPTH, true),
          QueueLimits.of(512).withWriteCache(true, true));
  private final Table machine = new Table();
  private final BufferTable buffers = new BufferTable(machine, this::detach);
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

  private void detach(BufferTable.Registration registration) {
    buffers.clear(registration);
  }

  private Bio bio(long sector, int op) {
    return Bio.alloc(
        task,
        device,
        sector,
        op,
        ended -> {
          status = ended.status();
          ended.put();
        },
        null);
  }

  private void submit(long sector, int op, long... pages) {
    Bio bio = bio(sector, op);
    for (long page : pages) {
      assertThat(bio.addMemory(page, PAGE)).isTrue();
    }
    device.submitBio(task, bio);
  }

  private void submitFixed(long sector, int op, DmaMapping mapping, long address) {
    Bio bio = bio(sector, op);
    BvecIter iter = new BvecIter();
    iter.init(op == BlkTypes.REQ_OP_READ, address, PAGE, mapping);
    assertThat(bio.iovIterGetPages(iter)).isZero();
    device.submitBio(task, bio);
  }

  private Request startFixed(int op, DmaMapping mapping, long address) {
    submitFixed(8, op, mapping, address);
    return startKept();
  }

  /** Serves one request at once. Returns whether it was a fixed one, and checks its entry. */
  private boolean goesAsFixed(DmaMapping mapping, long address) {
    Request request = startFixed(BlkTypes.REQ_OP_READ, mapping, address);
    boolean fixed = RawMemory.getByte(sqe + IoUring.SQE_OPCODE) == IoUring.OP_READ_FIXED;
    assertEntry(fixed ? IoUring.OP_READ_FIXED : IoUring.OP_READ, 4096, address, PAGE);
    if (fixed) {
      int index = RawMemory.getShort(sqe + IoUring.SQE_BUF_INDEX);
      assertThat(machine.addresses[index]).isLessThanOrEqualTo(address);
      assertThat(machine.addresses[index] + machine.bytes[index])
          .isGreaterThanOrEqualTo(address + PAGE);
    }
    assertThat(transfers.answered(request, PAGE)).isTrue();
    assertThat(end(request)).isZero();
    return fixed;
  }

  /** A mapping of pages that do not touch. */
  private static DmaMapping scattered(long address, int pages) {
    long[] addresses = new long[pages];
    long[] bytes = new long[pages];
    for (int i = 0; i < pages; i++) {
      addresses[i] = address + 2L * i * PAGE;
      bytes[i] = PAGE;
    }
    return new DmaMapping(addresses, bytes);
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
  void whatWasMovedInPartOfARegisteredBufferIsContinued() {
    try (DmaMapping mapping = scattered(memory, 3)) {
      Request request =
          startFixed(BlkTypes.REQ_OP_WRITE | BlkTypes.REQ_FUA, mapping, memory + 2 * PAGE);
      assertEntry(IoUring.OP_WRITE_FIXED, 4096, memory + 2 * PAGE, PAGE);
      assertThat(RawMemory.getShort(sqe + IoUring.SQE_BUF_INDEX)).isEqualTo((short) 1);
      assertThat(RawMemory.getInt(sqe + IoUring.SQE_OP_FLAGS)).isEqualTo(IoUring.RWF_DSYNC);
      assertThat(transfers.answered(request, 512)).isFalse();
      fill(request);
      assertEntry(IoUring.OP_WRITE_FIXED, 4096 + 512, memory + 2 * PAGE + 512, PAGE - 512);
      assertThat(RawMemory.getShort(sqe + IoUring.SQE_BUF_INDEX)).isEqualTo((short) 1);
      assertThat(transfers.answered(request, PAGE - 512)).isTrue();
      assertThat(end(request)).isZero();
      assertThat(machine.calls).isEqualTo(1);
    }
    assertThat(machine.used()).isZero();
  }

  /** Each bio of a request has its own mapping, or none. */
  @Test
  void aRequestOfSeveralMappings() {
    try (DmaMapping one = scattered(memory, 1);
        DmaMapping other = scattered(memory + 4 * PAGE, 1)) {
      assertThat(goesAsFixed(one, memory)).isTrue();
      Plug plug = new Plug();
      assertThat(plug.start(task)).isTrue();
      submitFixed(8, BlkTypes.REQ_OP_READ, one, memory);
      submit(16, BlkTypes.REQ_OP_READ, memory + 2 * PAGE);
      submitFixed(24, BlkTypes.REQ_OP_READ, other, memory + 4 * PAGE);
      plug.finish(task);
      Request request = startKept();
      assertEntry(IoUring.OP_READV, 4096, RawMemory.getLong(sqe + IoUring.SQE_ADDR), 3);
      assertThat(transfers.answered(request, 2 * PAGE)).isFalse();
      fill(request);
      assertEntry(IoUring.OP_READ_FIXED, 4096 + 2 * PAGE, memory + 4 * PAGE, PAGE);
      assertThat(RawMemory.getShort(sqe + IoUring.SQE_BUF_INDEX))
          .as("the other's")
          .isEqualTo((short) 1);
      assertThat(transfers.answered(request, PAGE)).isTrue();
      assertThat(end(request)).isZero();
    }
  }

  /**
   * What was merged and lies side by side is one piece, as far as its memory is known by the same
   * name.
   */
  @Test
  void neighboursInMemoryAreOnePiece() {
    try (DmaMapping mapping = new DmaMapping(new long[] {memory}, new long[] {8 * PAGE});
        DmaMapping other = new DmaMapping(new long[] {memory}, new long[] {8 * PAGE})) {
      Plug plug = new Plug();
      assertThat(plug.start(task)).isTrue();
      for (int i = 0; i < 4; i++) {
        submitFixed(
            8 + 8L * i, BlkTypes.REQ_OP_READ, i < 3 ? mapping : other, memory + (long) i * PAGE);
      }
      plug.finish(task);
      Request request = startKept();
      long iovec = RawMemory.getLong(sqe + IoUring.SQE_ADDR);
      assertEntry(IoUring.OP_READV, 4096, iovec, 2);
      assertThat(Iovec.iovBase(iovec)).isEqualTo(memory);
      assertThat(Iovec.iovLen(iovec)).isEqualTo(3 * PAGE);
      assertThat(Iovec.iovBase(iovec + Iovec.SIZE)).isEqualTo(memory + 3 * PAGE);
      assertThat(transfers.answered(request, 4 * PAGE)).isTrue();
      assertThat(end(request)).isZero();

      assertThat(plug.start(task)).isTrue();
      for (int i = 0; i < 4; i++) {
        submitFixed(8 + 8L * i, BlkTypes.REQ_OP_READ, mapping, memory + (long) i * PAGE);
      }
      plug.finish(task);
      request = startKept();
      assertEntry(IoUring.OP_READ_FIXED, 4096, memory, 4 * PAGE);
      assertThat(transfers.answered(request, PAGE + 512)).isFalse();
      fill(request);
      assertEntry(IoUring.OP_READ_FIXED, 4096 + PAGE + 512, memory + PAGE + 512, 3 * PAGE - 512);
      assertThat(transfers.answered(request, 3 * PAGE - 512)).isTrue();
      assertThat(end(request)).isZero();
    }
  }

  @Test
  void aMappingThatIsClosedIsNotFoundAgain() {
    DmaMapping mapping = scattered(memory, 3);
    assertThat(goesAsFixed(mapping, memory)).isTrue();
    assertThat(goesAsFixed(mapping, memory + PAGE)).as("between its pages").isFalse();
    assertThat(machine.used()).isEqualTo(3);
    mapping.close();
    assertThat(machine.used()).isZero();
    int calls = machine.calls;
    assertThat(goesAsFixed(mapping, memory)).isFalse();
    assertThat(machine.calls).isEqualTo(calls);
    try (DmaMapping again = scattered(memory, 3)) {
      assertThat(goesAsFixed(again, memory)).isTrue();
      assertThat(goesAsFixed(mapping, memory)).isFalse();
    }
  }

  @ParameterizedTest
  @CsvSource({"0", "2"})
  void aMappingThatIsRefusedIsNotTriedAgain(int room) {
    machine.room = room;
    try (DmaMapping mapping = scattered(memory, 3)) {
      assertThat(goesAsFixed(mapping, memory)).isFalse();
      assertThat(machine.used()).as("all or nothing").isZero();
      int calls = machine.calls;
      machine.room = Integer.MAX_VALUE;
      assertThat(goesAsFixed(mapping, memory)).isFalse();
      assertThat(machine.calls).isEqualTo(calls);
    }
    assertThat(buffers.refusal()).isEqualTo("Cannot allocate memory");
    assertThat(buffers.registered()).isFalse();
    try (DmaMapping another = scattered(memory, 3)) {
      assertThat(goesAsFixed(another, memory)).isTrue();
    }
    assertThat(buffers.registered()).isTrue();
  }

  @Test
  void aFullTable() {
    DmaMapping first = scattered(memory, 1);
    DmaMapping second = scattered(memory, 1000);
    DmaMapping third = scattered(memory, 23);
    for (DmaMapping each : new DmaMapping[] {first, second, third}) {
      assertThat(goesAsFixed(each, memory)).isTrue();
    }
    assertThat(machine.used()).isEqualTo(BufferTable.ENTRIES);
    try (DmaMapping tooMuch = scattered(memory, 1)) {
      assertThat(goesAsFixed(tooMuch, memory)).isFalse();
    }
    assertThat(buffers.refusal()).isEqualTo("table full");
    second.close();
    assertThat(machine.used()).isEqualTo(24);
    for (int pages : new int[] {BufferTable.ENTRIES + 1, BufferTable.ENTRIES, 1001}) {
      try (DmaMapping tooMuch = scattered(memory, pages)) {
        assertThat(goesAsFixed(tooMuch, memory)).isFalse();
      }
    }
    try (DmaMapping fits = scattered(memory, 1000)) {
      assertThat(goesAsFixed(fits, memory)).as("in the hole").isTrue();
    }
    first.close();
    third.close();
    assertThat(machine.used()).isZero();
    try (DmaMapping all = scattered(memory, BufferTable.ENTRIES)) {
      assertThat(goesAsFixed(all, memory + 6 * PAGE)).isTrue();
    }
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
  @CsvSource({
    "28,28", "122,28", "5,5", "9,5", "14,5", "22,5", "27,5", "30,5", "12,12", "61,61", "95,95",
    "110,110", "4095,5"
  })
  void errorsOfTheMachine(int errno, int expected) {
    Request request = start(BlkTypes.REQ_OP_WRITE, memory);
    assertThat(transfers.answered(request, -errno)).isTrue();
    assertThat(end(request)).isEqualTo(-expected);
  }

  /** A request that was completed while it was in the ring: reap throws, and no slot stays busy. */
  @Test
  void whatReapCannotHandleDoesNotStayBusy() {
    IoUring opened;
    try {
      opened = IoUring.setup(8, 0);
    } catch (IOException e) {
      // then it fails
      assumeTrue("1".equals(System.getenv("POLLUX_REQUIRE_ORACLES")), e.getMessage());
      throw new AssertionError(e);
    }
    try (IoUring ring = opened) {
      Request request = start(BlkTypes.REQ_OP_READ, memory);
      long entry = ring.sqe();
      RawMemory.putByte(entry + IoUring.SQE_OPCODE, IoUring.OP_NOP);
      RawMemory.putLong(entry + IoUring.SQE_USER_DATA, request.tag());
      ring.push();
      assertThat(ring.submit(1, IoUring.ENTER_GETEVENTS)).isEqualTo(1);
      request.complete(0);
      assertThatThrownBy(() -> transfers.reap(ring, -1))
          .hasMessageContaining(" is not in flight: its driver completed it twice");
      Request over = transfers.takeOver();
      assertThat(over).isSameAs(request);
      assertThatThrownBy(() -> transfers.completeAll(over))
          .hasMessageContaining(" is not in flight: its driver completed it twice");
      assertThat(transfers.busy()).isFalse();
    }
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
