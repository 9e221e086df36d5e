// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.log;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.Errno;
import io.pollux.xfs.log.DirtyImages.Way;
import io.pollux.xfs.log.DirtyImages.Work;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Logs that Linux left dirty. {@link RecoveryRun} has many more. */
final class RecoveryTest {
  private static final int MUTATIONS = 10;
  private static final int MOST_MUTATIONS = 50; // until both results were seen

  @Test
  void weRecoverAsLinuxDoes(@TempDir Path directory) throws Exception {
    try (DirtyImages images = new DirtyImages(directory)) {
      Work work = new Work("-m reflink=0 -b size=1024 -l size=16m", 1, 1, false, true);
      compare(images, images.make(work, Way.SHUTDOWN_FLUSH, 200, 1));
      work = new Work("-m reflink=0,rmapbt=1 -l size=16m,su=32k", 2, 2, false, true);
      compare(images, images.make(work, Way.SHUTDOWN, 200, 1));
      List<Path> cuts = images.make(work, Way.CUT, 150, 2);
      compare(images, cuts);
      mutate(cuts.getLast());
    }
  }

  private static void compare(DirtyImages images, List<Path> made) throws Exception {
    for (Path image : made) {
      assertThatThrownBy(() -> OurRecovery.check(image))
          .isInstanceOfSatisfying(
              ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EROFS));
      images.compare(image, OurRecovery::recover);
    }
  }

  private static boolean missesOne(MutatedLogs logs) {
    return logs.mounted() == 0 || logs.refused() == 0;
  }

  private static void mutate(Path image) throws Exception {
    MutatedLogs logs = new MutatedLogs(image, 1);
    for (int i = 0; i < MUTATIONS || (missesOne(logs) && i < MOST_MUTATIONS); i++) {
      logs.one();
    }
    assertThat(logs.mounted()).as("changes that do not matter").isPositive();
    assertThat(logs.refused()).as("changes that do").isPositive();
  }
}
