// SPDX-License-Identifier: GPL-2.0-only

/**
 * The kit for tests of a whole kernel: a kernel for each test, its disks, and assertions on them.
 */
module io.pollux.testkit {
  requires static transitive org.jspecify;
  requires transitive io.pollux.sample;
  requires transitive io.pollux.userland;
  requires transitive io.pollux.syscalls;
  requires transitive io.pollux.block;
  requires transitive io.pollux.block.fixture;
  requires transitive io.pollux.core.fixture;
  requires transitive io.pollux.aio.fixture;
  requires transitive io.pollux.iomap.fixture;
  requires transitive io.pollux.core;
  requires transitive io.pollux.uapi;
  requires transitive org.junit.jupiter.api;
  requires transitive org.assertj.core;
  requires jdk.management; // counts allocated bytes

  exports io.pollux.testkit;
  exports io.pollux.testkit.suite;

  opens io.pollux.testkit.suite to
      org.junit.platform.commons; // JUnit calls the behaviours
}
