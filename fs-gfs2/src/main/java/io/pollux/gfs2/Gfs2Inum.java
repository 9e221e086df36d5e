// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.uapi.LinuxSource;

/**
 * The reference to an inode in a directory.
 *
 * @param formalIno a number that is never reused
 * @param addr the inode's block, which is also the inode number that users see
 */
@LinuxSource(file = "fs/gfs2/incore.h", name = "gfs2_inum_host")
record Gfs2Inum(long formalIno, long addr) {}
