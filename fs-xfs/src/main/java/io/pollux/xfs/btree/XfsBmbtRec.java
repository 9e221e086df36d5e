// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.btree;

import io.pollux.uapi.LinuxSource;

/**
 * An extent of a file.
 *
 * @param startOff its first block in the file
 * @param startBlock its first fsb
 * @param count its length in blocks
 * @param unwritten whether it reads as zeroes
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "xfs_bmbt_rec")
public record XfsBmbtRec(long startOff, long startBlock, long count, boolean unwritten) {}
