// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.bench;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The progress of a bench thread, read by another thread. */
@Timeout(60)
class MeterTest {
  private static final int READINGS = 100_000;
  private static final int PAUSE = 20;

  private volatile boolean enough;

  @Test
  void aReadingIsThatOfOneBatch() throws InterruptedException {
    Meter meter = new Meter();
    Thread writer =
        new Thread(
            () -> {
              for (int i = 1; !enough; i++) {
                meter.set(i, i, i, i, i);
                for (int pause = 0; pause < PAUSE; pause++) {
                  Thread.onSpinWait(); // gives the reader time between two batches
                }
              }
            });
    writer.start();
    try {
      for (int i = 0; i < READINGS; i++) {
        Meter.Reading reading = meter.read();
        long done = reading.done();
        assertThat(reading).isEqualTo(new Meter.Reading(done, done, done, (int) done, (int) done));
      }
    } finally {
      enough = true;
      writer.join();
    }
  }
}
