// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.growth;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.core.ErrnoException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.NoSuchElementException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Each load does its requests, and all that it took is given back: a read that is not done whole
 * throws, and so does a close that leaves files, contexts or requests in the kernel.
 */
@Timeout(60)
class LoadTest {
  // KiB: less than what the disks of those below take that are not given back
  private static final long SOME = 4L << 20;

  /** Address space of this process, in KiB. */
  private static long mapped() throws IOException {
    return Files.readAllLines(Path.of("/proc/self/status")).stream()
        .filter(line -> line.startsWith("VmSize:"))
        .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
        .sum();
  }

  private static void runs(Load load) {
    try (load) {
      load.io();
      load.io();
    }
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 1, 32",
    "8, 1, 1, 32",
    "1024, 1, 1, 32",
    "32, 16, 1, 32",
    "1024, 16, 8, 32",
    "32, 16, 32, 32",
    "1, 1, 1, 1",
    "1024, 1, 1, 1",
    "32, 16, 1, 1"
  })
  void devices(int depth, int devices, int inARow, int perCall) throws ErrnoException {
    runs(new DeviceLoad(depth, devices, inARow, perCall));
  }

  @ParameterizedTest
  @CsvSource({
    "none, 1, 1024",
    "none, 16, 512",
    "xfs, 1, 1024",
    "xfs, 16, 512",
    "gfs2, 1, 1024",
    "gfs2, 16, 512"
  })
  void contexts(String fs, int contexts, int inFlight) throws ErrnoException {
    runs(new ContextLoad(Bed.of(fs), contexts, 1, inFlight));
  }

  @ParameterizedTest
  @CsvSource({"1, 64, 1, 32", "16, 64, 8, 512"})
  void opensOfABareDisk(int contexts, int opens, int inARow, int inFlight) throws ErrnoException {
    runs(new ContextLoad(Bed.ofOpens(opens), contexts, inARow, inFlight));
  }

  @Test
  void whatCanNotBeMadeLeavesNoDisks(@TempDir Path directory) throws IOException {
    Path zeroes = directory.resolve("zeroes");
    try (RandomAccessFile file = new RandomAccessFile(zeroes.toFile(), "rw")) {
      file.setLength(512 << 20);
    }
    long before = mapped();

    assertThatThrownBy(() -> new DeviceLoad(70_000, 16, 1, 32)).hasMessageContaining("io_setup2");
    assertThatThrownBy(() -> new ContextLoad(Bed.ofDisks(16), 3000, 1, 32))
        .hasMessageContaining("io_setup2");
    for (int i = 0; i < 10; i++) {
      assertThatThrownBy(() -> Bed.ofFiles(zeroes, 1)).isInstanceOf(NoSuchElementException.class);
    }

    assertThat(mapped()).isPositive().isLessThan(before + SOME);
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
