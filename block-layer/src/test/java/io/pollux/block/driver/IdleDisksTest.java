// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pollux.block.Bio;
import io.pollux.block.BlkTypes;
import io.pollux.block.driver.NullParameters.IrqMode;
import io.pollux.block.fixture.BlockRig;
import io.pollux.uapi.Errno;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** When a disk no longer completes requests on its own, and what disks refuse by default. */
@Timeout(60)
final class IdleDisksTest {
  private static final int READ = BlkTypes.REQ_OP_READ;
  private static final int BYTES = 1 << 20;

  @Test
  void aNullDiskIsIdleOnceItsThreadHasNoRequest() {
    NullParameters late = NullParameters.DEFAULT.withIrqmode(IrqMode.TIMER, 20_000_000);
    try (NullDisk disk = new NullDisk(new RamDisk(BYTES), late);
        BlockRig rig = new BlockRig(disk.disk("null0", 1, false))) {
      assertThat(disk.isIdle()).isTrue();
      rig.submit("late", READ, 0, 8);
      boolean busy = !disk.isIdle();
      boolean before = rig.ended().isEmpty();
      assertThat(busy || !before).as("it has a request").isTrue();
      while (rig.ended().isEmpty()) {
        Thread.onSpinWait();
      }
      assertThat(disk.isIdle()).isTrue();
      assertThat(rig.takeEnded()).containsExactly("late 0");
    }
  }

  @Test
  void aNullDiskWithoutAThreadIsIdleWithRequests() {
    AtomicLong now = new AtomicLong();
    NullParameters late = NullParameters.DEFAULT.withIrqmode(IrqMode.TIMER, 10);
    try (NullDisk disk = NullDisk.withClock(new RamDisk(BYTES), late, now::get);
        BlockRig rig = new BlockRig(disk.disk("null0", 1, false))) {
      rig.submit("late", READ, 0, 8);
      assertThat(rig.ended()).isEmpty();
      assertThat(disk.isIdle()).as("only the caller completes it").isTrue();
      now.set(10);
      assertThat(disk.expireTimers()).isTrue();
      assertThat(rig.ended()).containsExactly("late 0");
    }
  }

  @Test
  void aFileWithoutARingIsAlwaysIdle(@TempDir Path directory) throws IOException {
    Path file = Files.write(directory.resolve("image"), new byte[BYTES]);
    try (HostDisk disk = HostDisk.open(file, false, false);
        BlockRig rig = new BlockRig(disk.disk("file0", 1, false))) {
      int cookie = rig.submit("polled", READ | BlkTypes.REQ_HIPRI, 0, 8);
      assertThat(disk.isIdle()).as("a poll reads it").isTrue();
      assertThat(rig.device().queue().blkPoll(cookie, true)).isEqualTo(1);
    }
  }

  @Test
  void aFileWithARingIsIdleOnceTheHostHasNoRequest(@TempDir Path directory) throws IOException {
    Path file = Files.write(directory.resolve("image"), new byte[BYTES]);
    try (HostDisk disk = HostDisk.open(file, false);
        BlockRig rig = new BlockRig(disk.disk("file0", 1, false))) {
      assumeTrue(disk.access().startsWith("io_uring"), disk.access());
      assertThat(disk.isIdle()).isTrue();
      int cookie = rig.submit("polled", READ | BlkTypes.REQ_HIPRI, 0, 8);
      assertThat(disk.isIdle()).as("until a poll finds it").isFalse();
      while (rig.ended().isEmpty()) {
        rig.device().queue().blkPoll(cookie, true);
      }
      assertThat(disk.isIdle()).isTrue();
    }
  }

  @Test
  void aDiskThatSaysNothingRefusesDiscardsAndZeroing(@TempDir Path directory) throws IOException {
    Path file = Files.write(directory.resolve("image"), new byte[BYTES]);
    try (HostDisk disk = HostDisk.open(file, false, false);
        BlockRig rig = new BlockRig(disk.disk("file0", 1, false))) {
      Bio bio = rig.bio("range", BlkTypes.REQ_OP_WRITE_ZEROES, 0);
      assertThat(disk.writeZeroes(bio)).isEqualTo(-Errno.EOPNOTSUPP);
      assertThat(disk.discard(bio)).isEqualTo(-Errno.EOPNOTSUPP);
      bio.endio(0);
      assertThat(disk.movesByItself()).isFalse();
    }
    try (RamDisk ram = new RamDisk(BYTES)) {
      assertThat(ram.flush()).isZero();
    }
  }
}
