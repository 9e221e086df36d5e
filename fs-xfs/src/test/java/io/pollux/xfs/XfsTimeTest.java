// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.xfs.format.XfsTime;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Both kinds of times, at their edges. */
final class XfsTimeTest {
  @ParameterizedTest
  @CsvSource({
    "0, -2147483648, 0",
    "1, -2147483648, 1",
    "2147483648000000000, 0, 0",
    "2147483647999999999, -1, 999999999",
    "18446744073709551615, 16299260425, 709551615"
  })
  void bigtime(String disk, long seconds, long nanos) {
    long raw = Long.parseUnsignedLong(disk);
    assertThat(XfsTime.seconds(raw, true)).isEqualTo(seconds);
    assertThat(XfsTime.nanos(raw, true)).isEqualTo(nanos);
  }

  @ParameterizedTest
  @CsvSource({
    "0000000000000000, 0, 0",
    "ffffffff3b9ac9ff, -1, 999999999",
    "8000000000000000, -2147483648, 0",
    "7fffffff00000001, 2147483647, 1"
  })
  void legacy(String disk, long seconds, long nanos) {
    long raw = Long.parseUnsignedLong(disk, 16);
    assertThat(XfsTime.seconds(raw, false)).isEqualTo(seconds);
    assertThat(XfsTime.nanos(raw, false)).isEqualTo(nanos);
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0, 0",
    "-1, -1, 999000000",
    "1547542861123, 1547542861, 123000000",
    "-2147483648000, -2147483648, 0"
  })
  void ofMilliseconds(long millis, long seconds, long nanos) {
    for (boolean bigtime : new boolean[] {false, true}) {
      long raw = XfsTime.ofMillis(millis, bigtime);
      assertThat(XfsTime.seconds(raw, bigtime)).isEqualTo(seconds);
      assertThat(XfsTime.nanos(raw, bigtime)).isEqualTo(nanos);
    }
    assertThat(XfsTime.seconds(XfsTime.ofMillis(1L << 42, false), false))
        .as("after 2038")
        .isEqualTo(Integer.MAX_VALUE);
  }
}
