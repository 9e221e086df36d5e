// SPDX-License-Identifier: GPL-2.0-only

/**
 * The roof: the command line, which is user programs of this kernel, and nothing that a kernel needs. The
 * programs do their I/O by {@code syscall} and memory that they mapped, and by nothing else.
 */
module io.pollux.tools {
  requires static transitive org.jspecify;
  requires transitive io.pollux.userland;
  requires transitive io.pollux.syscalls;
  requires transitive io.pollux.uapi;
  requires io.pollux.sample;
  requires io.pollux.block;
  requires io.pollux.core;
  requires info.picocli;
  requires me.tongfei.progressbar;
  requires HdrHistogram;
  requires com.fasterxml.jackson.jr.ob;
  requires jdk.management;

  exports io.pollux.tools.image;

  opens io.pollux.tools to
      info.picocli;
}
