// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.block.BlockDevice;
import io.pollux.block.driver.RamDisk;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The text of an extent, for dumps. */
@Timeout(60)
class IomapTextTest {
  private final Iomap iomap = new Iomap();

  @Test
  void anExtentHasTypeRangeAddressAndDevice() {
    try (RamDisk memory = new RamDisk(1 << 20)) {
      BlockDevice disk = memory.disk("ram0", 0x100, false);
      iomap.setMapped(true, 4096, 8192, 65_536, disk);
      assertThat(iomap).hasToString("iomap UNWRITTEN of bytes 4096+8192 at 65536 of ram0");
      iomap.setMapped(false, 0, 512, 0, disk);
      iomap.setFlags(Iomap.IOMAP_F_SHARED | Iomap.IOMAP_F_MERGED);
      assertThat(iomap).hasToString("iomap MAPPED of bytes 0+512 at 0 of ram0 MERGED SHARED");
    }
  }

  @Test
  void aHoleHasNoAddress() {
    iomap.setHole(0, 4096);
    assertThat(iomap).hasToString("iomap HOLE of bytes 0+4096");
    iomap.setInline(0, 10, 77);
    assertThat(iomap).hasToString("iomap INLINE of bytes 0+10 at 77");
  }

  @Test
  void anExtentThatDoesNotCoverThePositionIsRefused() {
    iomap.setHole(4096, 4096);
    iomap.checkCovers(4096);
    iomap.checkCovers(8191);
    for (long pos : new long[] {4095, 8192, 0, Long.MAX_VALUE}) {
      assertThatThrownBy(() -> iomap.checkCovers(pos))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage(
              "iomapBegin returned an extent that does not cover byte "
                  + pos
                  + ": iomap HOLE of bytes 4096+4096");
    }
    iomap.setHole(1, Long.MAX_VALUE);
    iomap.checkCovers(Long.MAX_VALUE);
  }
}
