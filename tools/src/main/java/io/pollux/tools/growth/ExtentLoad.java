// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.growth;

import io.pollux.tools.image.Target;
import io.pollux.tools.image.TargetSpec;
import io.pollux.uapi.Fcntl;
import io.pollux.userland.PathName;
import io.pollux.userland.UserFiles;
import io.pollux.userland.UserRing;
import java.nio.file.Path;

/** Reads random extents of a file with a number of extents, 8 in a call. */
public final class ExtentLoad implements Load {
  private static final int BATCH = 8;
  private static final int DEPTH = 32;
  private static final long STRIDE = 2L * Bed.BLOCK; // a block and a hole

  private final int extents;
  private final Target target;
  private final UserFiles files;
  private final UserRing ring;
  private final int fd;
  private long extent;

  /**
   * Boots a kernel with a copy of an image.
   *
   * @param image of {@link XfsImage}; not used after this returns
   * @param extents number of extents of the file to read
   */
  public ExtentLoad(Path image, int extents) {
    this.extents = extents;
    target =
        Target.open(
            TargetSpec.SAMPLE.withImage(image).withFs("xfs").withDisk("null:irqmode=none"), false);
    try {
      files = new UserFiles(target.program());
      fd = files.open(target.inKernel(PathName.of("/" + extents)), Fcntl.O_RDONLY | Fcntl.O_DIRECT);
      ring = UserRing.polled(target.program(), DEPTH, Bed.BLOCK);
    } catch (Throwable e) {
      try (target) { // its program's exit releases the rest
        throw e;
      }
    }
  }

  @Override
  public void io() {
    for (int done = 0; done < IOS; done += BATCH) {
      for (int i = 0; i < BATCH; i++) {
        extent = (extent * 0x5DEECE66DL + 11) & Long.MAX_VALUE;
        ring.read(fd, extent % extents * STRIDE, Bed.BLOCK);
      }
      ring.submitAndWait(BATCH);
      Bed.reap(ring, BATCH);
    }
  }

  @Override
  public void close() {
    try (target) {
      ring.close();
      files.close(fd);
      files.close();
    }
  }
}
