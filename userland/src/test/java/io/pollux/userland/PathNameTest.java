// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.userland;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Paths are bytes, and are shown so that they do no harm. */
class PathNameTest {
  @ParameterizedTest
  @CsvSource({
    "/,a,/a",
    "/mnt,a,/mnt/a",
    "/mnt,/a/b,/mnt/a/b",
    "/mnt/,//a,/mnt/a",
    "a,b,a/b",
    "/mnt,/,/mnt/",
    "'',a,/a"
  })
  void oneBelowTheOther(String parent, String child, String both) {
    assertThat(PathName.of(parent).resolve(PathName.of(child))).isEqualTo(PathName.of(both));
  }

  @ParameterizedTest
  @CsvSource({"/a/b,b", "/a/b//,b", "b,b", "/,''", "'',''"})
  void theLastName(String path, String name) {
    assertThat(PathName.of(path).fileName()).isEqualTo(PathName.of(name));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", ".", "..", "a/b", "/", "../x", "a\0b"})
  void namesThatNoDirectoryCanHoldAreKnown(String name) {
    assertThat(PathName.of(name).isPlainName()).isFalse();
  }

  @ParameterizedTest
  @ValueSource(strings = {"...", "a", " ", "\n", "-r", "文件"})
  void otherNamesAreFine(String name) {
    assertThat(PathName.of(name).isPlainName()).isTrue();
  }

  @Test
  void whatATerminalWouldObeyIsMadeVisible() {
    assertThat(PathName.of("a\tb\nc\u001b[31md")).hasToString("a\\x09b\\x0ac\\x1b[31md");
    assertThat(PathName.of("\u202edlrow")).hasToString("\\xe2\\x80\\xaedlrow");
    assertThat(PathName.of("\u0085")).hasToString("\\xc2\\x85");
    assertThat(PathName.of("кириллица 🐟 \uFFFD")).hasToString("кириллица 🐟 \uFFFD");
  }

  @Test
  void bytesThatAreNotUtf8AreMadeVisible() {
    byte[] bytes = {
      'x',
      (byte) 0xff,
      (byte) 0xc0,
      (byte) 0x80,
      (byte) 0xe2,
      (byte) 0x82,
      (byte) 0xed,
      (byte) 0xa0,
      (byte) 0x80,
      'y'
    };

    assertThat(PathName.of(bytes)).hasToString("x\\xff\\xc0\\x80\\xe2\\x82\\xed\\xa0\\x80y");
    assertThat(PathName.of(bytes).bytes()).isEqualTo(bytes);
  }

  @Test
  void anyBytesAreTheSameAgainAfterTheyWereText() {
    byte[] bytes = {
      'x',
      (byte) 0xff,
      (byte) 0xc0,
      (byte) 0x80,
      (byte) 0xe2,
      (byte) 0x82,
      (byte) 0xed,
      (byte) 0xb2,
      (byte) 0x80,
      (byte) 0xf0,
      (byte) 0x9f,
      (byte) 0x90,
      (byte) 0x9f,
      (byte) 0xc3,
      'y',
      (byte) 0xe2,
      (byte) 0x82
    };
    assertThat(PathName.of(bytes).text())
        .startsWith("x\udcff\udcc0\udc80\udce2")
        .contains("🐟\udcc3y");
    assertThat(PathName.of(PathName.of(bytes).text()).bytes()).isEqualTo(bytes);
    long seed = new SplittableRandom().nextLong();
    SplittableRandom random = new SplittableRandom(seed);
    for (int i = 0; i < 10_000; i++) {
      random.nextBytes(bytes);
      assertThat(PathName.of(PathName.of(bytes).text()).bytes())
          .as("seed %s", seed)
          .isEqualTo(bytes);
    }
    assertThat(PathName.of("кириллица 🐟 \uFFFD").text()).isEqualTo("кириллица 🐟 \uFFFD");
  }

  @Test
  void orderIsThatOfUnsignedBytes() {
    assertThat(PathName.of("я")).isGreaterThan(PathName.of("z"));
    assertThat(PathName.of("a")).isLessThan(PathName.of("ab"));
  }
}
