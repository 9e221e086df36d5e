// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.log;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pollux.xfs.mkfs.HostTool;
import io.pollux.xfs.mkfs.MadeImage;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * Images that Linux left with a dirty log, and what Linux recovers from them.
 *
 * <p>Linux works in an image through a loop device. The image is a file of a stage, an XFS of its
 * own that can clone files. A cut is a clone of the image while Linux works. The clone takes the
 * image's lock for all of its time, and each write of the loop device takes it, too. So a cut has
 * every write that was complete when it began and none that began after it: a loss of power for a
 * device without a volatile cache. A write in flight is there or not, as the device pleases.
 *
 * <p>Without root, loop devices or the tools the test is skipped, or fails where
 * POLLUX_REQUIRE_ORACLES is 1.
 */
public final class DirtyImages implements AutoCloseable {
  /** Bytes of an image. With the log of 16 MiB in {@link #GEOMETRIES} it wraps soon. */
  private static final long BYTES = 160L << 20;

  private static final long MEMORY_BYTES = 3L << 30;
  private static final int TURNS = 100; // of an unmount
  private static final long STAGE_BYTES = 8L << 30; // sparse

  /** Options of mkfs.xfs: blocks, sectors, trees, inodes, directories and logs of each kind. */
  public static final List<String> GEOMETRIES =
      List.of(
          "-l size=16m",
          "-m rmapbt=1,reflink=1 -l size=16m",
          "-b size=1024 -m rmapbt=1 -l size=16m -i nrext64=1",
          "-b size=1024 -m reflink=0 -l size=16m,su=32k",
          "-s size=4096 -m rmapbt=1 -l size=16m",
          "-n size=65536 -m rmapbt=1 -l size=24m,su=256k",
          "-i size=2048 -l size=16m,su=4k",
          "-m finobt=0,reflink=0 -i size=1024,sparse=0 -l size=16m",
          "-m rmapbt=1 -l size=32m -i nrext64=1");

  /** How the work of Linux ends. */
  public enum Way {
    /** A shutdown that first writes the log. */
    SHUTDOWN_FLUSH,

    /** A shutdown that writes nothing more. */
    SHUTDOWN,

    /** The work stops for a while, then a shutdown that writes nothing more. */
    STOP_SHUTDOWN,

    /** Clones during the work. */
    CUT
  }

  /**
   * What Linux does.
   *
   * @param geometry options of mkfs.xfs
   * @param seed of the operations, which repeat themselves with one process
   * @param processes that work at once
   * @param mode "m": files get many extents, whose removal takes several transactions; "s": another
   *     process syncs all the time; "u": each process has many open files without a name
   */
  public record Work(String geometry, long seed, int processes, String mode) {
    /** With two of the modes. */
    public Work(String geometry, long seed, int processes, boolean many, boolean syncs) {
      this(geometry, seed, processes, (many ? "m" : "") + (syncs ? "s" : ""));
    }
  }

  private final Path given;
  private final Path directory;
  private final Path stage;
  private final Path program;
  private int made;

  /**
   * Makes the stage.
   *
   * @param given an empty directory, for the case that memory has no room for the images
   */
  public DirtyImages(Path given) throws IOException, InterruptedException {
    this.given = given;
    directory = fast(given);
    for (String tool : List.of("mkfs.xfs", "xfs_io", "xfs_repair", "getfattr", "cc", "mount")) {
      HostTool.require(tool);
    }
    program = directory.resolve("dirty");
    Path source = directory.resolve("dirty.c");
    try (InputStream text = DirtyImages.class.getResourceAsStream("dirty.c")) {
      assertThat(text).isNotNull();
      Files.copy(text, source, StandardCopyOption.REPLACE_EXISTING);
    }
    HostTool.run("cc", "-O2", "-Wall", "-o", program.toString(), source.toString());
    Path disk = MadeImage.sparse(directory.resolve("stage.image"), STAGE_BYTES);
    HostTool.run("mkfs.xfs", "-q", disk.toString());
    stage = Files.createDirectories(directory.resolve("stage"));
    if (!Files.isWritable(Path.of("/dev/loop-control"))) {
      String why = "mounting takes root and loop devices";
      if ("1".equals(System.getenv("POLLUX_REQUIRE_ORACLES"))) {
        fail(why);
      }
      assumeTrue(false, why);
    }
    HostTool.run("mount", "-t", "xfs", "-o", "loop", disk.toString(), stage.toString());
  }

