// SPDX-License-Identifier: GPL-2.0-only

// The kit that tests of a whole kernel are written with. It is open so that a test framework finds the tests that are
// compiled into it. (No Javadoc: Error Prone takes the documentation of an open module for a stray comment.)
open module io.pollux.it {
  requires static transitive org.jspecify;
  requires transitive io.pollux.syscalls;
  requires transitive io.pollux.block;
  requires transitive io.pollux.core;
  requires transitive io.pollux.uapi;
  requires transitive org.junit.jupiter.api;
  requires transitive org.assertj.core;
  requires io.pollux.tools;

  exports io.pollux.it;
}
