// SPDX-License-Identifier: GPL-2.0-only
package com.example.myfs;

import io.pollux.testkit.suite.Feature;
import io.pollux.testkit.suite.FileSystemSuite;
import io.pollux.testkit.suite.SuiteFileSystem;
import io.pollux.uapi.RawMemory;

/** The behaviours of a read-only filesystem. */
class MyFsSuiteTest extends FileSystemSuite {
  @Override
  protected SuiteFileSystem fileSystem() {
    return SuiteFileSystem.made(new MyFs(), 4 << 20)
        .file("main.dat", Packer.SAMPLE_BYTES, MyFsSuiteTest::fill)
        .with(Feature.DIRECT, Feature.POLLED, Feature.NOWAIT, Feature.REMOUNT)
        .with(Feature.DISK_ERRORS, Feature.CHECK);
  }

  private static void fill(long address, long bytes, long offset) {
    for (long at = 0; at < bytes; at += Integer.BYTES) {
      RawMemory.putInt(address + at, Packer.sampleWord(offset + at));
    }
  }
}
