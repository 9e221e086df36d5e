// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.core.sched.LockClass;
import io.pollux.uapi.LinuxSource;

/**
 * The name of a glock, the same on every node of a cluster.
 *
 * @param type what it protects
 * @param number which one: the block of the inode, or the first block of the resource group
 */
@LinuxSource(file = "fs/gfs2/incore.h", name = "lm_lockname")
record Gfs2LockName(Type type, long number) {
  /**
   * What glocks protect, in the order in which a task may take them. Numbers are those of the
   * cluster's protocol.
   */
  @LinuxSource(
      file = "fs/gfs2/glock.h",
      name = {"LM_TYPE_INODE", "LM_TYPE_RGRP"})
  enum Type {
    /** An inode with its data, its tree and its attributes. */
    INODE(2, LockClass.GFS2_INODE_GLOCK),
    /** A resource group: a header and a bitmap. */
    RGRP(3, LockClass.GFS2_RGRP_GLOCK);

    /** The number that lock modules use. */
    final int code;

    /** The place in the lock order. */
    final LockClass lockClass;

    Type(int code, LockClass lockClass) {
      this.code = code;
      this.lockClass = lockClass;
    }
  }
}
