// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.sample;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.uapi.RawMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The pattern is recognised where it is right, and the first byte where it is not is named. */
class SamplePatternTest {
  private static final int BYTES = 16 << 10;

  private final Arena arena = Arena.ofConfined();
  private final long memory = arena.allocate(BYTES, 4096).address();

  @AfterEach
  void free() {
    arena.close();
  }

  @Test
  void theMagicIsTextInMemory() {
    SamplePattern.fill(memory, 512, 0x123456789ABL * 512);

    byte[] sector = RawMemory.segment(memory, 512).toArray(ValueLayout.JAVA_BYTE);
    assertThat(new String(sector, 0, 8, StandardCharsets.US_ASCII)).isEqualTo("PLUXSM01");
    assertThat(RawMemory.getLong(memory + 8)).isEqualTo(0x123456789ABL * 512);
    assertThat(sector[16]).isEqualTo((byte) '.');
    assertThat(sector[503]).isEqualTo((byte) '.');
    assertThat(RawMemory.getLong(memory + 504)).isEqualTo(~(0x123456789ABL * 512));
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 512, 16 << 20, 1L << 43, 1L << 62})
  void whatIsRightIsRight(long offset) {
    SamplePattern.fill(memory, BYTES, offset);

    assertThat(SamplePattern.verify(memory, BYTES, offset)).isEqualTo(-1);
    assertThat(SamplePattern.verify(memory, 1000, offset)).isEqualTo(-1);
    assertThat(SamplePattern.verify(memory, 1, offset)).isEqualTo(-1);
    assertThat(SamplePattern.verify(memory, 0, offset)).isEqualTo(-1);
    assertThat(SamplePattern.verify(memory + 512, BYTES - 512, offset)).isNotEqualTo(-1);
  }

  @Test
  void anyWrongByteIsFoundWhereItIs() {
    Random random = new Random(20190115);
    SamplePattern.fill(memory, BYTES, 4096);
    for (int i = 0; i < 5000; i++) {
      int at = random.nextInt(BYTES);
      byte good = RawMemory.getByte(memory + at);
      RawMemory.putByte(memory + at, (byte) (good ^ (1 << random.nextInt(8))));
      assertThat(SamplePattern.verify(memory, BYTES, 4096)).isEqualTo(at);
      int part = random.nextInt(BYTES + 1);
      assertThat(SamplePattern.verify(memory, part, 4096)).isEqualTo(at < part ? at : -1);
      RawMemory.putByte(memory + at, good);
    }
  }

  @Test
  void zeroesAreWrong() {
    assertThat(SamplePattern.verify(memory, BYTES, 0)).isZero();
  }
}
