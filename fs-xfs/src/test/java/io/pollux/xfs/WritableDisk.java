// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.BlockDevice;
import io.pollux.block.fixture.HeldDisk;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.nio.channels.FileChannel;
import java.nio.file.Path;

/** A disk whose writes reach an image. */
final class WritableDisk {
  private WritableDisk() {}

  /**
   * Opens an image.
   *
   * @param image the file
   * @param arena closed after the last use of the disk
   */
  static BlockDevice of(Path image, Arena arena) throws IOException {
    try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
      HeldDisk disk =
          new HeldDisk(
              file.getChannel().map(FileChannel.MapMode.READ_WRITE, 0, file.length(), arena));
      disk.letThrough();
      return disk.disk();
    }
  }
}
