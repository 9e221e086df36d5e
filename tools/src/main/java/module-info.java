// SPDX-License-Identifier: GPL-2.0-only

/**
 * The command line: user programs of this kernel. No other module depends on it. The programs do
 * their I/O only by {@code syscall} and memory that they have mapped.
 */
module io.pollux.tools {
  requires static transitive org.jspecify;
  requires transitive io.pollux.userland;
  requires transitive io.pollux.syscalls;
  requires transitive io.pollux.uapi;
  requires static io.pollux.companion;
  requires io.pollux.sample;
  requires io.pollux.block;
  requires io.pollux.core;
  requires info.picocli;
  requires me.tongfei.progressbar;
  requires HdrHistogram;
  requires com.fasterxml.jackson.jr.ob;
  requires jdk.jfr;
  requires jdk.management;

  exports io.pollux.tools.image;

  opens io.pollux.tools to
      info.picocli;
}
