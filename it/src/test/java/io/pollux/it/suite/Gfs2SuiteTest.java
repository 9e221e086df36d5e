// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.suite;

import io.pollux.block.driver.RamDisk;
import io.pollux.gfs2.Gfs2FileSystem;
import io.pollux.sample.SampleImage;
import io.pollux.sample.SamplePattern;
import io.pollux.testkit.suite.Feature;
import io.pollux.testkit.suite.FileSystemSuite;
import io.pollux.testkit.suite.SuiteFileSystem;

/** The suite over the sample image of GFS2, which is read and overwritten. */
class Gfs2SuiteTest extends FileSystemSuite {
  private static final RamDisk IMAGE = SampleImage.load("gfs2"); // shared by all behaviours
  private static final long MAIN_BYTES = 16 << 20;

  @Override
  protected SuiteFileSystem fileSystem() {
    return SuiteFileSystem.onImage(new Gfs2FileSystem(), IMAGE)
        .file("main.dat", MAIN_BYTES, SamplePattern::fill)
        .with(Feature.WRITE, Feature.DIRECT, Feature.POLLED, Feature.SEEK)
        .with(Feature.FIEMAP, Feature.REMOUNT, Feature.DURABLE, Feature.DISK_ERRORS);
  }
}
