// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.log;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.xfs.log.DirtyImages.Way;
import io.pollux.xfs.log.DirtyImages.Work;
import io.pollux.xfs.mkfs.HostTool;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DirtyImagesTest {
  /** The image is what it is meant to be, and the comparison sees a difference. */
  @Test
  void linuxRecoversAnImage(@TempDir Path directory) throws Exception {
    try (DirtyImages images = new DirtyImages(directory)) {
      Work work = new Work("-m rmapbt=1 -l size=16m", 1, 2, "ms");
      List<Path> made = images.make(work, Way.CUT, 300, 1);
      assertThat(made).hasSize(1);
      Path image = made.getFirst();
      assertThat(HostTool.tryRun("xfs_repair", "-n", image.toString()).output())
          .contains("valuable metadata changes in a log");
      images.compare(image, images::recover);
      assertThatThrownBy(() -> images.compare(image, DirtyImagesTest::loseTheLog))
          .isInstanceOf(AssertionError.class);
    }
  }

  private static void loseTheLog(Path image) throws IOException, InterruptedException {
    HostTool.run("xfs_repair", "-L", image.toString());
  }
}
