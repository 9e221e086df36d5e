// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The fields of /proc/diskstats, with a clock of the test's own. */
@Timeout(60)
class DiskStatsTest extends RigTest {
  private static final long MS = 1_000_000;

  @Test
  void eachFieldCountsItsOwn() {
    advance(1000 * MS);
    use(TAGS, PLAIN.withDiscard(512, 64, 64));
    submit("read", BlkTypes.REQ_OP_READ, 0, 8);
    advance(10 * MS);
    submit("write", BlkTypes.REQ_OP_WRITE, 16, 4);
    submitRange("zero", BlkTypes.REQ_OP_WRITE_ZEROES, 32, 2);
    submitRange("discard", BlkTypes.REQ_OP_DISCARD, 64, 64);
    assertThat(queue().stats().inFlight()).isEqualTo(4);
    advance(20 * MS);
    disk.releaseAll();
    DiskStats stats = queue().stats();
    assertThat(stats.reads()).isEqualTo(1);
    assertThat(stats.readSectors()).isEqualTo(8);
    assertThat(stats.readMillis()).isEqualTo(30);
    assertThat(stats.writes()).isEqualTo(2);
    assertThat(stats.writeSectors()).isEqualTo(6);
    assertThat(stats.writeMillis()).isEqualTo(40);
    assertThat(stats.discards()).isEqualTo(1);
    assertThat(stats.discardSectors()).isEqualTo(64);
    assertThat(stats.discardMillis()).isEqualTo(20);
    assertThat(stats.inFlight()).isZero();
    assertThat(stats.timeInQueue()).isEqualTo(90);
    assertThat(stats.ioTicks()).as("30 ms, to a tick or two").isBetween(28L, 32L);
    advance(1000 * MS);
    assertThat(queue().stats().ioTicks()).as("nothing was in flight").isEqualTo(stats.ioTicks());
  }

  @Test
  void theLineHasElevenFieldsAndFourOfDiscards() {
    submit("read", BlkTypes.REQ_OP_READ, 0, 8);
    advance(3 * MS);
    disk.release(0);
    long ticks = queue().stats().ioTicks();
    String line = " 259       5 held0 1 0 8 3 0 0 0 0 0 " + ticks + " 3 0 0 0 0";
    assertThat(rig.device().diskstats()).isEqualTo(line);
  }

  @Test
  void manyHardwareQueuesAddUp() {
    use(new TagSet(3, 2, 200, true), PLAIN);
    for (int i = 0; i < 150; i++) {
      submit("a", BlkTypes.REQ_OP_READ, i, 1);
    }
    int cookie = submit("b", BlkTypes.REQ_OP_READ | BlkTypes.REQ_HIPRI, 0, 1);
    disk.releaseAll();
    queue().blkPoll(cookie, false);
    assertThat(queue().stats().reads()).isEqualTo(151);
  }
}
