// SPDX-License-Identifier: GPL-2.0-only

/**
 * The on-disk format of XFS version 5: offsets, magic numbers, the superblock, times and checksums.
 * The counterpart of fs/xfs/libxfs/xfs_format.h. Nothing here reads or writes a device.
 *
 * <p>All numbers on disk are big-endian, except for checksums. A class of offsets has the fields of
 * one structure, named as in C without their prefix; widths are those of C. Methods of {@code
 * BufData} read them.
 */
@NullMarked
package io.pollux.xfs.format;

import org.jspecify.annotations.NullMarked;
