// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** An access through a null pointer is an AssertionError, with -Dpollux.debug=true. */
@Timeout(60)
class RawMemoryTest {
  private static final long[] IN_PAGE_0 = {0, 8, 4088, 1L << 48};

  private static void assertRefused(Runnable access) {
    assertThatThrownBy(access::run)
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("no memory is mapped at 0x");
  }

  @Test
  void noAccessReachesPage0() {
    assumeTrue(Boolean.getBoolean("pollux.debug"), "checked only with -Dpollux.debug=true");
    for (long address : IN_PAGE_0) {
      assertRefused(() -> RawMemory.getLong(address));
      assertRefused(() -> RawMemory.putLong(address, 1));
      assertRefused(() -> RawMemory.getInt(address, 4));
      assertRefused(() -> RawMemory.putInt(address, 4, 1));
      assertRefused(() -> RawMemory.getShort(address));
      assertRefused(() -> RawMemory.putShort(address, (short) 1));
      assertRefused(() -> RawMemory.getByte(address));
      assertRefused(() -> RawMemory.putByte(address, (byte) 1));
      assertRefused(() -> RawMemory.getIntAcquire(address));
      assertRefused(() -> RawMemory.putIntRelease(address, 1));
      assertRefused(() -> IoEvent.res(address));
    }
  }

  @Test
  void mappedMemoryIsAccessed() {
    try (Arena arena = Arena.ofConfined()) {
      long address = arena.allocate(16, 8).address();
      RawMemory.putLong(address, 8, 3);
      assertThat(RawMemory.getLong(address + 8)).isEqualTo(3);
    }
  }
}
