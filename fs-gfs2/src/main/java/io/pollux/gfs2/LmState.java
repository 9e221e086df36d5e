// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.uapi.LinuxSource;

/** The states of a glock, by the numbers that lock modules know. */
@LinuxSource(
    file = "fs/gfs2/glock.h",
    name = {"LM_ST_UNLOCKED", "LM_ST_EXCLUSIVE", "LM_ST_DEFERRED", "LM_ST_SHARED"})
final class LmState {
  /** This node caches nothing of it. */
  static final int UNLOCKED = 0;

  /** One holder, which may change what is protected. */
  static final int EXCLUSIVE = 1;

  /**
   * Any number of holders on any number of nodes, all doing direct I/O: no node has pages cached.
   */
  static final int DEFERRED = 2;

  /**
   * Any number of holders on any number of nodes, all reading; the page cache may keep what they
   * read.
   */
  static final int SHARED = 3;

  private LmState() {}

  /** The name of a state, as in glock dumps. */
  @LinuxSource(file = "fs/gfs2/glock.c", name = "state2str")
  static String name(int state) {
    return switch (state) {
      case UNLOCKED -> "UN";
      case EXCLUSIVE -> "EX";
      case DEFERRED -> "DF";
      case SHARED -> "SH";
      default -> "??";
    };
  }
}
