// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.growth;

import io.pollux.tools.console.Failure;
import io.pollux.tools.console.HostProgram;
import io.pollux.tools.image.HostFile;
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

/** An XFS with many files, or with files of many extents, which the machine's mkfs and kernel make: a million take half a minute. */
public final class XfsImage {
  private static final String MAKER = "xfs-image";
  private static final double SECONDS = 120;

  /** Bytes of each of the many files. */
  static final long FILE_BYTES = 1 << 20;

  private XfsImage() {}

  /**
   * What keeps this machine from making one.
   *
   * @return in a few words, or null if nothing does
   */
  public static @Nullable String missing() {
    try {
      if ((int) Files.getAttribute(Path.of("/proc/self"), "unix:uid") != 0) {
        return "takes root, to mount an image";
      }
    } catch (IOException e) {
      return "/proc: " + HostFile.why(e);
    }
    if (!Files.exists(Path.of("/dev/loop-control"))) {
      return "no loop devices here";
    }
    for (String program : List.of("mkfs.xfs", "xfs_io")) {
      if (!HostProgram.exists(program)
          && !Files.isExecutable(Path.of("/usr/sbin", program))
          && !Files.isExecutable(Path.of("/sbin", program))) {
        return "no " + program + " here (Debian: xfsprogs)";
      }
    }
    return null;
  }

  /**
   * Makes one.
   *
   * @param progress takes a line now and then, where it takes long
   * @param files how many of a mebibyte each there are: /file0 and so on
   * @param extents of other files, each named by its number
   * @return a temporary file, to be removed by the caller
   * @throws Failure if that does not work
   */
  public static Path make(Consumer<String> progress, int files, int... extents) {
    Set<String> named = new TreeSet<>();
    for (int one : extents) {
      named.add(String.valueOf(one));
    }
    try (InputStream script = XfsImage.class.getResourceAsStream(MAKER)) {
      String text = new String(Objects.requireNonNull(script, MAKER).readAllBytes(), StandardCharsets.UTF_8);
      Path image = Files.createTempFile("pollux-growth", ".xfs");
      image.toFile().deleteOnExit(); // on Control-C too
      List<String> command = new ArrayList<>(List.of("sh", "-c", text, MAKER, image.toString(), String.valueOf(files)));
      command.addAll(named);
      try {
        HostProgram.run(command, SECONDS, progress);
      } catch (Failure e) {
        Files.delete(image);
        throw e;
      }
      return image;
    } catch (IOException e) {
      throw Failure.couldNotRun("a temporary file for an image", HostFile.why(e), e);
    }
  }
}