  /** A directory in memory, because Linux syncs all the time. The images need no durable disk. */
  private static Path fast(Path given) throws IOException {
    Path memory = Path.of("/dev/shm");
    boolean room =
        Files.isWritable(memory) && Files.getFileStore(memory).getUsableSpace() > MEMORY_BYTES;
    return room ? Files.createTempDirectory(memory, "dirty") : given;
  }

  @Override
  public void close() throws IOException {
    try {
      unmount(stage);
    } catch (InterruptedException e) {
      throw new IOException(e);
    }
    for (String name : List.of("stage.image", "stage", "root", "said", "dirty", "dirty.c")) {
      Files.deleteIfExists(directory.resolve(name));
    }
    if (!directory.equals(given)) {
      Files.delete(directory);
    }
  }

  /**
   * Has Linux work, and ends that.
   *
   * @param work what it does
   * @param way the end
   * @param millis the time before the end, and before each cut
   * @param cuts the number of images; 1 except for {@link Way#CUT}
   * @return the images, on the stage; the caller deletes them
   */
  public List<Path> make(Work work, Way way, int millis, int cuts)
      throws IOException, InterruptedException {
    int number = made++;
    Path image = MadeImage.sparse(stage.resolve("work-" + number), BYTES);
    List<String> mkfs = new ArrayList<>(List.of("mkfs.xfs", "-q"));
    Stream.of(work.geometry().split(" ", -1)).filter(word -> !word.isEmpty()).forEach(mkfs::add);
    mkfs.add(image.toString());
    HostTool.run(mkfs.toArray(String[]::new));
    Path root = Files.createDirectories(directory.resolve("root"));
    HostTool.run("mount", "-t", "xfs", "-o", "loop", image.toString(), root.toString());
    List<Path> images = new ArrayList<>();
    Process process = null;
    try {
      process = start(work, root);
      for (int i = 0; i < cuts; i++) {
        assertThat(process.waitFor(millis, TimeUnit.MILLISECONDS)).as("it works").isFalse();
        if (way == Way.CUT) {
          images.add(clone(image, stage.resolve("cut-" + number + "-" + i)));
        }
      }
      end(way, process, root);
    } finally {
      if (process != null) {
        kill(process);
      }
      unmount(root);
    }
    if (way == Way.CUT) {
      Files.delete(image);
    } else {
      images.add(image);
    }
    return images;
  }

  /** Unmounts. A program of the host may open a new device, and keep it busy for a moment. */
  private static void unmount(Path root) throws IOException, InterruptedException {
    for (int i = 0; i < TURNS && HostTool.tryRun("umount", root.toString()).status() != 0; i++) {
      TimeUnit.MILLISECONDS.sleep(100);
      if (i == TURNS - 1) {
        fail(root + " stays busy");
      }
    }
  }

  private Process start(Work work, Path root) throws IOException {
    return new ProcessBuilder(
            program.toString(),
            root.toString(),
            Long.toString(work.seed()),
            Integer.toString(work.processes()),
            work.mode())
        .redirectErrorStream(true)
        .redirectOutput(directory.resolve("said").toFile())
        .start();
  }

  private static void end(Way way, Process process, Path root)
      throws IOException, InterruptedException {
    switch (way) {
      case SHUTDOWN_FLUSH -> HostTool.run("xfs_io", "-x", "-c", "shutdown -f", root.toString());
      case SHUTDOWN -> HostTool.run("xfs_io", "-x", "-c", "shutdown", root.toString());
      case STOP_SHUTDOWN -> {
        List<ProcessHandle> all = process.descendants().toList();
        for (ProcessHandle each : all) {
          HostTool.run("kill", "-STOP", Long.toString(each.pid()));
        }
        TimeUnit.MILLISECONDS.sleep(200); // writes in flight complete
        HostTool.run("xfs_io", "-x", "-c", "shutdown", root.toString());
      }
      case CUT -> {}
    }
  }

