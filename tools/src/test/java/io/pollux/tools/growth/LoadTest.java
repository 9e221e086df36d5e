// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.growth;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.ErrnoException;
import io.pollux.tools.image.TargetSpec.Fs;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Each load does its requests, and all that it took is given back: a read that answers anything else throws. */
@Timeout(60)
class LoadTest {
  private static void runs(Load load) {
    try (load) {
      load.io();
      load.io();
    }
  }

  @ParameterizedTest
  @CsvSource({"1, 1, 1", "8, 1, 1", "1024, 1, 1", "32, 16, 1", "1024, 16, 8", "32, 16, 32"})
  void devices(int depth, int devices, int inARow) throws ErrnoException {
    runs(new DeviceLoad(depth, devices, inARow));
  }

  @ParameterizedTest
  @CsvSource({"NONE, 1, 1024", "NONE, 16, 512", "XFS, 1, 1024", "XFS, 16, 512", "GFS2, 1, 1024", "GFS2, 16, 512"})
  void contexts(Fs fs, int contexts, int inFlight) throws ErrnoException {
    runs(new ContextLoad(Bed.of(fs), contexts, 1, inFlight));
  }

  @ParameterizedTest
  @CsvSource({"1, 64, 1, 32", "16, 64, 8, 512"})
  void opensOfABareDisk(int contexts, int opens, int inARow, int inFlight) throws ErrnoException {
    runs(new ContextLoad(Bed.ofOpens(opens), contexts, inARow, inFlight));
  }

  @Test
  void aBareDiskIsOpenedAsOften() throws ErrnoException {
    try (Bed bed = Bed.ofOpens(3)) {
      assertThat(bed.files()).isEqualTo(3);
      assertThat(bed.fd(0)).isNotEqualTo(bed.fd(1));
      assertThat(bed.blocks() * Bed.BLOCK).isEqualTo(XfsImage.FILE_BYTES);
    }
  }
}
