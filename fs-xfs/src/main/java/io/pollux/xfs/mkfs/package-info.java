// SPDX-License-Identifier: GPL-2.0-only

/**
 * Makes an empty filesystem: the counterpart of mkfs.xfs. {@link io.pollux.xfs.mkfs.XfsMkfs} is the
 * entry.
 *
 * <p>The geometry is computed and checked before the first write. Each group is then one write: its
 * header sectors and the roots of its trees, which are leaves. The primary superblock is written
 * last, so a device with an unfinished filesystem is not recognised.
 *
 * <p>Given the same options and UUID, the result equals that of mkfs.xfs 6.1 byte for byte, except
 * for times.
 */
@NullMarked
package io.pollux.xfs.mkfs;

import org.jspecify.annotations.NullMarked;
