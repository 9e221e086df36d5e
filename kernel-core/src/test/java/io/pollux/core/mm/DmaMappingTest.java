// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.mm;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class DmaMappingTest {
  private static final long PAGE = HostMemory.PAGE_SIZE;
  private static final long BASE = 1L << 32;

  private final List<String> detached = new ArrayList<>();

  private final class Named extends DmaMapping.Attachment {
    private final String name;

    Named(String name, Object owner) {
      super(owner);
      this.name = name;
    }

    @Override
    protected void detach() {
      detached.add(name);
    }
  }

  private static DmaMapping of(long... addressAndBytes) {
    long[] addresses = new long[addressAndBytes.length / 2];
    long[] bytes = new long[addresses.length];
    for (int i = 0; i < addresses.length; i++) {
      addresses[i] = addressAndBytes[2 * i];
      bytes[i] = addressAndBytes[2 * i + 1];
    }
    return new DmaMapping(addresses, bytes);
  }

  private static List<String> segments(DmaMapping mapping) {
    List<String> all = new ArrayList<>();
    for (int i = 0; i < mapping.segments(); i++) {
      all.add((mapping.start(i) - BASE) / PAGE + "+" + mapping.bytes(i) / PAGE);
    }
    return all;
  }

  @Test
  void pagesThatFollowEachOtherAreOneSegment() {
    assertThat(segments(of(BASE + PAGE, PAGE, BASE, PAGE, BASE + 2 * PAGE, PAGE)))
        .containsExactly("0+3");
    assertThat(segments(of(BASE, 512, BASE + PAGE + 512, 512)))
        .as("parts of pages")
        .containsExactly("0+2");
    assertThat(segments(of(BASE, 512, BASE + 512, 512, BASE, 8 * PAGE)))
        .as("overlapping")
        .containsExactly("0+8");
    assertThat(segments(of(BASE + 100, PAGE, BASE + 3 * PAGE, 1))).containsExactly("0+2", "3+1");
    assertThat(segments(of(BASE, 0, BASE + PAGE, 0))).as("nothing").isEmpty();
  }

  @Test
  void aSegmentHasAGibibyteAtMost() {
    DmaMapping mapping = of(BASE, 5 * DmaMapping.SEGMENT_MAX / 2);
    long whole = DmaMapping.SEGMENT_MAX / PAGE;
    assertThat(segments(mapping))
        .containsExactly("0+" + whole, whole + "+" + whole, 2 * whole + "+" + whole / 2);
    long border = BASE + DmaMapping.SEGMENT_MAX;
    assertThat(mapping.segmentOf(border - PAGE, PAGE)).isEqualTo(0);
    assertThat(mapping.segmentOf(border, PAGE)).isEqualTo(1);
    assertThat(mapping.segmentOf(border - 512, 1024)).as("over the border").isEqualTo(-1);
  }

  /** Against a list of pages that are in some range. */
  @Test
  void findsWhatLiesInside() {
    long seed = Long.getLong("pollux.seed", System.nanoTime());
    System.out.println("DmaMappingTest: -Dpollux.seed=" + seed);
    SplittableRandom random = new SplittableRandom(seed);
    for (int round = 0; round < 200; round++) {
      boolean[] covered = new boolean[64];
      long[] pairs = new long[2 * random.nextInt(1, 12)];
      for (int i = 0; i < pairs.length; i += 2) {
        long at = random.nextLong(60 * PAGE);
        long bytes = random.nextLong(3 * PAGE);
        pairs[i] = BASE + at;
        pairs[i + 1] = bytes;
        if (bytes > 0) {
          Arrays.fill(covered, (int) (at / PAGE), (int) ((at + bytes - 1) / PAGE) + 1, true);
        }
      }
      DmaMapping mapping = of(pairs);
      for (int probe = 0; probe < 100; probe++) {
        long at = random.nextLong(62 * PAGE);
        long bytes = random.nextLong(1, PAGE);
        boolean inside = covered[(int) (at / PAGE)] && covered[(int) ((at + bytes - 1) / PAGE)];
        int found = mapping.segmentOf(BASE + at, bytes);
        assertThat(found >= 0).isEqualTo(inside);
        if (found >= 0) {
          assertThat(mapping.start(found)).isLessThanOrEqualTo(BASE + at);
          assertThat(mapping.start(found) + mapping.bytes(found))
              .isGreaterThanOrEqualTo(BASE + at + bytes);
        }
      }
    }
  }

  @Test
  void everyOwnerFindsItsOwnUntilItIsClosed() {
    DmaMapping mapping = of(BASE, PAGE);
    Object one = new Object();
    Object other = new Object();
    Named first = new Named("first", one);
    Named second = new Named("second", other);
    assertThat(mapping.attach(first)).isTrue();
    assertThat(mapping.attach(second)).isTrue();
    assertThat(mapping.attachment(one)).isSameAs(first);
    assertThat(mapping.attachment(other)).isSameAs(second);
    assertThat(mapping.attachment(this)).isNull();
    mapping.close();
    assertThat(detached).containsExactlyInAnyOrder("first", "second");
    assertThat(mapping.attachment(one)).isNull();
    assertThat(mapping.attach(new Named("late", one))).isFalse();
    mapping.close();
    assertThat(detached).as("once").hasSize(2);
  }
}
