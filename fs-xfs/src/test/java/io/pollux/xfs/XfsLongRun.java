// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.core.Oops;
import io.pollux.xfs.log.MutatedLogs;
import io.pollux.xfs.log.RecoveryRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Stream;
import org.opentest4j.TestAbortedException;

/**
 * The long runs of XFS: tests with many operations and seeds, and cases with a million files or
 * extents. After each, xfs_repair finds nothing, and Linux reads the same contents. {@code mvn
 * -Plong -pl fs-xfs -am verify -DskipTests} starts it; its last lines are a table. The exit status
 * is 0 if all passed.
 *
 * <p>A row names the seed and the number of operations. The tests repeat a run with {@code
 * -Dpollux.seed} and their own property, which is in their description.
 */
final class XfsLongRun {
  private static final int MILLION = 1_000_000;

  private static final List<String> GEOMETRIES =
      List.of(
          "",
          "-b size=1024",
          "-m rmapbt=1,reflink=1 -n size=65536",
          "-m rmapbt=1,reflink=1 -b size=1024 -i nrext64=1",
          "-i nrext64=1 -s size=4096",
          "-m reflink=0,finobt=0 -i size=1024,sparse=0 -s size=4096",
          "ours rmapbt=1",
          "ours bsize=1024,nsize=65536");

  private static final Set<String> PARTS =
      Set.of(
          "files",
          "names",
          "directory",
          "full",
          "extents",
          "aged",
          "forged",
          "tasks",
          "cuts",
          "recovery",
          "intents",
          "mutated");

  private static final int CUTS = 60; // of one run
  private static final int IMAGES = 6; // of one work of Linux, whose intents are finished

  /** One case. Returns what it measured, for the table. */
  interface Work {
    String run(Path directory) throws Exception;
  }

  private record Row(
      String what, String geometry, long operations, long seed, double seconds, String result) {
    @Override
    public String toString() {
      return String.format(
          Locale.ROOT,
          "| %s | %s | %,d | %d | %.1f | %s |",
          what,
          geometry.isEmpty() ? "default" : geometry,
          operations,
          seed,
          seconds,
          result);
    }
  }

  private final List<Row> rows = new ArrayList<>();
  private final Path directory;
  private final long seed;
  private final double scale;
  private boolean failed;

  private XfsLongRun(Path directory, long seed, double scale) {
    this.directory = directory;
    this.seed = seed;
    this.scale = scale;
  }

  /**
   * Runs the parts that are named, or all.
   *
   * @param args the directory for the images, then parts
   */
  public static void main(String[] args) throws IOException {
    List<String> parts = new ArrayList<>(List.of(args).subList(1, args.length));
    if (!PARTS.containsAll(parts)) {
      throw new IllegalArgumentException("the parts are " + PARTS + ", and not " + parts);
    }
    long given = Long.getLong("pollux.seed", 0);
    long seed = given == 0 ? System.currentTimeMillis() : given;
    double scale = Double.parseDouble(System.getProperty("pollux.long.scale", "1"));
    Path directory = Files.createDirectories(Path.of(args[0]));
    XfsLongRun run = new XfsLongRun(directory, seed, scale);
    for (String part : parts.isEmpty() ? PARTS.stream().sorted().toList() : parts) {
      run.part(part);
    }
    say("");
    say("| what | geometry | operations | seed | seconds | result |");
    say("| --- | --- | --- | --- | --- | --- |");
    run.rows.forEach(row -> say(row.toString()));
    System.exit(run.failed ? 1 : 0);
  }

  static void say(String line) {
    System.out.println(line);
    System.out.flush();
  }

  /** The heap in use after a collection, and the anonymous memory of the process. */
  static String memory() throws IOException {
    System.gc();
    Runtime runtime = Runtime.getRuntime();
    long heap = (runtime.totalMemory() - runtime.freeMemory()) >> 20;
    String anonymous =
        Files.readAllLines(Path.of("/proc/self/status")).stream()
            .filter(line -> line.startsWith("RssAnon:"))
            .findFirst()
            .map(line -> line.replaceAll("\\D", ""))
            .orElse("0");
    return "heap " + heap + " MiB, anonymous " + (Long.parseLong(anonymous) >> 10) + " MiB";
  }

  private int scaled(int count) {
    return (int) Math.max(1, count * scale);
  }

  private void part(String part) throws IOException {
    switch (part) {
      case "files" -> files();
      case "names" -> names();
      case "full" -> full();
      case "forged" -> forged();
      case "tasks" -> tasks();
      case "aged" -> aged();
      case "cuts" -> cuts();
      case "recovery" -> recovery();
      case "intents" -> intents();
      case "mutated" -> mutated();
      case "directory" -> directory();
      default -> extents();
    }
  }

  private void files() throws IOException {
    for (int i = 0; i < scaled(8); i++) {
      for (String geometry : GEOMETRIES) {
        int operations = scaled(2000);
        test(
            "files",
            geometry,
            "pollux.xfs.operations",
            operations,
            seed + i,
            dir -> new XfsFileModelTest().aFileIsWhatTheOperationsMadeIt(geometry, dir));
      }
    }
  }

  private void names() throws IOException {
    for (String geometry : GEOMETRIES) {
      test(
          "names",
          geometry,
          "pollux.xfs.names",
          scaled(7000),
          seed,
          dir -> new XfsNamesTest().theTreeIsWhatTheOperationsMadeIt(geometry, dir));
    }
  }

