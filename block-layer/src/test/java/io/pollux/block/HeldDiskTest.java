// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.mm.HostMemory;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.uapi.RawMemory;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/**
 * The common part of the tests with a held disk: a task, memory, and a record of completed bios.
 */
abstract class HeldDiskTest {
  static final int DISK_BYTES = 1 << 20;
  static final int MEMORY = 1 << 20;
  static final TagSet TAGS = new TagSet(1, 1, 64, true);
  static final QueueLimits PLAIN = QueueLimits.of(512).withWriteCache(false, false);

  final HeldDisk disk = new HeldDisk(DISK_BYTES);
  final UserProcess process = new UserProcess();
  final Task task = process.newTask();
  final long memory = HostMemory.map(MEMORY);
  final List<String> ended = new ArrayList<>(); // "name status", in their order
  BlockDevice bdev = disk.disk(TAGS, PLAIN);

  @BeforeEach
  void enter() {
    assertThat(task.enterKernel()).isTrue();
    for (int at = 0; at < DISK_BYTES; at += 512) {
      disk.contents[at] = (byte) (at >> 9);
      disk.contents[at + 1] = (byte) (at >> 17);
    }
  }

  @AfterEach
  void nothingIsHeld() {
    assertThat(disk.held()).isZero();
    assertThat(bdev.queue().busyTags()).isZero();
    task.leaveKernel();
    process.exit();
    HostMemory.unmap(memory, MEMORY);
  }

  /** A bio over memory at the same distance from its start as the sectors are from the disk's. */
  Bio bio(String name, int opf, long sector, int... pieces) {
    Bio bio =
        Bio.alloc(
            task,
            bdev,
            sector,
            opf,
            done -> {
              ended.add(name + " " + done.status());
              done.put();
            },
            null);
    long at = memory + sector * 512;
    for (int sectors : pieces) {
      assertThat(bio.addMemory(at, sectors * 512)).isTrue();
      at += sectors * 512L;
    }
    return bio;
  }

  int submit(String name, int opf, long sector, int... pieces) {
    return bdev.submitBio(task, bio(name, opf, sector, pieces));
  }

  /** Submits an operation without memory. */
  int submitRange(String name, int opf, long sector, int sectors) {
    Bio bio = bio(name, opf, sector);
    bio.setSize(sectors * 512);
    return bdev.submitBio(task, bio);
  }

  void assertRead(long sector, int sectors) {
    for (long at = sector; at < sector + sectors; at++) {
      assertThat(RawMemory.getByte(memory + at * 512)).as("sector " + at).isEqualTo((byte) at);
      assertThat(RawMemory.getByte(memory + at * 512 + 1))
          .as("sector " + at)
          .isEqualTo((byte) (at >> 8));
    }
  }
}
