// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.fixture.BlockRig;
import io.pollux.uapi.Errno;
import io.pollux.uapi.RawMemory;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A volatile cache over a file that can't be written, or became shorter. */
@Timeout(60)
final class CacheErrorsTest {
  private static final int READ = BlkTypes.REQ_OP_READ;
  private static final int WRITE = BlkTypes.REQ_OP_WRITE;
  private static final int BYTES = 64 << 10;

  private final Path file;
  private final FaultDisk disk;
  private final BlockRig rig;

  CacheErrorsTest(@TempDir Path directory) throws IOException {
    file = Files.write(directory.resolve("image"), new byte[BYTES]);
    FaultPlan plan = FaultPlan.parse("volatile-cache");
    disk = FaultDisk.over(HostDisk.open(file, true, false), plan);
    BlockDevice device = disk.disk("file0", 1, false); // the host refuses writes, not the device
    rig = new BlockRig(device);
  }

  @AfterEach
  void close() {
    rig.close();
    disk.powerCut(); // otherwise close writes the cache back
    disk.close();
  }

  private void submit(String expected, String name, int opf, long sector, int... pieces) {
    rig.submit(name, opf, sector, pieces);
    assertThat(rig.takeEnded()).containsExactly(name + " " + expected);
  }

  @Test
  void aFlushThatFailsKeepsTheCache() {
    RawMemory.putLong(rig.memory(), 7);
    submit("0", "write", WRITE, 0, 8);
    assertThat(disk.unflushedWrites()).isEqualTo(1);
    for (int i = 0; i < 2; i++) {
      submit("-5", "flush", BlkTypes.REQ_OP_FLUSH, 0);
      assertThat(disk.unflushedWrites()).isEqualTo(1);
    }
    RawMemory.putLong(rig.memory(), 0);
    submit("0", "read", READ, 0, 8);
    assertThat(RawMemory.getLong(rig.memory())).isEqualTo(7);
  }

  @Test
  void aDurableWriteThatFailsKeepsWhatIsCached() {
    RawMemory.putLong(rig.memory(), 7);
    submit("0", "write", WRITE, 0, 8);
    RawMemory.putLong(rig.memory(), 8);
    submit("-5", "durable", WRITE | BlkTypes.REQ_FUA, 0, 8);
    RawMemory.putLong(rig.memory(), 0);
    submit("0", "read", READ, 0, 8);
    assertThat(RawMemory.getLong(rig.memory())).isEqualTo(7);
  }

  @Test
  void aReadThatTheMediumCantServeFailsEvenIfASectorIsCached() throws IOException {
    submit("0", "write", WRITE, 64, 8);
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.truncate(32 << 10);
    }
    submit("-5", "read", READ, 64, 8, 8);
    submit("0", "before", READ, 0, 8, 8);
    long memory = rig.memory();
    assertThat(disk.peek(40 << 10, memory, 512)).isEqualTo(-Errno.EIO);
  }

  @Test
  void aDiskThatClosesWithoutAWriteOfItsCacheSaysSo(@TempDir Path directory) throws IOException {
    Path other = Files.write(directory.resolve("other"), new byte[BYTES]);
    FaultPlan plan = FaultPlan.parse("volatile-cache");
    FaultDisk closing = FaultDisk.over(HostDisk.open(other, true, false), plan);
    try (BlockRig its = new BlockRig(closing.disk("file1", 2, false))) {
      its.submit("write", WRITE, 0, 8);
      assertThat(its.ended()).containsExactly("write 0");
    }
    assertThatThrownBy(closing::close)
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("writing back a cache: EIO");
  }
}
