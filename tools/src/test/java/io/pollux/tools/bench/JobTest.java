// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Jobs share the work out, know what they wrote, and notice what is wrong. */
class JobTest {
  private static final int BLOCK = 512;
  private static final int SLOTS = 4;

  private final Control control = new Control();

  private static Plan plan(Plan.Pattern pattern, int threads, long ramp, long ios) {
    return new Plan(
        Plan.Mode.RING,
        true,
        true,
        false,
        false,
        false,
        pattern,
        BLOCK,
        SLOTS,
        1,
        1,
        threads,
        ramp,
        Long.MAX_VALUE,
        ios,
        true,
        42);
  }

  private Job job(
      Plan.Pattern pattern, Job.Check check, int index, int threads, long ios, long blocks) {
    return new Job(plan(pattern, threads, 0, ios), control, check, index, blocks, SLOTS, true);
  }

  /** A job whose ramp lasts until control says that it is over. */
  private Job jobWithRamp(Job.Check check, long ios) {
    return new Job(plan(Plan.Pattern.READ, 1, 1, ios), control, check, 0, 100, SLOTS, true);
  }

  @Test
  void theThreadsDoExactlySoManyTogether() {
    int all = 0;
    for (int i = 0; i < 3; i++) {
      Job job = job(Plan.Pattern.RANDREAD, Job.Check.NONE, i, 3, 1001, 100);
      job.begin();
      while (job.next()) {
        job.issue(0, 0);
        job.complete(0, 0, BLOCK);
        all++;
      }
      assertThat(job.more()).isFalse();
    }
    assertThat(all).isEqualTo(1001);
  }

  @Test
  void whatIsIssuedInTheRampIsNotMeasured() {
    Job job = jobWithRamp(Job.Check.NONE, 5);
    job.begin();
    for (int i = 0; i < 1000; i++) {
      assertThat(job.more()).isTrue();
      assertThat(job.next()).isTrue();
      job.issue(0, 0);
      job.complete(0, 0, BLOCK);
      job.batchDone(i + 1, i + 1, 0, 0);
    }
    assertThat(job.measured()).isZero();
    assertThat(job.calls()).isZero();

    assertThat(job.next()).isTrue();
    job.issue(1, 0); // in flight when the ramp ends
    control.advance(Control.STEADY);
    job.batchDone(1001, 1001, 0, 0);
    job.complete(1, 0, BLOCK);
    int measured = 0;
    while (job.next()) {
      job.issue(0, 0);
      job.complete(0, 0, BLOCK);
      measured++;
    }
    job.batchDone(1006, 1008, 0, 0);
    job.end();
    assertThat(measured).isEqualTo(5);
    assertThat(job.more()).isFalse();
    assertThat(job.measured()).isEqualTo(5);
    assertThat(job.calls()).isEqualTo(7);
    assertThat(job.latency().getTotalCount()).isEqualTo(5);
    assertThat(job.done()).isEqualTo(1006);
  }

  @Test
  void faultsInTheRampCount() {
    try (Arena arena = Arena.ofConfined()) {
      long buffer = arena.allocate(BLOCK, 8).address(); // zeroes, which are not the pattern
      Job job = jobWithRamp(Job.Check.SAMPLE, 1);
      job.begin();
      for (long result : new long[] {BLOCK, -5}) {
        assertThat(job.next()).isTrue();
        job.issue(0, buffer);
        job.complete(0, buffer, result);
      }
      control.advance(Control.STEADY);
      job.batchDone(2, 2, 0, 0);
      assertThat(job.measured()).isZero();
      assertThat(job.verified()).isEqualTo(1);
      assertThat(job.mismatches()).isEqualTo(1);
      assertThat(job.errors()).isEqualTo(1);
    }
  }

  @Test
  void aRunThatEndsInItsRampMeasuresNothing() {
    Job job = jobWithRamp(Job.Check.NONE, 5);
    job.begin();
    assertThat(job.next()).isTrue();
    job.issue(0, 0);
    job.complete(0, 0, BLOCK);
    job.end();
    assertThat(job.measured()).isZero();
    assertThat(job.calls()).isZero();
    assertThat(job.ended()).isEqualTo(job.began());
  }

