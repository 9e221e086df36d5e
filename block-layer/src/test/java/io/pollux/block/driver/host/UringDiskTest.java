// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pollux.block.Bio;
import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.RequestQueue;
import io.pollux.block.TagSet;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.uapi.Errno;
import io.pollux.uapi.RawMemory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What only the way through io_uring has: polling by the machine, and what it refuses. */
@Timeout(60)
class UringDiskTest {
  private static final int BLOCKS = 64;

  private Path image;
  private final UserProcess process = new UserProcess();
  private final Task task = process.newTask();
  private final long memory = HostMemory.map(HostMemory.PAGE_SIZE);
  private int ended;
  private int status;

  @BeforeEach
  void makeImage(@TempDir Path directory) throws IOException {
    assertThat(task.enterKernel()).isTrue();
    image = directory.resolve("image");
    byte[] bytes = new byte[BLOCKS * HostMemory.PAGE_SIZE];
    for (int block = 0; block < BLOCKS; block++) {
      bytes[block * HostMemory.PAGE_SIZE] = (byte) block;
    }
    Files.write(image, bytes);
  }

  @AfterEach
  void leave() {
    task.leaveKernel();
    process.exit();
    HostMemory.unmap(memory, HostMemory.PAGE_SIZE);
  }

  /** The disk; the test is skipped where the machine has no io_uring. */
  private UringDisk open(boolean iopoll) {
    try {
      return UringDisk.open(image, false, iopoll);
    } catch (IOException e) {
      // then it fails
      assumeTrue("1".equals(System.getenv("POLLUX_REQUIRE_ORACLES")), e.getMessage());
      throw new AssertionError(e);
    }
  }

  private BlockDevice device(UringDisk disk) {
    RequestQueue queue =
        new RequestQueue(disk, new TagSet(1, 1, RequestQueue.DEFAULT_DEPTH, true), disk.limits());
    return new BlockDevice("file0", 1, (long) BLOCKS * HostMemory.PAGE_SIZE, false, queue);
  }

  private void end(Bio bio) {
    status = bio.status();
    bio.put();
    ended++;
  }

  private int polled(BlockDevice device, int op, int block) {
    int before = ended;
    Bio bio = Bio.alloc(task, device, block * 8L, op | BlkTypes.REQ_HIPRI, this::end, null);
    if (op != BlkTypes.REQ_OP_FLUSH) {
      assertThat(bio.addMemory(memory, HostMemory.PAGE_SIZE)).isTrue();
    }
    int cookie = device.submitBio(task, bio);
    while (ended == before) {
      device.queue().blkPoll(cookie, true);
    }
    return status;
  }

  /**
   * Where the file can be opened with O_DIRECT, a ring with IOPOLL is to be had, whether or not the
   * device polls.
   */
  @Test
  void aRingThatTheMachinePolls() {
    try (UringDisk disk = open(true)) {
      BlockDevice device = device(disk);
      for (int block = 0; block < BLOCKS; block++) {
        assertThat(polled(device, BlkTypes.REQ_OP_READ, block)).isZero();
        assertThat(RawMemory.getByte(memory)).isEqualTo((byte) block);
      }
      assertThat(polled(device, BlkTypes.REQ_OP_WRITE, 1)).isZero();
      assertThat(polled(device, BlkTypes.REQ_OP_FLUSH, 0)).isZero();
      assertThat(polled(device, BlkTypes.REQ_OP_READ, 1)).isZero();
      assertThat(RawMemory.getByte(memory)).isEqualTo((byte) (BLOCKS - 1));
      assertThat(device.flushAndWait(task)).isZero();
    }
  }

  @Test
  void operationsThatItDoesNotKnow() {
    try (UringDisk disk = open(false)) {
      BlockDevice device = device(disk);
      assertThat(polled(device, 99, 0)).isEqualTo(-Errno.EOPNOTSUPP);
    }
  }
}
