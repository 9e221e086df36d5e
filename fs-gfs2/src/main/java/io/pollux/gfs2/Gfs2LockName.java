// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.uapi.LinuxSource;

/**
 * What a glock is called, by every node of a cluster.
 *
 * @param type what it protects
 * @param number which: the block of the inode, the first block of the resource group
 */
@LinuxSource(file = "fs/gfs2/incore.h", name = "lm_lockname")
record Gfs2LockName(Type type, long number) {
  /** What glocks protect, in the order in which a task may take them. Numbers are those of the cluster's protocol. */
  @LinuxSource(file = "fs/gfs2/glock.h", name = {"LM_TYPE_INODE", "LM_TYPE_RGRP"})
  enum Type {
    /** An inode with its data, its tree and its attributes. */
    INODE(2),
    /** A resource group: a header and the bitmap behind it. */
    RGRP(3);

    /** As lock modules know it. */
    final int code;

    Type(int code) {
      this.code = code;
    }
  }
}
