// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.uapi.Errno;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * lib/errseq.c: each sample reports an error once, and an unreported error is new to the next
 * sample.
 */
@Timeout(60)
class ErrseqTest {
  private final Errseq errors = new Errseq();

  private static int error(int before, int after) {
    return before == after ? 0 : Errseq.errorOf(after);
  }

  @Test
  void nothingHappened() {
    int since = errors.sample();
    assertThat(since).isEqualTo(Errseq.NONE);
    assertThat(errors.check(since)).isZero();
    assertThat(errors.advance(since)).isEqualTo(since);
  }

  @Test
  void eachSampleReportsAnErrorOnce() {
    int first = errors.sample();
    int second = errors.sample();
    errors.set(-Errno.EIO);
    assertThat(errors.check(first)).isEqualTo(-Errno.EIO);
    int firstAfter = errors.advance(first);
    assertThat(error(first, firstAfter)).isEqualTo(-Errno.EIO);
    assertThat(errors.check(firstAfter)).isZero();
    assertThat(error(second, errors.advance(second))).isEqualTo(-Errno.EIO);
    assertThat(errors.check(errors.sample())).as("reported: not new to a later sample").isZero();
  }

  @Test
  void anUnreportedErrorIsNewToTheNextSample() {
    errors.set(-Errno.ENOSPC);
    int first = errors.sample();
    int second = errors.sample();
    assertThat(error(first, errors.advance(first))).isEqualTo(-Errno.ENOSPC);
    assertThat(error(second, errors.advance(second)))
        .as("sampled before the report")
        .isEqualTo(-Errno.ENOSPC);
    assertThat(errors.check(errors.sample())).isZero();
  }

  @Test
  void theSameErrorAfterAReportIsAnotherOne() {
    int since = errors.sample();
    for (int i = 0; i < 100_000; i++) {
      errors.set(-Errno.EIO);
      errors.set(-Errno.EIO);
      int after = errors.advance(since);
      assertThat(error(since, after)).isEqualTo(-Errno.EIO);
      assertThat(errors.check(after)).isZero();
      since = after;
    }
  }

  @Test
  void theLastErrorIsReported() {
    int since = errors.sample();
    errors.set(-Errno.EIO);
    errors.set(-Errno.ENOSPC);
    assertThat(errors.check(since)).isEqualTo(-Errno.ENOSPC);
    errors.set(-4095);
    assertThat(errors.check(since)).isEqualTo(-4095);
  }

  @Test
  void noThreadMissesAnError() throws Exception {
    int threads = 4;
    List<CompletableFuture<Integer>> reports = new ArrayList<>();
    for (int t = 0; t < threads; t++) {
      int me = t;
      reports.add(
          CompletableFuture.supplyAsync(
              () -> {
                Random random = new Random(me);
                int since = errors.sample();
                int found = 0;
                for (int i = 0; i < 20_000; i++) {
                  if (random.nextInt(4) == 0) {
                    errors.set(-Errno.EIO);
                    assertThat(errors.check(since))
                        .as("its own error, at least")
                        .isEqualTo(-Errno.EIO);
                  }
                  int after = errors.advance(since);
                  found += after != since ? 1 : 0;
                  since = after;
                }
                return found;
              },
              task -> new Thread(task).start()));
    }
    for (CompletableFuture<Integer> each : reports) {
      assertThat(each.get(30, TimeUnit.SECONDS))
          .as("at least one report for each error of its own")
          .isGreaterThan(4_000);
    }
  }
}
