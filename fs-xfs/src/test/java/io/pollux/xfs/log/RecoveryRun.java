// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.log;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.Errno;
import io.pollux.xfs.log.DirtyImages.Way;
import io.pollux.xfs.log.DirtyImages.Work;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Locale;

/**
 * The long run of recoveries: Linux and this project recover images that Linux left with a dirty
 * log, and the results are compared.
 */
public final class RecoveryRun {
  private final DirtyImages images;
  private final Path failures;
  private int good;
  private int refused;
  private int bad;

  private RecoveryRun(DirtyImages images, Path failures) {
    this.images = images;
    this.failures = failures;
  }

  /**
   * Runs until enough images were recovered.
   *
   * @param directory empty
   * @param failures a directory for images that fail or are refused
   * @param count the number of images, at least
   * @param seed the first seed, not negative; each work has its own
   * @return the numbers of results
   * @throws AssertionError if an image failed
   */
  public static String run(Path directory, Path failures, int count, long seed) throws Exception {
    RecoveryRun run;
    try (DirtyImages images = new DirtyImages(directory)) {
      run = new RecoveryRun(images, failures);
      for (long own = seed; run.done() < count; own++) { // ends: each work has an image
        int geometry = Math.floorMod(own, DirtyImages.GEOMETRIES.size());
        run.round(DirtyImages.GEOMETRIES.get(geometry), own);
      }
    }
    String result =
        String.format(
            Locale.ROOT, "%d agree, %d are refused, %d fail", run.good, run.refused, run.bad);
    if (run.bad != 0) {
      throw new AssertionError(result);
    }
    return result;
  }

  private int done() {
    return good + refused + bad;
  }

  private void round(String geometry, long seed) throws Exception {
    List<Way> ways = List.of(Way.values());
    Way way = ways.get(Math.floorMod(seed, ways.size()));
    boolean many = seed % 3 == 0;
    Work work = new Work(geometry, seed, 1 + (int) (seed % 4), many, seed % 2 == 0);
    int millis = 200 + (int) (seed * 37 % 900);
    List<Path> made = images.make(work, way, millis, way == Way.CUT ? 4 : 1);
    for (int i = 0; i < made.size(); i++) {
      Path image = made.get(i);
      one(image, seed + "-" + i, geometry + " " + way);
      Files.delete(image);
    }
  }

  private void one(Path image, String name, String what) throws Exception {
    String result;
    try {
      images.compare(image, OurRecovery::recover);
      good++;
      result = "agrees";
    } catch (ErrnoException e) {
      if (e.errno() == Errno.EOPNOTSUPP) {
        refused++;
        result = "refused: " + e.getMessage();
        keep(image, name);
      } else {
        bad++;
        result = e.errno() + " " + e.getMessage();
        keep(image, name);
      }
    } catch (AssertionError | RuntimeException e) {
      bad++;
      result = e.toString().lines().filter(l -> !l.startsWith(" ")).limit(12).toList().toString();
      keep(image, name);
    }
    System.out.println(name + " " + what + ": " + result);
  }

  private void keep(Path image, String name) throws Exception {
    Files.copy(image, failures.resolve("failed-" + name), StandardCopyOption.REPLACE_EXISTING);
  }
}
