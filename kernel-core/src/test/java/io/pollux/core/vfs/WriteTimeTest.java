// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** When the time of a write goes to the disk. */
class WriteTimeTest {
  private int dirtied;
  private final WriteTime time = new WriteTime(() -> dirtied++);

  @Test
  void aWriteKeepsItsTimeUntilItIsForgotten() {
    assertThat(time.isSet()).isFalse();
    assertThat(time.millis()).isEqualTo(Long.MIN_VALUE);
    long before = System.currentTimeMillis();
    time.update();
    assertThat(time.isSet()).isTrue();
    assertThat(time.millis()).isBetween(before, System.currentTimeMillis());
    time.forget();
    assertThat(time.isSet()).as("a dirty time is kept").isTrue();
    assertThat(time.markClean()).isTrue();
    time.forget();
    assertThat(time.isSet()).isFalse();
    assertThat(time.millis()).isEqualTo(Long.MIN_VALUE);
  }

  @Test
  void theFilesystemIsCalledOnlyWhenTheTimeBecomesDirty() {
    time.update();
    time.update();
    time.markDirty();
    assertThat(dirtied).isEqualTo(1);
    assertThat(time.markClean()).isTrue();
    assertThat(time.markClean()).as("clean already").isFalse();
    time.markDirty();
    assertThat(dirtied).isEqualTo(2);
  }
}
