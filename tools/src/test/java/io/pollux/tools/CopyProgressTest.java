// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What is said of a copy while it takes its time. */
@Timeout(10)
class CopyProgressTest {
  private final ByteArrayOutputStream said = new ByteArrayOutputStream();
  private final long[] now = {Long.MAX_VALUE - 1}; // it may begin anywhere

  private CopyProgress progress(boolean terminal) {
    return new CopyProgress(new PrintStream(said, true, UTF_8), () -> now[0], terminal);
  }

  private void pass(double seconds) {
    now[0] += (long) (seconds * 1e9);
  }

  @Test
  void nothingIsSaidInTheFirstTwoSeconds() {
    CopyProgress progress = progress(false);
    pass(5); // the image is being loaded
    progress.begin(() -> "/big", 1L << 30);
    pass(1.9);
    progress.moved(1 << 20);
    progress.clear();
    assertThat(said.toString(UTF_8)).isEmpty();
  }

  @Test
  void thenALineEveryTenSeconds() {
    CopyProgress progress = progress(false);
    progress.begin(() -> "/small", 512);
    progress.moved(512);
    progress.ended();
    progress.begin(() -> "/big", 4L << 40);
    pass(2.1);
    progress.moved(1L << 40);
    pass(9);
    progress.moved(1L << 40);
    assertThat(said.toString(UTF_8)).isEqualTo("copied 1 file, 512 B; /big: 1 TiB of 4 TiB\n");
    pass(1.1);
    progress.moved(1L << 40);
    assertThat(said.toString(UTF_8)).endsWith("\ncopied 1 file, 512 B; /big: 3 TiB of 4 TiB\n");
  }

  @Test
  void onATerminalOneLineIsWrittenAgainAndTakenAway() {
    CopyProgress progress = progress(true);
    progress.begin(() -> "/big", 2048);
    pass(3);
    progress.moved(1024);
    pass(1);
    progress.moved(512);
    progress.clear();
    progress.clear();
    assertThat(said.toString(UTF_8))
        .isEqualTo(
            "\r"
                + "\u001b[Kcopied 0 files, 0 B; /big: 1 KiB of 2 KiB\r"
                + "\u001b[Kcopied 0 files, 0 B; /big: 1.5 KiB of 2 KiB\r"
                + "\u001b[K");
  }
}
