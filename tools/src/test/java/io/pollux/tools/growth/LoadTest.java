// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.growth;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.ErrnoException;
import io.pollux.tools.image.SampleImage;
import io.pollux.tools.image.TargetSpec.Fs;
import io.pollux.tools.user.FileStatus;
import io.pollux.tools.user.UserFiles;
import io.pollux.uapi.StatMode;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

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
  @CsvSource({
    "NONE, 1, 1, 1, 32", "NONE, 16, 64, 8, 512", "XFS, 1, 64, 1, 32", "XFS, 1, 1, 1, 1024", "GFS2, 1, 64, 8, 32", "GFS2, 16, 64, 1, 512",
  })
  void contexts(Fs fs, int contexts, int files, int inARow, int inFlight) throws ErrnoException {
    runs(new ContextLoad(fs, contexts, files, inARow, inFlight));
  }

  @ParameterizedTest
  @EnumSource(names = {"XFS", "GFS2"})
  void theFilesAreSoManyFilesOfThatSizeAndAllIsWritten(Fs fs) throws ErrnoException {
    try (Bed bed = Bed.ofFiles(fs, SampleImage.FILES);
        UserFiles files = new UserFiles(bed.program())) {
      assertThat(bed.files()).isEqualTo(SampleImage.FILES);
      assertThat(bed.blocks() * Bed.BLOCK).isEqualTo(SampleImage.FILE_BYTES);
      Set<Long> inodes = new HashSet<>();
      for (int i = 0; i < bed.files(); i++) {
        FileStatus status = files.fstat(bed.fd(i));
        assertThat(status.is(StatMode.S_IFREG)).isTrue();
        assertThat(status.size()).isEqualTo(SampleImage.FILE_BYTES);
        assertThat(status.blocks() * 512).isGreaterThanOrEqualTo(SampleImage.FILE_BYTES);
        inodes.add(status.ino());
      }
      assertThat(inodes).hasSize(SampleImage.FILES);
    }
  }

  @Test
  void aBareDiskIsOpenedAsOften() throws ErrnoException {
    try (Bed bed = Bed.ofFiles(Fs.NONE, 3)) {
      assertThat(bed.files()).isEqualTo(3);
      assertThat(bed.fd(0)).isNotEqualTo(bed.fd(1));
      assertThat(bed.blocks() * Bed.BLOCK).isEqualTo(SampleImage.FILE_BYTES);
    }
  }
}