  @Test
  void sequentialThreadsHaveEachTheirPartOfTheFile() {
    Set<Long> offsets = new HashSet<>();
    for (int i = 0; i < 3; i++) {
      Job job = job(Plan.Pattern.READ, Job.Check.NONE, i, 3, 30, 10);
      while (job.next()) {
        offsets.add(job.offset());
        job.issue(0, 0);
        job.complete(0, 0, BLOCK);
      }
    }
    assertThat(offsets).hasSize(10).contains(0L, 9L * BLOCK);
  }

  @Test
  void randomOffsetsAreInTheFile() {
    Job job = job(Plan.Pattern.RANDREAD, Job.Check.NONE, 0, 1, 10_000, 7);
    Set<Long> offsets = new HashSet<>();
    while (job.next()) {
      offsets.add(job.offset());
      job.issue(0, 0);
      job.complete(0, 0, BLOCK);
    }
    assertThat(offsets).containsExactlyInAnyOrder(0L, 512L, 1024L, 1536L, 2048L, 2560L, 3072L);
  }

  @Test
  void aBlockInFlightIsLeftAlone() {
    try (Arena arena = Arena.ofConfined()) {
      long buffer = arena.allocate(BLOCK, 8).address();
      Job job = job(Plan.Pattern.RANDRW, Job.Check.WRITTEN, 0, 1, 1000, 3);
      Set<Long> offsets = new HashSet<>();
      for (int slot = 0; slot < 3; slot++) {
        assertThat(job.next()).isTrue();
        offsets.add(job.offset());
        job.issue(slot, buffer);
      }
      assertThat(offsets).hasSize(3);
      assertThat(job.next()).isFalse();
      job.complete(1, buffer, -5);
      assertThat(job.next()).isTrue();
    }
  }

  @Test
  void staleDataIsAMismatch() {
    try (Arena arena = Arena.ofConfined()) {
      long disk = arena.allocate(BLOCK, 8).address();
      WrittenPattern pattern = new WrittenPattern(42);
      pattern.fill(disk, BLOCK, 0, 1);
      assertThat(pattern.verify(disk, BLOCK, 0, 1)).isEqualTo(-1);
      assertThat(pattern.verify(disk, BLOCK, 0, 2)).isZero();
      assertThat(pattern.verify(disk, BLOCK, 512, 1)).isZero();
      assertThat(new WrittenPattern(43).verify(disk, BLOCK, 0, 1)).isZero();

      Job job = job(Plan.Pattern.WRITE, Job.Check.WRITTEN, 0, 1, 2, 1);
      for (int i = 0; i < 2; i++) {
        assertThat(job.next()).isTrue();
        job.issue(0, arena.allocate(BLOCK, 8).address()); // the second write gets lost
        job.complete(0, 0, BLOCK);
      }
      job.readBack(offset -> BLOCK, disk);
      assertThat(job.mismatches()).isEqualTo(1);
      assertThat(job.firstFault()).contains("offset 0");
    }
  }

  @Test
  void errorsAreCountedAndTheFirstIsKept() {
    Job job = job(Plan.Pattern.READ, Job.Check.NONE, 0, 1, 3, 100);
    long[] results = {BLOCK, -5, 100};
    for (long result : results) {
      assertThat(job.next()).isTrue();
      job.issue(0, 0);
      job.complete(0, 0, result);
    }
    assertThat(job.done()).isEqualTo(3);
    assertThat(job.errors()).isEqualTo(2);
    assertThat(job.firstFault()).isEqualTo("read at offset 512: Input/output error");
  }

  @Test
  void randomNumbersStayInRange() {
    XorShift random = new XorShift(0);
    for (int i = 0; i < 100_000; i++) {
      assertThat(random.below(1)).isZero();
      assertThat(random.below(10)).isBetween(0L, 9L);
      assertThat(random.below(Long.MAX_VALUE)).isNotNegative();
    }
  }
}
