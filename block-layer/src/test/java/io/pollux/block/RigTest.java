// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.fixture.BlockRig;
import io.pollux.block.fixture.HeldDisk;
import io.pollux.core.sched.Task;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/**
 * The common part of the tests on a rig: a held disk with a pattern, and operations without memory.
 */
abstract class RigTest {
  static final int DISK_BYTES = 1 << 20;
  static final TagSet TAGS = new TagSet(1, 1, 64, true);
  static final QueueLimits PLAIN = QueueLimits.of(512).withWriteCache(false, false);

  private long nanos; // the disk's clock
  final HeldDisk disk = new HeldDisk(DISK_BYTES, () -> nanos);
  final BlockRig rig = new BlockRig(disk.disk(TAGS, PLAIN));
  final Task task = rig.task();
  final long memory = rig.memory();

  @BeforeEach
  void fill() {
    MemorySegment contents = disk.contents();
    for (int at = 0; at < DISK_BYTES; at += 512) {
      contents.set(ValueLayout.JAVA_BYTE, at, (byte) (at >> 9));
      contents.set(ValueLayout.JAVA_BYTE, at + 1, (byte) (at >> 17));
    }
  }

  @AfterEach
  void nothingIsHeld() {
    assertThat(disk.held()).isEmpty();
    rig.close();
    disk.close();
  }

  void use(TagSet tags, QueueLimits limits) {
    rig.use(disk.disk(tags, limits));
  }

  void advance(long more) {
    nanos += more;
  }

  /** Uses a device of the same disk, whose requests the test sees. */
  SeenRequests see() {
    SeenRequests seen = new SeenRequests(disk);
    rig.use(seen.device(TAGS, PLAIN, () -> nanos));
    return seen;
  }

  RequestQueue queue() {
    return rig.device().queue();
  }

  byte onDisk(long at) {
    return disk.contents().get(ValueLayout.JAVA_BYTE, at);
  }

  int submit(String name, int opf, long sector, int... pieces) {
    return rig.submit(name, opf, sector, pieces);
  }

  /** Submits an operation without memory. */
  int submitRange(String name, int opf, long sector, int sectors) {
    Bio bio = rig.bio(name, opf, sector);
    bio.setSize(sectors * 512);
    return rig.device().submitBio(task, bio);
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
