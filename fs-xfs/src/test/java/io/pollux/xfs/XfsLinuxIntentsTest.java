// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pollux.block.buffer.BufCache;
import io.pollux.core.ErrnoException;
import io.pollux.xfs.format.XfsError;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.log.DirtyImages;
import io.pollux.xfs.log.DirtyImages.Way;
import io.pollux.xfs.log.DirtyImages.Work;
import io.pollux.xfs.log.XlogIntent;
import io.pollux.xfs.log.XlogRecovery;
import io.pollux.xfs.mkfs.MadeImage;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Intents and unlinked inodes that Linux left: this kernel does with them what Linux does. */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
final class XfsLinuxIntentsTest {
  private static final int BUCKETS = 64;
  private static final int UNLINKED = 40; // in the header of a group
  private static final ValueLayout.OfInt BE32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

  /** Replays the log of an image, which stays dirty. Returns the intents without a done item. */
  static List<XlogIntent> replay(Path image) throws IOException, ErrnoException {
    try (MadeImage made = new MadeImage(image, 512)) {
      BufCache cache = new BufCache(made.disk(), 1 << 20, XfsError.EFSCORRUPTED);
      try {
        XfsSb sb = XfsMount.readSb(made.current(), cache);
        XlogRecovery log = XlogRecovery.find(made.current(), cache, new XfsLogTypes(sb));
        if (log.clean()) {
          return List.of();
        }
        log.replay();
        return log.intents();
      } finally {
        cache.drop();
      }
    }
  }

  /** The number of lists of unlinked inodes that are not empty. */
  private static int unlinkedLists(Path image) throws IOException, ErrnoException {
    try (MadeImage made = new MadeImage(image, 512)) {
      BufCache cache = new BufCache(made.disk(), 0, XfsError.EFSCORRUPTED);
      XfsSb sb = XfsMount.readSb(made.current(), cache);
      cache.drop();
      int lists = 0;
      for (long agno = 0; agno < sb.agCount; agno++) {
        for (int bucket = 0; bucket < BUCKETS; bucket++) {
          long at = sb.agHeader(agno, 2) + UNLINKED + 4L * bucket;
          lists += made.contents().get(BE32, at) == -1 ? 0 : 1;
        }
      }
      return lists;
    }
  }

  static void recover(Path image) throws IOException, ErrnoException {
    new WritableTree(image).close();
  }

  @Test
  void whatLinuxHadBegunIsFinished(@TempDir Path directory) throws Exception {
    try (DirtyImages images = new DirtyImages(directory)) {
      int seen = 0;
      for (int seed = 1; seed <= 3 && seen < 2; seed++) {
        Work work = new Work("-m rmapbt=1 -l size=16m", seed, 2, "ms");
        for (Path image : images.make(work, Way.CUT, 400, 2)) {
          Path copy = images.clone(image, image.resolveSibling("replayed"));
          seen += replay(copy).size();
          images.compare(image, XfsLinuxIntentsTest::recover);
          Files.delete(image);
          Files.delete(copy);
        }
      }
      assumeTrue(seen > 0, "no cut had an intent without its done item");
    }
  }

  @Test
  void openFilesWithoutANameAreFreed(@TempDir Path directory) throws Exception {
    try (DirtyImages images = new DirtyImages(directory)) {
      Work work = new Work("-l size=16m", 1, 1, "u");
      Path image = images.make(work, Way.SHUTDOWN_FLUSH, 2500, 1).getFirst();
      Path copy = images.clone(image, image.resolveSibling("replayed"));
      replay(copy);
      assertThat(unlinkedLists(copy)).isGreaterThanOrEqualTo(BUCKETS);
      images.compare(image, XfsLinuxIntentsTest::recover);
    }
  }
}