  private static void kill(Process process) throws InterruptedException {
    List<ProcessHandle> all = process.descendants().toList();
    process.destroyForcibly(); // its children die with it
    all.forEach(ProcessHandle::destroyForcibly);
    process.waitFor();
    for (ProcessHandle each : all) {
      each.onExit().orTimeout(60, TimeUnit.SECONDS).join(); // their files keep the mount busy
    }
  }

  /** Clones an image on the stage, at one instant. */
  public Path clone(Path image, Path to) throws IOException, InterruptedException {
    HostTool.run("cp", "--reflink=always", image.toString(), to.toString());
    return to;
  }

  /** Has Linux recover an image and unmount it. */
  public void recover(Path image) throws IOException, InterruptedException {
    Path root = Files.createDirectories(directory.resolve("root"));
    HostTool.run("mount", "-t", "xfs", "-o", "loop", image.toString(), root.toString());
    unmount(root);
  }

  /**
   * Lists what Linux sees in a clean image: of each file the type, mode, links, size, blocks, inode
   * number, owner, times, target, the sum of its contents, and its extended attributes.
   *
   * @param image not changed
   * @return lines in a stable order
   */
  public List<String> tree(Path image) throws IOException, InterruptedException {
    Path root = Files.createDirectories(directory.resolve("root"));
    HostTool.run(
        "mount", "-t", "xfs", "-o", "ro,norecovery,loop", image.toString(), root.toString());
    try {
      String script =
          "cd "
              + root
              + " && find . -printf '%y %m %n %s %b %i %U %G %T@ %C@ %p -> %l\\n' | sort"
              + " && find . -type f -print0 | sort -z | xargs -0 -r sha256sum"
              + " && find . -print0 | sort -z | xargs -0 -r getfattr -h -d -m - -e hex";
      return HostTool.run("sh", "-c", script).lines().toList();
    } finally {
      unmount(root);
    }
  }

  /** What recovers an image in place, and leaves it clean. */
  @FunctionalInterface
  public interface Recovery {
    /** Recovers an image. */
    void recover(Path image) throws Exception;
  }

  /**
   * Recovers one copy of a dirty image by Linux and one by a recovery of ours. Both must have the
   * same files, and xfs_repair must find nothing in ours that it does not find in the other. It
   * finds something after a recovery by Linux if the image was cut while a long attribute was set:
   * its entry stays, marked as incomplete.
   *
   * @param image a dirty image, not changed
   * @param ours recovers
   */
  public void compare(Path image, Recovery ours) throws Exception {
    Files.deleteIfExists(stage.resolve("theirs"));
    Files.deleteIfExists(stage.resolve("ours"));
    Path theirs = clone(image, stage.resolve("theirs"));
    Path own = clone(image, stage.resolve("ours"));
    ours.recover(own);
    recover(theirs);
    assertSame(repair(own), repair(theirs));
    assertSame(tree(own), tree(theirs));
    Files.delete(theirs);
    Files.delete(own);
  }

  /** What xfs_repair finds. Its threads report their progress in any order. */
  private static List<String> repair(Path image) throws IOException, InterruptedException {
    HostTool.Result found =
        HostTool.tryRun("xfs_repair", "-n", "-f", "-o", "force_geometry", image.toString());
    if (found.status() == 0) {
      return List.of();
    }
    return found.output().lines().filter(line -> !line.startsWith(" ")).sorted().toList();
  }

  private static void assertSame(List<String> own, List<String> theirs) {
    if (own.equals(theirs)) {
      return;
    }
    List<String> extra = new ArrayList<>(own);
    extra.removeAll(theirs);
    List<String> missing = new ArrayList<>(theirs);
    missing.removeAll(own);
    fail(
        "only ours: %s%nonly theirs: %s",
        extra.stream().limit(10).toList(), missing.stream().limit(10).toList());
  }
}