  private void full() throws IOException {
    for (String geometry : GEOMETRIES) {
      if (!geometry.startsWith("ours")) {
        test(
            "fill and empty",
            geometry,
            "pollux.xfs.fills",
            scaled(10),
            seed,
            dir -> new XfsFullTest().aFullFilesystemLosesNothing(geometry, dir));
      }
    }
  }

  private void forged() throws IOException {
    for (String geometry :
        List.of("-m rmapbt=1,reflink=1 -b size=1024 -n size=4096 -d size=300m", "-d size=300m")) {
      test(
          "forged images",
          geometry,
          "pollux.xfs.images",
          scaled(500),
          seed,
          dir -> new XfsForgedTest().aForgedImageIsWrittenToOrRefused(geometry, dir));
    }
  }

  private void tasks() throws IOException {
    for (String geometry : GEOMETRIES) {
      if (!geometry.startsWith("ours")) {
        test(
            "tasks at once",
            geometry,
            "pollux.xfs.turns",
            scaled(1000),
            seed,
            dir -> new XfsTasksTest().tasksDoNotDisturbEachOther(geometry, dir));
      }
    }
  }

  private void cuts() throws IOException {
    for (int i = 0; i < scaled(3); i++) {
      for (String geometry : XfsPowerCutTest.GEOMETRIES) {
        System.setProperty("pollux.seed", Long.toString(seed + i));
        System.setProperty("pollux.cuts.repair", "1"); // each of them
        run(
            "power cuts",
            geometry,
            CUTS,
            seed + i,
            dir -> new XfsPowerCutTest().run(dir, geometry, 1000, CUTS));
      }
    }
  }

  private void recovery() throws IOException {
    int images = scaled(200);
    run(
        "dirty logs of Linux",
        "several",
        images,
        seed,
        dir -> RecoveryRun.run(dir, directory, images, seed));
  }

  private void intents() throws IOException {
    int works = scaled(50);
    run(
        "intents of Linux",
        "several",
        works,
        seed,
        dir -> IntentsRun.run(dir, directory, works, IMAGES, seed));
  }

  private void mutated() throws IOException {
    int mutations = scaled(1000);
    run(
        "mutated logs",
        "-m reflink=0,rmapbt=1 -l size=16m",
        mutations,
        seed,
        dir -> MutatedLogs.run(dir, mutations, seed));
  }

  private void aged() throws IOException {
    for (int i = 0; i < scaled(2); i++) {
      for (String geometry : GEOMETRIES) {
        if (!geometry.startsWith("ours")) {
          long own = seed + i;
          int operations = scaled(3000);
          run(
              "aged by Linux",
              geometry,
              operations,
              own,
              dir -> new LongAged(dir, geometry, operations, own).run());
        }
      }
    }
  }

  private void directory() throws IOException {
    directory("", scaled(MILLION));
    directory("-b size=1024 -m rmapbt=1,reflink=1 -n size=65536", scaled(MILLION / 10));
  }

  private void directory(String geometry, int names) throws IOException {
    run(
        "names in one directory",
        geometry,
        names,
        seed,
        dir -> new LongDirectory(dir, geometry, names, seed).run());
  }

  private void extents() throws IOException {
    int count = scaled(MILLION);
    for (String geometry : List.of("-b size=1024", "-m rmapbt=1,reflink=1 -i nrext64=1")) {
      run(
          "extents, written",
          geometry,
          count,
          seed,
          dir -> new LongExtents(dir, geometry, count, seed).written());
      run(
          "extents, punched",
          geometry,
          count,
          seed,
          dir -> new LongExtents(dir, geometry, count, seed).punched());
    }
  }

  /** Runs a test whose length is a property. */
  private void test(
      String what, String geometry, String property, int count, long testSeed, TestWork work)
      throws IOException {
    System.setProperty("pollux.seed", Long.toString(testSeed));
    System.setProperty(property, Integer.toString(count));
    run(
        what,
        geometry,
        count,
        testSeed,
        dir -> {
          work.run(dir);
          return "";
        });
  }

  /** The call of a test. */
  interface TestWork {
    void run(Path directory) throws Exception;
  }

  private void run(String what, String geometry, long operations, long runSeed, Work work)
      throws IOException {
    say("begins: " + what + ", " + geometry + ", " + operations + ", -Dpollux.seed=" + runSeed);
    Path images = Files.createTempDirectory(directory, "long");
    long start = System.nanoTime();
    String result;
    try {
      long oopses = Oops.count();
      String measured = work.run(images);
      if (Oops.count() != oopses) {
        throw new AssertionError("the kernel reported a fault of its own");
      }
      result = measured.isEmpty() ? "passed" : "passed: " + measured;
    } catch (TestAbortedException e) {
      failed = true;
      result = "NOT RUN: " + e.getMessage();
    } catch (Exception | Error e) {
      failed = true;
      result = "FAILED";
      e.printStackTrace(System.out);
    }
    double seconds = (System.nanoTime() - start) / 1e9;
    Row row = new Row(what, geometry, operations, runSeed, seconds, result);
    rows.add(row);
    say(row.toString());
    delete(images);
  }

  private static void delete(Path tree) throws IOException {
    List<Path> paths;
    try (Stream<Path> all = Files.walk(tree)) {
      paths = all.sorted(Comparator.reverseOrder()).toList();
    }
    for (Path path : paths) {
      Files.delete(path);
    }
  }
}
