// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.console;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Sizes as people write them. */
class SizesTest {
  @ParameterizedTest
  @CsvSource({
    "0,0",
    "512,512",
    "512B,512",
    "4k,4096",
    "4K,4096",
    "4KiB,4096",
    "4kb,4096",
    "64M,67108864",
    "1G,1073741824",
    "2T,2199023255552",
    "1P,1125899906842624",
    "7E,8070450532247928832",
    "9223372036854775807,9223372036854775807"
  })
  void sizesAreRead(String text, long bytes) {
    assertThat(Sizes.parse(text)).isEqualTo(bytes);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "k",
        "-1",
        "1.5k",
        "4 k",
        "4kk",
        "4i",
        "0x10",
        "8E",
        "9223372036854775808",
        "99999999999999999999"
      })
  void whatIsNoSizeIsRefused(String text) {
    assertThatThrownBy(() -> Sizes.parse(text))
        .isInstanceOf(NumberFormatException.class)
        .hasMessageContaining("'" + text + "'");
  }

  @ParameterizedTest
  @CsvSource({
    "0,0 B",
    "1023,1023 B",
    "4096,4 KiB",
    "1536,1.5 KiB",
    "1000001,977 KiB",
    "16777216,16 MiB",
    "314572800,300 MiB",
    "4611686018427396113,4.0 EiB"
  })
  void sizesAreShown(long bytes, String text) {
    assertThat(Sizes.show(bytes)).isEqualTo(text);
  }
}
