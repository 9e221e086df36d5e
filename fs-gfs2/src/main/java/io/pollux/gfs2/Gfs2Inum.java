// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.uapi.LinuxSource;

/**
 * How a directory names an inode.
 *
 * @param formalIno a number that is never used again
 * @param addr the block that it is in, which is also the number that users see
 */
@LinuxSource(file = "fs/gfs2/incore.h", name = "gfs2_inum_host")
record Gfs2Inum(long formalIno, long addr) {}
