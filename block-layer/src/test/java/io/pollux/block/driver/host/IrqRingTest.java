// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pollux.block.BlkMqOps;
import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.HwCtx;
import io.pollux.block.QueueLimits;
import io.pollux.block.Request;
import io.pollux.block.RequestQueue;
import io.pollux.core.Oops;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.uapi.Errno;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A ring whose thread cannot be created, or fails. */
@Timeout(60)
class IrqRingTest {
  private static final int BLOCKS = 64;
  private static final int DEPTH = 8;

  private final UserProcess process = new UserProcess();
  private final Task task = process.newTask();
  private final long memory = HostMemory.map(HostMemory.PAGE_SIZE);
  private final List<String> said = new CopyOnWriteArrayList<>();
  private HostFile file;

  @BeforeEach
  void open(@TempDir Path directory) throws IOException {
    Path image = directory.resolve("image");
    Files.write(image, new byte[BLOCKS * HostMemory.PAGE_SIZE]);
    file = HostFile.open(image, false);
    Oops.setSink((sentence, thrown) -> said.add(sentence));
    assertThat(task.enterKernel()).isTrue();
  }

  @AfterEach
  void close() throws IOException {
    task.leaveKernel();
    process.exit();
    Oops.setSink(null);
    file.close();
    HostMemory.unmap(memory, HostMemory.PAGE_SIZE);
  }

  private static long descriptors() throws IOException {
    try (var list = Files.list(Path.of("/proc/self/fd"))) {
      return list.count();
    }
  }

  @Test
  void withoutAThreadThereIsNoRingAndNoTraceOfIt() throws IOException {
    long tooMuchStack = 1L << 50; // more than any machine has address space for
    long before = descriptors();
    assertThatThrownBy(
            () ->
                IrqRing.open(
                    file.fd(),
                    DEPTH,
                    loop -> new Thread(null, loop, "none", tooMuchStack),
                    table -> new Transfers(DEPTH, -1, table)))
        .isInstanceOf(IOException.class)
        .hasMessage("no thread for a ring");
    assertThat(descriptors()).isEqualTo(before);
  }

  /** The thread has no memory for what it needs besides the ring. */
  @Test
  void aThreadThatCantSetUpIsARefusal() throws IOException {
    long before = descriptors();
    assertThatThrownBy(
            () ->
                IrqRing.open(
                    file.fd(),
                    DEPTH,
                    Thread::new,
                    table -> {
                      throw new OutOfMemoryError("no memory for a disk's requests");
                    }))
        .isInstanceOf(IOException.class)
        .hasMessage("no ring: java.lang.OutOfMemoryError: no memory for a disk's requests");
    assertThat(descriptors()).isEqualTo(before);
  }

  /**
   * The same request twice: the second is rejected, and the first completes with the host's result.
   */
  @Test
  void aFailureInItsThreadShutsTheDiskDown() throws IOException {
    IrqRing opened;
    try {
      opened = IrqRing.open(file.fd(), DEPTH);
    } catch (IOException e) {
      // then it fails
      assumeTrue("1".equals(System.getenv("POLLUX_REQUIRE_ORACLES")), e.getMessage());
      throw new AssertionError(e);
    }
    try (IrqRing ring = opened) {
      BlkMqOps twice =
          new BlkMqOps() {
            private int seen;

            @Override
            public void queueRqs(HwCtx hctx, Request chain) {
              if (++seen == 2) {
                chain.complete(0);
              }
              ring.queue(chain);
            }

            @Override
            public int poll(HwCtx hctx) {
              return 0;
            }

            @Override
            public boolean isIdle() {
              return ring.isIdle();
            }
          };
      RequestQueue queue = new RequestQueue(twice, QueueLimits.of(512).logicalBlockSize(), DEPTH);
      BlockDevice device =
          new BlockDevice("file0", 1, (long) BLOCKS * HostMemory.PAGE_SIZE, false, queue);
      assertThat(device.transferAndWait(task, 0, memory, 4096, BlkTypes.REQ_OP_READ)).isZero();
      assertThat(device.transferAndWait(task, 0, memory, 4096, BlkTypes.REQ_OP_READ)).isZero();
      while (said.isEmpty()) {
        Thread.onSpinWait();
      }
      assertThat(device.transferAndWait(task, 0, memory, 4096, BlkTypes.REQ_OP_READ))
          .isEqualTo(-Errno.EIO);
      assertThat(said)
          .containsExactly(
              "kernel oops in pollux-disk: java.lang.IllegalStateException: request tag 0 of file0"
                  + " hctx 0 is not in flight: its driver completed it twice, or too late; file0 is"
                  + " shut down, and its requests fail with EIO");
      assertThat(queue.busyTags()).isZero();
    } // closes: nothing is in flight
  }
}
