// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.driver.RamDisk;
import io.pollux.uapi.RawMemory;
import io.pollux.userland.PathName;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Where GFS2 images come from, and what Linux says of them. */
public final class Gfs2Images {
  private static final Path MODULE =
      Path.of(System.getProperty("basedir", ".")).toAbsolutePath().resolve("../sample").normalize();
  private static final Path SAMPLE =
      MODULE.resolve("src/main/resources/io/pollux/sample/gfs2-sample");
  private static final PathName JOURNALED = PathName.of("/journaled.dat");

  private Gfs2Images() {}

  /** The script that makes images of other shapes. */
  static Path makeOracles() {
    return MODULE.resolve("src/sample/make-gfs2-oracles.sh");
  }

  /**
   * The script that has a Linux in an emulator look at an image.
   *
   * @return where it is
   */
  public static Path inLinux() {
    return MODULE.resolve("src/sample/gfs2-in-linux.sh");
  }

  /** What Linux says of the sample. */
  static LinuxView sampleView() throws IOException {
    return LinuxView.read(SAMPLE);
  }

  /**
   * Unpacks the sample.
   *
   * @param directory into which
   * @return the image
   * @throws IOException if that can't be
   * @throws InterruptedException if it is interrupted
   */
  public static Path unpackSample(Path directory) throws IOException, InterruptedException {
    Path log = directory.resolve("tar.log");
    Process tar =
        new ProcessBuilder("tar", "-C", directory.toString(), "-xzf", SAMPLE + ".tar.gz")
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start();
    assertThat(tar.waitFor(1, TimeUnit.MINUTES)).isTrue();
    assertThat(tar.exitValue()).as(Files.readString(log)).isZero();
    return directory.resolve("gfs2-sample.img");
  }

  /** An image in memory. */
  static RamDisk load(Path image) throws IOException {
    try (FileChannel file = FileChannel.open(image)) {
      RamDisk disk = new RamDisk(file.size());
      long at = 0;
      while (at < file.size()) {
        int got =
            file.read(RawMemory.segment(disk.address() + at, file.size() - at).asByteBuffer());
        assertThat(got).isPositive();
        at += got;
      }
      return disk;
    }
  }

  /**
   * A view without the file whose data goes through the journal, where it can't be read in a way.
   */
  static LinuxView readable(LinuxView linux, FileRead how) {
    if (how == FileRead.BUFFERED || how == FileRead.RING_BUFFERED) {
      return linux;
    }
    Map<PathName, String> sums = new LinkedHashMap<>(linux.sums());
    assertThat(sums.remove(JOURNALED)).isNotNull();
    return new LinuxView(linux.names(), sums, linux.probes());
  }
}
