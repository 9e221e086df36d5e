// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.uapi.Errno;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Words KEY and KEY=VALUE: what is taken, and what is refused by name. */
class OptionsTest {
  private static void assertInvalid(ThrowingCallable call, String sentence) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(
            ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EINVAL))
        .hasMessage(sentence);
  }

  @Test
  void flagsAreThereOrNot() throws ErrnoException {
    Options options = Options.parse("sync,discard=1,lazy=0,odd=2");
    assertThat(options.flag("sync")).isTrue();
    assertThat(options.flag("discard")).isTrue();
    assertThat(options.flag("lazy")).isFalse();
    assertThat(options.flag("absent")).isFalse();
    assertInvalid(() -> options.flag("odd"), "option odd: '2' is neither 0 nor 1");
  }

  @Test
  void theLastOfRoAndRwCounts() throws ErrnoException {
    assertThat(Options.parse("ro,rw").readOnly(true)).isFalse();
    assertThat(Options.parse("rw,ro").readOnly(false)).isTrue();
    assertThat(Options.none().readOnly(true)).isTrue();
    Options options = Options.parse("ro,norecovery");
    assertThat(options.readOnly(false)).isTrue();
    assertThat(options).hasToString("norecovery");
    assertInvalid(() -> Options.parse("ro=1").readOnly(false), "option ro: it has no value");
  }

  @Test
  void theLastValueOfAKeyCounts() throws ErrnoException {
    Options options = Options.parse("label=a,label=b=c");
    assertThat(options.text("label")).isEqualTo("b=c");
    assertThat(options.texts("label")).containsExactly("a", "b=c");
    assertThat(options.text("other")).isNull();
    assertThat(options).hasToString("label=a,label=b=c");
  }

  @ParameterizedTest
  @CsvSource({"512,512", "64k,65536", "64K,65536", "3m,3145728", "1G,1073741824", "0,0"})
  void sizesHaveUnits(String text, long bytes) throws ErrnoException {
    assertThat(Options.parse("size=" + text).size("size", -1, 0, Long.MAX_VALUE)).isEqualTo(bytes);
  }

  @Test
  void numbersOutOfRangeAreRefused() throws ErrnoException {
    Options options = Options.parse("n=9,big=9e,neg=-1,word=x,unit=k,huge=99999999999999999999");
    assertThat(options.number("n", 1, 9, 9)).isEqualTo(9);
    assertThat(options.number("absent", 7, 9, 9)).isEqualTo(7);
    assertInvalid(() -> options.number("n", 1, 0, 8), "option n: 9 is out of range, from 0 to 8");
    assertInvalid(
        () -> options.size("big", 0, 0, Long.MAX_VALUE),
        "option big: 9e is larger than any size can be");
    assertInvalid(
        () -> options.size("neg", 0, 0, 4096), "option neg: -1 is out of range, from 0 to 4096");
    assertInvalid(() -> options.number("word", 0, 0, 1), "option word: 'x' is not a whole number");
    assertInvalid(
        () -> options.size("unit", 0, 0, 1),
        "option unit: 'k' is not a size such as 512, 64k or 1G");
    assertInvalid(
        () -> options.number("huge", 0, 0, 1),
        "option huge: '99999999999999999999' is not a whole number");
  }

  @Test
  void anOptionThatNothingTookIsRefusedByName() throws ErrnoException {
    Options options = Options.parse("size=1m,colour=red");
    assertInvalid(
        () -> options.requireAllKnown("flatfs"), "flatfs has no option 'size'; it has no options");
    assertThat(options.text("size")).isEqualTo("1m");
    assertThat(options.flag("sync")).isFalse();
    assertInvalid(
        () -> options.requireAllKnown("flatfs"),
        "flatfs has no option 'colour'; it has only size, sync");
    assertThat(options.text("colour")).isEqualTo("red");
    options.requireAllKnown("flatfs");
  }

  @Test
  void wordsWithoutAKeyOrAValueAreRefused() throws ErrnoException {
    assertThat(Options.parse("")).hasToString("");
    assertInvalid(() -> Options.parse("a,,b"), "an option without a name: ''");
    assertInvalid(() -> Options.parse("=1"), "an option without a name: '=1'");
    assertInvalid(() -> Options.parse("a").text("a"), "option a: its value is missing");
    assertInvalid(() -> Options.parse("a=").texts("a"), "option a: its value is missing");
    assertInvalid(
        () -> Options.parse("k=" + "x".repeat(4094)), "the options have more than 4095 characters");
  }
}
