// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.benchmarks;

import io.pollux.block.driver.NullParameters;
import io.pollux.tools.image.Target;
import io.pollux.tools.image.TargetSpec;
import io.pollux.tools.image.TargetSpec.Disk;
import io.pollux.tools.image.TargetSpec.Fs;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;

/** An XFS that {@code benchmarks/xfs-image} makes with the machine's mkfs and kernel, mounted here on a null disk. */
final class XfsImage {
  private static final String MAKER = "benchmarks/xfs-image";

  private XfsImage() {}

  /**
   * Makes an image, loads what is not zero of it, and removes it.
   *
   * @param extents of the file /extents
   * @param files how many others there are, /0 and so on, of 1 MiB each
   * @param parameters of the disk
   */
  static Target open(int extents, int files, NullParameters parameters) throws IOException, InterruptedException {
    Path image = Files.createTempFile("pollux-benchmark", ".xfs");
    try {
      Process maker =
          new ProcessBuilder(List.of(MAKER, image.toString(), String.valueOf(extents), String.valueOf(files)))
              .inheritIO()
              .start();
      if (maker.waitFor() != 0) {
        throw new IllegalStateException(MAKER + " failed; it needs root, a loop device and xfsprogs");
      }
      return Target.open(
          new TargetSpec(image, Fs.XFS, null, Disk.NULL, OptionalLong.empty(), false, false, parameters, null), false);
    } finally {
      Files.delete(image);
    }
  }
}
