// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.log;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.Errno;
import io.pollux.xfs.log.DirtyImages.Way;
import io.pollux.xfs.log.DirtyImages.Work;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/**
 * The long run of recoveries: images that Linux left with a dirty log are recovered by Linux and by
 * this project, and compared. Arguments: an empty directory, the number of rounds, the first seed.
 * Images that fail stay in the directory.
 */
final class RecoveryRun {
  private int good;
  private int refused;
  private int bad;

  private RecoveryRun() {}

  /**
   * Runs.
   *
   * @param args the directory, rounds, and the first seed
   */
  public static void main(String[] args) throws Exception {
    Path directory = Files.createDirectories(Path.of(args[0]));
    int rounds = Integer.parseInt(args[1]);
    long seed = Long.parseLong(args[2]);
    RecoveryRun run = new RecoveryRun();
    try (DirtyImages images = new DirtyImages(directory)) {
      for (int i = 0; i < rounds; i++) {
        int geometry = Math.floorMod(seed, DirtyImages.GEOMETRIES.size());
        run.round(images, directory, DirtyImages.GEOMETRIES.get(geometry), seed++);
      }
    }
    System.out.printf(
        Locale.ROOT, "%d agree, %d are refused, %d fail%n", run.good, run.refused, run.bad);
    System.exit(run.bad == 0 ? 0 : 1);
  }

  private void round(DirtyImages images, Path directory, String geometry, long seed)
      throws Exception {
    List<Way> ways = List.of(Way.values());
    Way way = ways.get(Math.floorMod(seed, ways.size()));
    boolean many = seed % 3 == 0;
    Work work = new Work(geometry, seed, 1 + (int) (seed % 4), many, seed % 2 == 0);
    int millis = 200 + (int) (seed * 37 % 900);
    List<Path> made = images.make(work, way, millis, way == Way.CUT ? 4 : 1);
    for (int i = 0; i < made.size(); i++) {
      Path image = made.get(i);
      one(images, directory, image, seed + "-" + i, geometry + " " + way);
      Files.delete(image);
    }
  }

  private void one(DirtyImages images, Path directory, Path image, String name, String what)
      throws Exception {
    String result;
    try {
      images.compare(image, OurRecovery::recover);
      good++;
      result = "agrees";
    } catch (ErrnoException e) {
      if (e.errno() == Errno.EOPNOTSUPP) {
        refused++;
        result = "refused: " + e.getMessage();
        keep(image, directory, name);
      } else {
        bad++;
        result = e.errno() + " " + e.getMessage();
        keep(image, directory, name);
      }
    } catch (AssertionError | RuntimeException e) {
      bad++;
      result = e.toString().lines().filter(l -> !l.startsWith(" ")).limit(12).toList().toString();
      keep(image, directory, name);
    }
    System.out.println(name + " " + what + ": " + result);
  }

  private static void keep(Path image, Path directory, String name) throws Exception {
    Files.copy(image, directory.resolve("failed-" + name));
  }
}
