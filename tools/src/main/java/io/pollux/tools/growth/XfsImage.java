// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.growth;

import io.pollux.core.ErrnoException;
import io.pollux.tools.console.Failure;
import io.pollux.tools.console.HostProgram;
import io.pollux.tools.console.IoReason;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * An XFS image with many files, or with files of many extents, made by the host's mkfs and kernel.
 * A million extents take half a minute.
 */
public final class XfsImage {
  private static final String MAKER = "xfs-image";
  private static final double SECONDS = 120;
  // as in the script
  private static final List<String> SBIN = List.of("/usr/local/sbin", "/usr/sbin", "/sbin");

  /** Size of each of the many files in bytes. */
  static final long FILE_BYTES = 1 << 20;

  private XfsImage() {}

  /** Returns why the host cannot make an image, or null if it can. */
  public static @Nullable String missing() {
    try {
      if ((int) Files.getAttribute(Path.of("/proc/self"), "unix:uid") != 0) {
        return "takes root, to mount an image";
      }
    } catch (IOException e) {
      return "/proc: " + IoReason.of(e);
    }
    if (!Files.exists(Path.of("/dev/loop-control"))) {
      return "no loop devices here";
    }
    for (String program : List.of("mkfs.xfs", "xfs_io", "mount")) {
      if (!HostProgram.exists(program, SBIN)) {
        return "no "
            + program
            + " here (Debian: "
            + (program.equals("mount") ? "mount" : "xfsprogs")
            + ")";
      }
    }
    return null;
  }

  /** A use of an image. */
  @FunctionalInterface
  public interface Use<T> {
    /**
     * Uses the image.
     *
     * @param image removed afterwards
     * @throws ErrnoException an error of the kernel
     */
    T of(Path image) throws ErrnoException;
  }

  /**
   * Makes an image, uses it, and removes it.
   *
   * @param use the use
   * @param progress receives a line now and then during long steps
   * @param files number of files of a mebibyte: /file0 and so on
   * @param extents numbers of extents of other files, each named by its number
   * @param <T> the result of the use
   * @throws ErrnoException an error of the kernel
   * @throws Failure if no image can be made
   */
  public static <T> T with(Use<T> use, Consumer<String> progress, int files, int... extents)
      throws ErrnoException {
    Path image = make(progress, files, extents);
    try {
      return use.of(image);
    } finally {
      try {
        Files.delete(image);
      } catch (IOException e) {
        // the result is more important
        progress.accept(image + " can't be removed: " + IoReason.of(e));
      }
    }
  }

  private static Path make(Consumer<String> progress, int files, int... extents) {
    Set<String> named = new TreeSet<>();
    for (int one : extents) {
      named.add(String.valueOf(one));
    }
    try (InputStream script = XfsImage.class.getResourceAsStream(MAKER)) {
      String text =
          new String(Objects.requireNonNull(script, MAKER).readAllBytes(), StandardCharsets.UTF_8);
      Path image = Files.createTempFile("pollux-growth", ".xfs");
      image.toFile().deleteOnExit(); // also on Control-C
      List<String> command = new ArrayList<>(List.of("sh", "-c", text, MAKER, image.toString()));
      command.addAll(List.of(String.valueOf(files), String.valueOf(FILE_BYTES)));
      command.addAll(named);
      try {
        HostProgram.run(command, SECONDS, progress);
      } catch (Failure e) {
        Files.delete(image);
        throw e;
      }
      return image;
    } catch (IOException e) {
      throw Failure.couldNotRun("a temporary file for an image", IoReason.of(e), e);
    }
  }
}
