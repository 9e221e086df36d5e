// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.xfs.log.DirtyImages;
import io.pollux.xfs.log.DirtyImages.Way;
import io.pollux.xfs.log.DirtyImages.Work;
import io.pollux.xfs.log.XlogFormat;
import io.pollux.xfs.log.XlogIntent;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * The long run of intents: images that Linux left in the middle of operations of several
 * transactions are recovered by Linux and by this kernel, and compared. Counts the intents by kind.
 */
final class IntentsRun {
  private static final List<Way> ENDS =
      List.of(Way.SHUTDOWN_FLUSH, Way.SHUTDOWN, Way.STOP_SHUTDOWN);

  private final Map<String, Integer> kinds = new TreeMap<>();
  private final Path failures;
  private final DirtyImages images;
  private int good;
  private int withIntents;
  private int bad;

  private IntentsRun(DirtyImages images, Path failures) {
    this.images = images;
    this.failures = failures;
  }

  /**
   * Runs.
   *
   * @param directory empty
   * @param failures a directory for images that fail
   * @param works the number of works of Linux
   * @param cuts images of a work that does not end in a shutdown
   * @param seed the first seed, not negative; each work has its own
   * @return the numbers of results
   * @throws AssertionError if an image failed
   */
  static String run(Path directory, Path failures, int works, int cuts, long seed)
      throws Exception {
    try (DirtyImages images = new DirtyImages(directory)) {
      IntentsRun run = new IntentsRun(images, failures);
      for (int i = 0; i < works; i++) {
        run.work(seed + i, cuts);
        System.out.println(run.report());
      }
      if (run.bad != 0) {
        throw new AssertionError(run.report());
      }
      return run.report();
    }
  }

  private String report() {
    return String.format(
        Locale.ROOT,
        "%d agree, %d fail, %d had intents; extents of intents: %s",
        good,
        bad,
        withIntents,
        kinds);
  }

  private void work(long seed, int cuts) throws Exception {
    List<String> geometries = DirtyImages.GEOMETRIES;
    String geometry = geometries.get((int) (seed % geometries.size()));
    Way way = seed % 4 == 3 ? ENDS.get((int) (seed / 4 % ENDS.size())) : Way.CUT;
    String mode = seed % 5 == 0 ? "m" : seed % 7 == 6 ? "msu" : "ms";
    Work work = new Work(geometry, seed, 1 + (int) (seed % 3), mode);
    int millis = way == Way.CUT ? 250 : 1500;
    System.out.println(work + " " + way);
    for (Path image : images.make(work, way, millis, way == Way.CUT ? cuts : 1)) {
      try {
        Path copy = images.clone(image, image.resolveSibling("replayed"));
        List<XlogIntent> intents = XfsLinuxIntentsTest.replay(copy);
        Files.delete(copy);
        intents.forEach(this::count);
        withIntents += intents.isEmpty() ? 0 : 1;
        images.compare(image, XfsLinuxIntentsTest::recover);
        good++;
      } catch (Exception | AssertionError e) {
        bad++;
        System.out.println("  " + image.getFileName() + " fails: " + e);
        Files.copy(
            image,
            failures.resolve("failed-" + seed + "-" + image.getFileName()),
            StandardCopyOption.REPLACE_EXISTING);
      }
      Files.delete(image);
    }
  }

  private void count(XlogIntent intent) {
    String name =
        switch (intent.type()) {
          case XlogFormat.XFS_LI_EFI -> "EFI";
          case XlogFormat.XFS_LI_RUI -> "RUI";
          case XlogFormat.XFS_LI_CUI -> "CUI";
          default -> "BUI";
        };
    for (XlogIntent.Extent each : intent.extents()) {
      int what = each.flags() & XfsLogIntentCheck.TYPE_MASK;
      kinds.merge(what == 0 ? name : name + "/" + what, 1, Integer::sum);
    }
  }
}
